"""Computes figures from raw rows, row by row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from math import fsum
from typing import Any

from tests.audit.query import Query
from tests.audit.windows import Span, Tie, bin_of, default_size, hour_end, in_chart, label_of
from tests.audit.world import Properties, Row

Bin = int | date
MISSING = object()
LONGEST_ROLLED_UP = 64
LARGEST_EXACT = 2**53


@dataclass(slots=True)
class Sum:
    """A sum, its number of rows, and the sum of absolute values, which bounds the rounding."""

    parts: list[float] = field(default_factory=list)

    def add(self, value: float) -> None:
        """Add one row's value."""
        self.parts.append(value)

    @property
    def value(self) -> float:
        """The sum."""
        return fsum(self.parts)

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.parts)

    def is_near(self, other: float) -> bool:
        """Whether a figure equals this sum, apart from float rounding."""
        scale = max(1.0, fsum(map(abs, self.parts)))
        return abs(self.value - other) <= 1e-9 * scale


@dataclass(frozen=True, slots=True)
class Group:
    """The group of a row. `reported`: whether Autumn certainly reports this value under this name."""

    name: str | None
    reported: bool = True


def shown_properties(properties: Properties) -> Properties:
    """Properties as in a list: dotted keys nested, without nulls and empty objects."""
    shown: Properties = {}
    for key, value in properties.items():
        inner = shown_properties(value) if isinstance(value, dict) else value
        if inner is None or inner == {}:
            continue
        *path, last = key.split(".")
        place = shown
        for part in path:
            place = place.setdefault(part, {})
        place[last] = inner
    return shown


def at_path(properties: Properties, path: str) -> Any:
    """The value at a dotted path of shown properties, or MISSING."""
    value: Any = properties
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return MISSING
        value = value[part]
    return value


def text_of(value: Any) -> str:
    """A value as in filters: text unchanged, a whole number without a fraction, the rest as JSON.

    Servers write whole numbers below 1e21 with all their digits.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def matches(row: Row, query: Query) -> bool:
    """Whether a row meets the filters: the same path twice is *or*, different paths are *and*."""
    if query.value_min is not None and row.listed < float(query.value_min):
        return False
    if query.value_max is not None and row.listed > float(query.value_max):
        return False
    shown = shown_properties(row.properties)
    paths = {item.partition(":")[0] for item in query.filter}
    if not all(
        any(_has(shown, item) for item in query.filter if item.partition(":")[0] == path) for path in paths
    ):
        return False
    return not any(_has(shown, item) for item in query.exclude)


def _has(shown: Properties, condition: str) -> bool:
    path, _, wanted = condition.partition(":")
    value = at_path(shown, path)
    return value is not MISSING and (text_of(value) == wanted or _is_same_double(value, wanted))


def _is_same_double(value: Any, wanted: str) -> bool:
    """Whether a large whole number and a text are the same double: lists have no more digits."""
    if isinstance(value, bool | str) or not isinstance(value, int | float) or abs(value) < LARGEST_EXACT:
        return False
    try:
        return float(wanted) == float(value)
    except ValueError:
        return False


def group_of(row: Row, group_by: str) -> Group:
    """The group that a row belongs to."""
    if group_by == "$customer_id":
        return Group(row.customer_id)
    if group_by == "$entity_id":
        return Group(row.entity_id)
    if group_by == "$plan_id":
        return Group(row.plan_id or "", reported=False)
    value = at_path(shown_properties(row.properties), group_by.removeprefix("properties."))
    if value is MISSING or value == "":
        return Group(None)
    return Group(text_of(value), _is_rolled_up(value))


def _is_rolled_up(value: Any) -> bool:
    """Whether Autumn's roll-up has this value: not ids, long texts, fractions, lists and objects."""
    if isinstance(value, str):
        hexes = sum(character in "0123456789abcdefABCDEF" for character in value)
        words = sum(character.isascii() and (character.isalnum() or character in "_-") for character in value)
        fraction = value.strip("-0123456789e+") == "."
        return len(value) <= LONGEST_ROLLED_UP and hexes < 24 and words < 32 and not fraction
    if isinstance(value, bool):
        return True
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


@dataclass(frozen=True, slots=True)
class Reading:
    """One allowed interpretation of what the design leaves open, the same for a whole answer.

    `tie`: the day of an hour that contains a midnight.
    `late`: whether rows that have just arrived are included. `merged`: whether rows under event
    names count for their features. `exact`: whether a chart is exact, not by whole hours.
    """

    tie: Tie = 0
    late: bool = True
    merged: bool = True
    exact: bool = False


def listed(rows: Iterable[Row], query: Query, span: Span, now: int) -> list[Row]:
    """The rows that a list or file of events has, newest first."""
    found = [
        row
        for row in rows
        if span.start <= row.timestamp < min(span.end, hour_end(now)) and matches(row, query)
    ]
    return sorted(found, key=lambda row: row.order, reverse=True)


def charted(
    rows: Iterable[Row], query: Query, span: Span, now: int, reading: Reading
) -> Iterator[tuple[Bin, Row]]:
    """The rows that a chart counts, each with its bin: a UTC hour, or its first local date in the window."""
    size = query.bin_size or default_size(span)
    for row in rows:
        if row.timestamp >= hour_end(now):
            continue
        inside = (
            span.start <= row.timestamp < span.end
            if reading.exact
            else in_chart(row.timestamp, span, query.tz, reading.tie)
        )
        if inside and matches(row, query):
            found = bin_of(row.timestamp, size, query.tz, reading.tie)
            yield label_of(found, span, size, query.tz, reading.tie), row


def amount(row: Row, measure: str | None) -> float:
    """The amount that a row adds to a chart."""
    if measure == "count":
        return 1
    if measure == "deducted":
        return fsum(float(item["value"]) for item in row.deductions)
    return row.summed


def drawn(row: Row) -> list[Row]:
    """A row for each deduction, of the balance's feature."""
    return [
        replace(row, feature_id=item["feature_id"], value=item["value"], deductions=(item,))
        for item in row.deductions
    ]


class Sums(dict[Bin, Sum]):
    """Sums by bin, and over all bins."""

    def __missing__(self, key: Bin) -> Sum:
        self[key] = Sum()
        return self[key]

    @property
    def whole(self) -> Sum:
        """The sum over all bins."""
        return Sum([part for each in self.values() for part in each.parts])


def by_feature(
    pairs: Iterable[tuple[Bin, Row]], measure: str | None, features: Callable[[str], Iterable[str]]
) -> dict[str, Sums]:
    """The sums of each feature. `features`: those that a stored name counts for."""
    sums: dict[str, Sums] = {}
    for label, row in pairs:
        for feature in features(row.feature_id):
            sums.setdefault(feature, Sums())[label].add(amount(row, measure))
    return sums


def by_group(
    pairs: Iterable[tuple[Bin, Row]], group_by: str | None, measure: str | None
) -> dict[Group, Sums]:
    """The sums of each group, or of each balance; rows without one are under the name None."""
    sums: dict[Group, Sums] = {}
    for label, row in pairs:
        group = Group(row.deductions[0]["balance_id"]) if group_by is None else group_of(row, group_by)
        sums.setdefault(group, Sums())[label].add(amount(row, measure))
    return sums
