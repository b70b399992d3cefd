"""Why no event matches: the conditions that none of the rows meets, and what each of them hides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from usage.events.match import MISSING, by_path, flatten, has_one_of, lookup, matches
from usage.query import Query
from usage.results import Event

MAX_COMPARED = 500
MAX_COMPARED_LENGTH = 60
MAX_ROWS = 1_000
"""Names, of at most so many characters, that an unknown property is compared with, and rows that they are
read from.
"""
MAX_UNKNOWN = 3
"""Unknown properties that are compared: a query can have many."""


@dataclass(frozen=True, slots=True)
class Unmet:
    """A property of which no row has a requested value.

    `is_known`: whether rows have the property at all; `near`: the most similar property, where they don't.
    """

    path: str
    values: tuple[str, ...]
    is_known: bool
    near: str | None


def unmet_conditions(query: Query, events: Sequence[Event]) -> tuple[Unmet, ...]:
    """The property filters of `query` that none of these rows meets, each regarded alone."""
    unmet, seen, compared = list[Unmet](), cache(lambda: _names(events[:MAX_ROWS])), 0
    for path, values in by_path(query.filter).items():
        if any(has_one_of(event, path, values) for event in events):
            continue
        is_known = any(lookup(event.properties, path) is not MISSING for event in events)
        near = None if is_known or compared == MAX_UNKNOWN else _near(path, seen())
        compared += not is_known and compared < MAX_UNKNOWN
        unmet.append(Unmet(path, tuple(sorted(values)), is_known, near))
    return tuple(unmet)


def count_without(query: Query, events: Sequence[Event], **changes: object) -> int:
    """How many of these rows match `query` with these changes."""
    changed = query.having(**changes)
    return sum(matches(changed, event) for event in events)


def _names(events: Sequence[Event]) -> dict[str, str]:
    """The properties of these rows, by their lower case."""
    paths = dict.fromkeys(path for event in events for path, _ in flatten(event.properties))
    return {name.lower(): name for name in list(paths)[:MAX_COMPARED] if len(name) <= MAX_COMPARED_LENGTH}


def _near(path: str, names: dict[str, str]) -> str | None:
    if len(path) > MAX_COMPARED_LENGTH:
        return None
    found = get_close_matches(path.lower(), names, n=1, cutoff=0.6)
    return names[found[0]] if found else None
