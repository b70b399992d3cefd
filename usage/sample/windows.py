"""Ranges, billing cycles and bins. All times are epoch milliseconds, all days UTC."""

import calendar
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from usage.sample.wire import BinSize, ClosedRange, RangeName

HOUR = 3_600_000
DAY = 24 * HOUR
WEEK = 7 * DAY
# The epoch was a Thursday; weeks start on Monday.
FIRST_MONDAY = 4 * DAY

DAYS: dict[RangeName, int] = {"7d": 7, "30d": 30, "90d": 90}
CYCLES_BACK: dict[RangeName, int] = {"1bc": 0, "3bc": 2, "last_cycle": 1}
MONTHS = {"month": 1, "quarter": 3, "year": 12}


class Window(NamedTuple):
    """Bins hold the hours from ``start`` to ``end``, the total those from ``total_start``."""

    start: int
    end: int
    total_start: int


class Subscription(NamedTuple):
    """When a customer's first billing cycle began, and how long each is: week, month, quarter, year."""

    anchor: int
    interval: str


def custom_window(custom: ClosedRange) -> Window:
    start = int(custom.start)
    return Window(start, int(custom.end), start)


def named_window(name: RangeName, subscription: Subscription | None, now: int) -> Window:
    """The API's own idea of a preset: not aligned, and a total that starts before the first bin.

    Without a subscription (or before it starts) a billing cycle is the last 24 hours.
    """
    if name in DAYS:
        start = now - DAYS[name] * DAY
        return Window(start, now, floor(start, "day"))
    if name in CYCLES_BACK and subscription and subscription.anchor <= now:
        return _cycles(name, subscription, now)
    return Window(now - DAY, now, floor(now - DAY, "hour"))


def _cycles(name: RangeName, subscription: Subscription, now: int) -> Window:
    current = cycle_number(subscription, now)
    start = cycle_start(subscription, current - CYCLES_BACK[name])
    end = cycle_start(subscription, current) - 1 if name == "last_cycle" else now
    return Window(start, end, start)


def cycle_number(subscription: Subscription, at: int) -> int:
    """The number of the cycle that ``at`` lies in, 0 for the first."""
    longest = {"week": 7, "month": 31, "quarter": 92, "year": 366}[subscription.interval]
    number = (at - subscription.anchor) // (longest * DAY)
    while cycle_start(subscription, number + 1) <= at:
        number += 1
    return number


def cycle_start(subscription: Subscription, number: int) -> int:
    """Cycles of months keep the anchor's day, or take the month's last one."""
    if subscription.interval == "week":
        return subscription.anchor + number * WEEK
    anchor = datetime.fromtimestamp(subscription.anchor / 1000, UTC)
    months = anchor.year * 12 + anchor.month - 1 + number * MONTHS[subscription.interval]
    year, month = divmod(months, 12)
    day = min(anchor.day, calendar.monthrange(year, month + 1)[1])
    return _milliseconds(anchor.replace(year=year, month=month + 1, day=day))


def floor(at: int, size: BinSize) -> int:
    """The start of the bin that ``at`` lies in."""
    if size == "month":
        moment = datetime.fromtimestamp(at / 1000, UTC)
        return _milliseconds(moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0))
    if size == "week":
        return at - (at - FIRST_MONDAY) % WEEK
    return at - at % (HOUR if size == "hour" else DAY)


def bin_starts(window: Window, size: BinSize, now: int) -> Iterator[int]:
    """The bins of a window, those that start after now cut off."""
    last = min(window.end, now)
    if window.start > last:
        return
    start = floor(window.start, size)
    while start <= last:
        yield start
        start = _next(start, size)


def _next(start: int, size: BinSize) -> int:
    if size == "month":
        return floor(start + 31 * DAY, "month")
    return start + {"hour": HOUR, "day": DAY, "week": WEEK}[size]


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
