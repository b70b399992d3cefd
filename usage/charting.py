"""The calls behind a chart, as few as its figures need, and the window that they share.

ungrouped, this period      what the bars must sum to, with Autumn's total and count
ungrouped, the one before   only to compare
grouped                     only with `group_by`; both periods in one call
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from usage.calls import CLOSED_AFTER_MS, AggregateAnswer, Asking, Calls
from usage.capabilities import Capabilities
from usage.freshness import Dated, freshness_of
from usage.query import BadQuery, Query
from usage.results import Aggregate, Bin
from usage.series import (
    Groups,
    Line,
    Reconciliation,
    Series,
    by_feature,
    by_group,
    exact,
    feature_lines,
    feature_totals,
    group_lines,
    within,
)
from usage.window import DAY_MS, HOUR_MS, Bins, BinSize, Shift, Window, bins_of, floor_hour, is_utc, shift_of

MAX_CELLS = 60_000
"""Groups times bins that one call may answer with."""
MAX_GROUPS = 250
OLD_MAX_GROUPS = 9
"""How many groups a server keeps that does not know `max_groups`."""
MAX_FILTERS = 5
MAX_FEATURES = 12
"""A chart of all of a customer's features shows the largest dozen."""
_WIRE_PATH = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")


@dataclass(frozen=True, slots=True)
class Frame:
    """The bins of a chart and, where it compares, those of the period before, one for each.

    `running`: the bin whose value still moves. `cycle`: the range to name instead of giving bounds (trap 8).
    """

    bins: Bins
    size: BinSize
    utc: bool
    running: int | None = None
    before: Bins | None = None
    cycle: str | None = None

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
        on_days = self.size != "hour" and self.before is not None and self.before.on_utc_days()
        return "day" if on_days else "hour"


def frame_of(query: Query, window: Window, now: int, cycle: str | None = None) -> Frame:
    """The bins of `window`, cut behind the running one; a comparison runs to the last full hour on both sides."""
    size = query.bin_size_for(window)
    zone = query.zone
    bins = bins_of(window, size, zone)
    if bins.edges[0] > now:
        raise BadQuery("start", "This window has not begun yet. Choose an earlier start.")
    bins = replace(
        bins,
        edges=(bins.edges[0], *(end for start, end in zip(bins.edges, bins.edges[1:], strict=False) if start <= now)),
    )
    running = len(bins) - 1 if now < bins.edges[-1] else None
    frame = Frame(bins, size, is_utc(window, zone), running, cycle=cycle)
    return _compared(frame, shift_of(window, zone), now) if query.compare and cycle is None else frame


def _compared(frame: Frame, shift: Shift, now: int) -> Frame:
    cut = min(frame.bins.edges[-1], floor_hour(now))
    if cut <= frame.bins.edges[0]:
        return frame
    edges = (*(edge for edge in frame.bins.edges if edge < cut), cut)
    bins = replace(frame.bins, edges=edges)
    running = frame.running if frame.running is not None and frame.running < len(bins) else None
    return replace(frame, bins=bins, running=running, before=bins.shifted(shift))


@dataclass(frozen=True, slots=True)
class Plain:
    """Ungrouped figures: this period's, and the one's before where compared."""

    now: AggregateAnswer
    before: AggregateAnswer | None


