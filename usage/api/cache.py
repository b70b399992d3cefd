"""Answers that are fresh, answers that are stale, and one caller at a time for those that are missing.

An answer younger than `fresh_s` is served as it is. For `swr_s` after that it is still served at once, while
one thread behind asks anew. An older one, or none, is fetched by one caller, for whom all others wait, in
this process and (through the store's lock) in others. When that fails, an older answer is served with the
reason; where there is none, all who waited get the error. A failure is remembered for seconds, so that a
failing Autumn is not asked again by each of them.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock, Thread
from typing import Literal, Protocol

import msgspec

from usage.api.deadline import PAGE_S, Deadline
from usage.api.stores import Store
from usage.errors import (
    Malformed,
    RateLimited,
    Refused,
    TooLarge,
    UnknownCustomer,
    Unreachable,
    Unsupported,
    UsageError,
)

SWR_S = 300.0
KEEP_S = 86_400.0
FAILURE_S = 2.0
FAILURE_LIMIT_S = 10.0
LEASE_S = 5.0
POLL_S = 0.05
BEHIND = 4

Source = Literal["live", "cache", "stale"]

_TIME = struct.Struct("<d")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch brings home: the bytes to keep, and when they were asked for (epoch seconds)."""

    body: bytes
    fetched_at: float


@dataclass(frozen=True, slots=True)
class Cached:
    """An answer, when it was asked for (epoch seconds), and where it is from.

    `live`: fetched for this call. `cache`: recent. `stale`: older than wanted, for `reason` (a sentence).
    """

    body: bytes
    fetched_at: float
    source: Source
    reason: str | None = None


class Fetch(Protocol):
    """Asks for the answer, within `deadline`. Raises a `UsageError` for anything that should not be kept."""

    def __call__(self, deadline: Deadline, *, urgent: bool) -> Fetched: ...


class _Failure(msgspec.Struct, frozen=True):
    """An error as it is shared between threads and processes; each caller raises an instance of its own."""

    kind: str
    sentence: str
    retry_after_s: float | None
    status: int
    code: str
    detail: str = ""

    @classmethod
    def of(cls, error: UsageError) -> _Failure:
        refused = (error.status, error.code, error.detail) if isinstance(error, Refused) else (0, "")
        return cls(type(error).__name__, error.sentence, error.retry_after_s, *refused)

    def error(self) -> UsageError:
        if refusal := _REFUSALS.get(self.kind):
            return refusal(self.sentence, status=self.status, code=self.code, detail=self.detail)
        return _ERRORS.get(self.kind, Unreachable)(self.sentence, retry_after_s=self.retry_after_s)


_REFUSALS: dict[str, type[Refused]] = {
    kind.__name__: kind for kind in (Refused, UnknownCustomer, Unsupported)
}
_ERRORS: dict[str, type[UsageError]] = {
    kind.__name__: kind for kind in (RateLimited, Unreachable, Malformed, TooLarge)
}

Outcome = Cached | _Failure


@dataclass(frozen=True, slots=True)
class _Ask:
    """One question on its way: `seen_at` tells which answer was not good enough, if there was one."""

    key: str
    fetch: Fetch
    deadline: Deadline
    keep_s: float
    seen_at: float
    urgent: bool


