"""Whether a database that is away, locked, full or read-only is the reason of an error; its connections."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DataError, Error, IntegrityError, ProgrammingError, connections

MISTAKES = (DataError, IntegrityError, ProgrammingError)
"""These are ours: they happen again."""
UNDEFINED_TABLE = "42P01"
"""PostgreSQL's code for it."""


def database_failure(error: BaseException | None) -> Error | None:
    """The error of the database that led to this one, or None."""
    found = [each for each in _chain(error) if isinstance(each, Error) and _is_of_driver(each)]
    return found[-1] if found else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_of_driver(error: Error) -> bool:
    """Django also raises such errors itself, for a row that is not there any more."""
    return error.__cause__ is not None and not isinstance(error, MISTAKES)


def lacks_tables(error: BaseException | None) -> bool:
    """Whether a table does not exist: migrations were not applied."""
    return any(
        getattr(each, "sqlstate", "") == UNDEFINED_TABLE or "no such table" in str(each)
        for each in _chain(error)
    )


def close_old_connections() -> None:
    """What Django does after a response, for what is stored after it; not within a transaction, such as a
    test's.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
