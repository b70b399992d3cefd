"""The query: the values that it refuses, and its canonical parameters."""

from __future__ import annotations

import math
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.usage.sample_service import DAY, HOUR, NOW, ms
from usage.query import (
    MAX_MOMENT,
    PARAMETERS,
    BadQuery,
    Position,
    PropertyFilter,
    Query,
    parse_end,
    parse_filter,
    parse_moment,
    parse_position,
)
from usage.scope import Scope
from usage.window import Window

names = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)
moments = st.integers(0, MAX_MOMENT - 1)
positions = st.builds(Position, moments, names)
# Python's own errors are not sentences: messages raised here are shown beside a field.
SENTENCE = r"^[A-Z].*\.$"
filters = st.builds(PropertyFilter, st.text(min_size=1).filter(lambda path: ":" not in path), st.text())
windows: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.sampled_from(["24h", "7d", "30d", "90d", "1bc", "3bc", "last_cycle"]).map(
        lambda name: {"range": name}
    ),
    st.integers(0, MAX_MOMENT - 2).flatmap(
        lambda start: st.fixed_dictionaries(
            {"start": st.just(start), "end": st.none() | st.integers(start + 1, MAX_MOMENT - 1)}
        )
    ),
)


@st.composite
def queries(draw: st.DrawFn) -> Query:
    group_by = draw(st.sampled_from([None, "properties.model", "properties.a.b", "$customer_id", "$plan_id"]))
    low, high = sorted(draw(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=2)))
    return Query(
        customer_id=draw(st.none() | names),
        feature_id=tuple(draw(st.lists(names, max_size=3))),
        entity_id=draw(st.none() | names),
        bin_size=draw(st.sampled_from([None, "hour", "day", "week", "month"])),
        group_by=group_by,
        group=tuple(draw(st.lists(st.text(), max_size=3))) if group_by else (),
        focus=draw(st.none() | names),
        chart=draw(st.sampled_from(["bars", "lines", "panels", "percent" if group_by else "cumulative"])),
        filter=tuple(draw(st.lists(filters, max_size=3))),
        exclude=tuple(draw(st.lists(filters, max_size=3))),
        value_min=draw(st.sampled_from([None, low])),
        value_max=draw(st.sampled_from([None, high])),
        compare=draw(st.sampled_from([None, "previous"])),
        tz=draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"])),
        columns=tuple(draw(st.lists(names, max_size=3))),
        per_page=draw(st.sampled_from([50, 100, 500, 1000])),
        until=draw(st.none() | moments),
        before=draw(st.none() | positions),
        page=draw(st.integers(1, 99)),
        event=draw(st.none() | positions),
        **draw(windows),
    )


def read(pairs: list[tuple[str, str]]) -> Query:
    """The simplest reader of the canonical form."""
    many: dict[str, list[str]] = {}
    for name, value in pairs:
        many.setdefault(name, []).append(value)
    values: dict[str, Any] = {name: found[-1] for name, found in many.items()}
    for name in ("feature_id", "group", "hide", "columns"):
        values[name] = tuple(many.get(name, ()))
    for name in ("filter", "exclude"):
        values[name] = tuple(parse_filter(text) for text in many.get(name, ()))
    for name in {"start", "end", "until", "page", "per_page"} & values.keys():
        values[name] = int(values[name])
    for name in {"value_min", "value_max"} & values.keys():
        values[name] = float(values[name])
    for name in {"before", "event"} & values.keys():
        values[name] = parse_position(values[name])
    return Query(**values)


@given(queries())
def test_round_trip(query: Query) -> None:
    """The canonical parameters contain the whole query, in sorted order and without repetition."""
    pairs = query.to_params()
    assert read(pairs) == query
    assert read(pairs).to_params() == pairs
    assert {name for name, _ in pairs} <= set(PARAMETERS)
    assert [name for name, _ in pairs] == sorted(name for name, _ in pairs)
    assert "tz" in dict(pairs)


@given(queries(), st.data())
def test_order_and_repetition_of_values_do_not_matter(query: Query, data: st.DataObject) -> None:
    """The same values in another order, or twice, are the same query with the same address."""
    shuffled = query.having(
        feature_id=tuple(data.draw(st.permutations(query.feature_id))) * 2,
        filter=tuple(data.draw(st.permutations(query.filter))),
        until=query.until,
        before=query.before,
        page=query.page,
        event=query.event,
    )
    assert shuffled == query
    assert shuffled.to_query_string() == query.to_query_string()
    assert hash(shuffled) == hash(query)


@given(queries())
def test_having_returns_to_the_first_page(query: Query) -> None:
    """All other parameters stay the same."""
    other = query.having(chart="lines")
    assert (other.until, other.before, other.page, other.event) == (None, None, 1, None)
    assert (other.customer_id, other.filter, other.range, other.start) == (
        query.customer_id,
        query.filter,
        query.range,
        query.start,
    )


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("customer_id", {"customer_id": " "}),
        ("feature_id", {"feature_id": ("a", "")}),
        ("entity_id", {"entity_id": ""}),
        ("range", {"range": "7d", "start": 5}),
        ("start", {"end": 5}),
        ("start", {"start": 5, "end": 5}),
        ("group_by", {"group_by": "model"}),
        ("group_by", {"group_by": "properties."}),
        ("group_by", {"group_by": "properties.a\n"}),
        ("group_by", {"group_by": "$secret"}),
        ("group", {"group": ("a",)}),
        ("chart", {"chart": "percent"}),
        ("value_min", {"value_min": 2, "value_max": 1}),
        ("value_min", {"value_min": math.nan}),
        ("value_max", {"value_max": math.inf}),
        ("tz", {"tz": "Mars/Base"}),
        ("tz", {"tz": "../../etc/passwd"}),
    ],
)
def test_invalid_values_are_refused(field: str, values: dict[str, Any]) -> None:
    """The error names the field and has a sentence."""
    with pytest.raises(BadQuery) as caught:
        Query(**values)
    assert caught.value.field == field
    assert caught.value.sentence.endswith(".")


