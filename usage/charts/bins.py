"""The frame of a chart: its bins, those it is compared with, and what Autumn must be asked for them. Pure.

The traps that live here: 6 (whole hours), 8 (cycles by name), 9 and 10 (sizes of bins, days of the viewer).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from datetime import UTC

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
    bins_of,
    floor_hour,
    is_midnight,
    is_utc,
    local,
    shift_of,
)

STEPS: dict[BinSize, int] = {"hour": HOUR_MS, "day": DAY_MS, "week": 7 * DAY_MS, "month": 28 * DAY_MS}
"""The shortest that each of Autumn's bins can be, in ms."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """A billing cycle as Autumn names it, and its window as read back from its bins. `before`: the cycle before."""

    name: str
    window: Window
    before: Window | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """The bins of a chart and, where it compares, those of the period before, one for each.

    `running`: the bin whose value still moves. `cycle`, `cycle_before`: the ranges to name instead of giving bounds
    (trap 8). `notes`: what the bins are not.
    """

    bins: Bins
    size: BinSize
    utc: bool
    now: int
    running: int | None = None
    before: Bins | None = None
    cycle: str | None = None
    cycle_before: str | None = None
    notes: tuple[Note, ...] = ()

    @property
    def asked(self) -> Window:
        """What Autumn is asked for: hours that have begun. Events that claim a later one are in no bar and no total."""
        window = self.bins.window
        return Window(window.start, min(window.end, floor_hour(self.now) + HOUR_MS))

    @property
    def wire_size(self) -> BinSize:
        """The size of Autumn's bins that sum to ours: its own where days are UTC's, hours elsewhere (trap 10)."""
        if self.cycle is not None:
            return "hour"
        if self.utc:
            return self.size
        return "day" if self.size != "hour" and self.bins.on_utc_days() else "hour"

    @property
    def wire_size_before(self) -> BinSize:
        """The same for the period before, whose weeks and months begin on any day."""
        on_days = self.cycle_before is None and self.size != "hour" and self.before is not None
        return "day" if on_days and self.before is not None and self.before.on_utc_days() else "hour"

    @property
    def grouped(self) -> Window:
        """The window of a grouped call: both periods in one, except for cycles, which have a call for each."""
        if self.before is None or self.cycle is not None:
            return self.asked
        return Window(self.before.edges[0], self.asked.end)

    @property
    def grouped_size(self) -> BinSize:
        """The size of Autumn's bins in a grouped call."""
        if self.before is None or self.cycle is not None:
            return self.wire_size
        contiguous = self.before.edges[-1] == self.bins.edges[0] and self.bins.edges[0] % DAY_MS == 0
        on_days = self.bins.on_utc_days() and self.before.on_utc_days()
        return "day" if self.size != "hour" and contiguous and on_days else "hour"

    @property
    def grouped_bins(self) -> int:
        """How many bins a grouped call answers with, at most."""
        return self.grouped.length // STEPS[self.grouped_size] + 2


def frame_of(
    query: Query, window: Window, now: int, scope: Scope | None = None, cycle: Cycle | None = None
) -> Frame:
    """The bins of `window`, cut behind the running one and at `scope`'s bounds; a comparison ends with a full hour.

    BadQuery where nothing of the window is left, or where it has too many bins.
    """
    size, zone = query.bin_size_for(window), query.zone
    whole = bins_of(window, size, zone)
    bins = _begun(_inside(whole, scope), now)
    running = len(bins) - 1 if now < bins.edges[-1] else None
    named = cycle.name if cycle is not None and _is_all(bins, whole, now) else None
    notes = [_approximate(query)] if bins.approximate else []
    if query.start is not None and _is_widened(query, window, now):
        notes.append(_whole_hours(query, bins))
    frame = Frame(bins, size, is_utc(window, zone), now, running, cycle=named, notes=tuple(notes))
    return _compared(frame, query, window, scope, cycle) if query.compare else frame


def _inside(bins: Bins, scope: Scope | None) -> Bins:
    inside = bins.window if scope is None else scope.hours(bins.window)
    if inside is None:
        raise BadQuery("range", "This link does not show that time.")
    return _cut(bins, inside)


def _cut(bins: Bins, window: Window) -> Bins:
    """`bins`, as far as they lie in `window`, which begins and ends on whole hours."""
    inner = bins.edges[bisect_right(bins.edges, window.start) : bisect_left(bins.edges, window.end)]
    return replace(bins, edges=(window.start, *inner, window.end))


def _begun(bins: Bins, now: int) -> Bins:
    if bins.edges[0] > now:
        raise BadQuery("start", "This window has not begun yet. Choose an earlier start.")
    return replace(bins, edges=bins.edges[: bisect_right(bins.edges[:-1], now) + 1])


def _is_all(bins: Bins, whole: Bins, now: int) -> bool:
    """Whether nothing but what has not begun yet was cut off."""
    return bins.edges[0] == whole.edges[0] and (bins.edges[-1] == whole.edges[-1] or bins.edges[-1] > now)


def _is_widened(query: Query, window: Window, now: int) -> bool:
    ends = [window.start] if query.end is None or window.end > now else [window.start, window.end]
    return any(ms % HOUR_MS and not is_midnight(ms, query.zone) for ms in ends)


def _approximate(query: Query) -> Note:
    sentence = (
        f"{query.tz} is not a whole number of hours from UTC: bins begin at the nearest full hour of UTC."
    )
    return Note("approximate-zone", sentence)


def _whole_hours(query: Query, bins: Bins) -> Note:
    first, last = (local(ms, query.zone).strftime("%Y-%m-%d %H:%M") for ms in (bins.edges[0], bins.edges[-1]))
    return Note("windows-widened", f"Charts know whole hours: this one runs from {first} to {last}.")


def _compared(frame: Frame, query: Query, window: Window, scope: Scope | None, cycle: Cycle | None) -> Frame:
    """With the period before, or with a sentence that says why there is none."""
    cut = min(frame.bins.edges[-1], floor_hour(frame.now))
    if cut <= frame.bins.edges[0]:
        return _not_compared(frame, "There is nothing to compare yet: this window has no full hour.")
    bins = _cut(frame.bins, Window(frame.bins.edges[0], cut))
    before = bins.shifted(shift_of(window, query.zone)) if cycle is None else _cycle_before(bins, cycle)
    if before is None:
        return _not_compared(
            frame, "Autumn names no billing cycle before this one: there is nothing to compare with."
        )
    if scope is not None and scope.start is not None and before.edges[0] < scope.start:
        return _not_compared(frame, "This link does not show the period before.")
    if before.edges[0] >= before.edges[-1] or before.edges[0] < 0:
        return _not_compared(frame, "There is no period before this one.")
    running = frame.running if frame.running is not None and frame.running < len(bins) else None
    last = "last_cycle" if cycle is not None else None
    return replace(frame, bins=bins, running=running, before=before, cycle_before=last)


def _cycle_before(bins: Bins, cycle: Cycle) -> Bins | None:
    """The cycle before, hour for hour; where it was the shorter one, its last bins have nothing."""
    earlier = cycle.before
    if earlier is None or abs(earlier.end - cycle.window.start) > HOUR_MS:
        return None
    last = min(earlier.end, cycle.window.start)
    shift = Shift(UTC, ms=cycle.window.start - earlier.start)
    return replace(bins, edges=tuple(min(shift.back(edge), last) for edge in bins.edges))


def _not_compared(frame: Frame, sentence: str) -> Frame:
    return replace(frame, notes=(*frame.notes, Note("no-comparison", sentence)))
