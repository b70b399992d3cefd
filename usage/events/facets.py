"""What rows have in common: their features and properties, with the commonest values of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from usage.events.match import flatten, is_same, text_of
from usage.query import MAX_PATH_LENGTH, Query, is_path
from usage.results import Event

MAX_PATHS = 2_000
"""Properties that are counted; those of further names are not."""
MAX_VALUES = 100_000
"""Different values that are counted, of all properties together."""
MAX_VALUE_LENGTH = MAX_PATH_LENGTH
"""Characters of a value that is counted: no filter can name a longer one."""


@dataclass(frozen=True, slots=True)
class Facet:
    """One property of the newest rows: how many have it, and its commonest values with their counts.

    `distinct`: how many values it has, at least; of long ones each counts as another.
    """

    path: str
    rows: int
    values: tuple[tuple[str, int], ...]
    distinct: int


@dataclass(frozen=True, slots=True)
class Facets:
    """What the newest `rows` rows have in common: features by count, then properties by how many rows have
    them.

    `left_out`: whether the rows have properties or values that were not counted or are not listed.
    """

    rows: int
    features: tuple[tuple[str, int], ...]
    properties: tuple[Facet, ...]
    left_out: bool = False


class PathCounts:
    """How many rows have each property, and each of its values: of as many as there is room for."""

    def __init__(self, chosen: Iterable[str] = ()) -> None:
        self.rows: Counter[str] = Counter()
        self.values: dict[str, Counter[str]] = {}
        self.uncounted: Counter[str] = Counter()
        self.left_out = False
        self._chosen = frozenset(chosen)
        self._room = MAX_VALUES

    def add(self, event: Event) -> None:
        """Count the properties of one row."""
        for path, value in flatten(event.properties):
            if self._counts(path):
                self.rows[path] += 1
                self._add_value(path, value)
            else:
                self.left_out = True

    def _counts(self, path: str) -> bool:
        if path in self.rows or path in self._chosen:
            return True
        return len(self.rows) < MAX_PATHS and is_path(path)

    def _add_value(self, path: str, value: Any) -> None:
        text, counts = text_of(value), self.values.setdefault(path, Counter())
        is_new = text not in counts
        if len(text) > MAX_VALUE_LENGTH or (is_new and self._room == 0 and path not in self._chosen):
            self.uncounted[path] += 1
            self.left_out = self.left_out or len(text) <= MAX_VALUE_LENGTH
            return
        counts[text] += 1
        self._room -= is_new and self._room > 0


def facets_of(
    events: Iterable[Event], query: Query | None = None, *, paths: int = 50, values: int = 8
) -> Facets:
    """Counts over `events`: at most `paths` properties, with at most `values` values each; those that `query`
    has chosen are always counted.
    """
    features: Counter[str] = Counter()
    wanted: dict[str, set[str]] = {}
    for item in query.filter if query else ():
        wanted.setdefault(item.path, set()).add(item.value)
    counts = PathCounts(wanted)
    for event in events:
        features[event.feature_id] += 1
        counts.add(event)
    found = [
        Facet(
            path,
            counts.rows[path],
            (*_commonest(seen, values), *_chosen(seen, wanted.get(path, ()))),
            len(seen) + counts.uncounted[path],
        )
        for path, seen in counts.values.items()
    ]
    found.sort(key=lambda facet: (facet.path not in wanted, -facet.rows, facet.path))
    return Facets(
        features.total(),
        (*_commonest(features, 50), *_chosen(features, query.feature_id if query else ())),
        tuple(found[:paths]),
        counts.left_out or len(found) > paths,
    )


def _commonest(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]


def _chosen(counts: Counter[str], values: Iterable[str]) -> list[tuple[str, int]]:
    """The counts of these values, whether they are among the commonest or not."""
    return [(value, sum(count for text, count in counts.items() if is_same(text, value))) for value in values]
