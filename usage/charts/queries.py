"""The calls behind a chart, as few as its figures need.

ungrouped, this period      what the bars must sum to, with Autumn's total and count
ungrouped, the one before   only to compare
grouped                     only with `group_by`; both periods in one call, except for billing cycles
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from usage.api.calls import CLOSED_AFTER_MS, AggregateAnswer, Asking, Calls
from usage.api.capabilities import PROBE_FEATURE, Capabilities
from usage.charts.assemble import Answers, Figures
from usage.charts.bins import Cycle, Frame
from usage.charts.series import Series, by_group, exact
from usage.errors import TooLarge, Unsupported
from usage.freshness import Dated
from usage.notes import Note
from usage.query import BadQuery, Query
from usage.visible_features import Naming
from usage.window import DAY_MS, HOUR_MS, BinSize, Window

MAX_CELLS = 60_000
"""Groups times bins that one call may answer with."""
MAX_GROUPS = 250
OLD_MAX_GROUPS = 9
"""How many groups a server keeps that does not know `max_groups`."""
TIGHT_CELLS = 300_000
"""The same, at the worst, in an answer that fits into the bytes that are read."""
TOO_MANY = "This has too many different values for bins this small: choose UTC, a shorter window or another property."
UNFILTERED = (
    "Autumn cannot apply all of these filters to charts: these figures include events that they hide."
)
MAX_FILTERS = 5
MAX_FEATURES = 12
"""A chart of all of a customer's features shows the largest dozen."""
_WIRE_PATH = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")

Ask = Callable[[], AggregateAnswer]


@dataclass(frozen=True, slots=True)
class _Named:
    """The window of a named range. `quiet`: it is the last 24 hours, which Autumn says where there is no cycle."""

    window: Window | None
    quiet: bool


def _named(answer: AggregateAnswer) -> _Named:
    periods = answer.figures.bins
    if not periods:
        return _Named(None, quiet=True)
    window = Window(periods[0].period, periods[-1].period + HOUR_MS)
    is_day = DAY_MS <= window.length <= DAY_MS + HOUR_MS
    return _Named(window, is_day and window.end > int(answer.dated.fetched_at * 1000) - HOUR_MS)


