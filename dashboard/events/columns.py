"""The columns of a table of events: which properties have one, and how wide each is. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from dashboard.events.filter_links import can_filter, can_name
from dashboard.formats import full_label
from usage.events.facets import MAX_PATHS
from usage.events.match import MISSING, lookup, text_of
from usage.query import is_path
from usage.results import Event

DEFAULT_COLUMNS = 3
MAX_DISTINCT = 20
"""A property with more values than this on a page says little at a glance, and is no column unless chosen."""
SAMPLE_ROWS = 200
"""How many rows decide which properties are default columns, and how wide columns are."""
WIDTHS = {8: "w1", 14: "w2", 22: "w3"}
"""Characters → the width that holds them (events.css). In steps, so that pages of one list agree."""
WIDEST, UNKNOWN_WIDTH = "w4", "w2"


@dataclass(frozen=True, slots=True)
class Column:
    """A property's column. `key`: its path, percent-encoded, where a click on its cells can filter by it.

    `width`: the class of its width.
    """

    name: str
    key: str
    width: str


def columns_of(paths: Iterable[str], events: Sequence[Event]) -> tuple[Column, ...]:
    """The columns of these properties, as wide as most of their values need."""
    return tuple(_column_of(path, events[:SAMPLE_ROWS]) for path in paths)


def usual_columns(events: Sequence[Event]) -> tuple[str, ...]:
    """The commonest properties of the newest of these rows that tell rows apart."""
    counts: Counter[str] = Counter()
    values: dict[str, set[str]] = {}
    for event in events[:SAMPLE_ROWS]:
        for path, value in event.properties.items():
            is_counted = path in counts or (len(counts) < MAX_PATHS and _is_short(path))
            if is_counted and isinstance(value, str | int | float | bool):
                counts[path] += 1
                seen = values.setdefault(path, set())
                if len(seen) <= MAX_DISTINCT:
                    seen.add(text_of(value))
    telling = [path for path in counts if len(values[path]) <= MAX_DISTINCT]
    return tuple(sorted(telling, key=lambda path: (-counts[path], path))[:DEFAULT_COLUMNS])


def _is_short(path: str) -> bool:
    """Whether a property can be a column that nobody has chosen."""
    return len(path) <= 24 and can_name(path) and is_path(path)


def width_for(characters: int) -> str:
    """The class of the narrowest width with room for so many characters."""
    return next((name for most, name in WIDTHS.items() if characters <= most), WIDEST)


def _column_of(path: str, events: Sequence[Event]) -> Column:
    name = full_label(path)
    found = (lookup(event.properties, path) for event in events)
    lengths = sorted(len(text_of(value)) for value in found if value is not MISSING)
    # One long value among many would widen the column on its page only.
    usual = width_for(max(len(name), lengths[len(lengths) * 9 // 10])) if lengths else UNKNOWN_WIDTH
    return Column(name, quote(path, safe="") if can_filter(path) else "", usual)
