"""What the peers show: the newest events and daily figures of one customer, as plain values.

One pooled client for a process; who caches the results is each peer's own business.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

import httpx

CUSTOMER, FEATURE = "acme-robotics", "ai_tokens"
GROUPS = ("model", "region")
"""The properties of events that a chart can be grouped by; pages begin with the first."""
DAYS, LINES = 90, 8
DAY_MS = 86_400_000
TTL_S = 300
"""How long the peers keep an answer. The dashboard renews its own every 15 seconds, in the background."""
HEADS = ("Time", "Value", "Model", "Region", "Endpoint", "User", "ID")
COLORS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c9c9c")


class Series(NamedTuple):
    """Figures of a group, one for each day."""

    group: str
    values: list[float]


class Figures(NamedTuple):
    """`first_day` is an ISO date; the largest groups, then what is left of them as Other."""

    first_day: str
    series: list[Series]


@cache
def client() -> httpx.Client:
    headers = {"Authorization": f"Bearer {os.environ['PEERS_KEY']}", "x-api-version": "2.1"}
    return httpx.Client(base_url=os.environ["PEERS_UPSTREAM"], headers=headers, timeout=30)


def call(endpoint: str, **body: Any) -> list[dict[str, Any]]:
    """The answer's list. Five calls in a second are allowed: one more waits for the next second."""
    answer = client().post(f"/v1/{endpoint}", json={"customer_id": CUSTOMER, "feature_id": FEATURE, **body})
    if answer.status_code == 429:
        time.sleep(1)
        return call(endpoint, **body)
    rows: list[dict[str, Any]] = answer.raise_for_status().json()["list"]
    return rows


def fetch_rows() -> list[tuple[str, ...]]:
    """The 100 newest events, newest first, as the texts of cells under `HEADS`."""
    return [
        (
            f"{datetime.fromtimestamp(event['timestamp'] / 1000, UTC):%d %b %Y %H:%M:%S}",
            f"{event['value']:,}",
            *(str(event["properties"].get(name, "")) for name in (*GROUPS, "endpoint", "user")),
            event["id"],
        )
        for event in call("events.list", limit=100)
    ]


def fetch_figures(group: str) -> Figures:
    """The last 90 days in UTC, today included, by a property of events."""
    today = int(time.time() * 1000) // DAY_MS * DAY_MS
    start, end = today - (DAYS - 1) * DAY_MS, today + DAY_MS
    bins = call(
        "events.aggregate",
        group_by=f"properties.{group}",
        bin_size="day",
        max_groups=250,
        custom_range={"start": start, "end": end},
    )
    days = [one["grouped_values"][FEATURE] for one in bins if one["period"] < end]
    sums = {name: sum(day.get(name, 0) for day in days) for day in days for name in day}
    by_size = [name for name, _ in sorted(sums.items(), key=itemgetter(1), reverse=True)]
    top = [name for name in by_size if name != "AUTUMN_RESERVED"][:LINES]
    series = [Series(name, [day.get(name, 0) for day in days]) for name in top]
    if rest := set(sums) - set(top):
        series.append(Series("Other", [sum(day.get(name, 0) for name in rest) for day in days]))
    return Figures(f"{datetime.fromtimestamp(start / 1000, UTC):%Y-%m-%d}", series)


def plotly_figure(figures: Figures) -> dict[str, Any]:
    """Stacked bars as plain data: Plotly's own classes take sixty times as long to make them."""
    return {
        "data": [
            {
                "type": "bar",
                "name": group,
                "x0": figures.first_day,
                "dx": DAY_MS,
                "y": values,
                "marker": {"color": color},
            }
            for (group, values), color in zip(figures.series, COLORS, strict=False)
        ],
        "layout": {
            "barmode": "stack",
            "bargap": 0.1,
            "height": 360,
            "margin": {"l": 60, "r": 10, "t": 10, "b": 40},
            "xaxis": {"type": "date"},
        },
    }
