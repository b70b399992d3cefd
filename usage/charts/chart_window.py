"""The window of a chart: its bins, those of the previous period, and what is requested of Autumn for them.
Pure.

The traps that live here: 6 (whole hours), 8 (cycles by name), 9 and 10 (sizes of bins, days of the viewer).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from datetime import UTC

from usage import messages
from usage.notes import Note
from usage.query import BadQuery, Query
from usage.scope import Scope
from usage.window import (
    DAY_MS,
    HOUR_MS,
    Bins,
    BinSize,
    Shift,
    Window,
    begins_bin,
    bins_of,
    ceil_hour,
    floor_hour,
    hour_end,
    is_midnight,
    is_utc,
    local,
    shift_of,
)

SHORTEST_BIN_MS: dict[BinSize, int] = {
    "hour": HOUR_MS,
    "day": DAY_MS,
    "week": 7 * DAY_MS,
    "month": 28 * DAY_MS,
}
"""The shortest that each of Autumn's bins can be, in ms."""


@dataclass(frozen=True, slots=True)
class BillingCycle:
    """A billing cycle as Autumn names it, and its window as read back from its bins.

    `previous`: the cycle before.
    """

    name: str
    window: Window
    previous: Window | None = None


@dataclass(frozen=True, slots=True)
class ChartWindow:
    """The bins of a chart and, where it compares, those of the previous period, one for each.

    `running`: the bin whose value still moves. `cycle`, `previous_cycle`: the ranges to name instead of
    giving bounds (trap 8). `notes`: what the bins are not. `weeks`: whether Autumn has bins of a week.
    `exact_start`: where it begins inside its first hour, if Autumn can tell. `first_version`: requests are
    those that the first version made.
    """

    bins: Bins
    size: BinSize
    utc: bool
    now: int
    running: int | None = None
    previous: Bins | None = None
    cycle: str | None = None
    previous_cycle: str | None = None
    notes: tuple[Note, ...] = ()
    weeks: bool = True
    first_version: bool = False
    exact_start: int | None = None

    @property
    def requested(self) -> Window:
        """Requested of Autumn: hours that have begun.

        A comparison ends with the last full hour; the running one is requested all the same, so that Autumn's
        total and its bins are of the same events.
        """
        window = self.bins.window
        begun = hour_end(self.now)
        is_running = self.previous is not None and window.end == begun - HOUR_MS
        start = window.start if self.exact_start is None else self.exact_start
        return Window(start, begun if is_running else min(window.end, begun))

    @property
    def wire_size(self) -> BinSize:
        """The size of Autumn's bins that sum to ours: its own where days are UTC's, hours elsewhere (trap
        10).
        """
        if self.cycle is not None:
            return "hour"
        if self.utc and (self.size != "week" or self.weeks) and self._ends_bin(self.size):
            return self.size
        on_days = self.size != "hour" and self.bins.on_utc_days() and self._ends_bin("day")
        return "day" if on_days else "hour"

    def _ends_bin(self, size: BinSize) -> bool:
        """Whether what lies at the end of the window is in a bin of its own, if Autumn's have this size."""
        end = self.bins.edges[-1]
        return self.first_version or end > self.now or begins_bin(end, size)

    @property
    def previous_wire_size(self) -> BinSize:
        """The same for the previous period, whose weeks and months begin on any day."""
        if self.previous is None or self.previous_cycle is not None or self.size == "hour":
            return "hour"
        on_days = self.previous.on_utc_days() and self.previous.edges[-1] % DAY_MS == 0
        return "day" if on_days else "hour"

    @property
    def grouped(self) -> Window:
        """The window of a grouped call: both periods in one, except for cycles,
        which have a call for each.
        """
        if self.previous is None or self.cycle is not None:
            return self.requested
        return Window(self.previous.edges[0], self.requested.end)

    @property
    def grouped_size(self) -> BinSize:
        """The size of Autumn's bins in a grouped call."""
        if self.previous is None or self.cycle is not None:
            return self.wire_size
        on_days = self.bins.on_utc_days() and self.previous.on_utc_days()
        ends = (*self.previous.window_ends, *self.bins.window_ends)
        return "day" if self.size != "hour" and on_days and all(ms % DAY_MS == 0 for ms in ends) else "hour"

    @property
    def grouped_bins(self) -> int:
        """How many bins a grouped call answers with, at most."""
        return self.grouped.length // SHORTEST_BIN_MS[self.grouped_size] + 2


def chart_window_of(
    query: Query,
    window: Window,
    now: int,
    scope: Scope | None = None,
    cycle: BillingCycle | None = None,
    *,
    exact_edges: bool = False,
) -> ChartWindow:
    """The bins of `window`, cut behind the running one and at `scope`'s bounds; a comparison ends with a full
    hour.

    `exact_edges`: whether Autumn's figures can begin inside an hour, as billing cycles do. BadQuery where
    nothing of the window is left, or where it has too many bins.
    """
    size, zone = query.bin_size_for(window), query.zone
    whole = bins_of(window, size, zone)
    bins = _until_running(_inside(whole, scope), now)
    running = len(bins) - 1 if now < bins.edges[-1] else None
    named = cycle.name if cycle is not None and _is_whole_cycle(bins, whole, now) else None
    notes = [_approximate(query)] if bins.approximate else []
    exact_start = None
    if exact_edges and query.is_cycle and cycle is None and not query.compare and _is_inside(window, bins):
        exact_start = window.start
    elif (query.start is not None or query.is_cycle) and cycle is None and _is_widened(query, window, now):
        notes.append(_whole_hours(query, bins))
    if cycle is not None:
        notes.append(cycle_note(query, Window(bins.edges[0], bins.edges[-1])))
    chart = ChartWindow(
        bins,
        size,
        is_utc(window, zone),
        now,
        running,
        cycle=named,
        notes=tuple(notes),
        exact_start=exact_start,
    )
    return _with_previous_period(chart, query, window, scope, cycle) if query.compare else chart


