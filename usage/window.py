"""Windows (ranges of time) and their bins, whose edges are days or hours of a time zone.

All moments are whole epoch milliseconds. Windows are half-open, [start, end). Calendar steps are those of an
IANA zone. Autumn's aggregates know whole UTC hours only, so every chart edge is one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import accumulate
from typing import Literal

BinSize = Literal["hour", "day", "week", "month"]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

CALENDAR_RANGES = frozenset({"today", "yesterday", "this_week", "last_week", "this_month", "last_month"})


def floor_hour(ms: int) -> int:
    """The whole UTC hour that `ms` lies in."""
    return ms - ms % HOUR_MS


def hour_end(now: int) -> int:
    """The end of the running hour: Autumn's figures have all events up to there, lists and files too."""
    return floor_hour(now) + HOUR_MS


def ceil_hour(ms: int) -> int:
    """The first whole UTC hour at or after `ms`."""
    return -floor_hour(-ms)


def local(ms: int, zone: tzinfo) -> datetime:
    """`ms` as an aware datetime in `zone`, to the millisecond."""
    # Not `+ timedelta`, which forgets which of two equal local times it is.
    return datetime.fromtimestamp(ms // 1000, zone).replace(microsecond=ms % 1000 * 1000)


def to_ms(moment: datetime) -> int:
    """An aware datetime in epoch milliseconds.

    The first of two equal local times; a skipped one as if it existed.
    """
    return round(moment.astimezone(UTC).timestamp() * 1000)


def midnight(day: date, zone: tzinfo) -> int:
    """The moment at which `day` begins in `zone`, to the millisecond."""
    return to_ms(datetime.combine(day, time(), zone))


def nearest_hour(ms: int) -> int:
    """The nearest whole UTC hour; the earlier of two equally near ones, so that half-hour zones keep 24-hour
    days.
    """
    return floor_hour(ms + HOUR_MS // 2 - 1)


def is_off_hour(ms: int, zone: tzinfo) -> bool:
    """Whether `zone` is not a whole number of hours from UTC at `ms`."""
    return (local(ms, zone).utcoffset() or timedelta()) % timedelta(hours=1) != timedelta()


def named_moment(edge: int, zone: tzinfo) -> int:
    """The local midnight that an edge stands for in zones off the hour, at most half an hour away; else
    the edge itself.
    """
    day = midnight(local(edge + HOUR_MS // 2, zone).date(), zone)
    return day if is_off_hour(edge, zone) and nearest_hour(day) == edge else edge


def begins_bin(ms: int, size: BinSize) -> bool:
    """Whether one of Autumn's bins of this size begins at `ms`: they are UTC, and weeks begin on Monday."""
    if ms % (HOUR_MS if size == "hour" else DAY_MS):
        return False
    day = local(ms, UTC)
    return {"week": day.weekday() == 0, "month": day.day == 1}.get(size, True)


def is_midnight(ms: int, zone: tzinfo) -> bool:
    """Whether a local day begins at `ms` in `zone`."""
    return midnight(local(ms, zone).date(), zone) == ms


@dataclass(frozen=True, slots=True)
class Window:
    """[start, end) in epoch milliseconds, start < end."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError("a window's start must lie before its end")

    @property
    def length(self) -> int:
        """Milliseconds from start to end."""
        return self.end - self.start

    def __contains__(self, ms: int) -> bool:
        return self.start <= ms < self.end

    def for_charts(self, zone: tzinfo) -> Window:
        """Widened to whole UTC hours.

        A bound on a local midnight goes to its nearest hour instead, like every day.
        """
        start = nearest_hour(self.start) if is_midnight(self.start, zone) else floor_hour(self.start)
        end = nearest_hour(self.end) if is_midnight(self.end, zone) else ceil_hour(self.end)
        return Window(start, max(end, start + HOUR_MS))

    def list_range(self) -> dict[str, int]:
        """`custom_range` for events.list, which cuts to seconds and includes both
        ends (trap 5): a superset.
        """
        return {"start": self.start - self.start % 1000, "end": -(-self.end // 1000) * 1000}

    def aggregate_range(self, now: int) -> dict[str, int]:
        """`custom_range` for events.aggregate, which cuts both ends to seconds (trap 6).

        Of a window that has ended the answer also has what lies at its end: a whole hour on some servers,
        the events of that very second on others. Both are in a bin at or after the end, which is not used.
        """
        return {"start": self.start, "end": self.end if self.end <= now else self.end - 1}


def last_hours(hours: int, now: int) -> Window:
    """That many whole hours, the running one included."""
    end = hour_end(now)
    return Window(end - hours * HOUR_MS, end)


def last_days(days: int, now: int, zone: tzinfo) -> Window:
    """That many local dates, today included and to its end."""
    today = local(now, zone).date()
    return Window(midnight(today - timedelta(days - 1), zone), midnight(today + timedelta(1), zone))


def calendar_window(name: str, now: int, zone: tzinfo) -> Window:
    """One of CALENDAR_RANGES: whole local days, weeks from Monday, or months, to the end of the last one."""
    today = local(now, zone).date()
    monday, first = today - timedelta(today.weekday()), today.replace(day=1)
    start, end = {
        "today": (today, today + timedelta(1)),
        "yesterday": (today - timedelta(1), today),
        "this_week": (monday, monday + timedelta(7)),
        "last_week": (monday - timedelta(7), monday),
        "this_month": (first, _next_day(first, "month")),
        "last_month": ((first - timedelta(1)).replace(day=1), first),
    }[name]
    return Window(midnight(start, zone), midnight(end, zone))


def default_bin_size(window: Window) -> BinSize:
    """`hour` up to 3 days, `day` up to 92, `week` up to 400, else `month`; one hour
    of slack, for long days.
    """
    for days, size in ((3, "hour"), (92, "day"), (400, "week")):
        if window.length <= days * DAY_MS + HOUR_MS:
            return size  # type: ignore[return-value]  # a tuple of literals widens to str
    return "month"


def _next_day(day: date, size: BinSize) -> date:
    if size == "day":
        return day + timedelta(1)
    if size == "week":
        return day + timedelta(7 - day.weekday())
    return (day.replace(day=1) + timedelta(32)).replace(day=1)


def _calendar_edges(window: Window, size: BinSize, zone: tzinfo) -> Iterator[int]:
    day = _next_day(local(window.start, zone).date(), size)
    while (edge := midnight(day, zone)) < window.end:
        yield edge
        day = _next_day(day, size)


@dataclass(frozen=True, slots=True)
class Bins:
    """Consecutive bins: bin i is [edges[i], edges[i + 1]), all edges whole UTC hours, never falling.

    `approximate`: the zone is not a whole number of hours from UTC, so edges are the nearest full ones.
    `is_cut`: the first edge is where the window was requested to start, not near the start of a day.
    """

    edges: tuple[int, ...]
    approximate: bool = False
    is_cut: bool = False

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each bin begins."""
        return self.edges[:-1]

    @property
    def window(self) -> Window:
        """From the first edge to the last."""
        return Window(self.edges[0], self.edges[-1])

    @property
    def window_ends(self) -> tuple[int, int]:
        """The first edge and the last."""
        return self.edges[0], self.edges[-1]

    def named_ends(self, zone: tzinfo) -> tuple[int, int]:
        """`window_ends` as people call them: in zones off the hour, days begin near a midnight, not at it."""
        start, end = self.window_ends
        first = start if self.is_cut else named_moment(start, zone)
        return first, named_moment(end, zone) if is_midnight(first, zone) else end

    def index(self, period: int) -> int:
        """The bin that Autumn's bin `period` belongs to; its first may begin before ours (a cut week)."""
        return min(max(bisect_right(self.edges, period) - 1, 0), len(self) - 1)

    def indexes(self, periods: Iterable[int]) -> list[int]:
        """`index` of each, for periods in time order, in one walk: a quarter has thousands of hours."""
        ends, last, at, found = self.edges[1:-1], len(self) - 1, 0, []
        for period in periods:
            while at < last and ends[at] <= period:
                at += 1
            found.append(at)
        return found

    def on_utc_days(self) -> bool:
        """Whether every inner edge is a UTC midnight, so that Autumn's day bins can be summed into these."""
        return all(edge % DAY_MS == 0 for edge in self.edges[1:-1])

    def shifted(self, shift: Shift) -> Bins:
        """The bins of the period before, one for each of these; a DST change may leave one of them empty."""
        # Local times of a day that the zone skipped would run backwards.
        edges = tuple(accumulate(map(shift.back, self.edges), max))
        return Bins(edges, self.approximate, self.is_cut)


@lru_cache(64)  # of up to 2,500 bins
def bins_of(window: Window, size: BinSize, zone: tzinfo) -> Bins:
    """The bins of a chart: local calendar steps within the window, widened to whole UTC hours, cut at its
    ends.
    """
    whole = window.for_charts(zone)
    if size == "hour":
        return Bins(tuple(range(whole.start, whole.end + 1, HOUR_MS)), is_off_hour(whole.start, zone))
    exact = list(_calendar_edges(whole, size, zone))
    # A set, because a day that the zone skipped begins when the next one does.
    inner = {edge for edge in map(nearest_hour, exact) if whole.start < edge < whole.end}
    approximate = any(is_off_hour(ms, zone) for ms in (window.start, *exact, window.end))
    is_cut = whole.start == window.start and not is_midnight(window.start, zone)
    return Bins((whole.start, *sorted(inner), whole.end), approximate, is_cut)


@dataclass(frozen=True, slots=True)
class Shift:
    """How far the previous period lies back: by calendar months or local dates where a window begins with
    one, else by ms.
    """

    zone: tzinfo
    days: int = 0
    ms: int = 0
    months: int = 0

    def back(self, ms: int) -> int:
        """The moment of the previous period that answers to `ms`, on a whole hour for whole hours.

        A date that the earlier month lacks, such as 31 February, is the first of the next month.
        """
        if not self.days and not self.months:
            return ms - self.ms
        if ms < (self.days + 32 * self.months) * DAY_MS:  # before 1970, perhaps before Python's calendar
            return ms - (self.days + 32 * self.months) * DAY_MS
        now = local(ms, self.zone).replace(tzinfo=None)
        if ms % HOUR_MS == 0:  # in zones off the hour it stands for the local hour nearest to it
            now = (now + timedelta(minutes=30)).replace(minute=0, second=0)
        then = _months_back(now, self.months) if self.months else now - timedelta(self.days)
        return nearest_hour(to_ms(then.replace(tzinfo=self.zone)))


def _months_back(at: datetime, months: int) -> datetime:
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    first = at.replace(year=year, month=month + 1, day=1)
    day = first + timedelta(at.day - 1)
    return day if day.month == first.month else datetime.combine(_next_day(first.date(), "month"), time())


def shift_of(window: Window, zone: tzinfo) -> Shift:
    """The shift that leads from `window` to the previous period.

    A whole month or year leads to the one before it, other local dates to as many before them, hours to as
    many hours.
    """
    if not is_midnight(window.start, zone):
        return Shift(zone, ms=ceil_hour(window.length))
    first, last = local(window.start, zone).date(), local(window.end - 1, zone).date()
    following = last + timedelta(1)
    if is_midnight(window.end, zone) and first.day == following.day == 1:
        months = (following.year - first.year) * 12 + following.month - first.month
        if months == 1 or (months == 12 and first.month == 1):
            return Shift(zone, months=months)
    return Shift(zone, days=(last - first).days + 1)


@lru_cache(256)
def is_utc(window: Window, zone: tzinfo) -> bool:
    """Whether `zone` has UTC's time throughout the window, so that Autumn's own bins are the viewer's."""
    days = range(window.start, window.end + DAY_MS, DAY_MS)
    return not any(local(ms, zone).utcoffset() for ms in (*days, window.end))
