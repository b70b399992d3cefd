"""Local calendars, from `zoneinfo` one moment at a time. All moments are epoch milliseconds."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

HOUR = 3_600_000
DAY = 24 * HOUR

ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Los_Angeles",
    "America/Santiago",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Apia",
)
"""Whole hours, halves and quarters; clocks that change at midnight, by half an hour, or not at all."""


@lru_cache(200_000)
def local(ms: int, zone: str) -> datetime:
    """The local time of a zone, with its offset."""
    return (datetime.fromtimestamp(ms // 1000, UTC) + timedelta(milliseconds=ms % 1000)).astimezone(
        ZoneInfo(zone)
    )


def offset_ms(ms: int, zone: str) -> int:
    """The UTC offset of a zone at a moment."""
    offset = local(ms, zone).utcoffset()
    return 0 if offset is None else round(offset.total_seconds() * 1000)


def is_off_hour(ms: int, zone: str) -> bool:
    """Whether a zone is a part of an hour away from UTC at a moment."""
    return offset_ms(ms, zone) % HOUR != 0


@lru_cache(20_000)
def day_start(day: date, zone: str) -> int:
    """The first moment whose local date is `day`, by bisection: a midnight may not exist, or exist twice."""
    guess = round(datetime.combine(day, time(), UTC).timestamp() * 1000)
    low, high = guess - 27 * HOUR, guess + 27 * HOUR
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if local(middle, zone).date() < day else (low, middle)
    return high


def moment_of(wall: datetime, zone: str) -> int | None:
    """The moment of a local time that exists exactly once; None if it never exists, or exists twice."""
    naive = round(wall.replace(tzinfo=UTC).timestamp() * 1000)
    near = {naive - offset_ms(naive + step, zone) for step in (-DAY, 0, DAY)}
    found = {ms for ms in near if local(ms, zone).replace(tzinfo=None) == wall}
    return found.pop() if len(found) == 1 else None


@lru_cache(64)
def clock_changes(zone: str, start: int, end: int) -> tuple[int, ...]:
    """The hours in which the offset changes."""
    hours = range(start - start % HOUR, end, HOUR)
    return tuple(ms for ms in hours if offset_ms(ms, zone) != offset_ms(ms + HOUR, zone))