class Charting:
    """The charts of one caller's scope."""

    def __init__(self, calls: Calls, can: Capabilities) -> None:
        self._calls = calls
        self._can = can

    def series(self, query: Query, features: tuple[str, ...], frame: Frame, now: int, asking: Asking) -> Series:
        """The figures of `features` in `frame`: of all that are asked for, else of the largest dozen of those given.

        With `group_by`, the groups of one of them: `focus`, or else the largest.
        """
        focus = query.focus or (features[0] if len(features) == 1 else None)
        if focus is not None and focus not in features:
            features = tuple(sorted({*features, focus}))
        if query.group_by is None or focus is not None:
            plain, grouped = self._at_once(query, features, frame, focus, now, asking)
        else:
            plain, grouped = self._at_once(replace(query, group_by=None, group=()), features, frame, None, now, asking)
        ranked = _largest_first(plain.now.figures, features, frame.bins)
        if query.group_by is not None and grouped is None:
            focus = ranked[0]
            grouped = self._grouped(query, focus, frame, now, asking)
        shown = ranked if query.feature_id else ranked[:MAX_FEATURES]
        figures = _Figures(query, shown, frame, now, plain, focus, grouped, self._most_groups(frame))
        return _assemble(figures, self._notes(query, frame))

    def ranking(
        self, query: Query, feature: str, frame: Frame, now: int, asking: Asking
    ) -> tuple[list[tuple[str, float]], Dated]:
        """The groups of a feature by their sums over the window, largest first; those that Autumn folded are not among them."""
        answer = self._grouped(query, feature, frame, now, asking)
        groups = by_group(answer.figures.bins, feature, frame.bins, self._most_groups(frame))
        sums = [(name, exact(sum(values))) for name, values in groups.values.items()]
        return sorted(sums, key=lambda item: (-abs(item[1]), item[0])), answer.dated

    def cycle_window(self, query: Query, features: tuple[str, ...], now: int, asking: Asking) -> Window:
        """A billing cycle's window, read back from its hour bins. BadQuery where the customer has no cycle (trap 8)."""
        body = self._body(query, features, "hour")
        body["range"] = query.range
        periods = self._calls.aggregate(body, closed=query.range == "last_cycle", asking=asking).figures.bins
        if not periods:
            raise BadQuery("range", "Autumn names no billing cycle for this customer. Choose days instead.")
        window = Window(periods[0].period, periods[-1].period + HOUR_MS)
        if window.length <= DAY_MS + HOUR_MS and window.end > now - HOUR_MS:
            raise BadQuery("range", "This customer has no billing cycle. Choose days instead.")
        return window

    def _at_once(
        self, query: Query, features: tuple[str, ...], frame: Frame, focus: str | None, now: int, asking: Asking
    ) -> tuple[Plain, AggregateAnswer | None]:
        asks = [lambda: self._plain(query, features, frame.bins, frame.wire_size, now, asking, frame.cycle)]
        before = frame.before
        if before is not None:
            asks.append(lambda: self._plain(query, features, before, frame.wire_size_before, now, asking))
        if query.group_by is not None and focus is not None:
            asks.append(lambda: self._grouped(query, focus, frame, now, asking))
        answers = self._calls.side_by_side(*asks)
        plain = Plain(answers[0], answers[1] if before is not None else None)
        return plain, answers[-1] if query.group_by is not None and focus is not None else None

    def _plain(
        self,
        query: Query,
        features: tuple[str, ...],
        bins: Bins,
        size: BinSize,
        now: int,
        asking: Asking,
        cycle: str | None = None,
    ) -> AggregateAnswer:
        body = self._body(query, features, size)
        return self._aggregate(body, bins.window, now, asking, cycle)

    def _grouped(self, query: Query, focus: str, frame: Frame, now: int, asking: Asking) -> AggregateAnswer:
        body = self._body(query, (focus,), _grouped_size(frame))
        body["group_by"] = query.group_by
        if self._can.grouping:
            body["max_groups"] = self._most_groups(frame)
        return self._aggregate(body, _grouped_window(frame), now, asking, frame.cycle)

    def _aggregate(
        self, body: dict[str, Any], window: Window, now: int, asking: Asking, cycle: str | None
    ) -> AggregateAnswer:
        body |= {"range": cycle} if cycle is not None else {"custom_range": window.aggregate_range()}
        return self._calls.aggregate(body, closed=window.end < now - CLOSED_AFTER_MS, asking=asking)

    def _body(self, query: Query, features: tuple[str, ...], size: BinSize) -> dict[str, Any]:
        body: dict[str, Any] = {"feature_id": list(features), "bin_size": size}
        if query.customer_id is not None:
            body["customer_id"] = query.customer_id
        if query.entity_id is not None:
            body["entity_id"] = query.entity_id
        if self._can.grouping and (filters := wire_filters(query)):
            body["filter_by"] = filters
        return body

    def _most_groups(self, frame: Frame) -> int:
        if not self._can.grouping:
            return OLD_MAX_GROUPS
        steps = {"hour": HOUR_MS, "day": DAY_MS, "week": 7 * DAY_MS, "month": 28 * DAY_MS}
        count = _grouped_window(frame).length // steps[_grouped_size(frame)] + 2
        return max(1, min(MAX_GROUPS, MAX_CELLS // count))

    def _notes(self, query: Query, frame: Frame) -> tuple[str, ...]:
        notes = []
        if frame.bins.approximate:
            notes.append(f"Days in {query.tz} do not begin on a full UTC hour: bins begin at the nearest one.")
        if query.has_row_filters and (not self._can.grouping or len(wire_filters(query)) < _conditions(query)):
            notes.append(
                "Autumn cannot apply all of these filters to charts: these figures include events that they hide."
            )
        if query.compare and frame.before is None:
            notes.append(
                "There is nothing to compare yet: this window has no full hour, or Autumn has no name for the cycle before."
            )
        return tuple(notes)


def wire_filters(query: Query) -> dict[str, str]:
    """`filter_by`: the property filters that Autumn can apply to aggregates, at most five properties with one value each."""
    paths = [item.path for item in query.filter]
    single = [item for item in query.filter if paths.count(item.path) == 1 and _WIRE_PATH.fullmatch(item.path)]
    return {item.path: item.value for item in single[:MAX_FILTERS]}


def _conditions(query: Query) -> int:
    return len(query.filter) + len(query.exclude) + (query.value_min is not None) + (query.value_max is not None)


def _grouped_window(frame: Frame) -> Window:
    first = frame.before.edges[0] if frame.before is not None else frame.bins.edges[0]
    return Window(first, frame.bins.edges[-1])


def _grouped_size(frame: Frame) -> BinSize:
    if frame.before is None:
        return frame.wire_size
    contiguous = frame.before.edges[-1] == frame.bins.edges[0]
    on_days = frame.size != "hour" and frame.bins.on_utc_days() and frame.before.on_utc_days()
    return "day" if contiguous and on_days and frame.bins.edges[0] % DAY_MS == 0 else "hour"


def _largest_first(figures: Aggregate, features: tuple[str, ...], bins: Bins) -> tuple[str, ...]:
    sums = by_feature(figures.bins, features, bins)
    return tuple(sorted(sums, key=lambda name: (-abs(sum(sums[name])), name)))


def _clipped(answer: AggregateAnswer, frame: Frame) -> list[Bin]:
    """This period's bins. A cut week begins before the window does, and a named cycle knows no other."""
    if frame.before is None:
        return answer.figures.bins
    return within(answer.figures.bins, frame.bins.window)


@dataclass(frozen=True, slots=True)
class _Figures:
    """All that was fetched for one chart."""

    query: Query
    features: tuple[str, ...]
    frame: Frame
    now: int
    plain: Plain
    focus: str | None
    grouped: AggregateAnswer | None
    most_groups: int


def _assemble(got: _Figures, notes: tuple[str, ...]) -> Series:
    frame, figures = got.frame, got.plain.now.figures
    current = by_feature(figures.bins, got.features, frame.bins)
    before = None
    if got.plain.before is not None and frame.before is not None:
        before = by_feature(got.plain.before.figures.bins, got.features, frame.before)
    focus = got.focus if got.grouped is not None else None
    lines = (
        feature_lines(current, before, len(frame.bins)) if focus is None else _group_lines(got, focus, current, before)
    )
    shown = [focus] if focus is not None else list(current)
    answers = (got.plain.now, got.plain.before, got.grouped)
    return Series(
        query=got.query,
        bins=frame.bins,
        now=got.now,
        lines=lines,
        features=feature_totals(figures, current, before),
        focus=focus,
        reconciliation=_reconciled(got, shown, exact(sum(line.total for line in lines))),
        fresh=freshness_of(answer.dated for answer in answers if answer is not None),
        running=frame.running,
        previous=None if before is None else _whole(before, shown, len(frame.bins)),
        notes=notes,
    )


def _group_lines(
    got: _Figures, focus: str, current: Mapping[str, list[float]], before: Mapping[str, list[float]] | None
) -> tuple[Line, ...]:
    frame = got.frame
    if got.grouped is None:
        raise ValueError("groups need a grouped answer")
    groups = by_group(_clipped(got.grouped, frame), focus, frame.bins, got.most_groups)
    previous: tuple[Groups, list[float]] | None = None
    if before is not None and frame.before is not None:
        earlier = within(got.grouped.figures.bins, frame.before.window)
        previous = (by_group(earlier, focus, frame.before, got.most_groups), before[focus])
    return group_lines(groups, current[focus], previous, got.query.group)


def _whole(sums: Mapping[str, list[float]], features: list[str], size: int) -> tuple[float, ...]:
    columns = [sums.get(name, [0.0] * size) for name in features]
    return tuple(exact(sum(column)) for column in zip(*columns, strict=True))


def _reconciled(got: _Figures, shown: list[str], bars: float) -> Reconciliation:
    answer = got.plain.now.figures.total
    totals = [answer[name] for name in shown if name in answer]
    checked = Reconciliation(bars, exact(sum(item.sum for item in totals)), sum(item.count for item in totals))
    return replace(checked, reason=_why_different(got)) if checked.difference else checked


def _why_different(got: _Figures) -> str:
    if got.query.group:
        return "Only the chosen groups are drawn."
    if got.frame.cycle is not None:
        return "Autumn totals a billing cycle from the start of its first day, the bars begin with its first hour."
    if got.frame.running is not None:
        return "Events arrived between two calls: the running bin still moves."
    return "Autumn's bins do not sum to its own total."
