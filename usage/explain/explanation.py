"""Explains a change step by step: a call, then what is known so far. At most MAX_CALLS calls.

1. The newest 1,000 rows: which properties there are.
2. Both periods in one call for each property, the commonest first, then for entity and plan. The first one
   also tells the change, its shape, hours of the day and weekdays: most events have the commonest property.
   Where Autumn's total of the same answer does not confirm that all have it, one more call is made, without
   groups.

Of all customers, the groups by customer come before the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from statistics import median

from usage import messages
from usage.api.calls import FRESH_NOW_S, AggregateAnswer
from usage.charts.assemble import own_bins
from usage.charts.chart_window import ChartWindow
from usage.charts.filters import conditions, wire_filters
from usage.charts.groups import by_group
from usage.charts.queries import ChartQueries
from usage.charts.series import by_name, exact, exact_values, is_near
from usage.errors import Busy, RateLimited, TooLarge, Unreachable, Unsupported, UsageError
from usage.events.pages import Newest
from usage.explain.attribution import AttributedRow, Cause, Dimension, attribute
from usage.explain.dimensions import (
    NotLookedAt,
    beyond_limit,
    choose_properties,
    grouped_dimension,
    regular_values,
    time_dimensions,
)
from usage.explain.noise import unit_of_bins, unit_of_events
from usage.explain.shape import NO_SHAPE, Shape, TimedBins, shape_of
from usage.freshness import FetchInfo, Freshness, freshness_of
from usage.notes import Note
from usage.query import Query
from usage.scope import Scope
from usage.window import Bins, bins_of

MAX_CALLS = 10
"""Calls to Autumn for one explanation, at most."""
MAX_ROWS = 20
"""Rows that an explanation ranks: those of a dimension that is looked at are all in `dimensions`."""
OF_ALL_CALLS = (RateLimited, Busy, Unreachable)
"""What the next call is likely to meet too."""
MOST_FAILURES = 2
"""After so many of these no more calls are made: each would wait for the same."""
PLAN, ENTITY, CUSTOMER = "$plan_id", "$entity_id", "$customer_id"


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """What an explanation works with.

    `query`: within the scope, of one feature, which is tracked under `names`. `queries`: for one call, with a
    deadline of its own. `newest`: reads the newest rows of the feature, one call. `chart`: the bins of the
    page; `fine`: of the same periods, of hours where these are not too many. `spent`: calls that were made
    before.
    """

    query: Query
    feature_id: str
    names: tuple[str, ...]
    queries: Callable[[], ChartQueries]
    newest: Callable[[], Newest]
    chart: ChartWindow
    fine: ChartWindow
    scope: Scope | None
    spent: int = 0


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of a change so far; all that will be known once it is `done`.

    `before`, `after`: the feature's sums over `previous_bins` and `bins`, whose small charts rows have.
    `rows`: ranked, at most MAX_ROWS; `cause_rows`: those that are the cause. `dimensions`: every line of what
    was looked at, in the order of the calls; a property's, entity's or plan's lines sum to the change, or
    `Dimension.remainder` says by how much not. `shape`: how the change lies in time. `calls`: made so far.
    """

    query: Query
    feature_id: str
    bins: Bins
    previous_bins: Bins
    before: float
    after: float
    cause: Cause
    cause_rows: tuple[AttributedRow, ...]
    rows: tuple[AttributedRow, ...]
    dimensions: tuple[Dimension, ...]
    shape: Shape
    not_looked_at: tuple[NotLookedAt, ...]
    notes: tuple[Note, ...]
    fresh: Freshness
    calls: int
    done: bool

    @property
    def change(self) -> float:
        """By how much usage rose; negative where it fell."""
        return exact(self.after - self.before)


