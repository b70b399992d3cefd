"""PostgreSQL and Redis for one site: empty when it starts, and empty again when it has stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Identifier
from redis import Redis


@contextmanager
def new_database(url: str) -> Iterator[str]:
    """The URL of a new database on the server of `url`, which is dropped afterwards."""
    name = Identifier(created := f"audit_{token_hex(4)}")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(name))
        try:
            yield urlsplit(url)._replace(path=f"/{created}").geturl()
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@contextmanager
def empty_redis(url: str) -> Iterator[str]:
    """The URL itself. Raises RuntimeError if there are keys: cached answers of another world are wrong."""
    with Redis.from_url(url) as redis:
        if redis.dbsize():
            raise RuntimeError("The Redis database has keys. Choose an empty one: the auditor empties it.")
        try:
            yield url
        finally:
            redis.flushdb()