@dataclass(frozen=True, slots=True)
class Charting:
    """The charts of one request in a caller's scope, on a server that `can` do so much. `now`: epoch ms.

    `naming`: is told which features have events, and whether it shows others: these may be known from elsewhere.
    """

    calls: Calls
    can: Capabilities
    asking: Asking
    now: int
    most: int = MAX_GROUPS
    naming: Naming | None = None

    def series(self, query: Query, features: tuple[str, ...], frame: Frame) -> Series:
        """The figures of `features` in `frame`: of all that are asked for, else of the largest dozen of those given.

        With `group_by`, the groups of one of them: `focus`, or else the largest. Where these are too many for one
        answer, fewer are asked for, once; Unsupported where no number of them would fit.
        """
        try:
            return self._series(query, features, frame)
        except TooLarge:
            # At the worst each bin has groups of its own, and each of them is named in all bins.
            fewer = min(self._most_groups(frame) - 1, TIGHT_CELLS // frame.grouped_bins**2)
            if query.group_by is None or fewer < 1 or not self.can.grouping:
                raise Unsupported(TOO_MANY, status=400) from None
            return replace(self, most=fewer)._series(query, features, frame)

    def _series(self, query: Query, features: tuple[str, ...], frame: Frame) -> Series:
        focus = _focus(query, features)
        if focus is not None and focus not in features:
            features = tuple(sorted((*features, focus)))
        plain_asks = self._plain(query, features, frame)
        grouped_asks = self._grouped(query, focus, frame) if focus is not None else []
        answers = self.calls.side_by_side(*plain_asks, *grouped_asks)
        plain, grouped = answers[: len(plain_asks)], answers[len(plain_asks) :]
        ranked = _largest_first(plain[0], features)
        if self.naming is not None:
            used = [name for name in ranked if any(name in answer.figures.total for answer in plain)]
            self.naming.note(used)
            ranked = tuple(used) if self.naming.sparing and not query.feature_id else ranked
        if query.group_by is not None and focus is None and ranked:
            focus = ranked[0]
            grouped = self.calls.side_by_side(*self._grouped(query, focus, frame))
        figures = Figures(
            query,
            _shown(query, ranked, focus),
            frame,
            Answers(*plain),
            focus,
            _both(grouped, frame),
            self._most_groups(frame),
        )
        return figures.series(self._notes(query))

    def count(self, query: Query, features: tuple[str, ...], frame: Frame) -> int:
        """How many events `features` have in `frame`: Autumn's own count, from the call that a chart makes too."""
        answer = self._plain(query, features, frame)[0]()
        return sum(answer.figures.total[name].count for name in features if name in answer.figures.total)

    def ranking(self, query: Query, feature: str, frame: Frame) -> tuple[list[tuple[str, float]], Dated]:
        """The groups of a feature by their sums over the window, largest first, without those that Autumn folded."""
        answer = self._grouped(query, feature, frame)[0]()
        groups = by_group(answer.figures.bins, feature, frame.bins, self._most_groups(frame))
        sums = [(name, exact(sum(values))) for name, values in groups.values.items()]
        return sorted(sums, key=lambda item: (-abs(item[1]), item[0])), answer.dated

    def cycle(self, query: Query, features: tuple[str, ...]) -> Cycle:
        """A billing cycle's window, read back from its hour bins. BadQuery where the customer has none (trap 8)."""
        name = query.range or ""
        names = ["1bc", "last_cycle"] if name == "1bc" and query.compare else [name]
        asks = [self._by_name(query, features, each) for each in names]
        found = [_named(answer) for answer in self.calls.side_by_side(*asks)]
        if name == "1bc" and found[0].quiet and len(found) == 1:
            # A running cycle may be just a day old; the one before it has ended, unless there is none.
            found.append(_named(self._by_name(query, features, "last_cycle")()))
        window = found[0].window
        if window is None or all(each.quiet for each in found):
            raise BadQuery("range", "This customer has no billing cycle. Choose days instead.")
        return Cycle(name, window, found[1].window if len(found) > 1 else None)

    def _by_name(self, query: Query, features: tuple[str, ...], name: str) -> Ask:
        return lambda: self._aggregate(query, features, "hour", None, name)

    def _plain(self, query: Query, features: tuple[str, ...], frame: Frame) -> list[Ask]:
        asks = [lambda: self._aggregate(query, features, frame.wire_size, frame.asked, frame.cycle)]
        before = frame.before
        if before is not None:
            size, name = frame.wire_size_before, frame.cycle_before
            asks.append(lambda: self._aggregate(query, features, size, before.window, name))
        return asks

    def _grouped(self, query: Query, focus: str, frame: Frame) -> list[Ask]:
        more: dict[str, object] = {"group_by": query.group_by}
        if self.can.grouping:
            more["max_groups"] = self._most_groups(frame)

        def ask(window: Window, name: str | None) -> Ask:
            return lambda: self._aggregate(query, (focus,), frame.grouped_size, window, name, more)

        asks = [ask(frame.grouped, frame.cycle)]
        if frame.before is not None and frame.cycle is not None:
            asks.append(ask(frame.before.window, frame.cycle_before))
        return asks

    def _aggregate(
        self,
        query: Query,
        features: tuple[str, ...],
        size: BinSize,
        window: Window | None,
        name: str | None,
        more: dict[str, object] | None = None,
    ) -> AggregateAnswer:
        # An aggregate must name a feature: one that nobody has stands for none.
        body: dict[str, object] = {
            "feature_id": list(features or (PROBE_FEATURE,)),
            "bin_size": size,
            **(more or {}),
        }
        if query.customer_id is not None:
            body["customer_id"] = query.customer_id
        if query.entity_id is not None:
            body["entity_id"] = query.entity_id
        if self.can.grouping and (filters := wire_filters(query)):
            body["filter_by"] = filters
        if name is not None or window is None:
            # A cycle's ungrouped figures were asked for a moment ago, to learn its window.
            just_read = window is not None and more is None
            asking = replace(self.asking, refresh=self.asking.refresh and not just_read)
            return self.calls.aggregate(body | {"range": name}, closed=name == "last_cycle", asking=asking)
        body["custom_range"] = window.aggregate_range()
        closed = window.end < self.now - CLOSED_AFTER_MS
        return self.calls.aggregate(body, closed=closed, asking=self.asking)

    def _most_groups(self, frame: Frame) -> int:
        if not self.can.grouping:
            return OLD_MAX_GROUPS
        return max(1, min(self.most, MAX_CELLS // frame.grouped_bins))

    def _notes(self, query: Query) -> tuple[Note, ...]:
        if query.has_row_filters and (not self.can.grouping or len(wire_filters(query)) < _conditions(query)):
            return (Note("filters-not-applied", UNFILTERED),)
        return ()


def wire_filters(query: Query) -> dict[str, str]:
    """`filter_by`: the property filters that Autumn can apply to aggregates, at most five, with one value each."""
    paths = [item.path for item in query.filter]
    single = [
        item for item in query.filter if paths.count(item.path) == 1 and _WIRE_PATH.fullmatch(item.path)
    ]
    return {item.path: item.value for item in single[:MAX_FILTERS]}


def _conditions(query: Query) -> int:
    return (
        len(query.filter) + len(query.exclude) + (query.value_min is not None) + (query.value_max is not None)
    )


def _focus(query: Query, features: tuple[str, ...]) -> str | None:
    """The feature whose groups are asked for, where it is known before the figures are."""
    if query.group_by is None:
        return None
    return query.focus or (features[0] if len(features) == 1 else None)


def _largest_first(answer: AggregateAnswer, features: tuple[str, ...]) -> tuple[str, ...]:
    sums = {name: sum(item.values[name] for item in answer.figures.bins) for name in features}
    return tuple(sorted(sums, key=lambda name: (-abs(sums[name]), name)))


def _shown(query: Query, ranked: tuple[str, ...], focus: str | None) -> tuple[str, ...]:
    if query.feature_id:
        return ranked
    largest = ranked[:MAX_FEATURES]
    return largest if focus is None or focus in largest else (*largest, focus)


def _both(grouped: Sequence[AggregateAnswer], frame: Frame) -> Answers | None:
    """For both periods: a cycle has an answer for each, anything else one for both."""
    if not grouped:
        return None
    return Answers(grouped[0], grouped[-1] if frame.before is not None else None)
