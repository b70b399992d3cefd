"""Windows and bins, in every time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.usage.sample_service import DAY, HOUR, ms
from usage.query import Query, zone_names
from usage.window import (
    Bins,
    BinSize,
    Window,
    bins_of,
    ceil_hour,
    default_bin_size,
    floor_hour,
    is_midnight,
    is_utc,
    last_days,
    last_hours,
    local,
    midnight,
    nearest_hour,
    shift_of,
    to_ms,
)

zones = st.sampled_from(sorted(zone_names())).map(ZoneInfo)
moments = st.integers(ms("1971-01-01"), ms("2037-12-31"))
lengths = st.integers(1, 200 * DAY)
windows = st.builds(lambda start, length: Window(start, start + length), moments, lengths)
sizes: st.SearchStrategy[BinSize] = st.sampled_from(["hour", "day", "week", "month"])


@given(windows, sizes, zones)
def test_bins_cover_the_window_without_gaps_or_overlaps(
    window: Window, size: BinSize, zone: ZoneInfo
) -> None:
    """Their edges are whole UTC hours; rounding may move the outer ones."""
    bins = bins_of(window, size, zone)
    assert all(edge % HOUR == 0 for edge in bins.edges)
    assert all(start < end for start, end in zip(bins.edges, bins.edges[1:], strict=False))
    slack = HOUR // 2 if bins.approximate else 0
    assert bins.edges[0] - slack <= window.start < bins.edges[0] + HOUR
    assert bins.edges[-1] - HOUR < window.end <= max(bins.edges[-1] + slack, bins.edges[0] + HOUR)


@given(windows, st.sampled_from(["day", "week", "month"]), zones)
def test_inner_edges_are_midnights(window: Window, size: BinSize, zone: ZoneInfo) -> None:
    """Inner bins start at local dates: each, each Monday or each first; zones off the hour are marked."""
    bins = bins_of(window, size, zone)
    for edge in bins.edges[1:-1]:
        day = local(edge + HOUR // 2, zone).date()
        begins = midnight(day, zone)
        assert abs(begins - edge) <= HOUR // 2
        assert begins == edge or bins.approximate
        skipped = local(begins - 1, zone).date()
        assert size != "week" or any(_days(skipped, day, lambda each: each.weekday() == 0))
        assert size != "month" or any(_days(skipped, day, lambda each: each.day == 1))


def _days(after: date, upto: date, condition: object) -> list[bool]:
    """For each date after `after` up to `upto`: a zone may skip the date that a week starts with."""
    assert callable(condition)
    return [bool(condition(after + timedelta(number + 1))) for number in range((upto - after).days)]


@given(windows, sizes, zones)
def test_previous_period_has_a_bin_for_each_bin(window: Window, size: BinSize, zone: ZoneInfo) -> None:
    """It is in order, and ends no later than the window starts."""
    bins = bins_of(window, size, zone)
    before = bins.shifted(shift_of(window, zone))
    assert len(before) == len(bins)
    assert list(before.edges) == sorted(before.edges)
    assert all(edge % HOUR == 0 for edge in before.edges)
    assert before.edges[-1] <= bins.edges[0] + 2 * HOUR


PERIODS = [
    # range, now, the window's dates, the dates of the previous period, both with their last day
    ("today", "2026-11-26T14:25", "2026-11-26 2026-11-26", "2026-11-25 2026-11-25"),
    ("yesterday", "2026-11-26T14:25", "2026-11-25 2026-11-25", "2026-11-24 2026-11-24"),
    ("this_week", "2026-11-26T14:25", "2026-11-23 2026-11-29", "2026-11-16 2026-11-22"),
    ("last_week", "2026-11-23T00:00", "2026-11-16 2026-11-22", "2026-11-09 2026-11-15"),
    ("this_month", "2026-11-26T14:25", "2026-11-01 2026-11-30", "2026-10-01 2026-10-31"),
    ("last_month", "2026-11-26T14:25", "2026-10-01 2026-10-31", "2026-09-01 2026-09-30"),
    ("last_month", "2026-03-31T23:59", "2026-02-01 2026-02-28", "2026-01-01 2026-01-31"),
    ("last_month", "2027-01-01T00:00", "2026-12-01 2026-12-31", "2026-11-01 2026-11-30"),
    ("365d", "2026-11-26T14:25", "2025-11-27 2026-11-26", "2024-11-27 2025-11-26"),
]


def dates_of(text: str, zone: ZoneInfo) -> Window:
    first, last = map(date.fromisoformat, text.split())
    return Window(midnight(first, zone), midnight(last + timedelta(1), zone))


@pytest.mark.parametrize(("name", "now", "shown", "previous"), PERIODS)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Santiago", "Pacific/Auckland"])
def test_calendar_ranges_and_the_periods_before_them(
    name: Any, now: str, shown: str, previous: str, zone: str
) -> None:
    tz = ZoneInfo(zone)
    window = Query(range=name, tz=zone).window(ms(now, zone))
    assert window == dates_of(shown, tz)
    shift = shift_of(window, tz)
    assert Window(shift.back(window.start), shift.back(window.end)) == dates_of(previous, tz)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns", "Asia/Kathmandu", "Pacific/Chatham"])
@pytest.mark.parametrize("size", ["hour", "day"])
def test_month_in_a_zone_off_the_hour_is_compared_with_all_of_the_month_before(
    zone: str, size: BinSize
) -> None:
    """To the hours nearest to its midnights, whether it is longer or shorter."""
    tz = ZoneInfo(zone)
    for shown, previous in (
        ("2026-09-01 2026-09-30", "2026-08-01 2026-08-31"),
        ("2026-10-01 2026-10-31", "2026-09-01 2026-09-30"),
    ):
        window, before = dates_of(shown, tz), dates_of(previous, tz)
        edges = bins_of(window, size, tz).shifted(shift_of(window, tz)).edges
        assert (edges[0], edges[-1]) == (nearest_hour(before.start), nearest_hour(before.end))


@given(
    day=st.dates(date(1990, 1, 1), date(2035, 12, 1)),
    days=st.integers(1, 40),
    size=st.sampled_from(["hour", "day", "week", "month"]),
    zone=st.sampled_from(["UTC", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham"]),
)
def test_whole_days_are_called_by_their_midnights(day: date, days: int, size: BinSize, zone: str) -> None:
    """Also where Autumn's hours begin up to half an hour before or after them."""
    tz = ZoneInfo(zone)
    window = Window(midnight(day, tz), midnight(day + timedelta(days), tz))
    bins = bins_of(window, size, tz)
    assert bins.named_ends(tz) == (window.start, window.end)
    before = bins.shifted(shift_of(window, tz))
    assert local(before.named_ends(tz)[1], tz).date() == day


