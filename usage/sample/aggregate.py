"""``events.aggregate``: bins, totals, and groups within bins."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from usage.sample.errors import ApiError
from usage.sample.numbers import number
from usage.sample.sources import Source, source
from usage.sample.windows import Subscription, Window, bin_starts, custom_window, named_window
from usage.sample.wire import AggregateBody, BinSize, feature_list

OTHER = "AUTUMN_RESERVED"

PERIOD: dict[BinSize, str] = {
    "hour": "hour",
    "day": "hour - hour % 86400000",
    "week": "hour - (hour - 345600000) % 604800000",
    "month": "unixepoch(hour / 1000, 'unixepoch', 'start of month') * 1000",
}

Answer = dict[str, object]
Groups = dict[str, float]
STREAMED_CELLS = 200_000
"""Answers with more groups times bins are made while they are sent: whoever asks may hang up before they end."""
# For each (period, feature): the sum of each group.
Cells = dict[tuple[int, str], Groups]


class Folded(NamedTuple):
    """A cell's largest groups, and the sum of the others; None where there are no others."""

    kept: Groups
    rest: float | None


def aggregate(connection: sqlite3.Connection, body: AggregateBody, now: int) -> Answer:
    """The answer at ``now`` (epoch milliseconds); a very large one has an iterator of bins. Raises ApiError."""
    window = _window(connection, body, now)
    starts = [*bin_starts(window, body.bin_size, now)]
    events = source(body, window.start, window.end)
    bins = _plain_bins if body.group_by is UNSET else _grouped_bins
    return {"list": bins(connection, body, events, starts), "total": _total(connection, body, window)}


def _window(connection: sqlite3.Connection, body: AggregateBody, now: int) -> Window:
    subscription = _subscription(connection, body.customer_id) if body.customer_id.strip() else None
    if body.custom_range is not UNSET:
        return custom_window(body.custom_range)
    return named_window("1bc" if body.range is UNSET else body.range, subscription, now)


def _subscription(connection: sqlite3.Connection, customer_id: str) -> Subscription | None:
    found = connection.execute(
        "SELECT subscribed_at, interval FROM customers WHERE customer_id = ?", [customer_id]
    ).fetchone()
    if found is None:
        raise ApiError("customer_not_found", f"Customer {customer_id} not found")
    return None if found[0] is None else Subscription(*found)


def _total(connection: sqlite3.Connection, body: AggregateBody, window: Window) -> Answer:
    """Whole, whatever the groups are: events that grouping drops are counted here."""
    plain = msgspec.structs.replace(body, group_by=UNSET)
    events = source(plain, window.total_start, window.end)
    sql = f"SELECT feature_id, sum(n), sum(v) FROM ({events.sql}) GROUP BY 1 HAVING sum(n) > 0"  # noqa: S608 constants and placeholders
    found = connection.execute(sql, events.values)
    return {feature: {"count": count, "sum": number(total)} for feature, count, total in found}


def _plain_bins(
    connection: sqlite3.Connection, body: AggregateBody, events: Source, starts: list[int]
) -> list[Answer]:
    """Every bin, with a zero for each feature that has nothing in it."""
    sql = f"SELECT {PERIOD[body.bin_size]}, feature_id, sum(v) FROM ({events.sql}) GROUP BY 1, 2"  # noqa: S608 constants and placeholders
    found = connection.execute(sql, events.values)
    sums: dict[tuple[int, str], float] = {(period, feature): total for period, feature, total in found}
    features = feature_list(body.feature_id)
    return [
        {"period": start, "values": {feature: number(sums.get((start, feature), 0)) for feature in features}}
        for start in starts
    ]


def _grouped_bins(
    connection: sqlite3.Connection, body: AggregateBody, events: Source, starts: list[int]
) -> list[Answer] | Iterator[Answer]:
    """Every bin, with each feature's groups; none at all where no event has a group.

    A group that was among the largest of one bin is named in all of them: with a 0 where it has nothing,
    and with the same 0 where it was folded.
    """
    cells = _cells(connection, body, events)
    if not cells:
        return []
    folded = {at: _fold(groups, body.max_groups) for at, groups in cells.items()}
    names: dict[str, dict[str, float]] = {feature: {} for feature in feature_list(body.feature_id)}
    for (_, feature), cell in folded.items():
        names[feature] |= dict.fromkeys(cell.kept, 0.0)
    empty = Folded({}, None)
    made = (
        _grouped_bin(start, {feature: folded.get((start, feature), empty) for feature in names}, names)
        for start in starts
    )
    return made if len(starts) * sum(map(len, names.values())) > STREAMED_CELLS else [*made]


def _grouped_bin(start: int, cells: dict[str, Folded], names: dict[str, Groups]) -> Answer:
    grouped = {feature: _with_rest(names[feature] | cell.kept, cell.rest) for feature, cell in cells.items()}
    return {
        "period": start,
        "values": {feature: number(sum(groups.values())) for feature, groups in grouped.items()},
        "grouped_values": {
            feature: {name: number(value) for name, value in groups.items()}
            for feature, groups in grouped.items()
        },
    }


def _with_rest(groups: Groups, rest: float | None) -> Groups:
    """A real group may have the reserved name: the two are then one, as at the service."""
    return groups if rest is None else groups | {OTHER: groups.get(OTHER, 0) + rest}


def _fold(groups: Groups, most: int) -> Folded:
    ranked = sorted(groups.items(), key=lambda group: (-group[1], group[0]))
    rest = [value for _, value in ranked[most:]]
    return Folded(dict(ranked[:most]), sum(rest) if rest else None)


def _cells(connection: sqlite3.Connection, body: AggregateBody, events: Source) -> Cells:
    period = PERIOD[body.bin_size]
    sql = f"SELECT {period}, feature_id, key, sum(v) FROM ({events.sql}) GROUP BY 1, 2, 3"  # noqa: S608 constants and placeholders
    found = connection.execute(sql, events.values)
    cells: Cells = defaultdict(lambda: defaultdict(float))
    is_json = str(body.group_by).startswith("properties.")
    for start, feature, key, total in found:
        name = _group_name(key) if is_json else key
        if name is not None:
            cells[start, feature][name] += total
    return cells


def _group_name(key: str | None) -> str | None:
    """Strings as they are, other values by their JSON text; a missing or null property is no group."""
    if key is None or key == "null":
        return None
    return msgspec.json.decode(key, type=str) if key.startswith('"') else key
