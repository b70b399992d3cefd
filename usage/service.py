"""`Usage`: a Query in, results out. What views, exports, shares and commands all call.

usage = Usage(upstream, MemoryDirectory())
usage.series(query)            the figures of a chart
usage.page(query)              one page of events
usage.iterate(query)           every event that matches, exactly once
usage.within(scope)            the same, for the holder of a share link
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from usage.calls import Asking, Calls
from usage.capabilities import PROBE_FEATURE, Capabilities, probe
from usage.charting import Charting, frame_of
from usage.deadline import EXPORT_S, PAGE_S, Deadline
from usage.errors import Unsupported
from usage.freshness import Freshness, freshness_of
from usage.known import Directory, Seen, sightings
from usage.listing import EventPage, Listing
from usage.query import BadQuery, Position, Query
from usage.results import Event
from usage.rows import Facets, facets_of
from usage.scope import Scope
from usage.series import Series
from usage.upstream import Upstream
from usage.window import Window

CANDIDATES = 50
"""Features asked for to find the largest dozen."""
RECENT = 1000
"""Rows read to see which features and properties a customer has."""
CAPABILITIES_S = 3600.0


@dataclass(frozen=True, slots=True)
class Busiest:
    """Customers by what they used of one feature over a window, largest first."""

    feature_id: str
    customers: tuple[tuple[str, float], ...]
    fresh: Freshness


class Usage:
    """The usage service for staff or, `within` a scope, for the holder of a link. Safe to share between threads.

    Every method raises a UsageError for what Autumn can't or won't answer, and BadQuery for what can't be asked.
    `clock`: epoch seconds.
    """

    def __init__(
        self,
        upstream: Upstream,
        known: Directory,
        *,
        clock: Callable[[], float] = time.time,
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        self._upstream = upstream
        self._known = known
        self._clock = clock
        self._pool = pool or ThreadPoolExecutor(max_workers=64, thread_name_prefix="usage")
        self._calls = Calls(upstream, known, self._pool)
        self._found: tuple[float, Capabilities] | None = None

    @property
    def scope(self) -> Scope | None:
        """The scope all of this one's calls go through; None for staff."""
        return self._calls.scope

    def within(self, scope: Scope) -> Usage:
        """The same service, bound to `scope`: its answers hold nothing that the scope does not show."""
        bound = Usage(self._upstream, self._known, clock=self._clock, pool=self._pool)
        bound._calls = self._calls.within(scope)
        bound._found = self._found
        return bound

    def now(self) -> int:
        """The present, in epoch milliseconds. Read it once for each request and hand it on."""
        return int(self._clock() * 1000)

    def in_use(self, customer_id: str | None) -> int:
        """How many of the five calls a second Autumn has lately been asked about this customer."""
        return self._upstream.in_use(customer_id)

    def capabilities(self, asking: Asking) -> Capabilities:
        """What this server can do: asked once an hour."""
        if self._found is None or self._found[0] < self._clock() - CAPABILITIES_S:
            self._found = (self._clock(), probe(self._calls, asking))
        return self._found[1]

    def series(self, query: Query, now: int | None = None, *, refresh: bool = False) -> Series:
        """The figures of `query`'s chart."""
        query, now = self._bound(query), now or self.now()
        asking = Asking(Deadline.after(PAGE_S), refresh=refresh)
        can = self._needs(query, asking)
        features = self._features(query, asking)
        charting = Charting(self._calls, can)
        window, cycle = query.window(now), None
        if window is None:
            window, cycle = charting.cycle_window(query, features, now, asking), query.range
        window = self._inside(window)
        return charting.series(query, features, frame_of(query, window, now, cycle), now, asking)

    def page(self, query: Query, now: int | None = None, *, refresh: bool = False) -> EventPage:
        """The page of events that `query` names. An empty first page of a customer nobody has seen is UnknownCustomer."""
        query, now = self._bound(query), now or self.now()
        asking = Asking(Deadline.after(PAGE_S), refresh=refresh)
        if query.entity_id is not None:
            self._needs(query, asking)
        window = self._list_window(query, now, asking)
        page = Listing(self._calls).page(query, window, now, asking)
        if not page.events and query.before is None and not page.unfinished:
            self.check_customer(query, asking)
        return page

    def iterate(self, query: Query, now: int | None = None) -> Iterator[Event]:
        """Every event of the window that matches, newest first, exactly once, while others arrive. Never from the cache."""
        query, now = self._bound(query), now or self.now()
        window = self._list_window(query, now, Asking(Deadline.after(PAGE_S)))
        pinned = query if query.until is not None else replace(query, until=min(window.end, now))

        def asking() -> Asking:
            return Asking(Deadline.after(EXPORT_S), urgent=False, keep=False)

        return Listing(self._calls).iterate(pinned, window, now, asking)

    def event(self, query: Query, at: Position, now: int | None = None) -> Event | None:
        """The event at `at`, by its own link; None where there is none (in this scope)."""
        query, now = self._bound(query), now or self.now()
        if self.scope is not None and self.scope.bound(Window(at.timestamp, at.timestamp + 1)) is None:
            return None
        return Listing(self._calls).find(query, at, now, Asking(Deadline.after(PAGE_S)))

    def facets(self, query: Query, now: int | None = None) -> Facets:
        """What the newest thousand rows of the window have in common, before property filters."""
        query, now = self._bound(query), now or self.now()
        asking = Asking(Deadline.after(PAGE_S))
        wide = replace(query.having(), filter=(), exclude=(), value_min=None, value_max=None, per_page=1000)
        page = Listing(self._calls).page(wide, self._list_window(query, now, asking), now, asking)
        return facets_of(page.events)

    def busiest(self, query: Query, feature_id: str, now: int | None = None) -> Busiest:
        """The customers that used most of a feature; staff only, and only where Autumn answers for the organisation."""
        now = now or self.now()
        asking = Asking(Deadline.after(PAGE_S))
        ranked = Query(range=query.range, start=query.start, end=query.end, tz=query.tz, group_by="$customer_id")
        can = self._needs(ranked, asking)
        window = self._list_window(ranked, now, asking)
        customers, dated = Charting(self._calls, can).ranking(
            ranked, feature_id, frame_of(ranked, window, now), now, asking
        )
        self._known.note(Seen(customer, feature_id, 0) for customer, _ in customers)
        return Busiest(feature_id, tuple(customers), freshness_of([dated]))

    def customers(self, search: str = "", limit: int = 20) -> list[tuple[str, int]]:
        """Known customers whose id contains `search`: (id, last seen epoch ms or 0), newest first. Staff only."""
        if self.scope is not None:
            raise BadQuery("customer_id", "This link shows one customer only.")
        return self._known.customers(search, limit)

    def features(self, customer_id: str | None) -> list[str]:
        """Features seen so far for a customer, or for anybody with None; none of other customers' within a scope."""
        return self._known.features(customer_id if self.scope is None else self.scope.customer_id)

    def check_customer(self, query: Query, asking: Asking) -> None:
        """Raises UnknownCustomer where Autumn knows no such customer: a list alone does not say so (trap 15)."""
        if query.customer_id is None or self._known.features(query.customer_id):
            return
        body = {"customer_id": query.customer_id, "feature_id": [PROBE_FEATURE], "range": "24h", "bin_size": "hour"}
        self._calls.aggregate(body, closed=False, asking=asking)

    def _bound(self, query: Query) -> Query:
        return query if self.scope is None else query.within(self.scope)

    def _inside(self, window: Window) -> Window:
        if self.scope is None:
            return window
        inside = self.scope.bound(window)
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

    def _list_window(self, query: Query, now: int, asking: Asking) -> Window:
        window = query.window(now)
        if window is None:
            can = self._needs(query, asking)
            window = Charting(self._calls, can).cycle_window(query, self._features(query, asking), now, asking)
        return self._inside(window)

    def _features(self, query: Query, asking: Asking) -> tuple[str, ...]:
        """The features asked for, or else those seen: on a first visit the newest rows are read for them."""
        if query.feature_id:
            return query.feature_id
        known = self._known.features(query.customer_id)
        if not known:
            whose = {} if query.customer_id is None else {"customer_id": query.customer_id}
            rows = self._calls.rows({"offset": 0, "limit": RECENT, **whose}, closed=True, asking=asking)
            known = [seen.feature_id for seen in sightings(rows.events)]
        return tuple(sorted(known[:CANDIDATES])) or (PROBE_FEATURE,)
