"""What rows have in common: their features and properties, with the commonest values of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from usage.events.match import flatten, text_of
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


def facets_of(events: Iterable[Event], *, paths: int = 50, values: int = 8) -> Facets:
    """Counts over `events`: at most `paths` properties, with at most `values` values each."""
    features: Counter[str] = Counter()
    counts: dict[str, Counter[str]] = {}
    for event in events:
        features[event.feature_id] += 1
        for path, value in flatten(event.properties):
            counts.setdefault(path, Counter())[text_of(value)] += 1
    found = [
        Facet(path, seen.total(), tuple(_commonest(seen, values)), len(seen)) for path, seen in counts.items()
    ]
    found.sort(key=lambda facet: (-facet.rows, facet.path))
    return Facets(features.total(), tuple(_commonest(features, 50)), tuple(found[:paths]))


def _commonest(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
