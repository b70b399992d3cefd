"""Stores answers as bytes: in this process's memory, or in Redis for all processes together.

A Redis that is down, slow or full is not an error: for a few seconds its users go on with their
own memory, and then it is tried again. Nothing is pickled.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from secrets import token_hex
from threading import Lock
from typing import TYPE_CHECKING, Protocol, TypeVar

import structlog
from cachetools import TLRUCache

from usage.api.deadline import Deadline
from usage.api.leases import Lease, Leases

if TYPE_CHECKING:
    from redis import Redis

MEMORY_BYTES = 64 * 1024 * 1024
ENTRY_OVERHEAD = 512
REDIS_TIMEOUT_S = 0.5
REDIS_REST_S = 3.0
PREFIX = "autumn-usage:"

# Only the owner of a lock may free it: after a lease has expired, it may have another owner.
_UNLOCK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

# Only the owner may renew it, too.
_RENEW = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
"""

T = TypeVar("T")
log = structlog.get_logger(__name__)


class CacheStore(Protocol):
    """Bytes by key, for a time. No method raises for a store that fails."""

    def get(self, key: str) -> bytes | None:
        """The value, or None where there is none (any more)."""

    def set(self, key: str, value: bytes, ttl_s: float) -> None:
        """Keep `value` for at most `ttl_s` seconds; it may be dropped earlier to make room."""

    def lock(
        self, key: str, lease_s: float, *, at_most_s: float | None = None
    ) -> AbstractContextManager[bool]:
        """True inside the block for one process at a time; never waits.

        Free `lease_s` after the process was killed. It is held while the block runs, but at most for
        `at_most_s`, or else `lease_s`.
        """

    def close(self) -> None:
        """Let go of connections, where there are any."""


class MemoryStore:
    """The least recently used go first once `max_bytes` are full. `clock` counts seconds.

    Its lock is always granted: within one process, the cache itself lets one thread at a time ask.
    """

    def __init__(self, max_bytes: int = MEMORY_BYTES, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._entries: TLRUCache[str, tuple[bytes, float]] = TLRUCache(
            max_bytes, ttu=lambda _key, entry, now: now + entry[1], timer=clock, getsizeof=_entry_size
        )
        self._mutex = Lock()

    @property
    def used_bytes(self) -> int:
        """Bytes in use, with an allowance for keys."""
        with self._mutex:
            return int(self._entries.currsize)

    def get(self, key: str) -> bytes | None:
        with self._mutex:
            entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def set(self, key: str, value: bytes, ttl_s: float) -> None:
        entry = (value, ttl_s)
        if ttl_s <= 0 or _entry_size(entry) > self._entries.maxsize:
            return
        with self._mutex:
            self._entries[key] = entry

    @contextmanager
    def lock(self, key: str, lease_s: float, *, at_most_s: float | None = None) -> Iterator[bool]:
        yield True

    def close(self) -> None:
        """Nothing to let go of."""


def _entry_size(entry: tuple[bytes, float]) -> int:
    return len(entry[0]) + ENTRY_OVERHEAD


class RedisLink:
    """A pool of connections to one Redis, and a memory of its last failure.

    After a failure it is left alone for `rest_s` seconds, so that a Redis which hangs costs one time limit
    now and then and not one for each call.
    """

    def __init__(self, url: str, *, timeout_s: float = REDIS_TIMEOUT_S, rest_s: float = REDIS_REST_S) -> None:
        # Where there is no Redis, its client would take 5 MB and a tenth of a second at each start.
        from redis import Redis, RedisError
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._failure: type[Exception] = RedisError
        self.redis: Redis = Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
        self._rest_s = rest_s
        self._down_until = 0.0

    def attempt(self, command: Callable[[], T], otherwise: Callable[[], T]) -> T:
        """The result of `command`, or of `otherwise` where Redis is down or has just been."""
        if time.monotonic() < self._down_until:
            return otherwise()
        try:
            return command()
        except self._failure as error:
            self._down_until = time.monotonic() + self._rest_s
            # The class alone: the message may hold the URL, and that a password.
            log.warning("redis.down", error=type(error).__name__, rest_s=self._rest_s)
            return otherwise()

    def close(self) -> None:
        """Close the pool."""
        self.redis.close()


class RedisStore:
    """Compressed values in Redis, shared by all processes; a memory of one's own while Redis is down."""

    def __init__(self, link: RedisLink, *, meanwhile: MemoryStore | None = None) -> None:
        self._link = link
        self._meanwhile = meanwhile or MemoryStore()
        self._unlock = link.redis.register_script(_UNLOCK)
        self._renew = link.redis.register_script(_RENEW)
        self._leases = Leases(self._renew_all)

    def get(self, key: str) -> bytes | None:
        return self._link.attempt(
            lambda: _stored_value(self._link.redis.get(PREFIX + key)), lambda: self._meanwhile.get(key)
        )

    def set(self, key: str, value: bytes, ttl_s: float) -> None:
        def keep() -> None:
            self._link.redis.set(PREFIX + key, zlib.compress(value, 1), px=_milliseconds(ttl_s))

        self._link.attempt(keep, lambda: self._meanwhile.set(key, value, ttl_s))

    @contextmanager
    def lock(self, key: str, lease_s: float, *, at_most_s: float | None = None) -> Iterator[bool]:
        until = Deadline.after(lease_s if at_most_s is None else at_most_s)
        lease = Lease(f"{PREFIX}{key}:lock", token_hex(8), min(lease_s, until.left()), until)
        is_mine = self._link.attempt(
            lambda: bool(
                self._link.redis.set(lease.name, lease.token, nx=True, px=_milliseconds(lease.length_s))
            ),
            lambda: True,
        )
        if not is_mine:
            yield False
            return
        if at_most_s is not None and not self._leases.add(lease):
            self._renew_all([replace(lease, length_s=at_most_s)])  # once, for all of its time
        try:
            yield True
        finally:
            self._leases.remove(lease)
            self._link.attempt(lambda: bool(self._unlock([lease.name], [lease.token])), lambda: False)

    def close(self) -> None:
        self._leases.close()
        self._link.close()

    def _renew_all(self, leases: Sequence[Lease]) -> None:
        """In one round trip, as each of them costs the others' time."""

        def renew() -> None:
            with self._link.redis.pipeline(transaction=False) as pipeline:
                for lease in leases:
                    length_s = min(lease.length_s, lease.until.left())
                    self._renew([lease.name], [lease.token, _milliseconds(length_s)], client=pipeline)
                pipeline.execute()

        self._link.attempt(renew, lambda: None)


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))


def _stored_value(compressed: object) -> bytes | None:
    """The value that was stored, or None for what this store did not write."""
    if not isinstance(compressed, bytes):
        return None
    try:
        return zlib.decompress(compressed)
    except zlib.error:
        return None
