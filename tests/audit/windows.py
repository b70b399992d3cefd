"""The rows of a window, decided row by row: a different method from the product's edges and sums.

Lists are exact to the millisecond. Charts have whole UTC hours: an hour is in a chart if any part of it is in
the window, and its middle decides its day where days start inside hours. `tie` decides for an hour whose
middle is a midnight.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from tests.audit.calendars import DAY, HOUR, day_start, is_off_hour, local
from tests.audit.query import Query

Tie = Literal[-1, 0]
HOURS_24 = 24
DAYS = {"7d": 7, "30d": 30, "90d": 90, "180d": 180, "365d": 365}
CYCLES = ("1bc", "3bc", "last_cycle")


@dataclass(frozen=True, slots=True)
class Span:
    """[start, end) in epoch milliseconds, and its local dates if it consists of whole dates."""

    start: int
    end: int
    first: date | None = None
    last: date | None = None


def hour_end(now: int) -> int:
    """Where every answer ends: with the running hour, as Autumn's figures do."""
    return now - now % HOUR + HOUR


def span_of(query: Query, now: int) -> Span:
    """The window of a query at `now`; not for billing cycles."""
    if query.start is not None:
        end = hour_end(now) if query.end_ms is None else query.end_ms
        return _dated(Span(query.start_ms, max(end, query.start_ms + 1)), query.tz)
    name = query.range or "30d"
    if name == "24h":
        end = hour_end(now)
        return Span(end - HOURS_24 * HOUR, end)
    first, last = _dates(name, local(now, query.tz).date())
    return _of_dates(first, last, query.tz)


def _dates(name: str, today: date) -> tuple[date, date]:
    monday, first = today - timedelta(today.weekday()), today.replace(day=1)
    if name in DAYS:
        return today - timedelta(DAYS[name] - 1), today
    return {
        "today": (today, today),
        "yesterday": (today - timedelta(1), today - timedelta(1)),
        "this_week": (monday, monday + timedelta(6)),
        "last_week": (monday - timedelta(7), monday - timedelta(1)),
        "this_month": (first, last_of_month(first)),
        "last_month": (first_of_month(first - timedelta(1)), first - timedelta(1)),
    }[name]


def first_of_month(day: date) -> date:
    """The first day of a date's month."""
    return day.replace(day=1)


def last_of_month(day: date) -> date:
    """The last day of a date's month."""
    return (day.replace(day=1) + timedelta(32)).replace(day=1) - timedelta(1)


def _of_dates(first: date, last: date, zone: str) -> Span:
    return Span(day_start(first, zone), day_start(last + timedelta(1), zone), first, last)


def _dated(span: Span, zone: str) -> Span:
    first, last = local(span.start, zone).date(), local(span.end - 1, zone).date()
    whole = _of_dates(first, last, zone)
    return whole if (whole.start, whole.end) == (span.start, span.end) else span


def in_chart(ms: int, span: Span, zone: str, tie: Tie) -> bool:
    """Whether a chart of the window counts a row at `ms`: with its whole hour, or not at all."""
    hour = ms - ms % HOUR
    return _after(hour, span.start, zone, tie) and not _after(hour, span.end, zone, tie, is_end=True)


def _after(hour: int, bound: int, zone: str, tie: Tie, is_end: bool = False) -> bool:
    if bound % HOUR and day_start(local(bound, zone).date(), zone) == bound:
        return hour + HOUR // 2 + tie >= bound
    return hour >= bound if is_end else hour + HOUR > bound


def bin_of(ms: int, size: str, zone: str, tie: Tie) -> int | date:
    """The bin that a chart counts a row in: a UTC hour, or the first local date of a day, week or month."""
    hour = ms - ms % HOUR
    if size == "hour":
        return hour
    middle = hour + HOUR // 2 + tie if is_off_hour(hour, zone) else ms
    day = local(middle, zone).date()
    return {"day": day, "week": day - timedelta(day.weekday()), "month": day.replace(day=1)}[size]


def label_of(key: int | date, span: Span, size: str, zone: str, tie: Tie) -> int | date:
    """The name of a bin: its first hour, or the date that the chart calls it by.

    A week or month that the window cuts is called by where the window begins.
    """
    first = span.start if in_chart(span.start, span, zone, tie) else span.start + HOUR
    if isinstance(key, int) or size == "day" or key != bin_of(first, size, zone, tie):
        return key
    begins = local(first, zone).date()
    is_cut = first % HOUR == 0 and day_start(begins, zone) != first
    day = begins if is_cut else bin_of(first, "day", zone, tie)
    assert not isinstance(day, int)
    return day


def default_size(span: Span) -> str:
    """The default interval of a chart; with an hour of tolerance for days of 25 hours."""
    for days, size in ((3, "hour"), (92, "day"), (400, "week")):
        if span.end - span.start <= days * DAY + HOUR:
            return size
    return "month"


@dataclass(frozen=True, slots=True)
class Compared:
    """Both periods of a comparison. `sure`: whether the design defines the previous period exactly."""

    current: Span
    previous: Span
    sure: bool


def compared(query: Query, now: int) -> Compared:
    """The window and the previous one; both end at the last full hour."""
    span = span_of(query, now)
    full = now - now % HOUR
    current = Span(span.start, max(span.start + 1, min(span.end, full)), span.first, span.last)
    running = span.end > full
    if span.first is None or span.last is None:
        return _by_length(span, current, running)
    before = _calendar_before(span.first, span.last) or _dates_before(span.first, span.last)
    whole = _of_dates(*before, query.tz)
    if not running or (end := _same_hour(span, whole, full, query.tz)) is None:
        return Compared(current, whole, sure=True)
    return Compared(current, Span(whole.start, end), sure=True)


def _by_length(span: Span, current: Span, running: bool) -> Compared:
    shift = -(-(span.end - span.start) // HOUR) * HOUR
    at_midnight = span.start % DAY == 0 or span.start % HOUR != 0
    return Compared(
        current, Span(span.start - shift, current.end - shift), sure=not at_midnight and not running
    )


def _calendar_before(first: date, last: date) -> tuple[date, date] | None:
    """The previous whole week, month or year."""
    if first.weekday() == 0 and last == first + timedelta(6):
        return first - timedelta(7), first - timedelta(1)
    if first.day == 1 and last == last_of_month(first):
        before = first - timedelta(1)
        return first_of_month(before), before
    if (first.month, first.day) == (1, 1) and last == date(first.year, 12, 31):
        return date(first.year - 1, 1, 1), date(first.year - 1, 12, 31)
    return None


def _dates_before(first: date, last: date) -> tuple[date, date]:
    return first - (last - first) - timedelta(1), first - timedelta(1)


def _same_hour(span: Span, whole: Span, full: int, zone: str) -> int | None:
    """The end of a running window's comparison: the same local hour on the date that corresponds to today."""
    if span.first is None or span.last is None or whole.first is None or whole.last is None:
        return None
    at = local(full, zone)
    if span.first.day == 1 and span.last == last_of_month(span.first):
        day = whole.first.replace(day=1) + timedelta(at.day - 1)
        if day > whole.last:
            return None
    else:
        day = whole.first + (at.date() - span.first)
    return min(whole.end, _wall(datetime.combine(day, at.time().replace(tzinfo=None)), zone))


def _wall(wall: datetime, zone: str) -> int:
    """The first moment with at least this local time."""
    start = day_start(wall.date(), zone)
    for quarter in range(27 * 4):
        if local(start + quarter * HOUR // 4, zone).replace(tzinfo=None) >= wall:
            return start + quarter * HOUR // 4
    return start + DAY
