"""The bins of an answer, and the bin of each hour.

Bins are UTC; the newest servers can have days, weeks and months of another time zone. There they step through
local midnights and join rows to bins by the local time as a text: after a midnight that does not exist the
steps continue at one o'clock, and no later row matches.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from usage.sample.errors import ApiError
from usage.sample.windows import Window, floor, following, milliseconds
from usage.sample.wire import AggregateBody, BinSize

ZONE_NAME = re.compile(r"[A-Za-z0-9_/+-]{1,50}")
MOST_BINS = 1_000_000
"""More than these are refused: a bin for every hour since 1970 is half as many."""

PERIOD: dict[BinSize, str] = {
    "hour": "at - at % 3600000",
    "day": "at - at % 86400000",
    "week": "at - (at - 345600000) % 604800000",
    "month": "unixepoch(at / 1000, 'unixepoch', 'start of month') * 1000",
}


class Bin(NamedTuple):
    """``label`` is what rows are joined by: an epoch millisecond, or a local time."""

    label: object
    period: int


class Bins(NamedTuple):
    """``label`` and ``period`` convert the values of ``sql``, an expression over ``at``."""

    grid: list[Bin]
    sql: str
    label: Callable[[int], object]
    period: Callable[[int], int]


def bins_of(window: Window, body: AggregateBody, last: int) -> Bins:
    """The bins of a window that start at ``last`` or before. Raises ApiError for a zone that there is not."""
    zone = _zone(body.timezone) if body.bin_size != "hour" else None
    steps = _utc_steps(window, body.bin_size) if zone is None else _local_steps(window, body.bin_size, zone)
    grid: list[Bin] = []
    for each in steps:
        if each.period > min(window.end, last):
            break
        grid.append(each)
        if len(grid) > MOST_BINS:
            raise ApiError("internal_error", "The range has too many bins")
    if zone is None:
        return Bins(grid, PERIOD[body.bin_size], _same, _same)
    return Bins(
        grid,
        "at",
        lambda at: _midnight(_local(at, zone), body.bin_size),
        lambda at: _moment(_midnight(_local(at, zone), body.bin_size), zone),
    )


def _same(at: int) -> int:
    return at


def _zone(name: str) -> ZoneInfo | None:
    """None, for UTC, where the name has characters that no zone has."""
    if ZONE_NAME.fullmatch(name) is None or name == "UTC":
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ApiError("internal_error", "The database has no such time zone") from None


def _utc_steps(window: Window, size: BinSize) -> Iterator[Bin]:
    start = floor(window.start, size)
    while True:
        yield Bin(start, start)
        start = following(start, size)


def _local_steps(window: Window, size: BinSize, zone: ZoneInfo) -> Iterator[Bin]:
    wall = _midnight(_local(window.start, zone), size)
    while True:
        period = _moment(wall, zone)
        wall = _local(period, zone)
        yield Bin(wall, period)
        wall = _next(wall, size)


def _local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, zone).replace(tzinfo=None)


def _moment(wall: datetime, zone: ZoneInfo) -> int:
    """A local time that does not exist is the one that clocks show instead."""
    return milliseconds(wall.replace(tzinfo=zone).astimezone(UTC))


def _midnight(wall: datetime, size: BinSize) -> datetime:
    day = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    if size == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if size == "week" else day


def _next(wall: datetime, size: BinSize) -> datetime:
    if size == "month":
        return (wall.replace(day=1) + timedelta(days=31)).replace(day=1)
    return wall + timedelta(days=7 if size == "week" else 1)
