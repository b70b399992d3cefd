"""For any events, windows, zones and intervals, figures of the service equal sums over the raw events."""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.usage.sample_service import DAY, HOUR, Autumn, autumn, ms
from usage.charts.series import Series
from usage.query import BadQuery, Query
from usage.window import hour_end

ZONES = [
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Africa/Cairo",
    "Pacific/Auckland",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Australia/Lord_Howe",
]
NAMES = ["a", "b", "c", "AUTUMN_RESERVED", "Other", "", "x.y", 7, True, None, "absent"]
SPAN = 45 * DAY

moments = st.integers(ms("2024-01-05"), ms("2026-12-20"))
values = st.one_of(st.integers(-50, 1000), st.integers(-400, 4000).map(lambda n: n / 8))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[int, list[dict[str, Any]]]:
    """The current time, and events around it: most at random times, some at the edges of hours, a few in the
    future.
    """
    now = draw(moments)
    ats = st.integers(now - 2 * SPAN, now + DAY)
    ats = st.one_of(ats, ats.map(lambda at: at - at % HOUR), ats.map(lambda at: at - at % HOUR - 1))
    event = st.fixed_dictionaries(
        {
            "timestamp": ats,
            "value": values,
            "feature_id": st.sampled_from(["messages", "tokens"]),
            "customer_id": st.sampled_from(["cus_1", "cus_1", "cus_2"]),
            "name": st.sampled_from(NAMES),
        }
    )
    return now, [_with_property(item) for item in draw(st.lists(event, max_size=40))]


def _with_property(event: dict[str, Any]) -> dict[str, Any]:
    name = event.pop("name")
    return event | {"properties": {} if name == "absent" else {"model": name}}


@st.composite
def windows(draw: st.DrawFn, now: int) -> dict[str, Any]:
    if draw(st.booleans()):
        return {"range": draw(st.sampled_from(["24h", "7d", "30d"]))}
    start = draw(st.integers(now - SPAN, now - 1))
    return {"start": start, "end": draw(st.none() | st.integers(start + 1, now + DAY))}


def expected(events: list[dict[str, Any]], edges: tuple[int, ...], feature: str, now: int) -> list[float]:
    """Sums over the raw events, without those in hours that have not now_end."""
    now_end = now - now % HOUR + HOUR
    sums = [0.0] * (len(edges) - 1)
    for event in events:
        for index, (start, end) in enumerate(pairwise(edges)):
            of_cell = event["customer_id"] == "cus_1" and event["feature_id"] == feature
            if of_cell and start <= event["timestamp"] < min(end, now_end):
                sums[index] += event["value"]
    return sums


def counted(events: list[dict[str, Any]], edges: tuple[int, ...], feature: str, now: int) -> float:
    """The number of these events in the bins."""
    return sum(expected([event | {"value": 1} for event in events], edges, feature, now))


def group_name(event: dict[str, Any]) -> str | None:
    value = event["properties"].get("model")
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else {7: "7", True: "true"}[value]


def charted(service: Autumn, query: Query, now: int) -> Series | None:
    try:
        return service.usage.series(query, now)
    except BadQuery as bad:
        if bad.field == "start":
            return None
        raise


@given(worlds(), st.data())
def test_bins_of_features_equal_raw_sums(
    world: tuple[int, list[dict[str, Any]]], data: st.DataObject
) -> None:
    """In every zone and interval; so do those of the previous period."""
    now, events = world
    query = Query(
        customer_id="cus_1",
        feature_id=("messages", "tokens"),
        tz=data.draw(st.sampled_from(ZONES)),
        bin_size=data.draw(st.sampled_from([None, "hour", "day", "week", "month"])),
        compare=data.draw(st.sampled_from([None, "previous"])),
        **data.draw(windows(now)),
    )
    with autumn(now, age=data.draw(st.sampled_from(["older", "current", "newest"]))) as service:
        service.add(*events, {"timestamp": now - 400 * DAY})
        series = charted(service, query, now)
    if series is None:
        return
    for total in series.features:
        right = expected(events, series.bins.edges, total.feature_id, now)
        assert total.values == pytest.approx(right)
        assert total.sum == pytest.approx(sum(right))
        assert total.reconciliation.difference == 0
        assert total.count in (None, counted(events, series.bins.edges, total.feature_id, now))
    assert {total.feature_id for total in series.features} == {"messages", "tokens"}
    assert (query.compare is None or bool(series.notes)) or series.previous is not None


