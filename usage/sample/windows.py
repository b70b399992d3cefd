"""Ranges, billing cycles and bins. All times are epoch milliseconds, all days UTC."""

import calendar
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from usage.sample.wire import BinSize, RangeName

SECOND = 1000
HOUR = 3_600_000
DAY = 24 * HOUR
WEEK = 7 * DAY
# The epoch was a Thursday; weeks start on Monday.
FIRST_MONDAY = 4 * DAY

DAYS: dict[RangeName, int] = {"24h": 1, "7d": 7, "30d": 30, "90d": 90}
MONTHS = {"month": 1, "quarter": 3, "semi_annual": 6, "year": 12}
LENGTHS = {"minute": 60 * SECOND, "hour": HOUR, "day": DAY, "week": WEEK}


class Window(NamedTuple):
    """Bins hold what lies from ``start`` to ``end``, the total begins at ``total_start``."""

    start: int
    end: int
    total_start: int


class Subscription(NamedTuple):
    """When a customer's first billing cycle began, and how long each is: week, month, quarter, year."""

    anchor: int
    interval: str


class Period(NamedTuple):
    """A billing cycle. ``first``: no cycle came before it."""

    start: int
    end: int
    first: bool = False

    def length(self) -> int:
        return self.end - self.start


def custom_window(start: float, end: float) -> Window:
    """Both bounds are cut to whole seconds."""
    return Window(second(start), second(end), second(start))


def preset_window(name: RangeName, size: BinSize, now: int, *, aligned: bool) -> Window:
    """Days before now. Unaligned, the total starts before the first bin: at midnight, or at the hour."""
    start = now - DAYS[name] * DAY
    if aligned:
        start = floor(start, "hour" if size == "hour" else "day")
        return Window(start, second(now), start)
    return Window(second(start), second(now), floor(start, "day" if size == "day" else "hour"))


def cycle_window(name: RangeName, period: Period, now: int, *, real: bool) -> Window:
    """A named billing cycle. Unless ``real``, the current one is as long as a cycle and ends now."""
    if name == "last_cycle":
        start, end = period[:2] if period.first else (period.start - period.length(), period.start)
    elif name == "1bc" and real:
        start, end = period[:2]
    else:
        start, end = now - period.length() * (3 if name == "3bc" else 1), now
    return custom_window(start, end)


def current_period(subscription: Subscription, now: int) -> Period:
    """The cycle that ``now`` lies in."""
    number = cycle_number(subscription, now)
    return Period(cycle_start(subscription, number), cycle_start(subscription, number + 1), number == 0)


def cycle_number(subscription: Subscription, at: int) -> int:
    """The number of the cycle that ``at`` lies in, 0 for the first."""
    longest = {"week": 7, "month": 31, "quarter": 92, "year": 366}[subscription.interval]
    number = (at - subscription.anchor) // (longest * DAY)
    while cycle_start(subscription, number + 1) <= at:
        number += 1
    return number


def cycle_start(subscription: Subscription, number: int) -> int:
    """Cycles of months have the anchor's day, or the last day of the month."""
    return later(subscription.anchor, subscription.interval, number)


def later(at: int, interval: str, times: int) -> int:
    """The moment plus a number of intervals."""
    if interval in LENGTHS:
        return at + times * LENGTHS[interval]
    moment = datetime.fromtimestamp(at / 1000, UTC)
    months = moment.year * 12 + moment.month - 1 + times * MONTHS[interval]
    year, month = divmod(months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return milliseconds(moment.replace(year=year, month=month + 1, day=day))


def second(at: float) -> int:
    """The start of the second."""
    return int(at // SECOND * SECOND)


def floor(at: int, size: BinSize) -> int:
    """The start of the bin that ``at`` lies in."""
    if size == "month":
        moment = datetime.fromtimestamp(at / 1000, UTC)
        return milliseconds(moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0))
    if size == "week":
        return at - (at - FIRST_MONDAY) % WEEK
    return at - at % (HOUR if size == "hour" else DAY)


def following(start: int, size: BinSize) -> int:
    """The start of the next bin."""
    if size == "month":
        return floor(start + 31 * DAY, "month")
    return start + {"hour": HOUR, "day": DAY, "week": WEEK}[size]


def milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