class Cache:
    """Over one store. `clock` tells epoch seconds; a process killed in a fetch holds others for `lease_s`."""

    def __init__(
        self, store: Store, *, clock: Callable[[], float] = time.time, lease_s: float = LEASE_S
    ) -> None:
        self._store = store
        self._clock = clock
        self._lease_s = lease_s
        self._mutex = Lock()
        self._flights: dict[str, tuple[Future[Outcome], bool]] = {}
        self._behind = BoundedSemaphore(BEHIND)

    def get(
        self,
        key: str,
        fetch: Fetch,
        *,
        fresh_s: float,
        deadline: Deadline,
        swr_s: float = SWR_S,
        keep_s: float = KEEP_S,
        refresh: bool = False,
        urgent: bool = True,
    ) -> Cached:
        """The answer for `key`, fetched if need be; with `refresh` even where a fresh one is kept.

        Raises the `UsageError` of `fetch` where nothing younger than `keep_s` is kept.
        """
        kept = self._kept(key, keep_s)
        if kept and not refresh:
            age = self._clock() - kept.fetched_at
            if age < fresh_s:
                return kept
            if age < fresh_s + swr_s:
                return self._kept_while_asking(key, kept, fetch, keep_s)
        seen_at = kept.fetched_at if kept else float("-inf")
        ask = _Ask(key, fetch, deadline, keep_s, seen_at, urgent)
        outcome = self._failure(key) or self._fly(ask)
        return outcome if isinstance(outcome, Cached) else _stale(kept, outcome)

    def peek(self, key: str) -> Cached | None:
        """What is kept, whatever its age, without asking anybody."""
        return self._kept(key, KEEP_S)

    def close(self) -> None:
        """Close the store's connections."""
        self._store.close()

    def _kept(self, key: str, keep_s: float) -> Cached | None:
        entry = self._store.get(f"{key}:answer")
        if entry is None or len(entry) < _TIME.size:
            return None
        fetched_at: float = _TIME.unpack_from(entry)[0]
        if self._clock() - fetched_at > keep_s:
            return None
        return Cached(entry[_TIME.size :], fetched_at, "cache")

    def _kept_while_asking(self, key: str, kept: Cached, fetch: Fetch, keep_s: float) -> Cached:
        failure = self._failure(key)
        if failure:
            return _stale(kept, failure)
        self._refresh_behind(_Ask(key, fetch, Deadline.after(PAGE_S), keep_s, kept.fetched_at, urgent=False))
        return kept

    def _refresh_behind(self, ask: _Ask) -> None:
        """Ask in a thread of its own, unless somebody does already or enough threads are busy."""
        if ask.key in self._flights or not self._behind.acquire(blocking=False):
            return

        def run() -> None:
            try:
                self._fly(ask)
            finally:
                self._behind.release()

        Thread(target=run, name="refresh", daemon=True).start()

    def _fly(self, ask: _Ask) -> Outcome:
        """Ask, or wait for the thread that does."""
        with self._mutex:
            flight, for_people = self._flights.get(ask.key, (None, False))
            if leads := flight is None:
                flight = Future()
                self._flights[ask.key] = flight, ask.urgent
        if leads:
            return self._lead(ask, flight)
        try:
            outcome = flight.result(ask.deadline.left())
        except NotInTime:
            return _Failure.of(Unreachable("The answer is still being fetched."))
        # What stood behind people in the queue and found no room there says nothing of a person's own turn.
        starved = isinstance(outcome, _Failure) and outcome.kind == RateLimited.__name__
        return self._fly(ask) if starved and ask.urgent and not for_people else outcome

    def _lead(self, ask: _Ask, flight: Future[Outcome]) -> Outcome:
        outcome: Outcome = _Failure.of(Unreachable("The caller that asked for the answer gave up."))
        try:
            outcome = self._take_turn(ask)
            return outcome
        finally:
            with self._mutex:
                del self._flights[ask.key]
            flight.set_result(outcome)

    def _take_turn(self, ask: _Ask) -> Outcome:
        """Fetch as the only process that does. The lock of one that was killed at it runs out."""
        while True:
            with self._store.lock(ask.key, self._lease_s) as mine:
                settled = self._settled(ask)
                if settled or mine:
                    return settled or self._fetch(ask)
            if ask.deadline.left() <= POLL_S:
                return _Failure.of(Unreachable("The answer is still being fetched by another process."))
            time.sleep(POLL_S)

    def _settled(self, ask: _Ask) -> Outcome | None:
        """What somebody else brought home, or failed at, since this question was asked."""
        kept = self._kept(ask.key, ask.keep_s)
        if kept and kept.fetched_at > ask.seen_at:
            return kept
        return self._failure(ask.key)

    def _fetch(self, ask: _Ask) -> Outcome:
        try:
            fetched = ask.fetch(ask.deadline, urgent=ask.urgent)
        except UsageError as error:
            return self._remember(ask, error)
        entry = _TIME.pack(fetched.fetched_at) + fetched.body
        self._store.set(f"{ask.key}:answer", entry, ask.keep_s)
        return Cached(fetched.body, fetched.fetched_at, "live")

    def _remember(self, ask: _Ask, error: UsageError) -> _Failure:
        failure = _Failure.of(error)
        # Background work that found no room says nothing about what a person would find.
        if ask.urgent or not isinstance(error, RateLimited):
            ttl_s = min(max(FAILURE_S, error.retry_after_s or 0.0), FAILURE_LIMIT_S)
            self._store.set(f"{ask.key}:failure", msgspec.json.encode(failure), ttl_s)
        return failure

    def _failure(self, key: str) -> _Failure | None:
        entry = self._store.get(f"{key}:failure")
        if entry is None:
            return None
        try:
            return msgspec.json.decode(entry, type=_Failure)
        except msgspec.DecodeError:
            return None


def _stale(kept: Cached | None, failure: _Failure) -> Cached:
    if kept is None:
        raise failure.error()
    return Cached(kept.body, kept.fetched_at, "stale", failure.sentence)
