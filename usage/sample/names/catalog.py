"""The catalog: customers and features as the API describes them, each a JSON body in a small table.

A customer that only has events is in the catalog too, without a name: tracking an event creates one.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

Body = dict[str, Any]

# A customer created with an e-mail address only has no id; position is the order of insertion.
TABLES = """
CREATE TABLE IF NOT EXISTS catalog_features (
    id TEXT NOT NULL UNIQUE, position INTEGER PRIMARY KEY, body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS catalog_customers (
    id TEXT UNIQUE, position INTEGER PRIMARY KEY, body TEXT NOT NULL
);
CREATE VIEW IF NOT EXISTS all_customers AS
SELECT id, position, body FROM catalog_customers
UNION ALL
SELECT customer_id, NULL, json_object(
    'id', customer_id, 'name', NULL, 'email', NULL,
    'created_at', coalesce(
        (SELECT min(hour) FROM hours WHERE hours.customer_id = customers.customer_id), subscribed_at, 0),
    'fingerprint', NULL, 'stripe_id', NULL, 'env', 'sandbox', 'metadata', json('{}'),
    'send_email_receipts', json('false'), 'billing_controls', json('{}'), 'subscriptions', json('[]'),
    'purchases', json('[]'), 'licenses', json('[]'), 'flags', json('{}'), 'balances', json('{}'))
FROM customers
WHERE NOT EXISTS (SELECT 1 FROM catalog_customers AS named WHERE named.id = customers.customer_id)
"""


def create(connection: sqlite3.Connection) -> None:
    """Create missing tables."""
    for statement in TABLES.split(";"):
        connection.execute(statement)


def put_feature(connection: sqlite3.Connection, body: Mapping[str, object]) -> None:
    """Add a feature, or replace the one of the same id. ``body`` is what ``features.list`` shows of it."""
    _put(connection, "catalog_features", body)


def put_customer(connection: sqlite3.Connection, body: Mapping[str, object]) -> None:
    """Add a customer, or replace the one of the same id. ``body`` is what ``customers.get`` answers."""
    _put(connection, "catalog_customers", body)


def _put(connection: sqlite3.Connection, table: str, body: Mapping[str, object]) -> None:
    connection.execute(
        f"INSERT INTO {table} (id, body) VALUES (?, ?)"  # noqa: S608 constants
        " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        [body["id"], msgspec.json.encode(body).decode()],
    )


def has_features(connection: sqlite3.Connection) -> bool:
    """Whether the catalog has been filled."""
    return connection.execute("SELECT 1 FROM catalog_features LIMIT 1").fetchone() is not None


def customer_body(connection: sqlite3.Connection, customer_id: str) -> Body | None:
    """None for a customer that does not exist."""
    found = connection.execute("SELECT body FROM all_customers WHERE id = ?", [customer_id]).fetchone()
    return None if found is None else msgspec.json.decode(found[0], type=Body)


def customers_matching(connection: sqlite3.Connection, search: str, offset: int) -> list[Body]:
    """All customers whose id, name or e-mail address contains a text, newest first.

    Case does not count, and ``%``, ``_`` and a backslash in the text are read as LIKE reads them. Customers
    created in one millisecond have another order on the first page than on later ones: the API defines none.
    """
    connection.create_function("lowered", 1, lambda text: text and text.lower(), deterministic=True)
    pattern = f"%{search.strip().lower()}%" if search.strip() else None
    found = connection.execute(
        r"""SELECT body FROM all_customers
        WHERE :pattern IS NULL OR lowered(id) LIKE :pattern ESCAPE '\'
        OR lowered(body ->> '$.name') LIKE :pattern ESCAPE '\'
        OR lowered(body ->> '$.email') LIKE :pattern ESCAPE '\'
        ORDER BY body ->> '$.created_at' DESC, position * :direction, id""",
        {"pattern": pattern, "direction": -1 if offset else 1},
    )
    return [msgspec.json.decode(body, type=Body) for (body,) in found]


def customer_count(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM all_customers").fetchone()
    return int(count)


def feature_bodies(connection: sqlite3.Connection) -> list[Body]:
    """All features, the archived ones last."""
    found = connection.execute("SELECT body FROM catalog_features ORDER BY body ->> '$.archived', position")
    return [msgspec.json.decode(body, type=Body) for (body,) in found]
