"""The calls behind a chart, as few as its figures need.

ungrouped, this period      what the bars must sum to, with Autumn's total and count
ungrouped, the previous one  only to compare
grouped                     only with `group_by`; both periods in one call, except for billing cycles
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from usage import messages
from usage.api.calls import CLOSED_AFTER_MS, AggregateAnswer, CallOptions, Calls
from usage.api.capabilities import PROBE_FEATURE, Capabilities
from usage.charts.assemble import ChartAssembly, PeriodAnswers, UngroupedFigures, own_bins
from usage.charts.chart_window import BillingCycle, ChartWindow
from usage.charts.deducted import adds_up, balances_of, by_balance, by_group_of_balance, plans_of
from usage.charts.filters import conditions, wire_filters
from usage.charts.groups import group_moves
from usage.charts.moves import Move
from usage.charts.result_cache import ResultCache
from usage.charts.series import FeatureTotal, Reconciliation, Series
from usage.errors import TooLarge, UnknownCustomer, Unsupported, UsageError
from usage.features.names import FeatureNames
from usage.features.visible import VisibleFeatures
from usage.freshness import FetchInfo
from usage.notes import Note
from usage.query import BadQuery, Query
from usage.window import DAY_MS, HOUR_MS, BinSize, Window

MAX_CELLS = 60_000
"""Groups times bins that one call may answer with."""
MAX_GROUPS = 250
OLD_MAX_GROUPS = 9
"""How many groups a server keeps that does not know `max_groups`."""
TIGHT_CELLS = 300_000
"""The same, at the worst, in an answer that fits into the bytes that are read."""
MAX_FEATURES = 12
"""A page draws this many of a customer's features, those with most events; it lists the others."""
DEDUCTIONS_SINCE_MS = 1_777_593_600_000
"""1 May 2026: Autumn's events have deductions since then."""
DEDUCTED_WITHOUT_TOTAL = Note("no-total", messages.DEDUCTED_WITHOUT_TOTAL)
DEDUCTIONS_SINCE = Note("deductions-since", messages.DEDUCTIONS_SINCE)
BALANCES_DIFFER = Note("balances-differ", messages.BALANCES_DIFFER)
TOGETHER_S = 5.0
"""Figures that are subtracted from each other were fetched within this many seconds."""


@dataclass(frozen=True, slots=True)
class AggregateRequest:
    """One call. `closed`: its window has ended. `refreshable`: a page that is refreshed fetches it anew.

    `missing`: what a chart says where it has to do without the answer; empty where it cannot.
    """

    body: dict[str, object]
    closed: bool
    refreshable: bool = True
    missing: str = ""


