"""The tables, and the only two ways to write to them."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

VERSION = 3
"""Version of the tables. A file with another version is recreated: the sample can generate its data."""


class EventRow(NamedTuple):
    """Times in epoch milliseconds, ``micros`` 0-999 after them; ``properties``, ``deductions`` as JSON text.

    ``value`` None is a missing value; ``plan_id`` is the internal id of a plan's version.
    """

    id: str
    timestamp: int
    customer_id: str
    feature_id: str
    entity_id: str | None
    value: float | None
    properties: str
    deductions: str | None
    plan_id: str | None = None
    micros: int = 0


TABLES = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    timestamp INTEGER NOT NULL,
    customer_id TEXT NOT NULL,
    feature_id TEXT NOT NULL,
    entity_id TEXT,
    value REAL,
    properties TEXT NOT NULL,
    deductions TEXT,
    plan_id TEXT,
    micros INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS events_of_customer ON events (customer_id, timestamp, micros, id, feature_id);
CREATE INDEX IF NOT EXISTS events_in_time ON events (timestamp, micros, id, feature_id);
CREATE TABLE IF NOT EXISTS hours (
    customer_id TEXT NOT NULL,
    feature_id TEXT NOT NULL,
    hour INTEGER NOT NULL,
    count INTEGER NOT NULL,
    sum REAL NOT NULL,
    PRIMARY KEY (customer_id, feature_id, hour)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hours_in_time ON hours (feature_id, hour, count, sum);
CREATE TABLE IF NOT EXISTS customers (
    customer_id TEXT PRIMARY KEY,
    subscribed_at INTEGER,
    interval TEXT NOT NULL DEFAULT 'month',
    internal_id TEXT
);
CREATE TABLE IF NOT EXISTS plans (internal_id TEXT PRIMARY KEY, plan_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS story (
  epoch INTEGER NOT NULL, generated_until INTEGER NOT NULL, seed INTEGER NOT NULL
);
"""

# Only rows that were really inserted count: those after the last one that was there before. Left to choose,
# SQLite reads the whole index of customers for them. By time it reads few rows where few were inserted, and a
# group's values are added up in the same order however many there are. Rows come in the order of the hour,
# which is therefore the first to group by.
ROLL_UP = """
INSERT INTO hours (customer_id, feature_id, hour, count, sum)
SELECT customer_id, feature_id, timestamp - timestamp % 3600000 AS hour, count(*), sum(coalesce(value, 1))
FROM events INDEXED BY events_in_time
WHERE timestamp >= (SELECT min(timestamp) FROM events NOT INDEXED WHERE seq > :before) AND seq > :before
GROUP BY 3, 1, 2
ON CONFLICT (customer_id, feature_id, hour)
DO UPDATE SET count = count + excluded.count, sum = sum + excluded.sum
"""
NEW_CUSTOMERS = """
INSERT INTO customers (customer_id)
SELECT DISTINCT customer_id FROM events NOT INDEXED WHERE seq > :before
ON CONFLICT (customer_id) DO NOTHING
"""


def create(connection: sqlite3.Connection) -> None:
    """Create missing tables. One statement at a time: a script would end the transaction it runs in."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        _drop_all(connection)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    for statement in TABLES.split(";"):
        connection.execute(statement)


def ingest(connection: sqlite3.Connection, rows: Iterable[EventRow]) -> int:
    """Insert the events whose id is new, roll their hours up, and return how many there were."""
    (before,) = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
    connection.executemany(
        "INSERT INTO events"
        " (id, timestamp, customer_id, feature_id, entity_id, value, properties, deductions, plan_id, micros)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        rows,
    )
    connection.execute(ROLL_UP, {"before": before})
    connection.execute(NEW_CUSTOMERS, {"before": before})
    (inserted,) = connection.execute("SELECT count(*) FROM events WHERE seq > ?", [before]).fetchone()
    return int(inserted)


def add_customer(
    connection: sqlite3.Connection,
    customer_id: str,
    subscribed_at: int | None,
    interval: str,
    internal_id: str | None = None,
) -> None:
    connection.execute(
        "INSERT INTO customers VALUES (?, ?, ?, ?) ON CONFLICT (customer_id) DO UPDATE SET"
        " subscribed_at = excluded.subscribed_at, interval = excluded.interval,"
        " internal_id = excluded.internal_id",
        [customer_id, subscribed_at, interval, internal_id],
    )


def add_plan(connection: sqlite3.Connection, internal_id: str, plan_id: str) -> None:
    """Set the plan that a version belongs to."""
    connection.execute("INSERT OR REPLACE INTO plans VALUES (?, ?)", [internal_id, plan_id])


def _drop_all(connection: sqlite3.Connection) -> None:
    made = "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%'"
    for kind, name in connection.execute(made).fetchall():
        connection.execute(f'DROP {kind} "{name}"')
