"""``features.list``: every feature of the catalog."""

import sqlite3

from usage.sample.names.catalog import feature_bodies


def list_features(connection: sqlite3.Connection) -> dict[str, object]:
    """The answer. It has no parameters: fields of the request are ignored."""
    return {"list": feature_bodies(connection)}
