"""Where the figures of an aggregate come from.

Hours count whole: one belongs to a window when start <= hour <= end. Plain figures come from the ``hours``
roll-up; those by group, filter, entity or deduction from the events of the same hours.
"""

from typing import NamedTuple

import msgspec
from msgspec import UNSET

from usage.sample.windows import HOUR
from usage.sample.wire import AggregateBody, feature_list

COLUMN_GROUPS = {"$customer_id": "customer_id", "$entity_id": "entity_id"}
# json_each numbers the deductions of an event from 0.
DEDUCTED = (
    "events, json_each(events.deductions) AS deduction",
    "deduction.key = 0",
    "deduction.value ->> '$.value'",
)
Values = list[str | int]


class Source(NamedTuple):
    """A subquery with the columns feature_id, hour, n (events), v (their sum) and key (the group)."""

    sql: str
    values: Values


def source(body: AggregateBody, start: int, end: int) -> Source:
    """What a body asks for in the hours from start to end (epoch milliseconds)."""
    plain = body.group_by is UNSET and body.entity_id is UNSET and body.aggregate_on is UNSET
    if plain and not body.filter_by:
        return _roll_up(body, start, end)
    return _events(body, -(-start // HOUR) * HOUR, end // HOUR * HOUR + HOUR - 1)


def _roll_up(body: AggregateBody, start: int, end: int) -> Source:
    where, values = _scope(body)
    columns = "feature_id, hour, count AS n, sum AS v"
    sql = f"SELECT {columns} FROM hours WHERE hour BETWEEN ? AND ? AND {where}"  # noqa: S608 constants and placeholders
    return Source(sql, [start, end, *values])


def _events(body: AggregateBody, first: int, last: int) -> Source:
    """With ``aggregate_on`` each deduction is a row, and an event counts with its first one."""
    deducted = body.aggregate_on is not UNSET
    table, count, value = DEDUCTED if deducted else ("events", "1", "events.value")
    key, key_values = _key(body)
    where, values = _scope(body)
    filters, filter_values = _filters(body)
    columns = f"feature_id, timestamp - timestamp % {HOUR} AS hour, {count} AS n, {value} AS v, {key} AS key"
    conditions = f"timestamp BETWEEN ? AND ? AND {where} AND {filters}"
    sql = f"SELECT {columns} FROM {table} WHERE {conditions}"  # noqa: S608 constants and placeholders
    return Source(sql, [*key_values, first, last, *values, *filter_values])


def _scope(body: AggregateBody) -> tuple[str, Values]:
    features = feature_list(body.feature_id)
    where = f"feature_id IN ({', '.join('?' * len(features))})"
    if not body.customer_id.strip():
        return where, [*features]
    return f"{where} AND customer_id = ?", [*features, body.customer_id]


def _key(body: AggregateBody) -> tuple[str, Values]:
    """A property by its JSON text; a column, or the plan of a deduction, as it is."""
    if body.group_by is UNSET:
        return "NULL", []
    if body.group_by == "$plan_id":
        deducted = body.aggregate_on is not UNSET
        return ("deduction.value ->> '$.plan_id'" if deducted else "deductions ->> '$[0].plan_id'"), []
    if body.group_by in COLUMN_GROUPS:
        return COLUMN_GROUPS[body.group_by], []
    return "properties -> ?", [_json_path(body.group_by)]


def _filters(body: AggregateBody) -> tuple[str, Values]:
    conditions, values = ["true"], list[str | int]()
    if body.entity_id is not UNSET:
        conditions.append("entity_id = ?")
        values.append(body.entity_id)
    for path, value in body.filter_by.items():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        conditions.append("properties -> ? IN (?, ?)")
        values += [_json_path(path), text, msgspec.json.encode(text).decode()]
    return " AND ".join(conditions), values


def _json_path(path: str) -> str:
    parts = path.removeprefix("properties.").split(".")
    return "$" + "".join(f'."{part}"' for part in parts)
