"""The customers and features that have been seen: Autumn's two calls list neither.

Everything here was read off rows and aggregates on their way to a page; nobody is asked for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from usage.results import Event


@dataclass(frozen=True, slots=True)
class Seen:
    """A customer and feature that occurred together. `last_seen`: epoch ms of the newest known event, 0 if unknown."""

    customer_id: str
    feature_id: str
    last_seen: int


class Directory(Protocol):
    """Where sightings are kept. Implementations are thread-safe and never raise for what they can't store."""

    def note(self, sightings: Iterable[Seen]) -> None:
        """Remember these, keeping the newest `last_seen`."""

    def customers(self, search: str = "", limit: int = 50) -> list[tuple[str, int]]:
        """(customer, last seen) whose id contains `search`, case folded; newest first."""

    def features(self, customer_id: str | None) -> list[str]:
        """Features seen for a customer, or for anybody with None; newest first."""


class MemoryDirectory:
    """A Directory for one process: gone when it ends. Bounded, oldest out first."""

    def __init__(self, most: int = 50_000) -> None:
        self._most = most
        self._seen: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def note(self, sightings: Iterable[Seen]) -> None:
        with self._lock:
            for item in sightings:
                key = (item.customer_id, item.feature_id)
                self._seen[key] = max(item.last_seen, self._seen.get(key, 0))
            if len(self._seen) > self._most:
                newest = sorted(self._seen.items(), key=lambda item: -item[1])[: self._most // 2]
                self._seen = dict(newest)

    def customers(self, search: str = "", limit: int = 50) -> list[tuple[str, int]]:
        needle = search.casefold()
        last: dict[str, int] = {}
        with self._lock:
            for (customer, _), moment in self._seen.items():
                if needle in customer.casefold():
                    last[customer] = max(moment, last.get(customer, 0))
        return sorted(last.items(), key=lambda item: (-item[1], item[0]))[:limit]

    def features(self, customer_id: str | None) -> list[str]:
        last: dict[str, int] = {}
        with self._lock:
            for (customer, feature), moment in self._seen.items():
                if feature and customer_id in (None, customer):
                    last[feature] = max(moment, last.get(feature, 0))
        return sorted(last, key=lambda name: (-last[name], name))


def sightings(events: Iterable[Event]) -> list[Seen]:
    """One sighting for each customer and feature among `events`, with its newest time."""
    newest: dict[tuple[str, str], int] = {}
    for event in events:
        key = (event.customer_id, event.feature_id)
        newest[key] = max(event.timestamp, newest.get(key, 0))
    return [Seen(customer, feature, moment) for (customer, feature), moment in newest.items()]
