"""The customers and features that have been seen: Autumn's two calls list neither.

Everything here was read off rows and aggregates on their way to a page; no call is made for it.
"""

from __future__ import annotations

import threading
from bisect import bisect
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from heapq import nsmallest
from itertools import accumulate, islice
from typing import Protocol

from usage.results import Event

MAX_SETS = 200
MAX_TOGETHER = 64
"""Sets of features, and features in one, that colors are chosen by."""
MAX_CHANGED = 500
"""Customers whose place has changed before all are put in order again."""


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


class _Ordered:
    """Customers, newest first, as one text to search: a search stops where it has found enough."""

    def __init__(self, seen: dict[str, dict[str, int]]) -> None:
        self.names = sorted(seen, key=lambda name: (-max(seen[name].values()), name))
        folded = [_folded(name) for name in self.names]
        self._text = "".join(f"{each}\0" for each in folded)
        self._ends = list(accumulate(len(each) + 1 for each in folded))

    def find(self, needle: str, *, without: Container[str]) -> Iterator[str]:
        """Those that contain `needle`, case folded, newest first."""
        place = 0
        while (found := self._text.find(needle, place)) >= 0:
            at = bisect(self._ends, found)
            if at == len(self.names):  # of an empty needle
                return
            if self.names[at] not in without:
                yield self.names[at]
            place = self._ends[at]


def _folded(text: str) -> str:
    return text.casefold().replace("\0", "\ufffd")


class InMemoryKnownCustomers:
    """Known customers of one process: gone when it ends. Bounded: oldest out first, those just noted last."""

    def __init__(self, most: int = 50_000) -> None:
        self._most = most
        self._seen: dict[str, dict[str, int]] = {}
        self._pairs = 0
        self._sets: frozenset[frozenset[str]] | None = None
        self._ordered: _Ordered | None = None
        self._changed = set[str]()  # since they were ordered
        self._lock = threading.Lock()

    def note(self, sightings: Iterable[Seen]) -> None:
        noted = set[str]()
        with self._lock:
            for item in sightings:
                noted.add(item.customer_id)
                features = self._seen.setdefault(item.customer_id, {})
                if item.feature_id not in features:
                    self._pairs += 1
                    self._sets = None
                newest = max(item.last_seen, features.get(item.feature_id, 0))
                if features.get(item.feature_id) != newest:
                    features[item.feature_id] = newest
                    self._changed.add(item.customer_id)
            if self._pairs > self._most:
                self._forget_oldest(noted)

    def customers(self, search: str = "", limit: int = 50) -> list[tuple[str, int]]:
        needle = _folded(search)
        with self._lock:
            if self._ordered is None or len(self._changed) > MAX_CHANGED:
                self._ordered, self._changed = _Ordered(self._seen), set()
            found = [name for name in self._changed if needle in _folded(name)]
            found += islice(self._ordered.find(needle, without=self._changed), limit)
            last = [(name, max(self._seen[name].values())) for name in found]
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

    def _forget_oldest(self, noted: Container[str]) -> None:
        """Customers without events for longest go first, those just `noted` last, until half of the room is
        free again.
        """
        for name in sorted(self._seen, key=lambda name: (name in noted, max(self._seen[name].values()))):
            if self._pairs <= self._most // 2:
                return
            self._pairs -= len(self._seen.pop(name))
            self._ordered = None
            self._changed.discard(name)


def sightings(events: Iterable[Event]) -> list[Seen]:
    """One sighting for each customer and feature among `events`, with its newest time."""
    newest: dict[tuple[str, str], int] = {}
    for event in events:
        key = (event.customer_id, event.feature_id)
        newest[key] = max(event.timestamp, newest.get(key, 0))
    return [Seen(customer, feature, moment) for (customer, feature), moment in newest.items()]
