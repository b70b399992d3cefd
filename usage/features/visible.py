"""Which features a caller sees by name: those that occurred, and that the scope allows (traps 11 and 18)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock

from cachetools import TTLCache

from usage.api.calls import CallOptions, Calls
from usage.features.names import FeatureCatalog, FeatureNames
from usage.known_customers import KnownCustomers
from usage.query import Query
from usage.scope import Scope
from usage.window import DAY_MS, Window, hour_end

NEWEST_ROWS = 1000
"""Rows read to see which features a customer has."""
FEATURES_REREAD_S = 3600.0
"""How long the newest rows of a customer are not read again for their features."""
_ALL_CUSTOMERS = ""


class FeatureCache:
    """Remembers, for staff and all scopes of one process, which rows were read and what each scope may see.

    `clock`: epoch seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._read: TTLCache[str, bool] = TTLCache(10_000, FEATURES_REREAD_S, timer=clock)
        self._visible: TTLCache[str, tuple[str, ...]] = TTLCache(10_000, 2 * FEATURES_REREAD_S, timer=clock)
        self._lock = Lock()

    def was_read(self, rows_key: str) -> bool:
        """Whether these rows were read within the hour."""
        with self._lock:
            return rows_key in self._read

    def mark_read(self, rows_key: str) -> None:
        """Remembers that these rows were read."""
        with self._lock:
            self._read[rows_key] = True

    def visible(self, scope: str) -> list[str]:
        """The features that are visible in the scope of this key."""
        with self._lock:
            return list(self._visible.get(scope, ()))

    def add_visible(self, scope: str, features: Iterable[str]) -> None:
        """Adds to the features that are visible in the scope of this key."""
        with self._lock:
            self._visible[scope] = tuple(dict.fromkeys((*self._visible.get(scope, ()), *features)))


class VisibleFeatures:
    """The features of a caller's scope; for staff, those of all customers."""

    def __init__(
        self,
        calls: Calls,
        known_customers: KnownCustomers,
        feature_cache: FeatureCache,
        catalog: FeatureCatalog,
    ) -> None:
        self._calls = calls
        self._catalog = catalog
        self._known_customers = known_customers
        self._feature_cache = feature_cache
        self._scope: Scope | None = calls.scope

    @property
    def hides_unused(self) -> bool:
        """Whether a feature is visible only where it has events within the scope's bounds."""
        return self._scope is not None and self._scope.features is None and self._scope.is_bounded

    def features(self, customer_id: str | None) -> list[str]:
        """Features seen so far for a customer, or for all customers with None; within a scope, those that it
        shows.
        """
        if self._scope is None:
            return self._known_customers.features(customer_id)
        if self.hides_unused:
            return self._feature_cache.visible(self._scope.key)
        shown = self._scope.features
        return self._known_customers.features(self._scope.customer_id) if shown is None else sorted(shown)

    def together(self) -> frozenset[frozenset[str]]:
        """Which features customers have together; within a scope, those that it shows."""
        if self._scope is None:
            return self._known_customers.feature_sets()
        return frozenset({frozenset(self.features(None))})

    def candidates(self, query: Query, now: int, options: CallOptions) -> FeatureNames:
        """The features of the query and its focus, or else all that Autumn lists and those seen, with the
        names that their events are stored under.

        Once an hour the newest rows are read for them: features that were deleted still have events. Within
        bounds these are all known features of the customer: figures show which of them have events there.
        """
        focus = () if query.focus is None else (query.focus,)
        if query.feature_id:
            return self._catalog.named({*query.feature_id, *focus}, options)
        self._read_newest(query, now, options)
        seen = self.features(query.customer_id)
        if self.hides_unused:
            seen = list(dict.fromkeys((*seen, *self._known_customers.features(query.customer_id))))
        return self._catalog.all((*focus, *seen), options).having(query.focus)

    def reads_newest(self, query: Query) -> bool:
        """Whether the next chart of this query reads the newest rows of its customer, whatever its window,
        if that has not ended. Never for a recipient, whose pages make the same calls on each visit.
        """
        if query.feature_id or self._scope is not None:
            return False
        return not self._feature_cache.was_read(self._rows_key(query, None))

    def add_used(self, features: Iterable[str]) -> None:
        """Makes visible features that have events within the scope's bounds."""
        if self._scope is not None and self.hides_unused:
            self._feature_cache.add_visible(self._scope.key, features)

    def _read_newest(self, query: Query, now: int, options: CallOptions) -> None:
        """Read the newest rows of the window once an hour: those seen on pages may be of chosen features
        only.
        """
        window = query.window(now)
        # A window that has ended is met by its own rows, one that goes on by the newest of all.
        past = window if window is not None and window.end < now - DAY_MS else None
        if self._scope is not None and self.hides_unused:
            past = self._scope.bound(past or Window(0, hour_end(now)))
            if past is None:
                return
        bounds = None if past is None else past.list_range()
        key = self._rows_key(query, bounds)
        if self._feature_cache.was_read(key):
            return
        body: dict[str, object] = {"offset": 0}
        body |= {} if query.customer_id is None else {"customer_id": query.customer_id}
        body |= {} if bounds is None else {"custom_range": bounds}
        rows = self._calls.rows(body, NEWEST_ROWS, closed=True, options=options)
        if past is not None and not rows.events and not self.hides_unused:
            # A window without events still has features, whose figures are zeros.
            del body["custom_range"]
            self._calls.rows(body, NEWEST_ROWS, closed=True, options=options)
        self._feature_cache.mark_read(key)
        self.add_used(event.feature_id for event in rows.events)

    def _rows_key(self, query: Query, bounds: dict[str, int] | None) -> str:
        scope = "" if self._scope is None else self._scope.key
        return f"{scope}:{bounds}:{query.customer_id or _ALL_CUSTOMERS}"
