"""``events.list``: pages of rows, newest first."""

import sqlite3

from msgspec import UNSET, Raw, Struct

from usage.sample.document import shown
from usage.sample.numbers import whole
from usage.sample.windows import second
from usage.sample.wire import ListBody, cut_features, feature_list, lost_on_the_way

COLUMNS = "id, timestamp, feature_id, customer_id, coalesce(value, 0), properties, deductions"


class Row(Struct):
    """An event as it is listed; the two JSON columns go out as they are stored. It has no ``entity_id``."""

    id: str
    timestamp: int
    feature_id: str
    customer_id: str
    value: int | float
    properties: Raw
    deductions: Raw


class Page(Struct):
    """``total`` is the number of rows on this page: the API defines it so."""

    list: list[Row]
    has_more: bool
    offset: int
    limit: int
    total: int


class CursorPage(Struct):
    """The response to a call without a version: another shape, so that a missing header is noticed."""

    list: list[Row]
    next_cursor: str | None


def offset_page(connection: sqlite3.Connection, body: ListBody) -> Page:
    rows = _rows(connection, body, body.offset)
    page = rows[: body.limit]
    return Page(page, len(rows) > body.limit, body.offset, body.limit, len(page))


def cursor_page(connection: sqlite3.Connection, body: ListBody) -> CursorPage:
    """The first page only: the sample has no further pages by cursor."""
    rows = _rows(connection, body, 0)
    return CursorPage(rows[: body.limit], rows[body.limit].id if len(rows) > body.limit else None)


def _rows(connection: sqlite3.Connection, body: ListBody, offset: int) -> list[Row]:
    """One row more than the page holds, where there is one."""
    where, values = _conditions(body)
    order = "ORDER BY timestamp DESC, micros DESC, id DESC LIMIT ? OFFSET ?"
    sql = f"SELECT {COLUMNS} FROM events WHERE {where} {order}"  # noqa: S608 constants and placeholders
    found = connection.execute(sql, [*values, body.limit + 1, offset])
    return [
        Row(event, at, feature, customer, whole(value), Raw(shown(props)), Raw((taken or "null").encode()))
        for event, at, feature, customer, value, props, taken in found
    ]


def _conditions(body: ListBody) -> tuple[str, list[str | int]]:
    conditions: list[tuple[str, list[str | int]]] = [("true", []), *_bounds(body)]
    if lost_on_the_way(body.customer_id, body.filter_by):
        conditions.append(("false", []))
    if body.customer_id:
        conditions.append(("customer_id = ?", [body.customer_id]))
    if body.feature_id is not UNSET:
        features = cut_features(feature_list(body.feature_id))
        conditions.append((f"feature_id IN ({', '.join('?' * len(features))})", [*features]))
    if body.entity_id is not UNSET:
        conditions.append(("entity_id = ?", [body.entity_id]))
    conditions += [_search(key, value) for key, value in body.filter_by.items()]
    return " AND ".join(sql for sql, _ in conditions), [value for _, values in conditions for value in values]


def _bounds(body: ListBody) -> list[tuple[str, list[str | int]]]:
    """Both are cut to whole seconds and belong to the range, the end with its first microsecond only."""
    start, end = body.custom_range
    bounds: list[tuple[str, list[str | int]]] = []
    if start:
        bounds.append(("timestamp >= ?", [second(start)]))
    if end:
        bounds.append(("timestamp <= ? AND NOT (timestamp = ? AND micros > 0)", [second(end)] * 2))
    return bounds


def _search(key: str, value: str) -> tuple[str, list[str | int]]:
    """A list looks for ``"key":"value"`` in a row's JSON, in any case of ASCII letters, at any depth.

    A row has no key with a dot, and the search does not escape what JSON escapes.
    """
    if "." in key or set('"/\\') & set(value):
        return "false", []
    return "instr(lower(properties), lower(?)) > 0", [f'"{key}":"{value}"']
