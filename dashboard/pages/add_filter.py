"""What can be filtered by: properties of the rows that a page has read, and the commonest values of each."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.events.filter_links import can_filter
from dashboard.formats import full_label, label, number, visible
from usage.events.facets import Facet, Facets

MAX_PROPERTIES = 40
MAX_VALUES = 12
MAX_VALUE_LENGTH = 200
"""Characters of a value that is suggested; longer ones can be typed."""
MAX_DISTINCT_ROWS = 20
"""A property whose values are all different in more rows than this has no common ones to suggest."""


@dataclass(frozen=True, slots=True)
class ValueChoice:
    """A value that can be chosen, and what it is called with its count."""

    value: str
    text: str


@dataclass(frozen=True, slots=True)
class PropertyChoice:
    """A property that can be chosen, how many rows have it, and its commonest values."""

    path: str
    text: str
    rows: str
    values: tuple[ValueChoice, ...]


@dataclass(frozen=True, slots=True)
class AddFilter:
    """The form that adds a filter. `rows`: how many events the counts are of; `carried`: the query so far."""

    carried: tuple[tuple[str, str], ...]
    rows: str
    properties: tuple[PropertyChoice, ...]


def add_filter(seen: Facets | None, carried: tuple[tuple[str, str], ...]) -> AddFilter:
    """The form, with what has been `seen` to choose from; without it conditions can be typed.

    Browsers show suggestions as they are: none has characters that could pass for others.
    """
    facets = () if seen is None else seen.properties
    choices = [
        _property(facet) for facet in facets if can_filter(facet.path) and visible(facet.path) == facet.path
    ]
    return AddFilter(carried, "" if seen is None else number(seen.rows), tuple(choices[:MAX_PROPERTIES]))


def _property(facet: Facet) -> PropertyChoice:
    tells_apart = facet.distinct == facet.rows > MAX_DISTINCT_ROWS
    values = tuple(
        ValueChoice(value, f"{label(value)} ({number(count)})")
        for value, count in dict(facet.values).items()
        if 0 < len(value) <= MAX_VALUE_LENGTH
        and visible(value) == value
        and can_filter(facet.path, value)
        and not tells_apart
    )
    return PropertyChoice(facet.path, full_label(facet.path), number(facet.rows), values[:MAX_VALUES])