@pytest.mark.parametrize("start", ["2026-10-28T23:30", "2026-10-28T14:30"])
def test_time_of_day_that_was_chosen_is_not_called_a_midnight(start: str) -> None:
    tz = ZoneInfo("Asia/Kolkata")
    chosen = ms(start, "Asia/Kolkata")
    assert bins_of(Window(chosen, chosen + 48 * HOUR), "day", tz).named_ends(tz)[0] == chosen


@pytest.mark.parametrize(
    ("start", "end", "previous"),
    [
        ("2026-10-01", "2026-10-31", "2026-09-01 2026-09-30"),
        ("2024-02-01", "2024-02-29", "2024-01-01 2024-01-31"),
        ("2025-01-01", "2025-12-31", "2024-01-01 2024-12-31"),
        ("2026-11-01", "2026-11-26", "2026-10-06 2026-10-31"),
        ("2026-10-01", "2026-11-30", "2026-08-01 2026-09-30"),
        ("2026-11-16", "2026-11-22", "2026-11-09 2026-11-15"),
    ],
)
def test_typed_dates_are_compared_by_the_calendar(start: str, end: str, previous: str) -> None:
    """A whole week, month or year with the one before it, other dates with as many before them."""
    utc = ZoneInfo("UTC")
    window = dates_of(f"{start} {end}", utc)
    shift = shift_of(window, utc)
    assert Window(shift.back(window.start), shift.back(window.end)) == dates_of(previous, utc)


@pytest.mark.parametrize(
    ("at", "before"),
    [
        ("2026-11-26T14:00", "2026-10-26T14:00"),
        ("2026-03-31T14:00", "2026-03-01T00:00"),
        ("2026-03-28T14:00", "2026-02-28T14:00"),
        ("2026-01-15T00:00", "2025-12-15T00:00"),
        ("2024-03-29T09:00", "2024-02-29T09:00"),
    ],
)
def test_running_month_ends_at_the_same_local_hour(at: str, before: str) -> None:
    """Where the earlier month lacks the date, it is compared with all of that month."""
    zone = ZoneInfo("Europe/Berlin")
    window = Query(range="this_month", tz="Europe/Berlin").window(ms(at, "Europe/Berlin"))
    assert window is not None
    assert shift_of(window, zone).back(ms(at, "Europe/Berlin")) == ms(before, "Europe/Berlin")


@given(moments, zones)
def test_local_time_converts_back_to_its_moment(moment: int, zone: ZoneInfo) -> None:
    """In the repeated hour of a clock change too."""
    assert to_ms(local(moment, zone)) == moment


@given(moments, zones, st.sampled_from([7, 30, 90]))
def test_last_days_are_whole_local_dates(now: int, zone: ZoneInfo, days: int) -> None:
    """They include all of today."""
    window = last_days(days, now, zone)
    assert now in window
    today = local(now, zone).date()
    assert window.start == midnight(today - timedelta(days - 1), zone)
    assert window.end == midnight(today + timedelta(1), zone)


