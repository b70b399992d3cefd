"""Each feature at a glance: its sum, how that moved, and the shape of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dashboard import formats
from dashboard.charts import colors
from dashboard.charts.links import Links
from dashboard.formats import Change, change
from usage.charts.series import FeatureTotal, Series

WIDE, TALL = 92, 30
MOST_POINTS = 46
"""A sparkline has no more points than half its pixels."""


@dataclass(frozen=True, slots=True)
class FeatureCard:
    """One feature's card. `sum` is a plain decimal, `exact` the whole figure in words.

    `spark`: the points of a 92 by 30 line.
    """

    feature_id: str
    label: str
    title: str
    slot: str
    sum: str
    events: int
    figure: str
    exact: str
    count: str
    change: Change | None
    before: str
    spark: str
    href: str | None
    current: bool


def feature_cards(series: Series, links: Links, all_features: Collection[str]) -> tuple[FeatureCard, ...]:
    """A card for each feature, the largest first; colors are shared out among `all_features`."""
    drawn = [total.feature_id for total in series.features]
    slots = colors.slots(series.query.customer_id, "feature", drawn, all_features)
    return tuple(_card(total, series, links, slots[total.feature_id]) for total in series.features)


def _card(total: FeatureTotal, series: Series, links: Links, slot: str) -> FeatureCard:
    begun = sum(start <= series.now for start in series.bins.starts)
    return FeatureCard(
        feature_id=total.feature_id,
        sum=formats.plain(total.sum),
        events=total.count,
        label=formats.label(total.feature_id, 28),
        title=formats.full_label(total.feature_id),
        slot=slot,
        figure=formats.compact(total.sum),
        exact=f"{formats.number(total.sum)} from {total.count:,} events",
        count=f"{total.count:,} event{'' if total.count == 1 else 's'}",
        change=change(total.sum, total.previous),
        before="" if total.previous is None else formats.compact(total.previous),
        spark=spark(total.values[:begun]),
        href=links.feature(total.feature_id),
        current=total.feature_id == series.focus or links.query.feature_id == (total.feature_id,),
    )


def spark(values: Sequence[float]) -> str:
    """The points of a polyline through the values, or through means of some where there are many.

    Empty for one.
    """
    points = _thinned(values)
    low, high = min((0.0, *points)), max((0.0, *points))
    if len(points) < 2 or low == high:
        return ""
    step, span = WIDE / (len(points) - 1), (high - low) / (TALL - 4)
    return " ".join(f"{at * step:.0f},{2 + (high - value) / span:.1f}" for at, value in enumerate(points))


def _thinned(values: Sequence[float]) -> list[float]:
    every = -(-len(values) // MOST_POINTS) or 1
    chunks = [values[at : at + every] for at in range(0, len(values), every)]
    return [sum(value / len(chunk) for value in chunk) for chunk in chunks]
