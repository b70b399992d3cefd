"""Filters that apply to single rows, because events.list has none: properties and values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from usage.query import MAX_PATH_LENGTH, PropertyFilter, Query
from usage.results import Event

MISSING: Final = msgspec.UNSET
EXACT_UP_TO = 2**53
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
LARGEST_PLAIN = 1e15
"""Autumn writes larger whole floats with an exponent."""


def lookup(properties: Any, path: str) -> Any:
    """The value at a dotted path, or MISSING. A key that has dots itself is found before a nested one."""
    if not isinstance(properties, dict):
        return MISSING
    if path in properties:
        return properties[path]
    for dot in (index for index, char in enumerate(path) if char == "."):
        inner = properties.get(path[:dot], MISSING)
        if inner is not MISSING and (value := lookup(inner, path[dot + 1 :])) is not MISSING:
            return value
    return MISSING


def text_of(value: Any) -> str:
    """A property's value as filters and groups write it: a string as it is, anything else by its JSON text,
    and 200.0 as 200, as Autumn does.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_PLAIN:
        return str(int(value))
    return msgspec.json.encode(value).decode()


def matches(query: Query, event: Event) -> bool:
    """Whether a row satisfies the query's property filters, exclusions and value bounds."""
    if query.value_min is not None and event.value < query.value_min:
        return False
    if query.value_max is not None and event.value > query.value_max:
        return False
    wanted = by_path(query.filter)
    if not all(has_one_of(event, path, values) for path, values in wanted.items()):
        return False
    return not any(has_one_of(event, path, values) for path, values in by_path(query.exclude).items())


def by_path(filters: Iterable[PropertyFilter]) -> dict[str, set[str]]:
    """The values that are requested of each property."""
    paths: dict[str, set[str]] = {}
    for item in filters:
        paths.setdefault(item.path, set()).add(item.value)
    return paths


def has_one_of(event: Event, path: str, values: set[str]) -> bool:
    """Whether a row's property at `path` has one of these values."""
    value = lookup(event.properties, path)
    if value is MISSING:
        return False
    return text_of(value) in values or _is_number_among(value, values)


def is_same(text: str, wanted: str) -> bool:
    """Whether a value's text is the wanted one, but for digits that a list has lost."""
    if text == wanted:
        return True
    is_large = bool(_NUMBER.fullmatch(text)) and abs(float(text)) >= EXACT_UP_TO
    return is_large and _is_float(float(text), wanted)


def _is_number_among(value: Any, values: set[str]) -> bool:
    """Whether a number is one of these but for how it is written, and for digits that a list has lost.

    Beyond 2^53 a list rounds whole numbers, which groups have with all their digits.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, float) and repr(value) in values:
        return True
    return abs(value) >= EXACT_UP_TO and any(_is_float(value, wanted) for wanted in values)


def _is_float(value: float, wanted: str) -> bool:
    try:
        return bool(_NUMBER.fullmatch(wanted)) and float(wanted) == float(value)
    except OverflowError:  # a whole number beyond all floats: only its own digits are the same
        return False


def flatten(properties: dict[str, Any], prefix: str = "", depth: int = 4) -> Iterator[tuple[str, Any]]:
    """Every (path, value) of a row, nested objects by their dotted paths down to
    `depth` and MAX_PATH_LENGTH; lists stay whole.
    """
    for name, value in properties.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and value and depth > 1 and len(path) <= MAX_PATH_LENGTH:
            yield from flatten(value, f"{path}.", depth - 1)
        else:
            yield path, value