@dataclass(frozen=True, slots=True)
class _NamedRange:
    """The window of a named range.

    `quiet`: it is the last 24 hours, which Autumn says where there is no cycle.
    """

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

    `visible_features`: learns which features have events, and decides whether others are shown. `strict`: an
    answer that cannot be had is an error, also where a page could do without.
    """

    calls: Calls
    can: Capabilities
    options: CallOptions
    now: int
    visible_features: VisibleFeatures
    cache: ResultCache
    group_limit: int = MAX_GROUPS
    first_version: bool = False
    strict: bool = False

    def series(self, query: Query, features: FeatureNames, chart: ChartWindow) -> Series:
        """The figures of `features` in `chart`: of all that the query names, else of those that have events.

        It draws one of them, `focus` or the one with most events; with `group_by` its groups. Where these are
        too many for one answer, fewer are requested, once; Unsupported where no number of them would fit.
        """
        chart = replace(chart, weeks=self.can.weeks, first_version=self.first_version)
        try:
            return self._series(query, features, chart)
        except TooLarge:
            # At the worst each bin has groups of its own, and each of them is named in all bins.
            fewer = min(self._group_limit(chart) - 1, TIGHT_CELLS // chart.grouped_bins**2)
            if query.group_by is None or fewer < 1 or not self.can.grouping:
                raise Unsupported(messages.TOO_MANY_GROUPS, status=400) from None
            try:
                return replace(self, group_limit=fewer)._series(query, features, chart)
            except TooLarge:
                raise Unsupported(messages.TOO_MANY_GROUPS, status=400) from None

    def _series(self, query: Query, features: FeatureNames, chart: ChartWindow) -> Series:
        self._check_group(query)
        self._check_measure(query)
        if query.measure == "deducted":
            return self._deducted(query, features, chart)
        known = query.focus or (next(iter(features.stored)) if len(features.stored) == 1 else None)
        missing = list[Note]()
        ungrouped, grouped = self._figures(query, features, chart, known if query.group_by else None, missing)
        totals = self._shown(query, ungrouped)
        focus = known if known in {t.feature_id for t in totals} else totals[0].feature_id if totals else None
        if query.group_by is not None and focus is not None and known is None:
            ungrouped, grouped = self._figures(query, features, chart, focus, missing, again=True)
            totals = self._shown(query, ungrouped)
        assembly = ChartAssembly(
            query,
            chart,
            ungrouped,
            totals,
            focus,
            grouped if focus else None,
            self._group_limit(chart),
            features.stored[focus] if focus else (),
        )
        return self._assembled(assembly, (*self._notes(query, features, totals), *dict.fromkeys(missing)))

    def _assembled(self, chart: ChartAssembly, notes: tuple[Note, ...]) -> Series:
        """The figures of `chart`, as they were assembled from the same answers before, if they were."""
        bodies = (*chart.ungrouped.answers.bodies, *(chart.grouped.bodies if chart.grouped else ()))
        made_of = (
            *(chart.query, _without_now(chart.chart), bodies, _items(chart.ungrouped.features)),
            *(tuple(total.feature_id for total in chart.totals), chart.focus, chart.group_names),
            *(chart.group_limit, notes),
        )
        series = self.cache.get(made_of, partial(chart.series, notes), size=_size(bodies))
        return replace(series, now=chart.chart.now, fresh=chart.fresh())

    def _deducted(self, query: Query, features: FeatureNames, chart: ChartWindow) -> Series:
        """What events of `features` deducted, or what was deducted from their balances.

        The chart draws the balances of one feature, or groups of the events that deducted from these.
        """
        missing, limit = list[Note](), self._group_limit(chart)
        plain = self._ungrouped(query, features.names, chart)
        more = [] if query.group_by is None else self._grouped(query, features.names, chart)
        answers = self._together([*plain, *more], _moment(query), missing)
        received = _period_answers(answers[: len(plain)], chart)
        if received is None:
            raise AssertionError("the first request is never left out")
        both = received.having(by_balance)
        parts = [each.figures for each in both.all()]
        inside = own_bins(both.current, chart.bins, alone=True)
        if both.previous is not None and chart.previous is not None:
            inside += own_bins(both.previous, chart.previous, alone=True)
        stored = {name: (name,) for each in inside for name in each.values}
        ungrouped = UngroupedFigures.of(chart, both, FeatureNames(stored), has_totals=False)
        totals = ungrouped.totals
        focus = query.focus if query.focus in stored else totals[0].feature_id if totals else None
        by_group = _period_answers(answers[len(plain) :], chart)
        if by_group is not None:
            by_group = by_group.having(partial(by_group_of_balance, max_groups=limit))
        assembly = ChartAssembly(
            query,
            chart,
            ungrouped,
            totals,
            focus,
            (by_group if more else both) if focus else None,
            limit,
            balances_of(focus or "", parts) if more else (focus or "",),
            apart=not more,
            by_window=bool(more),
            plans=plans_of(each.figures for each in received.all()),
        )
        notes = [*self._notes(query, features, totals), *dict.fromkeys(missing), DEDUCTED_WITHOUT_TOTAL]
        if chart.grouped.start < DEDUCTIONS_SINCE_MS:
            notes.append(DEDUCTIONS_SINCE)
        if not all(adds_up(part.bins) for part in parts):
            notes.append(BALANCES_DIFFER)
        return assembly.series(tuple(notes))

    def _figures(
        self,
        query: Query,
        features: FeatureNames,
        chart: ChartWindow,
        focus: str | None,
        missing: list[Note],
        *,
        again: bool = False,
    ) -> tuple[UngroupedFigures, PeriodAnswers | None]:
        """The answers behind a chart, of one moment: the groups of `focus` too, where it is known.

        What is `missing` of those that it can do without is added there. `again`: those without groups were
        fetched a moment ago.
        """
        ungrouped = self._ungrouped(query, features.names, chart)
        at_end = self._at_end(query, features.names, chart)
        grouped = [] if focus is None else self._grouped(query, features.stored[focus], chart)
        plain = [replace(each, refreshable=each.refreshable and not again) for each in (*ungrouped, *at_end)]
        answers = self._together([*plain, *grouped], _moment(query), missing)
        (current, *previous), rest = answers[: len(ungrouped)], answers[len(ungrouped) :]
        if current is None:
            raise AssertionError("the first request is never left out")
        end = rest[0] if at_end else None
        found = PeriodAnswers(current, previous[0] if previous else None)
        if self._covers(chart.bins.edges[-1]):
            found = replace(found, at_end=end)
        else:
            found = replace(found, inside=end)
        made_of = (_without_now(chart), found.bodies, _items(features))
        read = partial(_read, chart, found, features)
        totals, checks = self.cache.get(made_of, read, size=_size(found.bodies))
        figures = UngroupedFigures(found, features, totals, checks, has_totals=True)
        return figures, _period_answers(rest[len(at_end) :], chart)

    def _shown(self, query: Query, figures: UngroupedFigures) -> tuple[FeatureTotal, ...]:
        """The features of a page, most events first: those with events, else the first dozen of all; within a
        scope, of those that its customer is known to have.
        """
        totals = figures.totals
        hides_unused = self.visible_features.hides_unused
        used = [total for total in totals if total.is_used or (total.may_be_used and not hides_unused)]
        self.visible_features.add_used(total.feature_id for total in used)
        if query.feature_id:
            return totals
        if used or hides_unused:
            named = [total for total in totals if total.feature_id == query.focus and total not in used]
            return (*used, *named)
        if self.calls.scope is not None:
            seen, stored = set(self.visible_features.features(query.customer_id)), figures.features.stored
            totals = tuple(t for t in totals if t.feature_id == query.focus or seen & {*stored[t.feature_id]})
        return totals[:MAX_FEATURES]

    def count(self, query: Query, features: FeatureNames, chart: ChartWindow) -> int | None:
        """How many events `features` have in `chart`: Autumn's own count, from the calls that a chart makes
        too. None where its answers do not tell.
        """
        figures, _ = self._figures(query, features, replace(chart, weeks=self.can.weeks), None, [])
        return figures.count(list(features.stored))

    def ranking(
        self, query: Query, names: Sequence[str], chart: ChartWindow
    ) -> tuple[tuple[Move, ...], FetchInfo]:
        """The groups of a feature, tracked under `names`, by their sums over the window, largest first, as
        moves from nothing.

        Where these are too many for one answer, the longest intervals are requested, once.
        """
        chart = replace(chart, weeks=self.can.weeks)
        try:
            return self._ranking(query, names, chart)
        except TooLarge:
            chart = replace(chart, size="month", utc=True)
            fewer = min(self._group_limit(chart), TIGHT_CELLS // chart.grouped_bins**2)
            if fewer < 1 or not self.can.grouping:
                raise
            return replace(self, group_limit=fewer)._ranking(query, names, chart)

    def _ranking(
        self, query: Query, names: Sequence[str], chart: ChartWindow
    ) -> tuple[tuple[Move, ...], FetchInfo]:
        answer = self._answer(self._grouped(query, names, chart)[0])
        periods = own_bins(answer, chart.bins, alone=True)
        moves, _ = group_moves(periods, names, self._group_limit(chart), start=0)
        return moves, answer.fetch_info

    def moves(
        self, query: Query, names: Sequence[str], chart: ChartWindow, edges: tuple[int, int, int]
    ) -> tuple[tuple[Move, ...], bool, FetchInfo]:
        """How far the groups of a feature moved between two parts of the window, by the call that ranks them;
        and whether these are all groups.
        """
        chart = replace(chart, weeks=self.can.weeks)
        answer = self._answer(self._grouped(query, names, chart)[0])
        first, middle, end = edges
        periods = [each for each in answer.figures.bins if first <= each.period < end]
        moves, are_all = group_moves(periods, names, self._group_limit(chart), middle)
        return moves, are_all, answer.fetch_info

    def both_periods(
        self, query: Query, names: Sequence[str], chart: ChartWindow, *, since: float
    ) -> tuple[AggregateAnswer, int]:
        """One answer for both periods of `chart`, grouped where `query` is, and how many groups of each bin
        it names.

        An answer for periods that ended a moment ago is fetched again where it was fetched before `since`
        (epoch seconds): what is compared must be of one moment.
        """
        self._check_group(query)
        self._check_measure(query)
        chart = replace(chart, weeks=self.can.weeks)
        if query.group_by is None:
            request = self._request(query, names, chart.grouped_size, chart.grouped, None)
        else:
            request = self._grouped(query, names, chart)[0]
        # The running hour is requested too, and not used.
        request = replace(request, closed=chart.bins.edges[-1] < self.now - CLOSED_AFTER_MS)
        moment = f"both\0{query.focus}"
        answer = self._answer(request, moment)
        if not request.closed and answer.fetch_info.fetched_at < since:
            answer = self._answer(request, moment, refresh=True)
        return answer, self._group_limit(chart)

    def cycle(self, query: Query, names: Sequence[str], *, compared: bool) -> BillingCycle:
        """A billing cycle's window, read back from its hour bins; `compared`: also that of the one before.

        BadQuery where the customer has none (trap 8).
        """
        name = query.range or ""
        ranges = ["1bc", "last_cycle"] if name == "1bc" and compared else [name]
        answers = self._together([self._by_range(query, names, each) for each in ranges], _moment(query), [])
        found = [_named_range(answer) for answer in answers if answer is not None]
        if name == "1bc" and found[0].quiet and len(found) == 1:
            # A running cycle may be just a day old; the one before it has ended, unless there is none.
            found.append(_named_range(self._answer(self._by_range(query, names, "last_cycle"))))
        window = found[0].window
        if window is None or all(each.quiet for each in found):
            raise BadQuery("range", messages.NO_BILLING_CYCLE)
        return BillingCycle(name, window, found[1].window if len(found) > 1 else None)

    def _by_range(self, query: Query, names: Sequence[str], name: str) -> AggregateRequest:
        return self._request(replace(query, measure="sum"), names, "hour", None, name)

    def _ungrouped(self, query: Query, names: Sequence[str], chart: ChartWindow) -> list[AggregateRequest]:
        found = [self._request(query, names, chart.wire_size, chart.requested, chart.cycle)]
        previous = chart.previous
        if previous is not None:
            size, name = chart.previous_wire_size, chart.previous_cycle
            request = self._request(query, names, size, previous.window, name)
            found.append(replace(request, missing=messages.PREVIOUS_NOT_LOADED))
        return found

    def _at_end(self, query: Query, names: Sequence[str], chart: ChartWindow) -> list[AggregateRequest]:
        """What Autumn's total of a window that has ended has beyond it, or its total without the last second
        where that is not to be seen; left out where it would be a fifth call.
        """
        end, requested_end = chart.bins.edges[-1], chart.requested.end
        is_fifth = query.group_by is not None and chart.previous is not None
        if self.first_version or chart.cycle is not None or end >= self.now or is_fifth:
            return []
        if requested_end > end:
            request = self._request(query, names, "hour", Window(end, requested_end), None)
            return [replace(request, missing=messages.COUNT_NOT_LOADED)]
        if self._covers(end):
            request = self._request(query, names, "hour", Window(end, end + 1), None)
            return [replace(request, missing=messages.COUNT_NOT_LOADED)]
        request = self._request(query, names, chart.wire_size, chart.requested, None)
        request.body["custom_range"] = {"start": chart.requested.start, "end": end - 1}
        return [replace(request, missing=messages.COUNT_NOT_LOADED)]

    def _covers(self, ms: int) -> bool:
        """Whether the caller may see what lies at a moment."""
        return self.calls.scope is None or self.calls.scope.covers(ms)

    def _grouped(self, query: Query, names: Sequence[str], chart: ChartWindow) -> list[AggregateRequest]:
        more: dict[str, object] = {"group_by": query.group_by}
        if self.can.grouping:
            more["max_groups"] = self._group_limit(chart)
        size, range_name = chart.grouped_size, chart.cycle
        found = [self._request(query, names, size, chart.grouped, range_name, more)]
        if chart.previous is not None and chart.cycle is not None:
            window, range_name = chart.previous.window, chart.previous_cycle
            found.append(self._request(query, names, size, window, range_name, more))
        return [replace(each, missing=messages.GROUPS_NOT_LOADED) for each in found]

    def _request(
        self,
        query: Query,
        names: Sequence[str],
        size: BinSize,
        window: Window | None,
        range_name: str | None,
        more: dict[str, object] | None = None,
    ) -> AggregateRequest:
        # An aggregate must name a feature: one that does not exist stands for none.
        body: dict[str, object] = {
            "feature_id": list(names or (PROBE_FEATURE,)),
            "bin_size": size,
            **(more or {}),
        }
        if query.customer_id is not None:
            body["customer_id"] = query.customer_id
        if query.entity_id is not None:
            body["entity_id"] = query.entity_id
        if query.measure == "count":
            body["measure"] = "count"
        if query.measure == "deducted":
            body["aggregate_on"] = "deducted"
            if self.calls.scope is not None and self.calls.scope.features is not None:
                body |= {"group_by": "$feature_id", "max_groups": MAX_GROUPS}
        if self.can.grouping and (filters := self._wire_filters(query)):
            body["filter_by"] = filters
        if range_name is not None or window is None:
            # A cycle's ungrouped figures were requested a moment ago, to learn its window.
            just_read = window is not None and more is None and query.measure == "sum"
            return AggregateRequest(body | {"range": range_name}, range_name == "last_cycle", not just_read)
        # A window that has not ended is requested as the first version requested all of them.
        body["custom_range"] = window.aggregate_range(0 if self.first_version else self.now)
        return AggregateRequest(body, window.end < self.now - CLOSED_AFTER_MS)

    def _wire_filters(self, query: Query) -> dict[str, str]:
        return wire_filters(query, self.calls.scope)

    def _together(
        self, requests: Sequence[AggregateRequest], moment: str, missing: list[Note]
    ) -> list[AggregateAnswer | None]:
        """The answers, side by side, fetched within TOGETHER_S seconds of each other.

        What is subtracted from each other must be of one moment. So the requests of one `moment` share no
        cached answer with others, and an answer that is older than the newest is fetched again. An answer is
        None where it could not be had and the chart can do without: what that leaves out is added to
        `missing`.
        """
        calls = (partial(self._optional, each, moment, missing) for each in requests)
        answers = self.calls.side_by_side(*calls)
        newest = max(answer.fetch_info.fetched_at for answer in answers if answer)
        old = [
            at
            for at, answer in enumerate(answers)
            if answer and answer.fetch_info.fetched_at < newest - TOGETHER_S
        ]
        if moment and old:
            again = (partial(self._optional, requests[at], moment, missing, refresh=True) for at in old)
            for at, answer in zip(old, self.calls.side_by_side(*again), strict=True):
                answers[at] = answer
        return answers

    def _optional(
        self, request: AggregateRequest, moment: str, missing: list[Note], *, refresh: bool = False
    ) -> AggregateAnswer | None:
        try:
            return self._answer(request, moment, refresh=refresh)
        except (TooLarge, Unsupported, UnknownCustomer):
            raise
        except UsageError as error:
            if self.strict or not request.missing:
                raise
            missing.append(Note("partial", request.missing.format(error=error.sentence)))
            return None

    def _answer(
        self, request: AggregateRequest, moment: str = "", *, refresh: bool = False
    ) -> AggregateAnswer:
        refresh = refresh or (self.options.refresh and request.refreshable)
        options = replace(self.options, refresh=refresh, moment=moment)
        return self.calls.aggregate(request.body, closed=request.closed, options=options)

    def _group_limit(self, chart: ChartWindow) -> int:
        if not self.can.grouping:
            return OLD_MAX_GROUPS
        return max(1, min(self.group_limit, MAX_CELLS // chart.grouped_bins))

    def _check_group(self, query: Query) -> None:
        """A server that does not know a grouping refuses it, which is not about the page's other parts."""
        if (
            query.group_by is not None
            and query.group_by[0] == "$"
            and query.group_by not in self.can.groupings
        ):
            raise BadQuery("group_by", messages.NO_SUCH_GROUPING)

    def _check_measure(self, query: Query) -> None:
        if query.measure == "count" and not self.can.counts:
            raise Unsupported(messages.NO_EVENT_COUNTS, status=400)
        if query.measure == "deducted":
            self._check_deducted(query)

    def _check_deducted(self, query: Query) -> None:
        """Autumn refuses these, or answers for more than was requested."""
        is_part = self.calls.scope is not None and self.calls.scope.features is not None
        if not self.can.deductions or (is_part and not self.can.feature_groups):
            raise Unsupported(messages.NO_DEDUCTIONS, status=400)
        if query.customer_id is None:
            raise BadQuery("measure", messages.DEDUCTED_WITHOUT_CUSTOMER)
        if query.has_row_filters:
            raise BadQuery("measure", messages.DEDUCTED_WITH_FILTERS)
        if query.group_by in ("$plan_id", "$customer_id"):
            raise BadQuery("group_by", messages.DEDUCTED_GROUPS)
        if query.group_by is not None and is_part:
            raise BadQuery("group_by", messages.DEDUCTED_GROUPS_IN_LINK)

    def _notes(
        self, query: Query, features: FeatureNames, totals: tuple[FeatureTotal, ...]
    ) -> tuple[Note, ...]:
        notes = []
        if features.unlisted is not None:
            notes.append(features.unlisted)
        if features.left_out and not query.feature_id:
            sentence = messages.FEATURES_LEFT_OUT.format(count=features.left_out)
            notes.append(Note("partial", sentence))
        if len(totals) > MAX_FEATURES:
            sentence = messages.FEATURES_NOT_DRAWN.format(count=len(totals) - MAX_FEATURES, most=MAX_FEATURES)
            notes.append(Note("features-not-drawn", sentence))
        if query.has_row_filters and (
            not self.can.grouping or len(self._wire_filters(query)) < conditions(query)
        ):
            notes.append(Note("filters-not-applied", messages.FILTERS_NOT_APPLIED))
        return tuple(notes)


