"""Answers that are fresh, answers that are stale, and one caller at a time for those that are missing.

An answer younger than `fresh_s` is served as it is. For `swr_s` after that it is still served at once, while
a background thread fetches it again. An older one, or none, is fetched by one caller; all others wait, in
this process and (through the store's lock) in others, however long it takes. When that fails, an older answer
is served with the reason; where there is none, all who waited get the error. A failure is remembered for
seconds, so that a failing Autumn is not called again by each of them.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass, field, replace
from threading import BoundedSemaphore, Lock, Thread
from typing import Protocol

import msgspec
import structlog

from usage import messages
from usage.api.deadline import PAGE_S, Deadline
from usage.api.stores import CacheStore
from usage.api.waiting import in_background, wait_in_turn
from usage.errors import (
    Busy,
    Disabled,
    KeyRefused,
    Malformed,
    MissingCall,
    RateLimited,
    Refused,
    TooLarge,
    UnknownCustomer,
    Unreachable,
    Unsupported,
    UsageError,
)
from usage.freshness import Source
from usage.notes import Note

SWR_S = 300.0
KEEP_S = 86_400.0
FAILURE_S = 2.0
FAILURE_LIMIT_S = 10.0
LEASE_S = 5.0
POLL_S = 0.05
BACKGROUND_REFRESHES = 4

_TIME = struct.Struct("<d")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FetchedBody:
    """What a fetch returns: the bytes to cache, and when they were requested (epoch seconds)."""

    body: bytes
    fetched_at: float


@dataclass(frozen=True, slots=True)
class Cached:
    """An answer, when it was requested (epoch seconds), and where it is from.

    `live`: fetched for this call. `cache`: recent. `stale`: older than wanted, for `reason`; with the `error`
    where a call for a newer one failed.
    """

    body: bytes
    fetched_at: float
    source: Source
    reason: Note | None = None
    error: UsageError | None = field(default=None, compare=False)


class Fetch(Protocol):
    """Requests the answer, within `deadline`.

    Raises a `UsageError` for anything that should not be cached.
    """

    def __call__(self, deadline: Deadline, *, urgent: bool) -> FetchedBody: ...


class _Failure(msgspec.Struct, frozen=True):
    """An error as it is shared between threads and processes; each caller raises an instance of its own.

    `retry_at`: epoch seconds, so that who meets it later waits for what is left.
    """

    kind: str
    sentence: str
    retry_at: float | None
    status: int = 0
    code: str = ""
    detail: str = ""

    @classmethod
    def of(cls, error: UsageError, now: float) -> _Failure:
        retry_at = None if error.retry_after_s is None else now + error.retry_after_s
        common = (type(error).__name__, error.sentence, retry_at)
        return (
            cls(*common, error.status, error.code, error.detail)
            if isinstance(error, Refused)
            else cls(*common)
        )

    def error(self, now: float) -> UsageError:
        wait_s = None if self.retry_at is None else round(max(0.0, self.retry_at - now), 1)
        if refusal := _REFUSALS.get(self.kind):
            return refusal(
                self.sentence, status=self.status, code=self.code, detail=self.detail, retry_after_s=wait_s
            )
        return _ERRORS.get(self.kind, Unreachable)(self.sentence, retry_after_s=wait_s)


# Made once: msgspec can crash where two threads meet a new type at the same time.
_failures = msgspec.json.Decoder(_Failure)

_REFUSALS: dict[str, type[Refused]] = {
    kind.__name__: kind for kind in (Refused, KeyRefused, Disabled, UnknownCustomer, Unsupported, MissingCall)
}
_ERRORS: dict[str, type[UsageError]] = {
    kind.__name__: kind for kind in (RateLimited, Unreachable, Malformed, TooLarge)
}

_Outcome = Cached | _Failure


@dataclass(frozen=True, slots=True)
class _Request:
    """One request. `seen_at`: when the cached answer that is to be replaced was fetched, if there is one."""

    key: str
    fetch: Fetch
    deadline: Deadline
    keep_s: float
    seen_at: float
    urgent: bool


class Cache:
    """Over one store. `clock` returns epoch seconds; a process killed in a fetch blocks others `lease_s`."""

    def __init__(
        self, store: CacheStore, *, clock: Callable[[], float] = time.time, lease_s: float = LEASE_S
    ) -> None:
        self._store = store
        self._clock = clock
        self._lease_s = lease_s
        self._mutex = Lock()
        self._in_progress: dict[str, tuple[Future[_Outcome], bool]] = {}
        self._background_slots = BoundedSemaphore(BACKGROUND_REFRESHES)

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
        customer: str = "",
    ) -> Cached:
        """The answer for `key`, fetched if need be; with `refresh` even where a fresh one is cached.

        `customer`: whose it is, for the limits of waiting. Raises the `UsageError` of `fetch` where nothing
        younger than `keep_s` is cached, or Busy where too many wait.
        """
        cached = self._cached(key, keep_s)
        if cached and not refresh:
            age = self._clock() - cached.fetched_at
            if age < fresh_s:
                return cached
            if age < fresh_s + swr_s:
                return self._cached_while_refreshing(key, cached, fetch, keep_s)
        seen_at = cached.fetched_at if cached else float("-inf")
        request = _Request(key, fetch, deadline, keep_s, seen_at, urgent)
        if failure := self._failure(key):
            return self._stale_or_raise(cached, failure)
        try:
            wait_in_turn(customer, is_on_its_way=key in self._in_progress)
        except Busy as busy:
            if cached is None:
                raise
            return replace(cached, source="stale", reason=Note("busy", busy.sentence))
        outcome = self._fetch_or_wait(request)
        return outcome if isinstance(outcome, Cached) else self._stale_or_raise(cached, outcome)

    def peek(self, key: str) -> Cached | None:
        """What is cached, whatever its age; nothing is fetched."""
        return self._cached(key, KEEP_S)

    def close(self) -> None:
        """Close the store's connections."""
        self._store.close()

    def _cached(self, key: str, keep_s: float) -> Cached | None:
        entry = self._store.get(f"{key}:answer")
        if entry is None or len(entry) < _TIME.size:
            return None
        fetched_at: float = _TIME.unpack_from(entry)[0]
        if self._clock() - fetched_at > keep_s:
            return None
        return Cached(entry[_TIME.size :], fetched_at, "cache")

    def _cached_while_refreshing(self, key: str, cached: Cached, fetch: Fetch, keep_s: float) -> Cached:
        failure = self._failure(key)
        if failure:
            return self._stale_or_raise(cached, failure)
        request = _Request(key, fetch, Deadline.after(PAGE_S), keep_s, cached.fetched_at, urgent=False)
        if not self._refresh_in_background(request):
            return replace(cached, source="stale", reason=Note("stale", messages.REFRESH_NOT_STARTED))
        return cached

    def _refresh_in_background(self, request: _Request) -> bool:
        """Fetch in a thread of its own, unless one does already or enough of them are busy.

        False where the system has no room for another thread.
        """
        if request.key in self._in_progress or not self._background_slots.acquire(blocking=False):
            return True

        def run() -> None:
            try:
                self._fetch_or_wait(request)
            finally:
                self._background_slots.release()

        try:
            Thread(target=in_background(run), name="refresh", daemon=True).start()
        except (RuntimeError, MemoryError) as error:
            self._background_slots.release()
            log.warning("cache.refresh_not_started", error=type(error).__name__)
            return False
        return True

    def _fetch_or_wait(self, request: _Request) -> _Outcome:
        """Fetch, or wait for the thread that does."""
        with self._mutex:
            pending, is_urgent = self._in_progress.get(request.key, (None, False))
            if is_first := pending is None:
                pending = Future()
                self._in_progress[request.key] = pending, request.urgent
        if is_first:
            return self._fetch_for_all(request, pending)
        try:
            outcome = pending.result(request.deadline.left())
        except NotInTime:
            return self._failure_of(Unreachable(messages.STILL_LOADING))
        # A background fetch that found no room in the limiter says nothing of a person's own turn.
        found_no_room = isinstance(outcome, _Failure) and outcome.kind == RateLimited.__name__
        return self._fetch_or_wait(request) if found_no_room and request.urgent and not is_urgent else outcome

    def _fetch_for_all(self, request: _Request, pending: Future[_Outcome]) -> _Outcome:
        outcome: _Outcome = self._failure_of(Unreachable(messages.REQUEST_CANCELED))
        try:
            outcome = self._fetch_under_lock(request)
            return outcome
        finally:
            with self._mutex:
                del self._in_progress[request.key]
            pending.set_result(outcome)

    def _fetch_under_lock(self, request: _Request) -> _Outcome:
        """Fetch as the only process that does. The lock of one that was killed at it runs out."""
        while True:
            # Beyond its deadline a fetch has no waits left, only its last steps.
            at_most_s = request.deadline.left() + self._lease_s
            with self._store.lock(request.key, self._lease_s, at_most_s=at_most_s) as is_locked:
                settled = self._result_of_others(request)
                if settled or is_locked:
                    return settled or self._fetch(request)
            if request.deadline.left() <= POLL_S:
                return self._failure_of(Unreachable(messages.STILL_LOADING_ELSEWHERE))
            time.sleep(POLL_S)

    def _result_of_others(self, request: _Request) -> _Outcome | None:
        """What another caller fetched, or failed at, since this request was made."""
        cached = self._cached(request.key, request.keep_s)
        if cached and cached.fetched_at > request.seen_at:
            return cached
        return self._failure(request.key)

    def _fetch(self, request: _Request) -> _Outcome:
        try:
            fetched = request.fetch(request.deadline, urgent=request.urgent)
        except UsageError as error:
            return self._remember(request, error)
        entry = _TIME.pack(fetched.fetched_at) + fetched.body
        self._store.set(f"{request.key}:answer", entry, request.keep_s)
        return Cached(fetched.body, fetched.fetched_at, "live")

    def _remember(self, request: _Request, error: UsageError) -> _Failure:
        failure = self._failure_of(error)
        # Background work that found no room says nothing about what a person would find.
        if request.urgent or not isinstance(error, RateLimited):
            ttl_s = min(max(FAILURE_S, error.retry_after_s or 0.0), FAILURE_LIMIT_S)
            self._store.set(f"{request.key}:failure", msgspec.json.encode(failure), ttl_s)
        return failure

    def _failure(self, key: str) -> _Failure | None:
        entry = self._store.get(f"{key}:failure")
        if entry is None:
            return None
        try:
            return _failures.decode(entry)
        except msgspec.DecodeError:
            return None

    def _failure_of(self, error: UsageError) -> _Failure:
        return _Failure.of(error, self._clock())

    def _stale_or_raise(self, cached: Cached | None, failure: _Failure) -> Cached:
        error = failure.error(self._clock())
        if cached is None:
            raise error
        return replace(cached, source="stale", reason=Note("stale", failure.sentence), error=error)
