"""Which features a caller is told of by name: those that were seen, and that they may see (traps 11 and 18)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock

from cachetools import TTLCache

from usage.api.calls import Asking, Calls
from usage.known_customers import Directory
from usage.query import Query
from usage.scope import Scope
from usage.window import DAY_MS, HOUR_MS, Window

CANDIDATES = 50
"""Features asked for to find the largest dozen."""
RECENT = 1000
"""Rows read to see which features a customer has."""
REMEMBERED_S = 3600.0
"""How long it is remembered whose newest rows were read."""
_EVERYBODY = ""


class Memory:
    """What one process remembers, for staff and all scopes: whose rows were read, and what may be named in a scope."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._met: TTLCache[str, bool] = TTLCache(10_000, REMEMBERED_S, timer=clock)
        self._named: TTLCache[str, tuple[str, ...]] = TTLCache(10_000, 2 * REMEMBERED_S, timer=clock)
        self._lock = Lock()

    def has_met(self, whose: str) -> bool:
        """Whether these rows were read within the hour."""
        with self._lock:
            return whose in self._met

    def meet(self, whose: str) -> None:
        """These rows have been read."""
        with self._lock:
            self._met[whose] = True

    def names(self, scope: str) -> list[str]:
        """The features that may be named in a scope."""
        with self._lock:
            return list(self._named.get(scope, ()))

    def name(self, scope: str, features: Iterable[str]) -> None:
        """More of them."""
        with self._lock:
            self._named[scope] = tuple(dict.fromkeys((*self._named.get(scope, ()), *features)))


class Naming:
    """The features of a caller's scope; of everybody for staff."""

    def __init__(self, calls: Calls, known: Directory, memory: Memory) -> None:
        self._calls = calls
        self._known = known
        self._memory = memory
        self._scope: Scope | None = calls.scope

    @property
    def sparing(self) -> bool:
        """Whether a feature is named only where it has events within bounds: the customer's others are hidden."""
        return self._scope is not None and self._scope.features is None and self._scope.is_bounded

    def features(self, customer_id: str | None) -> list[str]:
        """Features seen so far for a customer, or for anybody with None; within a scope, those that it shows."""
        if self._scope is None:
            return self._known.features(customer_id)
        if self.sparing:
            return self._memory.names(self._scope.key)
        shown = self._scope.features
        return self._known.features(self._scope.customer_id) if shown is None else sorted(shown)

    def candidates(self, query: Query, now: int, asking: Asking) -> tuple[str, ...]:
        """The features asked for, or else those to ask about: now and then the newest rows are read for them.

        Within bounds these are all that the customer is known to have: Autumn tells which of them have events there.
        """
        if query.feature_id:
            return query.feature_id
        self._meet(query, now, asking)
        seen = self.features(query.customer_id)
        if self.sparing:
            seen = list(dict.fromkeys((*seen, *self._known.features(query.customer_id))))
        return tuple(sorted(seen[:CANDIDATES]))

    def note(self, features: Iterable[str]) -> None:
        """These have events within the scope's bounds."""
        if self._scope is not None and self.sparing:
            self._memory.name(self._scope.key, features)

    def _meet(self, query: Query, now: int, asking: Asking) -> None:
        """Read the newest rows of the window once an hour: those seen on pages may be of chosen features only."""
        window = query.window(now)
        # A window that has ended is met by its own rows, one that goes on by the newest of all.
        past = window if window is not None and window.end < now - DAY_MS else None
        if self._scope is not None and self.sparing:
            past = self._scope.bound(past or Window(0, now + HOUR_MS))
            if past is None:
                return
        bounds = None if past is None else past.list_range()
        key = f"{'' if self._scope is None else self._scope.key}:{bounds}:{query.customer_id or _EVERYBODY}"
        if self._memory.has_met(key):
            return
        body: dict[str, object] = {"offset": 0, "limit": RECENT}
        body |= {} if query.customer_id is None else {"customer_id": query.customer_id}
        body |= {} if bounds is None else {"custom_range": bounds}
        rows = self._calls.rows(body, closed=True, asking=asking)
        self._memory.meet(key)
        self.note(event.feature_id for event in rows.events)
