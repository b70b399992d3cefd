"""`Usage`: a Query in, results out. What views, exports, shares and commands all call.

usage = open_usage(gateway, InMemoryKnownCustomers())
usage.series(query)            the figures of a chart
usage.page(query)              one page of events
usage.usage_page(query)        both, fetched side by side
usage.iterate(query)           every event that matches, exactly once
usage.explain(query)           why its usage changed, step by step
usage.within(scope)            the same, for the recipient of a share link
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from threading import BoundedSemaphore

from usage import messages
from usage.api.calls import CallOptions, Calls, ListLimits
from usage.api.capabilities import PROBE_FEATURE, Capabilities, CapabilityCache, probe
from usage.api.client import NameEndpoint
from usage.api.deadline import EXPORT_S, PAGE_S, Deadline
from usage.api.gateway import AnswerSource
from usage.api.names import DEFAULT_PAGE, SCOPES, SEARCH_LIMIT, NameCalls, UnavailableCalls
from usage.api.waiting import current_waiter, in_background
from usage.catalog import Customer, CustomerPage, FeatureName
from usage.charts.allowance import NO_DAYS, Allowance, allowances, recent_days
from usage.charts.chart_window import ChartWindow, chart_window_of, cycle_note
from usage.charts.moves import Move, Moves, feature_moves, incomplete_notes, moved_week, week_edges
from usage.charts.queries import ChartQueries
from usage.charts.result_cache import ResultCache
from usage.charts.series import Series
from usage.errors import TEMPORARY, Refused, UnknownCustomer, Unsupported, UsageError
from usage.events.facets import Facets, facets_of
from usage.events.pages import Batch, EventPage, EventReader, Newest, is_whole_list
from usage.explain.explanation import Explanation, explain_change
from usage.explain.preparation import ExplainPreparation
from usage.features.names import FeatureCatalog, FeatureNames
from usage.features.visible import NEWEST_ROWS, FeatureCache, VisibleFeatures
from usage.freshness import Freshness, freshness_of
from usage.known_customers import KnownCustomers, Seen
from usage.notes import Note
from usage.page_data import UsagePage, chart_missing, chart_rows, checked_against_rows, without_events
from usage.query import BadQuery, Measure, Position, Query
from usage.query_resolver import QueryResolver
from usage.results import Event
from usage.scope import Scope
from usage.window import HOUR_MS, Window, hour_end

NAMES_S = 4.0
"""How long a call for names may take."""
PROBE_CUSTOMER = "setup-check"
"""An ID that no customer needs to have."""
CALLS_OF_COMPARISON = 4
"""Calls for a chart that compares two periods, at most."""

FIGURE_BYTES = 8 * 1024 * 1024
"""What the figures that a process keeps may take, with the answers that they were read from."""

POOL_THREADS = 96
"""Threads for calls that go out side by side."""
MOST_AHEAD = 4
"""Calls for a next view that may be under way."""
AHEAD_S = 5.0
"""How long such a call may take: a person who comes for the same waits with it, not in their own turn."""


@dataclass(frozen=True, slots=True)
class Busiest:
    """Customers by what they used of one feature over a window, largest first.

    `customers`: as moves from nothing, for they say which sums are exact.
    """

    feature_id: str
    customers: tuple[Move, ...]
    fresh: Freshness


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """What a service works with; shared by staff and all scopes. `clock`: epoch seconds.

    `unavailable`: the calls for names that are switched off; None where none of them may be made. `ahead`:
    places for calls of a next view.
    """

    gateway: AnswerSource
    known_customers: KnownCustomers
    clock: Callable[[], float]
    pool: ThreadPoolExecutor
    capabilities: CapabilityCache
    features: FeatureCache
    catalog: FeatureCatalog
    unavailable: UnavailableCalls | None
    limits: ListLimits
    figures: ResultCache
    ahead: BoundedSemaphore
    first_version: bool = False


class Usage:
    """The usage service for staff or, with a `scope`, for the recipient of a link. Safe to share between
    threads.

    Every method raises a UsageError for what Autumn can't or won't answer, and BadQuery for an invalid query.
    """

    def __init__(self, context: ServiceContext, scope: Scope | None = None) -> None:
        self._context = context
        self._known_customers = context.known_customers
        self._calls = Calls(context.gateway, context.known_customers, context.pool, scope, context.limits)
        self._visible_features = VisibleFeatures(
            self._calls, context.known_customers, context.features, context.catalog
        )
        self._names = None
        if context.unavailable is not None:
            self._names = NameCalls(context.gateway, context.unavailable, scope)
        self._resolver = QueryResolver(
            self._calls, context.capabilities, self._visible_features, self._names, context.figures
        )
        self._reader = EventReader(self._calls)

    @property
    def scope(self) -> Scope | None:
        """The scope all of this one's calls go through; None for staff."""
        return self._calls.scope

    def within(self, scope: Scope) -> Usage:
        """The same service, bound to `scope`: its answers hold nothing that the scope does not show."""
        if scope.features is not None:
            options = CallOptions(Deadline.after(PAGE_S))
            names = self._context.catalog.named(scope.features, options).names
            scope = replace(scope, event_names=frozenset(names) - scope.features)
        return Usage(self._context, scope)

    def through(self, gateway: AnswerSource, *, first_version: bool = False) -> Usage:
        """The same service with its calls going to `gateway`, such as one that records answers for a
        snapshot.

        `first_version`: it makes the requests of charts that the first version made.
        """
        return Usage(replace(self._context, gateway=gateway, first_version=first_version), self.scope)

    def now(self) -> int:
        """The present, in epoch milliseconds. Read it once for each request and hand it on."""
        return int(self._context.clock() * 1000)

    def in_use(self, customer_id: str | None) -> int:
        """Calls made for this customer in about the last second."""
        return self._context.gateway.in_use(customer_id)

    def window(self, query: Query, now: int | None = None) -> Window:
        """The window of a list: that of the query, billing cycles resolved, within the scope's bounds."""
        query, now = self._resolver.narrow(query), now or self.now()
        return self._resolver.list_window(query, now, CallOptions(Deadline.after(PAGE_S)))

    def series(
        self, query: Query, now: int | None = None, *, refresh: bool = False, strict: bool = False
    ) -> Series:
        """The figures of a chart, and of all features that `query` names, or else that have events.

        `strict`: raises what is otherwise a note, such as a previous period that could not be loaded.
        """
        try:
            return self._series(query, now, refresh=refresh, strict=strict)
        except Refused as refusal:
            # A server that was replaced by an older or newer one takes other requests than an hour ago.
            is_about_fields = refusal.status == 400 and not isinstance(refusal, Unsupported)
            if not is_about_fields or not self._context.capabilities.forget():
                raise
            return self._series(query, now, refresh=refresh, strict=strict)

    def _series(self, query: Query, now: int | None, *, refresh: bool, strict: bool) -> Series:
        chosen, query, now = query.feature_id, self._resolver.narrow(query), now or self.now()
        options = CallOptions(Deadline.after(PAGE_S), refresh=refresh)
        queries = replace(self._resolver.chart_queries(query, now, options), strict=strict)
        # The feature of a balance that is drawn is none of those whose events are asked about.
        asked = replace(query, focus=None) if query.measure == "deducted" else query
        features = self._visible_features.candidates(asked, now, options)
        if self._context.first_version:
            queries = replace(queries, first_version=True)
            features = FeatureNames({name: (name,) for name in features.stored})
        # Of all the features that a scope shows, a page shows those with events.
        query = replace(query, feature_id=chosen)
        window, cycle = self._resolver.window(query, now, options), None
        if window is None:
            cycle = self._resolver.cycle(queries, query, features.names, compared=query.compare is not None)
            window = cycle.window
        edges = queries.can.exact_edges
        chart = chart_window_of(query, window, now, self.scope, cycle, exact_edges=edges)
        return queries.series(query, features, chart)

    def page(
        self,
        query: Query,
        now: int | None = None,
        *,
        refresh: bool = False,
        urgent: bool = True,
        within_s: float = PAGE_S,
        among_newest: bool = False,
    ) -> EventPage:
        """The page of events that `query` names, answered in `within_s` seconds.

        UnknownCustomer for the empty first page of one whom Autumn lacks. `among_newest`: a chart beside it
        reads the customer's newest rows, and the page may share that call.
        """
        query, now = self._resolver.narrow(query), now or self.now()
        options = CallOptions(Deadline.after(within_s), refresh=refresh, urgent=urgent)
        window = self._resolver.list_window(query, now, options)
        names = self._stored_names(query, options)
        page = self._reader.page(_listed(query, names), window, now, options, among_newest=among_newest)
        if names.unlisted is not None:
            page = replace(page, notes=(*page.notes, names.unlisted))
        if query.is_cycle and self._resolver.window(query, now, options) is None:
            page = replace(page, notes=(*page.notes, cycle_note(query, window)))
        if not page.events and query.before is None and not page.unfinished:
            self._check_customer(query, options)
        return page

    def usage_page(self, query: Query, now: int | None = None, *, refresh: bool = False) -> UsagePage:
        """A chart and the newest of its rows, side by side; one of the two where the other cannot be loaded.

        Raises the chart's error where there is neither.
        """
        now, rows = now or self.now(), chart_rows(query).having()
        # A page submits nothing to the pool itself, so that full pools cannot wait for themselves.
        is_unread = self._visible_features.reads_newest(self._resolver.narrow(query))
        shares = is_unread and is_whole_list(rows) and not refresh
        newest = self._calls.start(lambda: self.page(rows, now, refresh=refresh, among_newest=shares))
        series, failure = None, None
        try:
            series = self.series(query, now, refresh=refresh)
        except (*TEMPORARY, Unsupported) as error:
            failure = error
        try:
            page = newest.result()
        except TEMPORARY as error:
            if series is None:
                raise failure or error from None
            return UsagePage(series, None, without_events(series, error))
        if shares:
            self._fetch_ahead(rows, now)
        if series is not None:
            return UsagePage(checked_against_rows(series, page, rows, now), None, page)
        return UsagePage(None, chart_missing(failure), page, is_partial=not isinstance(failure, Unsupported))

    def _fetch_ahead(self, rows: Query, now: int) -> None:
        """Makes the page's own call, for the cache of the next view. Nobody waits for it, and it may have to
        wait for the pace; where MOST_AHEAD do already, the next view makes it.
        """
        places = self._context.ahead
        if not places.acquire(blocking=False):
            return

        def fetch() -> None:
            try:
                self.page(rows, now, urgent=False, within_s=AHEAD_S)
            finally:
                places.release()

        with suppress(RuntimeError):  # the system has no room for another thread: a later one runs it
            self._context.pool.submit(in_background(fetch))

    def count(self, query: Query, now: int | None = None, *, refresh: bool = False) -> int | None:
        """How many events match, where Autumn can count them; None where it can't, or doesn't answer.

        It counts whole hours, known features and no property filters. Without a comparison, its call is the
        chart's.
        """
        ungrouped = replace(
            query, compare=None, group_by=None, group=(), focus=None, measure="sum", chart="bars"
        )
        query, now = self._resolver.narrow(ungrouped), now or self.now()
        options = CallOptions(Deadline.after(PAGE_S), refresh=refresh)
        try:
            window = self._resolver.window(query, now, options)
        except UsageError:
            return None
        if window is None or query.has_row_filters:
            return None
        if not _counts_whole(query, self._resolver.inside(window), now):
            return None
        try:
            queries = self._resolver.chart_queries(query, now, options)
            features = self._visible_features.candidates(query, now, options)
            if not query.feature_id and (features.left_out or features.unlisted):
                return None
            return queries.count(query, features, chart_window_of(query, window, now, self.scope))
        except (UsageError, BadQuery):
            return None

    def iterate(self, query: Query, now: int | None = None) -> Iterator[Event]:
        """Every event of the window that matches, newest first, exactly once, while others arrive.

        Never cached.
        """
        return chain.from_iterable(batch.events for batch in self.batches(query, now))

    def batches(self, query: Query, now: int | None = None) -> Iterator[Batch]:
        """What `iterate` gives, a call at a time: it can be stopped between two of them."""
        query, now = self._resolver.narrow(query), now or self.now()
        window = self._resolver.list_window(query, now, CallOptions(Deadline.after(PAGE_S)))
        pinned = query if query.until is not None else replace(query, until=min(window.end, hour_end(now)))

        def new_options() -> CallOptions:
            return CallOptions(Deadline.after(EXPORT_S), urgent=False, use_cache=False)

        return self._reader.batches(
            _listed(pinned, self._stored_names(pinned, new_options())), window, now, new_options
        )

    def event(self, query: Query, at: Position, now: int | None = None) -> Event | None:
        """The event at `at`, by its own link; None where there is none (in this scope)."""
        query, now = self._resolver.narrow(query), now or self.now()
        if self.scope is not None and not self.scope.covers(at.timestamp):
            return None
        options = CallOptions(Deadline.after(PAGE_S))
        self._resolver.check_entity(query, options)
        return self._reader.find(_listed(query, self._stored_names(query, options)), at, now, options)

    def newest(
        self,
        query: Query,
        now: int | None = None,
        *,
        limit: int = NEWEST_ROWS,
        refresh: bool = False,
        urgent: bool = True,
        within_s: float = PAGE_S,
    ) -> Newest:
        """The newest rows of the window, before property filters: one call, given `within_s` seconds."""
        query, now = self._resolver.narrow(query), now or self.now()
        options = CallOptions(Deadline.after(within_s), refresh=refresh, urgent=urgent)
        window = self._resolver.list_window(query, now, options)
        return self._reader.newest(
            _listed(query, self._stored_names(query, options)), window, now, options, limit
        )

    def facets(self, query: Query, now: int | None = None) -> Facets:
        """What the newest thousand rows of the window have in common, before property filters: one call."""
        return facets_of(self.newest(query, now).events, query)

    def busiest(self, query: Query, feature_id: str, now: int | None = None) -> Busiest:
        """The customers that used most of a feature; staff only, and only where Autumn answers for the
        organization.
        """
        self._staff_only()
        now, options = now or self.now(), CallOptions(Deadline.after(PAGE_S))
        ranked, queries, chart = self._by_customer(query, now, options)
        names = self._context.catalog.named([feature_id], options).names
        customers, fetch_info = queries.ranking(ranked, names, chart)
        self._known_customers.note(Seen(each.id, feature_id, 0) for each in customers)
        return Busiest(feature_id, customers, freshness_of([fetch_info]))

    def moves(self, series: Series, feature_id: str) -> Moves:
        """How usage moved from week to week: of each feature, and by customer of one. Staff only.

        `series`: the chart beside it, of all customers. The figures are those of the last 30 days, as on the
        overview that opens by default, so that they take calls only beside other dates.
        """
        self._staff_only()
        query, now, options = series.query, series.now, CallOptions(Deadline.after(PAGE_S))
        week, days = moved_week(query, now), self._last_30_days(series)
        edges = week_edges(week, query)
        ranked, queries, chart = self._by_customer(days.query, now, options)
        names = self._context.catalog.named([feature_id], options).names
        customers, are_all, fetch_info = queries.moves(ranked, names, chart, edges)
        return Moves(
            week,
            Window(edges[0], edges[1]),
            feature_moves(days, edges),
            feature_id,
            customers,
            are_all,
            freshness_of([days.fresh, fetch_info]),
            incomplete_notes(days),
        )

    def _by_customer(
        self, query: Query, now: int, options: CallOptions
    ) -> tuple[Query, ChartQueries, ChartWindow]:
        ranked = Query(
            range=query.range, start=query.start, end=query.end, tz=query.tz, group_by="$customer_id"
        )
        queries = self._resolver.chart_queries(ranked, now, options)
        window = self._resolver.list_window(ranked, now, options)
        return ranked, queries, chart_window_of(ranked, window, now)

    def named_customer(self, customer_id: str) -> Customer | None:
        """A customer with its name; None where Autumn has no such customer or its name cannot be read. Staff
        only.

        IDs that `customers.get` does not take are looked for among the customers that `customers.list` finds.
        """
        self._staff_only()
        if self._names is None or not customer_id.strip():
            return None
        options = CallOptions(Deadline.after(NAMES_S), urgent=False)
        try:
            found = self._names.customer(customer_id, options)
        except UnknownCustomer:
            return None
        if found is not None or self.missing_name_scope("customers.get") is not None:
            return found
        page = self.find_customers(customer_id) if len(customer_id) <= SEARCH_LIMIT else None
        return next((each for each in page.customers if each.id == customer_id), None) if page else None

    def find_customers(
        self, search: str, *, offset: int = 0, limit: int = DEFAULT_PAGE
    ) -> CustomerPage | None:
        """A page of the customers whose ID, name or email address contains `search`, newest first; None where
        they cannot be read. Staff only.
        """
        self._staff_only()
        if self._names is None:
            return None
        options = CallOptions(Deadline.after(NAMES_S))
        return self._names.customers(search, options, offset=offset, limit=limit)

    def missing_name_scope(self, endpoint: NameEndpoint) -> str | None:
        """The scope that the key lacks for a call for names; empty where the call may not be made or this
        server lacks it; None where neither is known.
        """
        unavailable = self._context.unavailable
        return "" if unavailable is None else unavailable.missing_scope(endpoint)

    def start_feature_names(self) -> Future[tuple[FeatureName, ...] | None]:
        """Begins to read all features by name, side by side with other calls; None where they cannot be read.

        A recipient may be shown those of its features only.
        """
        options = CallOptions(Deadline.after(NAMES_S))

        def listed() -> tuple[FeatureName, ...] | None:
            # A page may end before this call does, and a place that it takes then is never given back.
            current_waiter.set(None)
            return self._context.catalog.defined(options)

        return self._calls.start(listed)

    def start_customer(self, customer_id: str | None) -> Future[Customer | None]:
        """Begins to read a customer side by side with other calls; None where it cannot be read.

        Within a scope it is the scope's own, with what may be seen of it.
        """
        customer_id = customer_id if self.scope is None else self.scope.customer_id
        options = CallOptions(Deadline.after(NAMES_S))

        def read() -> Customer | None:
            current_waiter.set(None)
            if self._names is None or customer_id is None:
                return None
            return self._names.customer(customer_id, options)

        return self._calls.start(read)

    def allowances(self, customer: Customer, series: Series) -> dict[str, Allowance]:
        """The customer's allowances by feature. `series`: the chart beside them.

        The days that tell when an allowance runs out are those of the page that opens by default, so that
        they take a call only beside another page.
        """
        features = self._context.catalog.defined(CallOptions(Deadline.after(NAMES_S))) or ()
        # Balances count usage: other measures of it say nothing about them.
        is_usage = series.query.measure == "sum"
        may_run_out = is_usage and any(
            not each.unlimited and each.remaining > 0 for each in customer.balances
        )
        recent = recent_days(self._recent(series)) if may_run_out else NO_DAYS
        return allowances(customer, features, series, recent)

    def _recent(self, series: Series) -> Series:
        """The figures of the last 30 days; `series` where they cannot be loaded."""
        try:
            return self._last_30_days(series)
        except (UsageError, BadQuery):
            return series

    def _last_30_days(self, series: Series) -> Series:
        """The figures of the last 30 days; those of `series` where they are these."""
        query = series.query
        shown = replace(query, focus=None, chart="bars", compare=None, group_by=None, group=(), per_page=100)
        days = Query(customer_id=query.customer_id, range="30d", tz=query.tz, bin_size="day")
        if series.size == "day" and replace(shown, bin_size="day") == days:
            return series
        return self.series(days, series.now)

    def explain(
        self, query: Query, now: int | None = None, *, refresh: bool = False
    ) -> Iterator[Explanation]:
        """Why usage of one feature differs from the previous period: what is known after each call, at most
        ten of them, beside those that once an hour find out what the server can do. Stop reading to cancel.

        The feature is the focus of `query`, or else the one that its chart draws. Selected groups are not
        regarded. BadQuery without a comparison.
        """
        if query.compare is None:
            raise BadQuery("compare", messages.EXPLAIN_WITHOUT_COMPARISON)
        if query.measure == "deducted":
            raise BadQuery("measure", messages.EXPLAIN_DEDUCTED)
        now = now or self.now()
        # Groups and sizes of bins are those of the page, which has asked for the same figures a moment ago.
        plain = replace(query, group_by=None, group=(), hide=(), chart="bars")
        feature = query.focus or (query.feature_id[0] if len(query.feature_id) == 1 else None)
        spent = 0
        if feature is None:
            feature, spent = self.series(plain, now).focus, CALLS_OF_COMPARISON
        if feature is None:
            raise BadQuery("focus", messages.NOTHING_TO_EXPLAIN)
        narrow = self._resolver.narrow(replace(plain, focus=feature, feature_id=(feature,)))
        preparation = ExplainPreparation(self._resolver, self._reader, self._context.catalog, self.scope)
        return explain_change(preparation.request(narrow, now, spent, refresh=refresh))

    def server(self) -> Capabilities:
        """What this server can do, found out now by one call that is not cached. Raises the UsageError of the
        key or the address.
        """
        return probe(self._calls, CallOptions(Deadline.after(PAGE_S), use_cache=False))

    def check_event_list(self) -> None:
        """Requests the newest event; the answer is not cached. Raises a UsageError where there is none."""
        self._calls.rows({}, 1, closed=False, options=CallOptions(Deadline.after(PAGE_S), use_cache=False))

    def missing_scopes(self) -> dict[NameEndpoint, str | None] | None:
        """For each call for names the scope that the key lacks: empty where it is the server that lacks the
        call, None where it is allowed. None where no names are read. At most three calls, not cached.
        """
        if self._names is None or self._context.unavailable is None:
            return None
        options = CallOptions(Deadline.after(NAMES_S), use_cache=False)
        self._names.features(options)
        self._names.customers("", options, limit=1)
        with suppress(UnknownCustomer):  # the call is allowed: Autumn looked
            self._names.customer(PROBE_CUSTOMER, options)
        missing = self._context.unavailable.missing_scope
        return {endpoint: missing(endpoint) for endpoint in SCOPES}

    def missing_measures(self) -> dict[Measure, str]:
        """The measures that this server is known to lack, each with a sentence. Makes no call."""
        can = self._context.capabilities.known()
        if can is None:
            return {}
        missing: dict[Measure, str] = {} if can.counts else {"count": messages.NO_EVENT_COUNTS}
        return missing if can.deductions else missing | {"deducted": messages.NO_DEDUCTIONS}

    def customers(self, search: str = "", limit: int = 20) -> list[tuple[str, int]]:
        """Known customers whose id contains `search`:

        (id, last seen epoch ms or 0), newest first. Staff only.
        """
        self._staff_only()
        return self._known_customers.customers(search, limit)

    def last_seen(self, customer_ids: Iterable[str]) -> dict[str, int]:
        """When these customers were last seen, epoch ms; 0 for those that were not. Staff only."""
        self._staff_only()
        return self._known_customers.last_seen(customer_ids)

    def features(self, customer_id: str | None) -> list[str]:
        """Features seen so far for a customer, or for all customers with None; within a scope, those that it
        shows.
        """
        return self._visible_features.features(customer_id)

    def features_together(self) -> frozenset[frozenset[str]]:
        """Which features customers have together, as far as seen; within a scope, those that it shows."""
        return self._visible_features.together()

    def list_notes(self, query: Query) -> tuple[Note, ...]:
        """What lists of `query`'s events lack, and files with them: events under names that are not known."""
        unlisted = self._stored_names(
            self._resolver.narrow(query), CallOptions(Deadline.after(PAGE_S))
        ).unlisted
        return () if unlisted is None else (unlisted,)

    def _stored_names(self, query: Query, options: CallOptions) -> FeatureNames:
        """The names of chosen features: a list knows an event by the name that it has."""
        return self._context.catalog.named(query.feature_id, options) if query.feature_id else FeatureNames()

    def _staff_only(self) -> None:
        if self.scope is not None:
            raise BadQuery("customer_id", messages.LINK_SHOWS_ONE_CUSTOMER)

    def _check_customer(self, query: Query, options: CallOptions) -> None:
        """Raises UnknownCustomer where Autumn knows no such customer: a list alone
        does not say so (trap 15).
        """
        if query.customer_id is None or self._known_customers.features(query.customer_id):
            return
        body = {
            "customer_id": query.customer_id,
            "feature_id": [PROBE_FEATURE],
            "range": "24h",
            "bin_size": "hour",
        }
        self._calls.aggregate(body, closed=False, options=options)


