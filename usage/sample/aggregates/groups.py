"""Groups within bins: named, ranked, and folded where there are too many."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from msgspec import UNSET

from usage.sample.ages import Age
from usage.sample.aggregates.bins import Bins
from usage.sample.aggregates.sources import Source
from usage.sample.aggregates.texts import texts
from usage.sample.numbers import whole
from usage.sample.wire import PROPERTIES, AggregateBody, feature_list

OTHER = "AUTUMN_RESERVED"
STREAMED_CELLS = 200_000
"""Responses with more groups times bins are generated while they are sent: clients may disconnect early."""
SMALL_GAP, LARGE_FEATURE = 0.005, 10_000

Answer = dict[str, object]
Groups = dict[str, float]
# For each (label, feature): the figure of each group.
Cells = dict[tuple[object, str], Groups]


class Found(NamedTuple):
    """A row of the database: a group of a feature in a part of a bin."""

    at: int
    feature: str
    key: str | None
    events: int
    total: float


class Folded(NamedTuple):
    """A cell's largest groups, and the sum of the others; None where there are no others."""

    largest_groups: Groups
    rest: float | None


def grouped_bins(
    connection: sqlite3.Connection, body: AggregateBody, age: Age, events: Source, bins: Bins
) -> list[Answer] | Iterator[Answer]:
    """Every bin, with each feature's groups; no bins if no event has a group.

    A group that was among the largest of one bin and feature is named in all of them: with a 0 where it has
    no events or was folded. The same applies to the rest, if any cell has one.
    """
    found = _found(connection, events, bins)
    cells = _cells(connection, body, age, found, bins)
    if not cells:
        return []
    most = _most(connection, body, age)
    folded = _by_window(cells, most) if body.group_ranking == "window" else _by_bin(cells, most)
    names = dict.fromkeys(sorted({name for cell in folded.values() for name in cell.largest_groups}), 0)
    if any(cell.rest is not None for cell in folded.values()):
        names.setdefault(OTHER, 0)
    features = feature_list(body.feature_id)
    made = (
        _bin(each.period, {name: folded.get((each.label, name)) for name in features}, names)
        for each in bins.grid
    )
    return made if len(bins.grid) * len(features) * len(names) > STREAMED_CELLS else [*made]


def _found(connection: sqlite3.Connection, events: Source, bins: Bins) -> list[Found]:
    """The groups of the bins.

    The limit, of nothing, keeps SQLite from merging the two queries: merged, it sorts the events with their
    whole properties, only to take the group out of them afterwards.
    """
    columns = f"{bins.sql}, feature_id, key, count(*), sum(v)"
    sql = f"SELECT {columns} FROM ({events.sql} LIMIT -1) GROUP BY 1, 2, 3"  # noqa: S608 constants
    return [*map(Found._make, connection.execute(sql, events.values))]


def _bin(period: int, cells: Mapping[str, Folded | None], names: dict[str, int]) -> Answer:
    """``names`` has a 0 for each group: most cells have few others, and only those are worth a look."""
    values: dict[str, int | float] = {}
    grouped: dict[str, Mapping[str, int | float]] = {}
    for feature, cell in cells.items():
        figures = {} if cell is None else _figures(cell)
        values[feature] = whole(sum((names | figures).values()))
        grouped[feature] = names | {name: whole(value) for name, value in figures.items()}
    return {"period": period, "values": values, "grouped_values": grouped}


def _figures(cell: Folded) -> Groups:
    """A real group may have the reserved name: the two are then one, as at the service."""
    if cell.rest is None:
        return cell.largest_groups
    return cell.largest_groups | {OTHER: cell.largest_groups.get(OTHER, 0) + cell.rest}


def _by_bin(cells: Cells, most: int) -> dict[tuple[object, str], Folded]:
    return {at: _fold(groups, _largest(groups, most)) for at, groups in cells.items()}


def _by_window(cells: Cells, most: int) -> dict[tuple[object, str], Folded]:
    """Ranked once for each feature."""
    totals: dict[str, Groups] = defaultdict(lambda: defaultdict(float))
    for (_, feature), groups in cells.items():
        for name, value in groups.items():
            totals[feature][name] += value
    largest_groups = {feature: _largest(groups, most) for feature, groups in totals.items()}
    return {at: _fold(groups, largest_groups[at[1]]) for at, groups in cells.items()}


def _largest(groups: Groups, most: int) -> set[str]:
    if len(groups) <= most:
        return set(groups)
    return set(sorted(groups, key=lambda name: (-groups[name], name))[:most])


def _fold(groups: Groups, largest: set[str]) -> Folded:
    rest = [value for name, value in groups.items() if name not in largest]
    largest_groups = {name: value for name, value in groups.items() if name in largest}
    return Folded(largest_groups, sum(rest) if rest else None)


def _cells(
    connection: sqlite3.Connection, body: AggregateBody, age: Age, found: list[Found], bins: Bins
) -> Cells:
    names = _names(connection, body, age, found)
    labels = {at: bins.label(at) for at in {row.at for row in found}}
    counted = body.measure == "count"
    cells: Cells = defaultdict(lambda: defaultdict(float))
    for at, feature, key, events, total in found:
        name = names[key]
        if name is not None:
            cells[labels[at], feature][name] += events if counted else total
    return cells


def _names(
    connection: sqlite3.Connection, body: AggregateBody, age: Age, found: list[Found]
) -> dict[str | None, str | None]:
    """The name of each key that was found; None for no group."""
    keys = {row.key for row in found}
    if body.group_by is not UNSET and body.group_by.startswith(PROPERTIES):
        rolled = (
            age.rolled_groups and not body.filter_by and "." not in body.group_by.removeprefix(PROPERTIES)
        )
        if rolled and _roll_up_stands(body, age, found):
            return {key: texts(key).rolled for key in keys}
        return {key: texts(key).plain for key in keys}
    plans = _plans(connection) if body.group_by == "$plan_id" and age.public_plans else {}
    return {key: plans.get(key or "", key) for key in keys}


def _roll_up_stands(body: AggregateBody, age: Age, found: list[Found]) -> bool:
    """Whether the roll-up's answer is used: if it lacks events, rows are used if they have more."""
    events: dict[tuple[str, str | None], int] = defaultdict(int)
    for row in found:
        events[row.feature, row.key] += row.events
    rolled = _counted(events, lambda key: texts(key).rolled is not None)
    if age.small_gaps:
        everything = bool(body.customer_id)
        expected = _counted(events, lambda key: everything or key not in (None, "null"))
        if all(_small(count, rolled[feature]) for feature, count in expected.items()):
            return True
    plain = _counted(events, lambda key: texts(key).plain is not None)
    return sum(plain.values()) <= sum(rolled.values())


def _small(expected: int, rolled: int) -> bool:
    gap = expected - rolled
    return not gap or (expected >= LARGE_FEATURE and gap < SMALL_GAP * expected)


def _counted(
    events: Mapping[tuple[str, str | None], int], belongs: Callable[[str | None], bool]
) -> dict[str, int]:
    """The events of each feature whose key belongs."""
    counts: dict[str, int] = defaultdict(int)
    for (feature, key), count in events.items():
        if belongs(key):
            counts[feature] += count
    return counts


def _most(connection: sqlite3.Connection, body: AggregateBody, age: Age) -> int:
    """Grouped by public plans, every version of a plan has room."""
    if body.group_by != "$plan_id" or not age.public_plans:
        return body.max_groups
    return max(body.max_groups, 10, len(_plans(connection)) + 1)


def _plans(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT internal_id, plan_id FROM plans"))
