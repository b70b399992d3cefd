"""``events.list``: pages of rows, newest first."""

import sqlite3

from msgspec import UNSET, Raw, Struct

from usage.sample.numbers import number
from usage.sample.wire import OlderListBody, feature_list

COLUMNS = "id, timestamp, feature_id, customer_id, value, properties, deductions"


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
    """``total`` is the number of rows on this page: that is what the API says there."""

    list: list[Row]
    has_more: bool
    offset: int
    limit: int
    total: int


class CursorPage(Struct):
    """What a call without a version gets: another shape, so that a forgotten header is noticed."""

    list: list[Row]
    next_cursor: str | None


def offset_page(connection: sqlite3.Connection, body: OlderListBody) -> Page:
    rows = _rows(connection, body, body.offset)
    page = rows[: body.limit]
    return Page(page, len(rows) > body.limit, body.offset, body.limit, len(page))


def cursor_page(connection: sqlite3.Connection, body: OlderListBody) -> CursorPage:
    """The first page only: nobody is meant to read on from here."""
    rows = _rows(connection, body, 0)
    return CursorPage(rows[: body.limit], rows[body.limit].id if len(rows) > body.limit else None)


def _rows(connection: sqlite3.Connection, body: OlderListBody, offset: int) -> list[Row]:
    """One row more than the page holds, where there is one."""
    where, values = _conditions(body)
    order = "ORDER BY timestamp DESC, id DESC LIMIT ? OFFSET ?"
    sql = f"SELECT {COLUMNS} FROM events WHERE {where} {order}"  # noqa: S608 constants and placeholders
    found = connection.execute(sql, [*values, body.limit + 1, offset])
    return [
        Row(event, at, feature, customer, number(value), Raw(props.encode()), Raw((taken or "null").encode()))
        for event, at, feature, customer, value, props, taken in found
    ]


def _conditions(body: OlderListBody) -> tuple[str, list[str | int]]:
    """Bounds are cut to whole seconds, and both belong to the range."""
    bounds = body.custom_range
    conditions: list[tuple[str, list[str | int]]] = [("true", [])]
    if body.customer_id.strip():
        conditions.append(("customer_id = ?", [body.customer_id]))
    if body.feature_id is not UNSET:
        features = feature_list(body.feature_id)
        conditions.append((f"feature_id IN ({', '.join('?' * len(features))})", [*features]))
    if body.entity() is not None:
        conditions.append(("entity_id = ?", [body.entity() or ""]))
    if bounds.start is not UNSET:
        conditions.append(("timestamp >= ?", [int(bounds.start) // 1000 * 1000]))
    if bounds.end is not UNSET:
        conditions.append(("timestamp <= ?", [int(bounds.end) // 1000 * 1000]))
    return " AND ".join(sql for sql, _ in conditions), [value for _, values in conditions for value in values]
