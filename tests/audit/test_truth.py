"""The expected figures of the auditor, compared with figures calculated by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tests.audit.calendars import DAY, HOUR, day_start, local
from tests.audit.file_reading import Cell, FileRow
from tests.audit.files import events_file, usage_file
from tests.audit.query import Query
from tests.audit.reading import page_of
from tests.audit.requested import Requested, named
from tests.audit.truth import Reading, matches, shown_properties
from tests.audit.windows import bin_of, compared, in_chart, span_of
from tests.audit.world import Customer, Row, World


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOW = ms("2026-11-26T14:20:00")


def row(moment: int, value: float | None = 1, feature: str = "api", **properties: object) -> Row:
    return Row(f"evt_{moment}_{value}_{len(properties)}", "cus", feature, moment, value, properties)


def requested(rows: list[Row], **params: object) -> Requested:
    query = Query(customer_id="cus", **params)  # type: ignore[arg-type]
    return Requested(query, World((Customer("cus", "by hand", tuple(rows)),)), "current", NOW)


def dates(first: str, last: str, zone: str = "UTC") -> dict[str, object]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    end_ms = day_start(date.fromordinal(end.toordinal() + 1), zone)
    return {"start": first, "start_ms": day_start(start, zone), "end": last, "end_ms": end_ms, "tz": zone}


def test_october_is_compared_with_september() -> None:
    both = compared(Query(**dates("2026-10-01", "2026-10-31")), NOW)  # type: ignore[arg-type]
    assert (both.previous.start, both.previous.end) == (ms("2026-09-01"), ms("2026-10-01"))


def test_running_month_is_compared_up_to_the_same_hour() -> None:
    both = compared(Query(range="this_month"), NOW)
    assert (both.current.end, both.previous.start) == (ms("2026-11-26T14:00:00"), ms("2026-10-01"))
    assert both.previous.end == ms("2026-10-26T14:00:00")


def test_march_31_is_compared_with_the_whole_of_february() -> None:
    both = compared(Query(range="this_month"), ms("2027-03-31T10:30:00"))
    assert (both.previous.start, both.previous.end) == (ms("2027-02-01"), ms("2027-03-01"))


def test_both_periods_of_seven_days_end_at_a_full_hour_in_zones_off_the_hour() -> None:
    both = compared(Query(range="7d", tz="Asia/Kolkata"), NOW)
    assert both.previous.end == both.current.end - 7 * DAY == ms("2026-11-19T14:00:00")


def test_typed_end_date_is_included() -> None:
    rows = [row(ms("2026-10-31T23:00:00"), 5), row(ms("2026-11-01"), 7)]
    sums = requested(rows, **dates("2026-10-01", "2026-10-31")).by_feature(Reading())
    assert sums["api"].whole.value == 5


def test_day_whose_midnight_does_not_exist_starts_at_one() -> None:
    start = day_start(date(2026, 9, 6), "America/Santiago")
    assert (local(start, "America/Santiago").hour, local(start - 1, "America/Santiago").day) == (1, 5)


def test_day_of_25_hours_counts_each_hour() -> None:
    rows = [row(day_start(date(2026, 11, 1), "America/New_York") + hour * HOUR) for hour in range(25)]
    found = requested(rows, bin_size="day", **dates("2026-11-01", "2026-11-01", "America/New_York"))
    assert {at: part.value for at, part in found.by_feature(Reading())["api"].items()} == {
        date(2026, 11, 1): 25
    }


@pytest.mark.parametrize(("tie", "day"), [(0, date(2026, 11, 20)), (-1, date(2026, 11, 19))])
def test_hour_that_contains_a_midnight_is_in_either_day(tie: int, day: date) -> None:
    assert bin_of(ms("2026-11-19T18:45:00"), "day", "Asia/Kolkata", tie) == day  # type: ignore[arg-type]


def test_bound_inside_an_hour_includes_the_whole_hour_in_charts_only() -> None:
    start, end = ms("2026-11-01T10:15:00"), ms("2026-11-01T12:30:00")
    rows = [row(start - 1), row(end), row(end + HOUR)]
    found = requested(rows, start=str(start), start_ms=start, end=str(end), end_ms=end)
    assert found.by_feature(Reading())["api"].whole.count == 2
    assert found.listed(Reading()) == []
    assert not in_chart(end + HOUR, found.span, "UTC", 0)


def test_24_hours_include_the_running_one() -> None:
    span = span_of(Query(range="24h"), NOW)
    assert (span.start, span.end) == (ms("2026-11-25T15:00:00"), ms("2026-11-26T15:00:00"))


def test_null_counts_one_in_sums_and_is_zero_in_lists() -> None:
    null = row(NOW - HOUR, None)
    assert (null.summed, null.listed) == (1, 0)


def test_filters_of_one_path_are_or_and_of_two_are_and() -> None:
    one = row(NOW, 5, g="a", h=1)
    assert matches(one, Query(filter=("g:a", "g:b")))
    assert not matches(one, Query(filter=("g:a", "h:2")))
    assert not matches(one, Query(exclude=("g:a",)))
    assert not matches(one, Query(value_min="5.5"))


def test_dotted_key_is_a_path_and_nulls_are_not_shown() -> None:
    assert shown_properties({"a.b": 1, "n": None, "e": {}, "s": ""}) == {"a": {"b": 1}, "s": ""}


def test_missing_null_and_empty_values_are_no_group_and_numbers_equal_texts() -> None:
    values: tuple[object, ...] = (200, 200.0, "200", None, "", {})
    rows = [row(NOW - HOUR, 1, v=value) for value in values] + [row(NOW - HOUR)]
    groups = requested(rows, group_by="properties.v").by_group(Reading(), "api")
    assert (named(groups, "200").whole.count, named(groups, None).whole.count) == (3, 4)


def cell(start: str, value: str, bound: str = "exact", group: str = "", kind: str = "") -> Cell:
    return Cell(start, "api", kind, group, value, bound, None, None)  # type: ignore[arg-type]


def test_wrong_cell_of_a_usage_file_is_a_silent_finding() -> None:
    query = requested(
        [row(ms("2026-11-20T10:00:00"), 4)], bin_size="day", **dates("2026-11-19", "2026-11-20")
    )
    right = [cell("2026-11-19T00:00:00+00:00", "0"), cell("2026-11-20T00:00:00+00:00", "4")]
    assert usage_file(query, right) == []
    (wrong,) = usage_file(query, [right[0], cell("2026-11-20T00:00:00+00:00", "3")])
    assert (wrong.kind, wrong.right, wrong.said) == ("value", "4", "")


def test_lower_bound_is_reported_unless_it_exceeds_the_sum() -> None:
    rows = [row(ms("2026-11-20T10:00:00"), 4, g="a")]
    query = requested(
        rows, bin_size="day", group_by="properties.g", group=("a",), **dates("2026-11-20", "2026-11-20")
    )
    at = "2026-11-20T00:00:00+00:00"
    kinds = [usage_file(query, [cell(at, value, "at-least", "a", "value")]) for value in ("3", "5")]
    assert [[one.said for one in found if one.kind == "group value"] for found in kinds] == [
        ["at-least"],
        [""],
    ]


def test_date_of_the_previous_day_is_reported() -> None:
    query = requested(
        [row(ms("2026-11-20T10:00:00"), 4)],
        bin_size="day",
        **dates("2026-11-20", "2026-11-20", "Asia/Kolkata"),
    )
    (found,) = usage_file(query, [cell("2026-11-19T23:30:00+05:30", "4")])
    assert found.kind == "local date"


def test_missing_repeated_and_extra_rows_are_distinguished() -> None:
    rows = [row(NOW - HOUR), row(NOW - 2 * HOUR)]
    there = [FileRow(one.id, "cus", "api", "1", {}, one.timestamp) for one in rows]
    other = FileRow("evt_other", "cus", "api", "1", {}, 0)
    query = requested(rows)
    assert events_file(query, there, broken=False) == []
    assert [one.kind for one in events_file(query, [there[0], there[0], other], broken=False)] == [
        "rows missing",
        "rows repeated",
        "rows too many",
    ]


def test_marks_are_read_before_their_fallbacks() -> None:
    page = page_of(
        '<a class="tile" data-feature="a b" data-sum="1.5" data-count="3" '
        'data-change="-0.25" data-reconciled="yes"></a>'
        '<table><tr data-group="" data-group-kind="none" data-sum="2" data-bound="unknown"></tr></table>'
        '<p data-reconciled="no" data-shown="1" data-total="2" data-events="3"></p>'
        '<p data-notice="stale">Old</p>'
    )
    (feature,), (group,) = page.features, page.groups
    assert (feature.name, feature.sum, feature.count, feature.change, feature.reconciled) == (
        "a b",
        1.5,
        3,
        -0.25,
        "yes",
    )
    assert (group.kind, group.sum, group.bound) == ("none", 2, "unknown")
    assert page.check is not None
    assert (page.check.reconciled, page.check.events, page.notices) == ("no", 3, frozenset({"stale"}))