@given(worlds(), st.data())
def test_bins_of_groups_equal_raw_sums(world: tuple[int, list[dict[str, Any]]], data: st.DataObject) -> None:
    """Events without the property are a group of their own, and all groups sum to the total."""
    now, events = world
    query = Query(
        customer_id="cus_1",
        feature_id=("messages",),
        group_by="properties.model",
        tz=data.draw(st.sampled_from(ZONES)),
        bin_size=data.draw(st.sampled_from([None, "day", "week"])),
        compare=data.draw(st.sampled_from([None, "previous"])),
        **data.draw(windows(now)),
    )
    with autumn(now) as service:
        service.add(*events, {"timestamp": now - 400 * DAY})
        series = charted(service, query, now)
    if series is None:
        return
    own = defaultdict[str | None, list[dict[str, Any]]](list)
    for event in events:
        own[group_name(event)].append(event)
    drawn: set[str | None] = {line.name for line in series.lines if line.kind == "group"}
    for line in series.lines:
        if line.kind == "other":
            mine = [event for name, group in own.items() if name not in {*drawn, None} for event in group]
        else:
            mine = own[None if line.kind == "none" else line.name]
        assert line.values == pytest.approx(expected(mine, series.bins.edges, "messages", now))
        assert not line.folded
    assert series.totals == pytest.approx(tuple(expected(events, series.bins.edges, "messages", now)))
    assert series.reconciliation.difference == 0


@given(worlds(), st.sampled_from(["7d", "30d"]), st.sampled_from(ZONES), st.booleans())
@settings(max_examples=100)
def test_previous_period_equals_raw_sums(
    world: tuple[int, list[dict[str, Any]]], chosen: Any, zone: str, grouped: bool
) -> None:
    """Each bin has the same local times, the same number of dates earlier."""
    now, events = world
    today = datetime.fromtimestamp(now / 1000, ZoneInfo(zone))
    is_whole_month = chosen == "30d" and today.day == monthrange(today.year, today.month)[1] == 30
    assume(not is_whole_month)  # which is compared with the whole month before, of 31 days
    group_by = "properties.model" if grouped else None
    query = Query(
        customer_id="cus_1",
        feature_id=("messages",),
        range=chosen,
        tz=zone,
        compare="previous",
        group_by=group_by,
    )
    with autumn(now) as service:
        service.add(*events, {"timestamp": now - 400 * DAY})
        series = service.usage.series(query, now)
    if series.previous is None:
        assert series.notes
        return
    edges = tuple(service_edges(series, int(chosen[:-1])))
    assert series.previous == pytest.approx(tuple(expected(events, edges, "messages", now)))
    for line in series.lines:
        if line.kind == "group":
            mine = [event for event in events if group_name(event) == line.name]
            assert line.previous == pytest.approx(tuple(expected(mine, edges, "messages", now)))


def service_edges(series: Series, days: int) -> list[int]:
    """Each edge moved back by a number of local dates, calculated from its local time."""
    zone, found = series.query.zone, []
    for edge in series.bins.edges:
        then = datetime.fromtimestamp(edge / 1000, zone).replace(tzinfo=None, fold=0) - timedelta(days)
        exact = round(then.replace(tzinfo=zone).astimezone(UTC).timestamp() * 1000)
        found.append((exact + HOUR // 2 - 1) // HOUR * HOUR)
    return found


@given(worlds(), st.data())
@settings(max_examples=100)
def test_list_and_export_have_exactly_the_events_of_the_window(
    world: tuple[int, list[dict[str, Any]]], data: st.DataObject
) -> None:
    """Newest first; all pages together have the same events."""
    now, events = world
    query = Query(customer_id="cus_1", tz=data.draw(st.sampled_from(ZONES)), **data.draw(windows(now)))
    events = [event | {"id": f"evt_{number:03}"} for number, event in enumerate(events)]
    with autumn(now) as service:
        service.add(*events, {"timestamp": now - 400 * DAY})
        exported = [(event.timestamp, event.id) for event in service.usage.iterate(query, now)]
        page = service.usage.page(query, now)
    window = query.window(now)
    assert window is not None
    inside = [
        (event["timestamp"], event["id"])
        for event in events
        if event["customer_id"] == "cus_1" and event["timestamp"] in window
    ]
    assert exported == sorted((at for at in inside if at[0] < hour_end(now)), reverse=True)
    assert [(e.timestamp, e.id) for e in page.events] == exported
    assert page.until == min(window.end, hour_end(now))


@given(worlds(), st.data())
@settings(max_examples=100)
def test_count_equals_the_number_of_listed_events(
    world: tuple[int, list[dict[str, Any]]], data: st.DataObject
) -> None:
    """The count may be None."""
    now, events = world
    query = Query(customer_id="cus_1", tz=data.draw(st.sampled_from(ZONES)), **data.draw(windows(now)))
    with autumn(now) as service:
        service.add(*events, {"timestamp": now - 400 * DAY})
        count = service.usage.count(query, now)
        listed = sum(1 for _ in service.usage.iterate(query, now))
    assert count in (None, listed)
    if query.range is not None and not query.tz.startswith(("Asia", "Australia", "Pacific/Chatham")):
        assert count == listed
