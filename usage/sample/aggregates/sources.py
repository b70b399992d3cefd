"""The sources of an aggregate's figures: the ``hours`` roll-up, and the rows of events.

Whole hours count in full if start <= hour <= end. Exact figures take rows with start <= time <= end, to the
microsecond, and the roll-up for the full hours between.
"""

from typing import NamedTuple

import msgspec
from msgspec import UNSET

from usage.sample.ages import Age
from usage.sample.document import encoded
from usage.sample.windows import HOUR
from usage.sample.wire import PROPERTIES, AggregateBody, cut_features, feature_list, lost_on_the_way

COLUMN_GROUPS = {
    "$customer_id": "customer_id",
    "$entity_id": "entity_id",
    "$plan_id": "coalesce(plan_id, '')",
    "$feature_id": "feature_id",
}
# Time zones differ by quarters of an hour.
QUARTER = HOUR // 4
Values = list[str | int | float]


class Source(NamedTuple):
    """A subquery with the columns feature_id, at, n (events), v (their sum) and key (the group).

    ``at``, in epoch milliseconds, is the start of the row's hour, or of its quarter in an hour that is cut.
    """

    sql: str
    values: Values


class Span(NamedTuple):
    """Whole seconds in epoch milliseconds. ``exact``: not whole hours. ``null``: a missing value's figure."""

    start: int
    end: int
    exact: bool
    null: int = 1

    def full_hours(self) -> tuple[int, int]:
        """The start of the first, and the end of the last."""
        first = -(-self.start // HOUR) * HOUR
        return first, (self.end // HOUR * HOUR if self.exact else self.end // HOUR * HOUR + HOUR)


def bins_source(body: AggregateBody, age: Age, start: int, end: int) -> Source:
    """The rows of the bins."""
    features = cut_features(feature_list(body.feature_id))
    span = Span(start, end, age.exact_bins)
    if lost_on_the_way(body.customer_id, body.filter_by):
        return _rows(body, [], span)
    if body.grouped() or body.filter_by or body.entity_id is not UNSET:
        return _rows(body, features, span)
    return _plain(body, features, span)


def total_source(body: AggregateBody, age: Age, start: int, end: int) -> Source:
    """What the total counts: it ignores groups, and with a filter it is exact to the second."""
    plain = msgspec.structs.replace(body, group_by=UNSET)
    features = feature_list(body.feature_id)
    span = Span(start, end, age.exact_total or bool(body.filter_by), age.null_in_total)
    if body.filter_by or body.entity_id is not UNSET or not age.null_in_total:
        return _rows(plain, features, span)
    return _plain(plain, features, span)


def _plain(body: AggregateBody, features: list[str], span: Span) -> Source:
    if not span.exact:
        return _roll_up(body, features, span.start, span.end)
    first, last = span.full_hours()
    if first >= last:
        return _rows(body, features, span)
    parts = (
        _rows(body, features, Span(span.start, first - 1, exact=True)),
        _roll_up(body, features, first, last - 1),
        _rows(body, features, Span(last, span.end, exact=True)),
    )
    sql = " UNION ALL ".join(part.sql for part in parts)
    return Source(sql, [value for part in parts for value in part.values])


def _roll_up(body: AggregateBody, features: list[str], start: int, end: int) -> Source:
    where, values = _scope(body, features)
    columns = "feature_id, hour AS at, count AS n, sum AS v, NULL AS key"
    sql = f"SELECT {columns} FROM hours WHERE hour BETWEEN ? AND ? AND {where}"  # noqa: S608 constants
    return Source(sql, [start, end, *values])


def _rows(body: AggregateBody, features: list[str], span: Span) -> Source:
    key, key_values = key_of(body)
    where, values = conditions(body, span)
    scope, scope_values = _scope(body, features)
    value = f"coalesce(value, {span.null})"
    columns = f"feature_id, {at_of(span)} AS at, 1 AS n, {value} AS v, {key} AS key"
    sql = f"SELECT {columns} FROM events WHERE {where} AND {scope}"  # noqa: S608 constants
    return Source(sql, [*key_values, *values, *scope_values])


def at_of(span: Span) -> str:
    """An expression for ``at``."""
    first, last = span.full_hours()
    whole, part = f"timestamp - timestamp % {HOUR}", f"timestamp - timestamp % {QUARTER}"
    if not span.exact:
        return whole
    return f"CASE WHEN timestamp >= {first} AND timestamp < {last} THEN {whole} ELSE {part} END"


def conditions(body: AggregateBody, span: Span) -> tuple[str, Values]:
    """On time, entity and properties."""
    first, last = span.full_hours()
    sql, values = ["timestamp BETWEEN ? AND ?"], Values()
    if span.exact:
        values += [span.start, span.end]
        sql.append(f"NOT (timestamp = {span.end} AND micros > 0)")
    else:
        values += [first, last - 1]
    if body.entity_id is not UNSET:
        sql.append("entity_id = ?")
        values.append(body.entity_id)
    for path, value in body.filter_by.items():
        condition, more = _filter(json_path(path), value)
        sql.append(condition)
        values += more
    return " AND ".join(sql), values


def key_of(body: AggregateBody) -> tuple[str, Values]:
    """A property by its JSON text, a column as it is."""
    if body.group_by is UNSET:
        return "NULL", []
    if body.group_by in COLUMN_GROUPS:
        return COLUMN_GROUPS[body.group_by], []
    return "properties -> ?", [json_path(body.group_by.removeprefix(PROPERTIES))]


def json_path(path: str) -> str:
    return "$" + "".join(f'."{part}"' for part in path.split("."))


def _scope(body: AggregateBody, features: list[str]) -> tuple[str, Values]:
    where = f"feature_id IN ({', '.join('?' * len(features))})"
    if not body.customer_id:
        return where, [*features]
    return f"{where} AND customer_id = ?", [*features, body.customer_id]


def _filter(path: str, value: str) -> tuple[str, Values]:
    """A property by its text: ``['x','y']`` for a list, nothing for an object, null and what is missing."""
    if not value:
        return "(coalesce(properties -> ?, 'null') IN ('null', '\"\"') OR properties -> ? LIKE '{%')", [
            path,
            path,
        ]
    if value.startswith("["):
        return "(properties -> ? = ? OR plain_text(properties -> ?) = ?)", [path, _quoted(value), path, value]
    # A number's text and a boolean's are their JSON, as an object's is not a text of anything.
    bare = value if value[0] not in '{"' and value != "null" else _quoted(value)
    return "properties -> ? IN (?, ?)", [path, _quoted(value), bare]


def _quoted(value: str) -> str:
    return encoded(value).decode()
