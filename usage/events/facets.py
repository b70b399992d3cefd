"""What rows have in common: their features and properties, with the commonest values of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from usage.events.match import flatten, is_same, text_of
from usage.query import Query
from usage.results import Event


@dataclass(frozen=True, slots=True)
class Facet:
    """One property of the newest rows: how many have it, and its commonest values with their counts."""

    path: str
    rows: int
    values: tuple[tuple[str, int], ...]
    distinct: int


@dataclass(frozen=True, slots=True)
class Facets:
    """What the newest `rows` rows have in common: features by count, then properties by how many rows have
    them.
    """

    rows: int
    features: tuple[tuple[str, int], ...]
    properties: tuple[Facet, ...]


def facets_of(
    events: Iterable[Event], query: Query | None = None, *, paths: int = 50, values: int = 8
) -> Facets:
    """Counts over `events`: at most `paths` properties, with at most `values` values each; those that `query`
    has chosen are always counted.
    """
    features: Counter[str] = Counter()
    counts: dict[str, Counter[str]] = {}
    for event in events:
        features[event.feature_id] += 1
        for path, value in flatten(event.properties):
            counts.setdefault(path, Counter())[text_of(value)] += 1
    wanted: dict[str, set[str]] = {}
    for item in query.filter if query else ():
        wanted.setdefault(item.path, set()).add(item.value)
    found = [
        Facet(
            path, seen.total(), (*_commonest(seen, values), *_chosen(seen, wanted.get(path, ()))), len(seen)
        )
        for path, seen in counts.items()
    ]
    found.sort(key=lambda facet: (facet.path not in wanted, -facet.rows, facet.path))
    return Facets(
        features.total(),
        (*_commonest(features, 50), *_chosen(features, query.feature_id if query else ())),
        tuple(found[:paths]),
    )


def _commonest(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]


def _chosen(counts: Counter[str], values: Iterable[str]) -> list[tuple[str, int]]:
    """The counts of these values, whether they are among the commonest or not."""
    return [(value, sum(count for text, count in counts.items() if is_same(text, value))) for value in values]
