"""``features.list``: every feature of the catalog."""

import sqlite3

from usage.sample.catalog import feature_bodies


def list_features(connection: sqlite3.Connection) -> dict[str, object]:
    """The answer. There is nothing to ask for: fields of the request are dropped."""
    return {"list": feature_bodies(connection)}
