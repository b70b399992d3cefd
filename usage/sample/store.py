"""Events in SQLite, with a roll-up of their hours.

Any number of threads may use a store, and any number of processes a file. A store in memory has one
connection, which its threads share one at a time.
"""

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any, NamedTuple

from usage.sample.aggregates.texts import plain_text
from usage.sample.document import encoded, stored
from usage.sample.names import catalog
from usage.sample.schema import EventRow, add_customer, add_plan, create, ingest
from usage.sample.story.cast import CUSTOMERS
from usage.sample.story.catalog import fill_catalog
from usage.sample.story.edge_cases import edge_events
from usage.sample.story.events import event_id, events_between, story_start, subscribed_at

DAY_MS = 86_400_000
REFRESH_MS = 1000


class Store:
    """``clock`` returns seconds since the epoch; it is the server's only source of the current time."""

    def __init__(self, path: str | Path = ":memory:", clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._path = str(path)
        self._idle: LifoQueue[sqlite3.Connection | None] = LifoQueue()  # None: the store is closed
        self._idle.put(self._open())
        self._closed = False
        self._update_lock = threading.Lock()
        self._refreshed = 0
        with self._writing() as connection:
            create(connection)
            catalog.create(connection)

    def now(self) -> int:
        """Epoch milliseconds."""
        return int(self.clock() * 1000)

    def connection(self) -> sqlite3.Connection:
        """A connection for a caller's own SQL: a new one for a file, the only one in memory."""
        if self._in_memory:
            with self.reading() as connection:
                return connection
        return self._open()

    def close(self) -> None:
        """Close the connections: those in use when they are released. Who needs one is refused."""
        self._closed = True
        with suppress(Empty):
            while True:
                connection = self._idle.get_nowait()
                if connection is not None:
                    connection.close()
        self._idle.put(None)

    def add(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Ingest events: the next call sees them. An event whose id exists is ignored.

        Keys: ``customer_id``, ``feature_id``, ``timestamp`` (epoch milliseconds); and where wanted ``id``,
        ``value`` (1, may be None), ``properties`` ({}), ``entity_id`` (None), ``deductions`` (None, or a
        list), ``plan_id`` (None, the internal id of a plan's version), ``micros`` (0, those after the
        milliseconds). Raises ValueError where properties have one path twice.
        """
        rows = [_row(event) for event in events]
        with self._writing() as connection:
            ingest(connection, rows)

    def add_customer(
        self,
        customer_id: str,
        *,
        subscribed_at_ms: int | None = None,
        interval: str = "month",
        internal_id: str | None = None,
    ) -> None:
        """A customer that exists without events. Billing cycles begin at ``subscribed_at_ms``.

        ``interval``, the length of a cycle, is week, month, quarter or year. By an ``internal_id`` a customer
        is found, but none of its events.
        """
        with self._writing() as connection:
            add_customer(connection, customer_id, subscribed_at_ms, interval, internal_id)

    def add_plan(self, internal_id: str, plan_id: str) -> None:
        """Set the plan that a version belongs to: events have the version's internal id."""
        with self._writing() as connection:
            add_plan(connection, internal_id, plan_id)

    def put_customer(self, body: Mapping[str, object]) -> None:
        """Describe a customer: ``body`` is what ``customers.get`` answers. Replaces the one of that id."""
        with self._writing() as connection:
            catalog.put_customer(connection, body)

    def put_feature(self, body: Mapping[str, object]) -> None:
        """Describe a feature: ``body`` is its entry in ``features.list``. Replaces the one of that id."""
        with self._writing() as connection:
            catalog.put_feature(connection, body)

    def ensure_story(self, seed: int = 0) -> None:
        """Create the story if it is missing, which takes some seconds, and extend it to now.

        Another ``seed`` creates another story of the same customers. It does not apply to an existing story.
        """
        now = self.now()
        with self._writing() as connection:
            if _story(connection) is None:
                _begin_story(connection, now - now % DAY_MS, seed)
            if not catalog.has_features(connection):
                _add_catalog(connection)
            _update_story(connection, now)

    def has_story(self) -> bool:
        with self.reading() as connection:
            return _story(connection) is not None

    def refresh(self) -> None:
        """Add the story's events since the last refresh, at most once a second.

        Where the disk is full, the story goes on later.
        """
        now = self.now()
        if now - self._refreshed < REFRESH_MS or not self._update_lock.acquire(blocking=False):
            return
        try:
            self._refreshed = now
            with suppress(sqlite3.OperationalError), self._writing() as connection:
                _update_story(connection, now)
        finally:
            self._update_lock.release()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that no other thread uses in the meantime."""
        connection = self._take()
        try:
            yield connection
        finally:
            self._idle.put(connection)
            if self._closed:
                self.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @property
    def _in_memory(self) -> bool:
        return self._path == ":memory:"

    def _take(self) -> sqlite3.Connection:
        try:
            connection = self._idle.get() if self._in_memory else self._idle.get_nowait()
        except Empty:
            return self._open()
        if connection is None:
            self._idle.put(None)  # for the next one who waits
            raise sqlite3.ProgrammingError("the store is closed")
        return connection

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=60, isolation_level=None, check_same_thread=False)
        # Larger pages than usual take up to a third less time to fill. A file keeps those it has.
        connection.execute("PRAGMA page_size = 16384")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        connection.execute("PRAGMA temp_store = MEMORY")
        # KiB, of each connection: calls are no faster with more, because the system caches the file too.
        connection.execute("PRAGMA cache_size = -8192")
        connection.create_function("plain_text", 1, plain_text, deterministic=True)
        return connection


def _row(event: Mapping[str, Any]) -> EventRow:
    taken = event.get("deductions")
    return EventRow(
        event.get("id") or event_id(event["timestamp"], secrets.token_bytes(16)),
        event["timestamp"],
        event["customer_id"],
        event["feature_id"],
        event.get("entity_id"),
        event.get("value", 1),
        stored(event.get("properties", {})),
        encoded(taken).decode() if taken else None,
        event.get("plan_id"),
        event.get("micros", 0),
    )


class StoryState(NamedTuple):
    """The story's epoch, and the time up to which it is stored; both in epoch milliseconds."""

    epoch: int
    until: int
    seed: int


def _story(connection: sqlite3.Connection) -> StoryState | None:
    found = connection.execute("SELECT epoch, generated_until, seed FROM story").fetchone()
    return None if found is None else StoryState(*found)


def _begin_story(connection: sqlite3.Connection, epoch: int, seed: int) -> None:
    connection.execute("INSERT INTO story VALUES (?, ?, ?)", [epoch, story_start(epoch), seed])
    for customer in CUSTOMERS:
        add_customer(connection, customer.id, subscribed_at(customer, epoch), customer.interval)


def _add_catalog(connection: sqlite3.Connection) -> None:
    """Add the catalog and its events to a story that was created before catalogs existed."""
    story = _story(connection)
    if story is not None:
        fill_catalog(connection, story.epoch)
        ingest(connection, map(_row, edge_events(story.epoch, 0, story.until)))


def _update_story(connection: sqlite3.Connection, now: int) -> None:
    """Adds nothing if another process has already updated the story."""
    story = _story(connection)
    if story is None or now <= story.until:
        return
    usual = events_between(story.epoch, story.until, now, story.seed)
    if ingest(connection, chain(usual, map(_row, edge_events(story.epoch, story.until, now)))):
        connection.execute("UPDATE story SET generated_until = ?", [now])
