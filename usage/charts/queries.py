"""The calls behind a chart, as few as its figures need.

ungrouped, this period      what the bars must sum to, with Autumn's total and count
ungrouped, the previous one  only to compare
grouped                     only with `group_by`; both periods in one call, except for billing cycles
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from usage.api.calls import CLOSED_AFTER_MS, AggregateAnswer, CallOptions, Calls
from usage.api.capabilities import PROBE_FEATURE, Capabilities
from usage.charts.assemble import ChartAssembly, PeriodAnswers
from usage.charts.bins import BillingCycle, ChartWindow
from usage.charts.series import Series, by_group, exact
from usage.errors import TooLarge, Unsupported
from usage.freshness import FetchInfo
from usage.notes import Note
from usage.query import BadQuery, Query
from usage.visible_features import VisibleFeatures
from usage.window import DAY_MS, HOUR_MS, BinSize, Window

MAX_CELLS = 60_000
"""Groups times bins that one call may answer with."""
MAX_GROUPS = 250
OLD_MAX_GROUPS = 9
"""How many groups a server keeps that does not know `max_groups`."""
TIGHT_CELLS = 300_000
"""The same, at the worst, in an answer that fits into the bytes that are read."""
TOO_MANY_GROUPS = (
    "There are too many groups for this interval. Choose UTC, a shorter time range or another property."
)
UNFILTERED = (
    "Autumn can't apply all of these filters to charts. The figures include events that the filters exclude."
)
MAX_FILTERS = 5
MAX_FEATURES = 12
"""A chart of all of a customer's features shows the largest dozen."""
_WIRE_PATH = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")

AggregateCall = Callable[[], AggregateAnswer]


@dataclass(frozen=True, slots=True)
class _NamedRange:
    """The window of a named range. `quiet`: it is the last 24 hours, which Autumn says where there is no cycle."""

    window: Window | None
    quiet: bool


def _named_range(answer: AggregateAnswer) -> _NamedRange:
    now = int(answer.fetch_info.fetched_at * 1000)
    # The newest servers continue the current cycle to its end, in the future.
    periods = [item.period for item in answer.figures.bins if item.period <= now]
    if not periods:
        return _NamedRange(None, quiet=True)
    window = Window(periods[0], periods[-1] + HOUR_MS)
    is_day = DAY_MS <= window.length <= DAY_MS + HOUR_MS
    return _NamedRange(window, is_day and window.end > now - HOUR_MS)