def _without_now(chart: ChartWindow) -> tuple[ChartWindow, bool]:
    """The same as long as none of its bins ends or begins."""
    return replace(chart, now=0), chart.now < chart.bins.edges[-1]


def _read(
    chart: ChartWindow, answers: PeriodAnswers, features: FeatureNames
) -> tuple[tuple[FeatureTotal, ...], Mapping[str, Reconciliation]]:
    """What is kept of answers: decoded, they would take more than all that is made of them."""
    figures = UngroupedFigures.of(chart, answers, features)
    return figures.totals, figures.checks


def _items(features: FeatureNames) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(features.stored.items())


def _size(bodies: Iterable[bytes | None]) -> int:
    """Bytes of answers with what is made of them: floats take about three times what their text does."""
    return 4 * sum(len(body or b"") for body in bodies)


def _moment(query: Query) -> str:
    """Names the answers that are subtracted from or compared with each other; empty where none are."""
    return f"{query.group_by}\0{query.focus}" if query.group_by or query.compare else ""


def _period_answers(grouped: Sequence[AggregateAnswer | None], chart: ChartWindow) -> PeriodAnswers | None:
    """For both periods: a cycle has an answer for each, anything else one for both."""
    if not grouped or grouped[0] is None:
        return None
    return PeriodAnswers(grouped[0], grouped[-1] if chart.previous is not None else None)
