"""The customers and features that have been seen: Autumn's two calls list neither.

Everything here was read off rows and aggregates on their way to a page; no call is made for it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nsmallest
from typing import Protocol

from usage.results import Event

MAX_SETS = 200
MAX_TOGETHER = 64
"""Sets of features, and features in one, that colors are chosen by."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A customer and feature that occurred together.

    `last_seen`: epoch ms of the newest known event, 0 if unknown.
    """

    customer_id: str
    feature_id: str
    last_seen: int


class KnownCustomers(Protocol):
    """Customers and features that were seen. Thread-safe; never raises for what cannot be stored."""

    def note(self, sightings: Iterable[Seen]) -> None:
        """Remember these, keeping the newest `last_seen`."""

    def customers(self, search: str = "", limit: int = 50) -> list[tuple[str, int]]:
        """(customer, last seen) whose id contains `search`, case folded; newest first."""

    def last_seen(self, customer_ids: Iterable[str]) -> dict[str, int]:
        """When these were last seen, epoch ms; 0 for those that were not."""

    def features(self, customer_id: str | None) -> list[str]:
        """Features seen for a customer, or for all customers with None; newest first."""

    def feature_sets(self) -> frozenset[frozenset[str]]:
        """Which features customers have together; of many such sets, the commonest."""


class InMemoryKnownCustomers:
    """Known customers of one process: gone when it ends. Bounded, oldest out first."""

    def __init__(self, most: int = 50_000) -> None:
        self._most = most
        self._seen: dict[str, dict[str, int]] = {}
        self._pairs = 0
        self._sets: frozenset[frozenset[str]] | None = None
        self._lock = threading.Lock()

    def note(self, sightings: Iterable[Seen]) -> None:
        with self._lock:
            for item in sightings:
                features = self._seen.setdefault(item.customer_id, {})
                if item.feature_id not in features:
                    self._pairs += 1
                    self._sets = None
                features[item.feature_id] = max(item.last_seen, features.get(item.feature_id, 0))
            if self._pairs > self._most:
                self._forget_oldest()

    def customers(self, search: str = "", limit: int = 50) -> list[tuple[str, int]]:
        needle = search.casefold()
        with self._lock:
            last = [
                (name, max(seen.values())) for name, seen in self._seen.items() if needle in name.casefold()
            ]
        return nsmallest(limit, last, key=lambda item: (-item[1], item[0]))

    def last_seen(self, customer_ids: Iterable[str]) -> dict[str, int]:
        with self._lock:
            return {name: max(self._seen.get(name, {}).values(), default=0) for name in customer_ids}

    def features(self, customer_id: str | None) -> list[str]:
        last: dict[str, int] = {}
        with self._lock:
            whose = self._seen.values() if customer_id is None else [self._seen.get(customer_id, {})]
            for seen in whose:
                for feature, moment in seen.items():
                    last[feature] = max(moment, last.get(feature, 0))
        last.pop("", None)
        return sorted(last, key=lambda name: (-last[name], name))

    def feature_sets(self) -> frozenset[frozenset[str]]:
        with self._lock:
            if self._sets is None:
                found = Counter(
                    frozenset(seen.keys() - {""}) for seen in self._seen.values() if len(seen) <= MAX_TOGETHER
                )
                commonest = nsmallest(MAX_SETS, found, key=lambda each: (-found[each], sorted(each)))
                self._sets = frozenset(commonest)
            return self._sets

    def _forget_oldest(self) -> None:
        """Customers that were not seen for longest go first, until half of the room is free again."""
        for name in sorted(self._seen, key=lambda name: max(self._seen[name].values())):
            if self._pairs <= self._most // 2:
                return
            self._pairs -= len(self._seen.pop(name))


def sightings(events: Iterable[Event]) -> list[Seen]:
    """One sighting for each customer and feature among `events`, with its newest time."""
    newest: dict[tuple[str, str], int] = {}
    for event in events:
        key = (event.customer_id, event.feature_id)
        newest[key] = max(event.timestamp, newest.get(key, 0))
    return [Seen(customer, feature, moment) for (customer, feature), moment in newest.items()]
