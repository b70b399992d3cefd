"""What moved from week to week: compared with sums over the raw events."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.usage.sample_service import DAY, HOUR, NOW, autumn, ms
from usage.charts.moves import Move
from usage.query import BadQuery, Query, Range
from usage.scope import Scope

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"]
"""In New York clocks went back in the week before, in Berlin in neither."""


def week_starts(zone: str, query_range: str) -> list[int]:
    """The midnights at which the week before, and the week itself, begin and end."""
    today = datetime.fromtimestamp(NOW / 1000, ZoneInfo(zone)).date()
    end = today - timedelta(today.weekday()) if query_range == "last_week" else today
    return [ms((end - timedelta(days)).isoformat(), zone) for days in (14, 7, 0)]


@pytest.mark.parametrize("query_range", ["30d", "24h", "365d", "last_week"])
@pytest.mark.parametrize("zone", ZONES)
def test_moves_are_those_of_the_raw_events(zone: str, query_range: Range) -> None:
    """Of features and of one feature's customers, by local days, whatever dates the page shows."""
    random, midnights = Random(zone), week_starts(zone, query_range)
    events: list[dict[str, Any]] = [
        {
            "timestamp": random.choice(
                [*midnights, *(at - 1 for at in midnights), NOW - random.randrange(25 * DAY)]
            ),
            "customer_id": f"cus_{random.randrange(4)}",
            "feature_id": random.choice(["messages", "tokens"]),
            "value": random.randrange(1, 100),
        }
        for _ in range(300)
    ]
    features, customers = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for event in events:
        for at, (start, end) in enumerate(pairwise(midnights)):
            if start <= event["timestamp"] < end:
                features[event["feature_id"], at] += event["value"]
                if event["feature_id"] == "tokens":
                    customers[event["customer_id"], at] += event["value"]
    with autumn() as service:
        service.add(*events)
        moves = service.usage.moves(service.usage.series(Query(range=query_range, tz=zone)), "tokens")
    assert [moves.before.start, moves.week.start, moves.week.end] == midnights
    assert {move.id for move in moves.customers} == {customer for customer, _ in customers}
    for found, raw in ((moves.features, features), (moves.customers, customers)):
        for move in found:
            assert (move.previous, move.sum, move.is_exact) == (raw[move.id, 0], raw[move.id, 1], True)
    assert [abs(move.change) for move in moves.customers] == sorted(
        (abs(move.change) for move in moves.customers), reverse=True
    )
    assert moves.are_all


def test_moves_take_no_call_beside_the_default_overview() -> None:
    """Other dates take those of the default one, once."""
    with autumn() as service:
        for day in range(20):
            service.track(NOW - day * DAY - HOUR, value=day + 1)
        days, last_week = Query(range="30d", per_page=50), Query(range="last_week")
        series = service.usage.usage_page(days).series
        assert series is not None
        service.usage.busiest(days, "messages")
        service.calls()
        assert service.usage.moves(series, "messages").customers
        assert service.calls() == 0
        series = service.usage.series(last_week)
        service.calls()
        service.usage.moves(series, "messages")
        assert service.calls() == 0


def test_customer_that_autumn_may_have_folded_is_not_exact() -> None:
    """Of a day it names the largest; a customer that is named in all such days is exact."""
    with autumn() as service:
        day = NOW - 3 * DAY
        service.add(
            *(
                {"timestamp": day, "customer_id": f"cus_{number}", "value": 1000 - number}
                for number in range(300)
            ),
            {"timestamp": day - DAY, "customer_id": "cus_299", "value": 5_000},
        )
        moves = service.usage.moves(service.usage.series(Query()), "messages")
    by_id = {move.id: move for move in moves.customers}
    assert not moves.are_all
    assert by_id["cus_0"] == Move("cus_0", 1000, 0, is_exact=True)
    assert by_id["cus_299"] == Move("cus_299", 5_000, 0, is_exact=False)
    assert moves.customers[0].id == "cus_299"


def test_features_that_are_new_or_moved_by_more_are_first() -> None:
    with autumn() as service:
        for feature, before, after in (("grew", 100, 150), ("new", 0, 1), ("fell", 100, 20), ("same", 7, 7)):
            for at, value in ((NOW - 10 * DAY, before), (NOW - 3 * DAY, after)):
                if value:
                    service.add({"timestamp": at, "feature_id": feature, "value": value})
        moves = service.usage.moves(service.usage.series(Query()), "grew")
    assert [move.id for move in moves.features] == ["new", "fell", "grew"]


def test_moves_are_for_staff_only() -> None:
    with autumn() as service:
        series = service.usage.series(Query())
        with pytest.raises(BadQuery):
            service.usage.within(Scope(customer_id="cus_1")).moves(series, "messages")
