"""`Usage`: a Query in, results out. What views, exports, shares and commands all call.

usage = open_usage(upstream, MemoryDirectory())
usage.series(query)            the figures of a chart
usage.page(query)              one page of events
usage.iterate(query)           every event that matches, exactly once
usage.within(scope)            the same, for the recipient of a share link
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from threading import Lock
from typing import TypeVar

from cachetools import TTLCache

from usage.api.calls import Asking, Calls
from usage.api.capabilities import PROBE_FEATURE, Capabilities, probe
from usage.api.deadline import EXPORT_S, PAGE_S, Deadline
from usage.api.gateway import Upstream
from usage.charts.bins import Cycle, frame_of
from usage.charts.queries import Charting
from usage.charts.series import Series
from usage.errors import Unsupported, UsageError
from usage.events.match import Facets, facets_of
from usage.events.pages import Batch, EventPage, Listing, Newest
from usage.freshness import Freshness, freshness_of
from usage.known_customers import Directory, Seen
from usage.query import BadQuery, Position, Query
from usage.results import Event
from usage.scope import Scope
from usage.visible_features import RECENT, REMEMBERED_S, Memory, Naming
from usage.window import HOUR_MS, Window

POOL_THREADS = 96

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Busiest:
    """Customers by what they used of one feature over a window, largest first."""

    feature_id: str
    customers: tuple[tuple[str, float], ...]
    fresh: Freshness


class _Learned:
    """What one process has found out, shared by staff and all scopes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.capabilities: TTLCache[bool, Capabilities] = TTLCache(2, REMEMBERED_S, timer=clock)
        self.lock = Lock()
        self.names = Memory(clock)