def test_shares_become_bars_without_groups() -> None:
    query = Query(chart="percent", group_by="properties.model")
    assert query.having(group_by=None).chart == "bars"
    assert query.having(range="7d").chart == "percent"


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("0", "UTC", 0),
        ("1765958215459", "UTC", 1765958215459),
        ("2025-11-12", "UTC", ms("2025-11-12")),
        ("2025-11-12", "Europe/Berlin", ms("2025-11-12") - HOUR),
        ("2025-11-12T10:30", "Asia/Kolkata", ms("2025-11-12T05:00")),
        ("2025-11-12T10:30+02:00", "Asia/Kolkata", ms("2025-11-12T08:30")),
        ("2025-11-12T10:30:00.250Z", "Asia/Kolkata", ms("2025-11-12T10:30:00.250")),
        ("2025-10-26T02:30", "Europe/Berlin", ms("2025-10-26T00:30")),
    ],
)
def test_moments_are_parsed(text: str, zone: str, moment: int) -> None:
    """Digits are epoch milliseconds; a date or time without an offset is in the viewer's zone, the first of
    two.
    """
    assert parse_moment(text, ZoneInfo(zone)) == moment


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-10-31", "UTC", ms("2026-11-01")),
        ("2026-10-31", "Europe/Berlin", ms("2026-11-01") - HOUR),
        ("2026-10-25", "Europe/Berlin", ms("2026-10-26") - HOUR),  # a day of 25 hours
        ("2026-09-05", "America/Santiago", ms("2026-09-06T04:00")),  # the next day begins at 01:00
        ("2026-W44-6", "UTC", ms("2026-11-01")),
        ("2026-10-31T00:00", "UTC", ms("2026-10-31")),
        ("1765958215459", "UTC", 1765958215459),
        ("20261031", "UTC", 20261031),
    ],
)
def test_end_date_is_included(text: str, zone: str, moment: int) -> None:
    """A bare date as the end of a window includes its day; a moment is what it is."""
    assert parse_end(text, ZoneInfo(zone)) == moment


@pytest.mark.parametrize("text", ["9999-12-31", "9998-12-31", "0001-01-01", "2026-02-30", "x"])
def test_end_outside_of_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=SENTENCE):
        parse_end(text, ZoneInfo("UTC"))


@given(st.text())
def test_any_text_is_a_moment_or_a_value_error(text: str) -> None:
    try:
        assert 0 <= parse_moment(text, ZoneInfo("Asia/Kathmandu")) < MAX_MOMENT
    except ValueError as error:
        assert str(error).endswith(".")  # noqa: PT017 any text may do


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "-5",
        "9" * 16,
        "１２３",
        "0001-01-01",
        "9999-12-31T23:59:59-12:00",
        "2025-13-01",
        "1e5",
        "1969",
    ],
)
def test_invalid_moments_are_refused(text: str) -> None:
    """Moments outside 1970 to 9999 are refused; four digits are milliseconds, not a year."""
    if text == "1969":
        assert parse_moment(text, ZoneInfo("UTC")) == 1969
        return
    with pytest.raises(ValueError, match=SENTENCE):
        parse_moment(text, ZoneInfo("UTC"))


@pytest.mark.parametrize("text", ["", "a", ":b", "model"])
def test_invalid_filters_are_refused(text: str) -> None:
    """A filter needs a path and a colon; its value may be empty or contain colons."""
    with pytest.raises(ValueError, match=SENTENCE):
        parse_filter(text)
    assert parse_filter("a:b:c") == ("a", "b:c")
    assert parse_filter("a:") == ("a", "")


@pytest.mark.parametrize("text", ["", "1", "1,", ",a", "x,a", "-1,a", "9999999999999999,a"])
def test_invalid_positions_are_refused(text: str) -> None:
    """A position needs a moment and an id; the id may contain commas."""
    with pytest.raises(ValueError, match=SENTENCE):
        parse_position(text)
    assert parse_position("5,a,b") == (5, "a,b")


def test_windows_of_ranges() -> None:
    """A window without an end ends with the running hour; that of a cycle comes from Autumn."""
    assert Query(range="24h").window(NOW) == Window(ms("2025-11-11T15:00"), ms("2025-11-12T15:00"))
    assert Query().window(NOW) == Window(ms("2025-10-14"), ms("2025-11-13"))
    assert Query(start=5).window(NOW) == Window(5, ms("2025-11-12T15:00"))
    assert Query(start=NOW + DAY).window(NOW) == Window(NOW + DAY, NOW + DAY + 1)
    assert Query(range="1bc").window(NOW) is None


@pytest.mark.parametrize(("size", "days"), [("hour", 105), ("day", 1251), (None, 1251)])
def test_too_many_bins_are_refused(size: Any, days: int) -> None:
    with pytest.raises(BadQuery):
        Query(bin_size=size).bin_size_for(Window(0, days * DAY))


def test_narrowed_query_has_the_customer_of_the_scope() -> None:
    assert Scope(customer_id="cus_1").narrow(Query()).customer_id == "cus_1"
