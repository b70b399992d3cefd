"""Django's `migrate`, by one process at a time: several machines may start at the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

TURN = 0x7573616765
"""The advisory lock's key in the database: any number that no other program there uses."""


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with _in_turn(connections[options["database"]]):
            super().handle(*args, **options)


@contextmanager
def _in_turn(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Waits until no other process migrates this database. SQLite is one machine's, and needs no turns."""
    if connection.vendor != "postgresql":
        yield
        return
    # A connection of its own: whatever ends it, the lock ends too, also behind a pool of connections.
    with closing(connection.copy()) as other:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TURN])
        yield