class Usage:
    """The usage service for staff or, `within` a scope, for the recipient of a link. Safe to share between threads.

    Every method raises a UsageError for what Autumn can't or won't answer, and BadQuery for an invalid question.
    Build one with `open_usage`.
    """

    def __init__(self, calls: Calls, known: Directory, learned: _Learned, clock: Callable[[], float]) -> None:
        self._calls = calls
        self._known = known
        self._learned = learned
        self._clock = clock
        self._naming = Naming(calls, known, learned.names)

    @property
    def scope(self) -> Scope | None:
        """The scope all of this one's calls go through; None for staff."""
        return self._calls.scope

    def within(self, scope: Scope) -> Usage:
        """The same service, bound to `scope`: its answers hold nothing that the scope does not show."""
        return Usage(self._calls.within(scope), self._known, self._learned, self._clock)

    def through(self, upstream: Upstream) -> Usage:
        """The same service with its questions going to `upstream`, such as one that keeps answers for a snapshot."""
        return Usage(self._calls.through(upstream), self._known, self._learned, self._clock)

    def side_by_side(self, first: Callable[[], T], second: Callable[[], S]) -> tuple[T, S]:
        """Both at once, on the pool that calls use too. Raises the first one's error, else the second one's."""
        return self._calls.both(first, second)

    def now(self) -> int:
        """The present, in epoch milliseconds. Read it once for each request and hand it on."""
        return int(self._clock() * 1000)

    def in_use(self, customer_id: str | None) -> int:
        """How many of the five calls a second Autumn has lately been asked about this customer."""
        return self._calls.upstream.in_use(customer_id)

    def capabilities(self, asking: Asking) -> Capabilities:
        """What this server can do: asked once an hour. Within a scope, only what can be asked about its customer."""
        learned, is_staff = self._learned, self.scope is None
        with learned.lock:
            can = learned.capabilities.get(True) or learned.capabilities.get(is_staff)
        if can is None:
            can = probe(self._calls, asking)
            with learned.lock:
                learned.capabilities[is_staff] = can
        return can if is_staff else replace(can, organisation=False)

    def window(self, query: Query, now: int | None = None) -> Window:
        """The window of a list: that of the query, billing cycles resolved, within the scope's bounds."""
        query, now = self._bound(query), now or self.now()
        return self._list_window(query, now, Asking(Deadline.after(PAGE_S)))

    def series(self, query: Query, now: int | None = None, *, refresh: bool = False) -> Series:
        """The figures of `query`'s chart: of the features it names, else of the largest of those it may show."""
        chosen, query, now = query.feature_id, self._bound(query), now or self.now()
        asking = Asking(Deadline.after(PAGE_S), refresh=refresh)
        charting = Charting(self._calls, self._needs(query, asking), asking, now, naming=self._naming)
        features = self._naming.candidates(query, now, asking)
        query = replace(
            query, feature_id=chosen
        )  # of all that a scope shows, a chart shows the largest dozen
        window, cycle = query.window(now), None
        if window is None:
            cycle = self._cycle(charting, query, features)
            window = cycle.window
        return charting.series(query, features, frame_of(query, window, now, self.scope, cycle))

    def page(
        self, query: Query, now: int | None = None, *, refresh: bool = False, urgent: bool = True
    ) -> EventPage:
        """The page of events that `query` names. UnknownCustomer for the empty first page of one whom Autumn lacks."""
        query, now = self._bound(query), now or self.now()
        asking = Asking(Deadline.after(PAGE_S), refresh=refresh, urgent=urgent)
        window = self._list_window(query, now, asking)
        page = Listing(self._calls).page(query, window, now, asking)
        if not page.events and query.before is None and not page.unfinished:
            self._check_customer(query, asking)
        return page

    def count(self, query: Query, now: int | None = None) -> int | None:
        """How many events match, where Autumn can count them; None where it can't, or doesn't answer.

        It counts whole hours, known features and no property filters. Without a comparison, its call is the chart's.
        """
        query, now = (
            self._bound(replace(query, compare=None, group_by=None, group=(), focus=None)),
            now or self.now(),
        )
        window = query.window(now)
        if window is None or query.has_row_filters or not _counts_whole(query, self._inside(window), now):
            return None
        asking = Asking(Deadline.after(PAGE_S))
        try:
            charting = Charting(self._calls, self._needs(query, asking), asking, now)
            features = self._naming.candidates(query, now, asking)
            return charting.count(query, features, frame_of(query, window, now, self.scope))
        except (UsageError, BadQuery):
            return None

    def iterate(self, query: Query, now: int | None = None) -> Iterator[Event]:
        """Every event of the window that matches, newest first, exactly once, while others arrive. Never cached."""
        return chain.from_iterable(batch.events for batch in self.batches(query, now))

    def batches(self, query: Query, now: int | None = None) -> Iterator[Batch]:
        """What `iterate` gives, a call at a time: between two of them it can be stopped, and nothing more is asked."""
        query, now = self._bound(query), now or self.now()
        window = self._list_window(query, now, Asking(Deadline.after(PAGE_S)))
        pinned = query if query.until is not None else replace(query, until=min(window.end, now))

        def asking() -> Asking:
            return Asking(Deadline.after(EXPORT_S), urgent=False, keep=False)

        return Listing(self._calls).batches(pinned, window, now, asking)

    def event(self, query: Query, at: Position, now: int | None = None) -> Event | None:
        """The event at `at`, by its own link; None where there is none (in this scope)."""
        query, now = self._bound(query), now or self.now()
        if self.scope is not None and not self.scope.covers(at.timestamp):
            return None
        asking = Asking(Deadline.after(PAGE_S))
        self._check_entity(query, asking)
        return Listing(self._calls).find(query, at, now, asking)

    def newest(
        self,
        query: Query,
        now: int | None = None,
        *,
        limit: int = RECENT,
        refresh: bool = False,
        urgent: bool = True,
    ) -> Newest:
        """The newest rows of the window, before property filters: one call."""
        query, now = self._bound(query), now or self.now()
        asking = Asking(Deadline.after(PAGE_S), refresh=refresh, urgent=urgent)
        return Listing(self._calls).newest(query, self._list_window(query, now, asking), now, asking, limit)

    def facets(self, query: Query, now: int | None = None) -> Facets:
        """What the newest thousand rows of the window have in common, before property filters: one call."""
        return facets_of(self.newest(query, now).events)

    def busiest(self, query: Query, feature_id: str, now: int | None = None) -> Busiest:
        """The customers that used most of a feature; staff only, and only where Autumn answers for the organisation."""
        self._staff_only()
        now, asking = now or self.now(), Asking(Deadline.after(PAGE_S))
        ranked = Query(
            range=query.range, start=query.start, end=query.end, tz=query.tz, group_by="$customer_id"
        )
        charting = Charting(self._calls, self._needs(ranked, asking), asking, now)
        window = self._list_window(ranked, now, asking)
        customers, dated = charting.ranking(ranked, feature_id, frame_of(ranked, window, now))
        self._known.note(Seen(customer, feature_id, 0) for customer, _ in customers)
        return Busiest(feature_id, tuple(customers), freshness_of([dated]))

    def customers(self, search: str = "", limit: int = 20) -> list[tuple[str, int]]:
        """Known customers whose id contains `search`: (id, last seen epoch ms or 0), newest first. Staff only."""
        self._staff_only()
        return self._known.customers(search, limit)

    def features(self, customer_id: str | None) -> list[str]:
        """Features seen so far for a customer, or for anybody with None; within a scope, those that it shows."""
        return self._naming.features(customer_id)

    def _staff_only(self) -> None:
        if self.scope is not None:
            raise BadQuery("customer_id", "This link shows one customer only.")

    def _check_customer(self, query: Query, asking: Asking) -> None:
        """Raises UnknownCustomer where Autumn knows no such customer: a list alone does not say so (trap 15)."""
        if query.customer_id is None or self._known.features(query.customer_id):
            return
        body = {
            "customer_id": query.customer_id,
            "feature_id": [PROBE_FEATURE],
            "range": "24h",
            "bin_size": "hour",
        }
        self._calls.aggregate(body, closed=False, asking=asking)

    def _bound(self, query: Query) -> Query:
        return query if self.scope is None else self.scope.narrow(query)

    def _inside(self, window: Window) -> Window:
        inside = window if self.scope is None else self.scope.bound(window)
        if inside is None:
            raise BadQuery("range", "This link does not show that time.")
        return inside

    def _needs(self, query: Query, asking: Asking) -> Capabilities:
        can = self.capabilities(asking)
        if query.entity_id is not None and not can.grouping:
            raise BadQuery("entity_id", "This Autumn server cannot filter by entity.")
        if query.customer_id is None and query.is_cycle:
            raise BadQuery("range", "A billing cycle belongs to one customer. Choose one, or choose days.")
        if query.customer_id is None and not can.organisation:
            raise Unsupported(
                "This Autumn server has no figures for the whole organisation. Choose a customer.", status=400
            )
        return can

    def _cycle(self, charting: Charting, query: Query, features: tuple[str, ...]) -> Cycle:
        """The window of a billing cycle. A scope with bounds learns it without any figures from outside of them."""
        return charting.cycle(query, () if self.scope is not None and self.scope.is_bounded else features)

    def _check_entity(self, query: Query, asking: Asking) -> None:
        """An older server would drop the entity without a word, and answer with everybody's events (trap 4)."""
        if query.entity_id is not None:
            self._needs(query, asking)

    def _list_window(self, query: Query, now: int, asking: Asking) -> Window:
        self._check_entity(query, asking)
        window = query.window(now)
        if window is None:
            charting = Charting(self._calls, self._needs(query, asking), asking, now)
            cycle = self._cycle(
                charting, replace(query, compare=None), self._naming.candidates(query, now, asking)
            )
            window = cycle.window
        return self._inside(window)


def open_usage(
    upstream: Upstream,
    known: Directory,
    *,
    clock: Callable[[], float] = time.time,
    pool: ThreadPoolExecutor | None = None,
) -> Usage:
    """The service of a process, for staff. `clock`: epoch seconds. `pool`: the threads of calls made side by side."""
    pool = pool or ThreadPoolExecutor(max_workers=POOL_THREADS, thread_name_prefix="usage")
    return Usage(Calls(upstream, known, pool), known, _Learned(clock), clock)


def _counts_whole(query: Query, window: Window, now: int) -> bool:
    """Whether Autumn's hours are those of the window: what has not begun yet holds no event."""
    is_open = window.end > now or (window.end == now and query.end is None)
    return window.start % HOUR_MS == 0 and (is_open or window.end % HOUR_MS == 0)