def _inside(bins: Bins, scope: Scope | None) -> Bins:
    inside = bins.window if scope is None else scope.hours(bins.window)
    if inside is None:
        raise BadQuery("range", messages.TIME_NOT_IN_LINK)
    return _clipped_to(bins, inside)


def _clipped_to(bins: Bins, window: Window) -> Bins:
    """The part of `bins` inside `window`, which begins and ends on whole hours."""
    inner = bins.edges[bisect_right(bins.edges, window.start) : bisect_left(bins.edges, window.end)]
    return replace(bins, edges=(window.start, *inner, window.end))


def _until_running(bins: Bins, now: int) -> Bins:
    if bins.edges[0] > now:
        raise BadQuery("start", messages.NOT_STARTED_YET)
    return replace(bins, edges=bins.edges[: bisect_right(bins.edges[:-1], now) + 1])


def _is_whole_cycle(bins: Bins, whole: Bins, now: int) -> bool:
    """Whether nothing but what has not begun yet was cut off."""
    return bins.edges[0] == whole.edges[0] and (bins.edges[-1] == whole.edges[-1] or bins.edges[-1] > now)


def _is_inside(window: Window, bins: Bins) -> bool:
    """Whether a window begins on a whole second inside its first hour."""
    return window.start % 1000 == 0 and bins.edges[0] == floor_hour(window.start)


def _is_widened(query: Query, window: Window, now: int) -> bool:
    ends = [window.start] if window.end >= hour_end(now) else [window.start, window.end]
    return any(ms % HOUR_MS and not is_midnight(ms, query.zone) for ms in ends)


def _approximate(query: Query) -> Note:
    sentence = messages.APPROXIMATE_ZONE.format(zone=query.tz)
    return Note("approximate-zone", sentence)


def _whole_hours(query: Query, bins: Bins) -> Note:
    return _widened(query, bins.window, messages.WHOLE_HOURS)


def cycle_note(query: Query, window: Window) -> Note:
    """Says that a billing cycle is known in whole hours only."""
    return _widened(query, window, messages.CYCLE_IN_WHOLE_HOURS)


def _widened(query: Query, window: Window, sentence: str) -> Note:
    first, last = (local(ms, query.zone).strftime("%Y-%m-%d %H:%M") for ms in (window.start, window.end))
    return Note("windows-widened", sentence.format(first=first, last=last))


def _with_previous_period(
    chart: ChartWindow, query: Query, window: Window, scope: Scope | None, cycle: BillingCycle | None
) -> ChartWindow:
    """With the previous period, or with a sentence that says why there is none."""
    cut = min(chart.bins.edges[-1], floor_hour(chart.now))
    if cut <= chart.bins.edges[0]:
        return _not_compared(chart, messages.NO_COMPLETE_HOUR)
    bins = _clipped_to(chart.bins, Window(chart.bins.edges[0], cut))
    if cycle is not None:
        previous = _previous_cycle_bins(bins, cycle)
    elif query.is_cycle:  # Autumn's own previous cycle is as long, too
        previous = bins.shifted(Shift(query.zone, ms=ceil_hour(window.length)))
    else:
        previous = bins.shifted(shift_of(window, query.zone))
    if previous is None:
        return _not_compared(chart, messages.NO_EARLIER_CYCLE)
    if scope is not None and scope.start is not None and previous.edges[0] < scope.start:
        return _not_compared(chart, messages.PREVIOUS_PERIOD_NOT_IN_LINK)
    if previous.edges[0] >= previous.edges[-1] or previous.edges[0] < 0:
        return _not_compared(chart, messages.NO_EARLIER_PERIOD)
    running = chart.running if chart.running is not None and chart.running < len(bins) else None
    last = "last_cycle" if cycle is not None else None
    return replace(chart, bins=bins, running=running, previous=previous, previous_cycle=last)


def _previous_cycle_bins(bins: Bins, cycle: BillingCycle) -> Bins | None:
    """The cycle before, hour for hour; where it was the shorter one, its last bins have nothing."""
    earlier = cycle.previous
    if earlier is None or abs(earlier.end - cycle.window.start) > HOUR_MS:
        return None
    last = min(earlier.end, cycle.window.start)
    shift = Shift(UTC, ms=cycle.window.start - earlier.start)
    return replace(bins, edges=tuple(min(shift.back(edge), last) for edge in bins.edges))


def _not_compared(chart: ChartWindow, sentence: str) -> ChartWindow:
    return replace(chart, notes=(*chart.notes, Note("no-comparison", sentence)))