def _listed(query: Query, names: FeatureNames) -> Query:
    return replace(query, feature_id=names.names)


def _counts_whole(query: Query, window: Window, now: int) -> bool:
    """Whether Autumn's hours are those of the window: what has not begun yet holds no event."""
    is_open = window.end >= hour_end(now)
    return window.start % HOUR_MS == 0 and (is_open or window.end % HOUR_MS == 0)


def open_usage(
    gateway: AnswerSource,
    known_customers: KnownCustomers,
    *,
    clock: Callable[[], float] = time.time,
    pool: ThreadPoolExecutor | None = None,
    names: bool = True,
    figure_bytes: int = FIGURE_BYTES,
) -> Usage:
    """A service for staff.

    `clock`: epoch seconds; `pool`: has the threads of calls that go out side by side. `names`: whether the
    optional calls for names may be made. `figure_bytes`: what figures that are kept may take.
    """
    threads = pool or ThreadPoolExecutor(max_workers=POOL_THREADS, thread_name_prefix="usage")
    unavailable = UnavailableCalls(clock) if names else None
    list_features = NameCalls(gateway, unavailable).features if unavailable else lambda _: None
    return Usage(
        ServiceContext(
            gateway,
            known_customers,
            clock,
            threads,
            CapabilityCache(clock),
            FeatureCache(clock),
            FeatureCatalog(list_features),
            unavailable,
            ListLimits(),
            ResultCache(figure_bytes),
            BoundedSemaphore(MOST_AHEAD),
        )
    )