@given(moments)
def test_last_24_hours_include_the_running_one(now: int) -> None:
    window = last_hours(24, now)
    assert (window.length, window.end) == (DAY, floor_hour(now) + HOUR)


@given(windows)
def test_ranges_of_calls(window: Window) -> None:
    """A list range is a superset in whole seconds; an aggregate range has the hours that start in it."""
    listed = window.list_range()
    assert listed["start"] % 1000 == listed["end"] % 1000 == 0
    assert listed["start"] <= window.start
    assert window.end <= listed["end"] < window.end + 1000
    hours = (ceil_hour(window.start), floor_hour(window.end), floor_hour(window.end) - HOUR)
    running = window.aggregate_range(window.end - 1)
    for hour in (hours[0] - HOUR, *hours):
        assert (running["start"] <= hour <= running["end"]) == (window.start <= hour < window.end)
    closed = window.aggregate_range(window.end)
    assert closed == {"start": window.start, "end": window.end}


@given(windows, sizes, zones, st.data())
def test_each_hour_is_in_one_bin(window: Window, size: BinSize, zone: ZoneInfo, data: st.DataObject) -> None:
    bins = bins_of(window, size, zone)
    hour = data.draw(st.integers(bins.edges[0] // HOUR, bins.edges[-1] // HOUR - 1)) * HOUR
    index = bins.index(hour)
    assert bins.edges[index] <= hour < bins.edges[index + 1]
    hours = range(bins.edges[0] - HOUR, bins.edges[-1], HOUR)[:200]
    assert bins.indexes(hours) == [bins.index(each) for each in hours]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2025-03-30", 23),
        ("Europe/Berlin", "2025-10-26", 25),
        ("America/New_York", "2025-03-09", 23),
        ("America/Havana", "2025-11-02", 25),
        ("Africa/Cairo", "2025-04-25", 23),
        ("Asia/Tokyo", "2025-03-30", 24),
    ],
)
def test_days_of_a_clock_change(zone: str, day: str, hours: int) -> None:
    """The day of a clock change is one bin of 23 or 25 hours."""
    start = midnight(date.fromisoformat(day), ZoneInfo(zone))
    end = midnight(date.fromisoformat(day) + timedelta(1), ZoneInfo(zone))
    bins = bins_of(Window(start - DAY, end + DAY), "day", ZoneInfo(zone))
    index = bins.edges.index(start)
    assert bins.edges[index + 1] - bins.edges[index] == hours * HOUR
    assert not bins.approximate


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Asia/Kolkata", "18:00"),
        ("Asia/Kathmandu", "18:00"),
        ("Pacific/Chatham", "10:00"),
        ("Australia/Lord_Howe", "13:00"),
    ],
)
def test_zones_off_the_hour(zone: str, expected: str) -> None:
    """Their days start at the nearest full UTC hour and are marked; days without a change have 24 hours."""
    window = Query(tz=zone, range="7d").window(ms("2025-12-10T05:00"))
    assert window is not None
    bins = bins_of(window, "day", ZoneInfo(zone))
    on_hour = zone == "Australia/Lord_Howe"
    assert bins.approximate is not on_hour
    assert {f"{datetime.fromtimestamp(edge / 1000, UTC):%H:%M}" for edge in bins.edges} == {expected}


def test_skipped_date_has_no_bin() -> None:
    """Samoa had no 30 December 2011."""
    zone = ZoneInfo("Pacific/Apia")
    bins = bins_of(Window(midnight(date(2011, 12, 28), zone), midnight(date(2012, 1, 2), zone)), "day", zone)
    assert [local(start, zone).day for start in bins.starts] == [28, 29, 31, 1]


@pytest.mark.parametrize(
    ("days", "size"),
    [(1, "hour"), (3, "hour"), (4, "day"), (92, "day"), (93, "week"), (400, "week"), (401, "month")],
)
def test_default_bin_sizes(days: int, size: str) -> None:
    """Hours up to 3 days, days up to 92, weeks up to 400, else months."""
    assert default_bin_size(Window(0, days * DAY)) == size


def test_utc_bins_are_used_for_utc_days() -> None:
    """The zone has UTC's time throughout the window, or the edges are UTC midnights."""
    winter, spring = Window(ms("2025-01-10"), ms("2025-02-01")), Window(ms("2025-03-20"), ms("2025-04-10"))
    london = ZoneInfo("Europe/London")
    assert is_utc(winter, london)
    assert not is_utc(spring, london)
    assert not is_utc(Window(ms("2025-01-01"), ms("2026-01-01")), london)
    assert bins_of(winter, "week", london).on_utc_days()
    assert not bins_of(spring, "day", london).on_utc_days()


def test_window_ends_after_its_start() -> None:
    with pytest.raises(ValueError, match="before its end"):
        Window(5, 5)
    assert Bins((0, HOUR)).window == Window(0, HOUR)
    assert is_midnight(ms("2025-03-30", "Europe/Berlin"), ZoneInfo("Europe/Berlin"))