def explain_change(request: ExplainRequest) -> Iterator[Explanation]:
    """The explanation after each call from the second on; the last one is done.

    Raises the UsageError of the call for the feature's own figures: without these there is nothing to
    explain. A dimension whose call fails is not looked at.
    """
    steps = _Steps(request)
    if request.query.customer_id is None and CUSTOMER in steps.can.groupings:
        steps.load_whole(CUSTOMER)
        yield steps.explanation()
        groupings = steps.groupings()
    else:
        groupings = steps.groupings()
        steps.load_whole(groupings.pop(0) if groupings else None)
    yield steps.explanation()
    for at, group_by in enumerate(groupings):
        if steps.calls >= MAX_CALLS:
            steps.left_out += [beyond_limit(each) for each in groupings[at:]]
            break
        if len(steps.failures) >= MOST_FAILURES:
            steps.left_out += [NotLookedAt(each, "error", steps.failures[-1]) for each in groupings[at:]]
            break
        steps.load(group_by)
        yield steps.explanation()
    yield steps.explanation(done=True)


@dataclass
class _Steps:
    """The state between two calls."""

    request: ExplainRequest
    calls: int = 0
    unit: float = 0.0
    whole: tuple[float, ...] = ()
    whole_before: tuple[float, ...] = ()
    shape: Shape = NO_SHAPE
    dimensions: list[Dimension] = field(default_factory=list)
    times: tuple[Dimension, ...] = ()
    left_out: list[NotLookedAt] = field(default_factory=list)
    fetched: list[FetchInfo] = field(default_factory=list)
    units: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        self.calls, self.notes = self.request.spent, self.request.chart.notes
        queries = self.request.queries()
        self.can = queries.can
        self.filters = wire_filters(self.request.query, self.request.scope) if self.can.grouping else {}
        if len(self.filters) < conditions(self.request.query):
            self.left_out.append(NotLookedAt("filter", "filter", messages.FILTERS_NOT_APPLIED))
            self.notes = (*self.notes, Note("filters-not-applied", messages.FILTERS_NOT_APPLIED))

    @property
    def bins(self) -> Bins:
        return self.request.chart.bins

    @property
    def previous_bins(self) -> Bins:
        previous = self.request.chart.previous
        if previous is None:
            raise AssertionError("an explanation compares two periods")
        return previous

    def load_whole(self, group_by: str | None) -> None:
        """The feature's own figures, and the lines of the first grouping."""
        answer, grouped = None, None
        if group_by is not None:
            try:
                answer, limit = self._answer(group_by)
                grouped = group_by, answer, limit
            except (TooLarge, Unsupported):
                self.left_out.append(NotLookedAt(group_by, "error", messages.TOO_MANY_GROUPS))
        if answer is None or not _is_whole(answer, self.request.names):
            answer, _ = self._answer(None)
        self.whole, self.whole_before = self._sums(answer, self.bins), self._sums(answer, self.previous_bins)
        fine, zone = self.request.fine, self.request.query.zone
        after = self._timed(answer, fine.bins)
        # Not `fine.previous`: of months that differ in length it has bins of days and of no time.
        own = bins_of((fine.previous or fine.bins).window, fine.size, zone)
        before = self._timed(answer, own)
        self.shape = shape_of(before, after, zone)
        self.times, short = time_dimensions(before, after, zone, has_hours=fine.size == "hour")
        self.left_out += short
        if grouped is not None:
            with self._listing_failures(grouped[0]):
                self._add(*grouped)

    def groupings(self) -> list[str]:
        """What is to be asked about, in this order; reads the newest rows."""
        query, scope = self.request.query, self.request.scope
        paths: tuple[str, ...] = ()
        self.calls += 1
        try:
            newest = self.request.newest()
        except UsageError as error:
            sentence = messages.ROWS_NOT_LOADED.format(error=error.sentence)
            self.left_out.append(NotLookedAt("properties", "error", sentence))
        else:
            self.unit = unit_of_events(
                1.0 if query.measure == "count" else event.value for event in newest.events
            )
            paths, left_out = choose_properties(newest.events, scope, self.filters)
            self.left_out += left_out
        found = [f"properties.{path}" for path in paths]
        for group_by in (ENTITY, PLAN):
            if group_by == ENTITY and query.entity_id is not None:
                continue
            if scope is not None and not scope.may_group(group_by):
                self.left_out.append(NotLookedAt(group_by, "link", messages.GROUP_NOT_IN_LINK))
            elif group_by not in self.can.groupings:
                self.left_out.append(NotLookedAt(group_by, "unsupported", messages.NO_SUCH_GROUPING))
            else:
                found.append(group_by)
        return found

    def load(self, group_by: str) -> None:
        """The lines of one grouping."""
        with self._listing_failures(group_by):
            answer, limit = self._answer(group_by, since=self.fetched[0].fetched_at - FRESH_NOW_S)
            self._add(group_by, answer, limit)

    @contextmanager
    def _listing_failures(self, group_by: str) -> Iterator[None]:
        """A grouping that fails is not looked at."""
        try:
            yield
        except TooLarge:
            self.left_out.append(NotLookedAt(group_by, "error", messages.TOO_MANY_GROUPS))
        except UsageError as error:
            self.left_out.append(NotLookedAt(group_by, "error", error.sentence))
            self.failures += [error.sentence] if isinstance(error, OF_ALL_CALLS) else []

    def explanation(self, *, done: bool = False) -> Explanation:
        """All that is known now."""
        before, after = exact(sum(self.whole_before)), exact(sum(self.whole))
        dimensions = (*self.dimensions, *self.times)
        found = attribute(
            before,
            after,
            dimensions,
            unit=max(self.unit, median(self.units or [0.0])),
            regular=regular_values(self.shape.kind, self.shape.parts),
            # Without exact edges a server reports versions of plans, which replace each other on one day.
            no_cause=() if self.can.exact_edges else (PLAN,),
        )
        request = self.request
        return Explanation(
            request.query,
            request.feature_id,
            self.bins,
            self.previous_bins,
            before,
            after,
            found.cause,
            found.cause_rows,
            found.rows[:MAX_ROWS],
            dimensions,
            self.shape,
            tuple(self.left_out),
            self.notes,
            freshness_of(self.fetched),
            self.calls,
            done,
        )

    def _answer(self, group_by: str | None, since: float | None = None) -> tuple[AggregateAnswer, int]:
        request = self.request
        query = replace(request.query, group_by=group_by, group=(), focus=request.feature_id)
        is_fine = group_by is None or since is None
        chart = request.fine if is_fine else request.chart
        oldest = chart.now / 1000 - FRESH_NOW_S if since is None else since
        self.calls += 1
        answer, limit = request.queries().both_periods(query, request.names, chart, since=oldest)
        self.fetched.append(answer.fetch_info)
        return answer, limit

    def _sums(self, answer: AggregateAnswer, bins: Bins) -> tuple[float, ...]:
        names = self.request.names
        found = by_name(own_bins(answer, bins, alone=False), names, bins)
        return exact_values(sum(column) for column in zip(*found.values(), strict=True))

    def _timed(self, answer: AggregateAnswer, bins: Bins) -> TimedBins:
        return TimedBins(bins.starts, self._sums(answer, bins))

    def _add(self, group_by: str, answer: AggregateAnswer, limit: int) -> None:
        current, previous = (
            by_group(own_bins(answer, bins, alone=False), self.request.names, bins, limit)
            for bins in (self.bins, self.previous_bins)
        )
        dimension = grouped_dimension(group_by, current, previous, self.whole, self.whole_before)
        self.dimensions.append(dimension)
        if any(not line.is_exact for line in dimension.lines):
            self.left_out.append(NotLookedAt(group_by, "folded", messages.FOLDED_GROUPS))
        unit = unit_of_bins(previous.values.values(), self.whole_before)
        # A plan lasts for weeks: how its share of a day strays says nothing about events.
        self.units += [] if unit is None or group_by == PLAN else [unit]


def _is_whole(answer: AggregateAnswer, names: Sequence[str]) -> bool:
    """Whether the groups of an answer sum to Autumn's total of the same events."""
    sums = sum(each.values.get(name, 0.0) for each in answer.figures.bins for name in names)
    return is_near(sum(total.sum for total in answer.figures.total.values()), sums)