@dataclass(frozen=True, slots=True)
class ChartQueries:
    """The charts of one request in a caller's scope, on a server that `can` do so much. `now`: epoch ms.

    `visible_features`: learns which features have events, and decides whether others are shown.
    """

    calls: Calls
    can: Capabilities
    options: CallOptions
    now: int
    visible_features: VisibleFeatures
    group_limit: int = MAX_GROUPS

    def series(self, query: Query, features: tuple[str, ...], chart: ChartWindow) -> Series:
        """The figures of `features` in `chart`: of all that the query names, else of the largest dozen of those given.

        With `group_by`, the groups of one of them: `focus`, or else the largest. Where these are too many for one
        answer, fewer are requested, once; Unsupported where no number of them would fit.
        """
        chart = replace(chart, weeks=self.can.weeks)
        try:
            return self._series(query, features, chart)
        except TooLarge:
            # At the worst each bin has groups of its own, and each of them is named in all bins.
            fewer = min(self._group_limit(chart) - 1, TIGHT_CELLS // chart.grouped_bins**2)
            if query.group_by is None or fewer < 1 or not self.can.grouping:
                raise Unsupported(TOO_MANY_GROUPS, status=400) from None
            return replace(self, group_limit=fewer)._series(query, features, chart)

    def _series(self, query: Query, features: tuple[str, ...], chart: ChartWindow) -> Series:
        focus = _focus(query, features)
        if focus is not None and focus not in features:
            features = tuple(sorted((*features, focus)))
        ungrouped_calls = self._ungrouped(query, features, chart)
        grouped_calls = self._grouped(query, focus, chart) if focus is not None else []
        answers = self.calls.side_by_side(*ungrouped_calls, *grouped_calls)
        ungrouped, grouped = answers[: len(ungrouped_calls)], answers[len(ungrouped_calls) :]
        ranked = _largest_first(ungrouped[0], features)
        used = [name for name in ranked if any(name in answer.figures.total for answer in ungrouped)]
        self.visible_features.add_used(used)
        ranked = tuple(used) if self.visible_features.hides_unused and not query.feature_id else ranked
        if query.group_by is not None and focus is None and ranked:
            focus = ranked[0]
            grouped = self.calls.side_by_side(*self._grouped(query, focus, chart))
        assembly = ChartAssembly(
            query,
            _features_shown(query, ranked, focus),
            chart,
            PeriodAnswers(*ungrouped),
            focus,
            _period_answers(grouped, chart),
            self._group_limit(chart),
        )
        return assembly.series(self._notes(query))

    def count(self, query: Query, features: tuple[str, ...], chart: ChartWindow) -> int:
        """How many events `features` have in `chart`: Autumn's own count, from the call that a chart makes too."""
        answer = self._ungrouped(query, features, replace(chart, weeks=self.can.weeks))[0]()
        return sum(answer.figures.total[name].count for name in features if name in answer.figures.total)

    def ranking(
        self, query: Query, feature: str, chart: ChartWindow
    ) -> tuple[list[tuple[str, float]], FetchInfo]:
        """The groups of a feature by their sums over the window, largest first, without those that Autumn folded."""
        answer = self._grouped(query, feature, replace(chart, weeks=self.can.weeks))[0]()
        groups = by_group(answer.figures.bins, feature, chart.bins, self._group_limit(chart))
        sums = [(name, exact(sum(values))) for name, values in groups.values.items()]
        return sorted(sums, key=lambda item: (-abs(item[1]), item[0])), answer.fetch_info

    def cycle(self, query: Query, features: tuple[str, ...]) -> BillingCycle:
        """A billing cycle's window, read back from its hour bins. BadQuery where the customer has none (trap 8)."""
        name = query.range or ""
        names = ["1bc", "last_cycle"] if name == "1bc" and query.compare else [name]
        calls = [self._by_name(query, features, each) for each in names]
        found = [_named_range(answer) for answer in self.calls.side_by_side(*calls)]
        if name == "1bc" and found[0].quiet and len(found) == 1:
            # A running cycle may be just a day old; the one before it has ended, unless there is none.
            found.append(_named_range(self._by_name(query, features, "last_cycle")()))
        window = found[0].window
        if window is None or all(each.quiet for each in found):
            raise BadQuery("range", "This customer has no billing cycle. Choose days instead.")
        return BillingCycle(name, window, found[1].window if len(found) > 1 else None)

    def _by_name(self, query: Query, features: tuple[str, ...], name: str) -> AggregateCall:
        return lambda: self._aggregate(query, features, "hour", None, name)

    def _ungrouped(self, query: Query, features: tuple[str, ...], chart: ChartWindow) -> list[AggregateCall]:
        calls = [lambda: self._aggregate(query, features, chart.wire_size, chart.requested, chart.cycle)]
        previous = chart.previous
        if previous is not None:
            size, name = chart.previous_wire_size, chart.previous_cycle
            calls.append(lambda: self._aggregate(query, features, size, previous.window, name))
        return calls

    def _grouped(self, query: Query, focus: str, chart: ChartWindow) -> list[AggregateCall]:
        more: dict[str, object] = {"group_by": query.group_by}
        if self.can.grouping:
            more["max_groups"] = self._group_limit(chart)

        def call(window: Window, name: str | None) -> AggregateCall:
            return lambda: self._aggregate(query, (focus,), chart.grouped_size, window, name, more)

        calls = [call(chart.grouped, chart.cycle)]
        if chart.previous is not None and chart.cycle is not None:
            calls.append(call(chart.previous.window, chart.previous_cycle))
        return calls

    def _aggregate(
        self,
        query: Query,
        features: tuple[str, ...],
        size: BinSize,
        window: Window | None,
        name: str | None,
        more: dict[str, object] | None = None,
    ) -> AggregateAnswer:
        # An aggregate must name a feature: one that does not exist stands for none.
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
            # A cycle's ungrouped figures were requested a moment ago, to learn its window.
            just_read = window is not None and more is None
            options = replace(self.options, refresh=self.options.refresh and not just_read)
            return self.calls.aggregate(body | {"range": name}, closed=name == "last_cycle", options=options)
        body["custom_range"] = window.aggregate_range()
        closed = window.end < self.now - CLOSED_AFTER_MS
        return self.calls.aggregate(body, closed=closed, options=self.options)

    def _group_limit(self, chart: ChartWindow) -> int:
        if not self.can.grouping:
            return OLD_MAX_GROUPS
        return max(1, min(self.group_limit, MAX_CELLS // chart.grouped_bins))

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
    """The feature whose groups are requested, where it is known before the figures are."""
    if query.group_by is None:
        return None
    return query.focus or (features[0] if len(features) == 1 else None)


def _largest_first(answer: AggregateAnswer, features: tuple[str, ...]) -> tuple[str, ...]:
    sums = {name: sum(item.values[name] for item in answer.figures.bins) for name in features}
    return tuple(sorted(sums, key=lambda name: (-abs(sums[name]), name)))


def _features_shown(query: Query, ranked: tuple[str, ...], focus: str | None) -> tuple[str, ...]:
    if query.feature_id:
        return ranked
    largest = ranked[:MAX_FEATURES]
    return largest if focus is None or focus in largest else (*largest, focus)


def _period_answers(grouped: Sequence[AggregateAnswer], chart: ChartWindow) -> PeriodAnswers | None:
    """For both periods: a cycle has an answer for each, anything else one for both."""
    if not grouped:
        return None
    return PeriodAnswers(grouped[0], grouped[-1] if chart.previous is not None else None)
