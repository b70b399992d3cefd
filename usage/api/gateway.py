"""One call to Autumn as the service makes it: cached, in its turn, tried again where that helps, and logged.

`answer` goes through the cache, `direct` does not. Both make at most `attempts` attempts inside one deadline.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from random import SystemRandom
from threading import Lock
from typing import Literal, Protocol

import httpx
import structlog

from usage.api.cache import Cache, Cached, FetchedBody
from usage.api.client import Client, Endpoint, Reply
from usage.api.deadline import Deadline
from usage.api.limiter import Limiter, RedisWindow
from usage.api.pace import PER_SECOND, PER_SECOND_BY_CALL
from usage.api.stores import MEMORY_BYTES, MemoryStore, RedisLink, RedisStore
from usage.api.waiting import wait_in_turn
from usage.errors import MissingCall, RateLimited, Refused, Unreachable, Unsupported, UsageError

ATTEMPTS = 3
BACK_OFF_S = 0.25
BACK_OFF_LIMIT_S = 2.0
AFTER_429_S = 1.0

Check = Callable[[bytes], object]
Transform = Callable[[bytes], bytes]

# Workers that were forked from one process would share a seeded generator, and so their jitter.
_random = SystemRandom()

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Call:
    endpoint: Endpoint
    body: Mapping[str, object]
    check: Check
    transform: Transform | None

    @property
    def customer(self) -> str:
        """A short hash of the customer's id, for logs and buckets; "" for a call about all of them."""
        customer = self.body.get("customer_id")
        return "" if customer is None else _digest(str(customer))[:12]

    @property
    def bucket(self) -> str:
        """What Autumn counts this call under: the calls for names by name, those for events by customer."""
        return self.endpoint if self.endpoint in PER_SECOND_BY_CALL else self.customer

    def key(self, fingerprint: str, scope: str) -> str:
        """The cache key: one for one request in one scope to one API with one key."""
        parts = [fingerprint, scope, self.endpoint, self.body]
        return _digest(json.dumps(parts, sort_keys=True, separators=(",", ":")))


AnswerState = Literal["fresh", "stale", "fetched", "shared"]


class GatewayObserver(Protocol):
    """Is notified of calls and answers, by the thread that makes them: it must return at once."""

    def called(self, endpoint: Endpoint, outcome: str, seconds: float) -> None:
        """A call to Autumn ended after so many seconds. `outcome`: `ok`, or the name of a `UsageError`."""

    def answered(self, state: AnswerState) -> None:
        """The cache gave an answer: a cached one (`fresh`, `stale`), one `fetched` for this request, or one
        that another request fetched while this one waited (`shared`).
        """


class AnswerSource(Protocol):
    """Where `Calls` gets its answers: the `Gateway` itself, or something in front of it."""

    def answer(
        self,
        endpoint: Endpoint,
        body: Mapping[str, object],
        *,
        fresh_s: float,
        deadline: Deadline,
        check: Check,
        scope: str = "staff",
        urgent: bool = True,
        refresh: bool = False,
        transform: Transform | None = None,
    ) -> Cached:
        """The answer's bytes, from a cache where they are at most `fresh_s` old. Raises a `UsageError`."""

    def direct(
        self,
        endpoint: Endpoint,
        body: Mapping[str, object],
        *,
        deadline: Deadline,
        check: Check,
        urgent: bool = False,
        transform: Transform | None = None,
    ) -> Cached:
        """The answer's bytes straight from Autumn. Raises a `UsageError`."""

    def in_use(self, customer_id: str | None) -> int:
        """Calls about this customer (None: about all of them together) in about the last second."""


class Gateway:
    """Client, limiter and cache as one; safe to share between threads.

    `sleep` waits for the given seconds (tests pass one that does not). `observer`: is notified of each call.
    """

    def __init__(
        self,
        client: Client,
        limiter: Limiter,
        cache: Cache,
        *,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
        observer: GatewayObserver | None = None,
    ) -> None:
        self._client = client
        self._limiter = limiter
        self._cache = cache
        self._attempts = attempts
        self._sleep = sleep
        self._observer = observer
        self._counts: Counter[str] = Counter()
        self._mutex = Lock()

    def answer(
        self,
        endpoint: Endpoint,
        body: Mapping[str, object],
        *,
        fresh_s: float,
        deadline: Deadline,
        check: Check,
        scope: str = "staff",
        urgent: bool = True,
        refresh: bool = False,
        transform: Transform | None = None,
    ) -> Cached:
        """The answer's bytes, from the cache where they are at most `fresh_s` old, else from Autumn.

        `check` decodes what came (it raises `Malformed`), and `transform` re-encodes it for `scope`, before
        anything is cached. `refresh` fetches even what is fresh. Raises a `UsageError` where nothing can be
        served.
        """
        call = _Call(endpoint, body, check, transform)
        is_own = False

        def fetch(deadline: Deadline, *, urgent: bool) -> FetchedBody:
            nonlocal is_own
            is_own = True
            return self._fetched(call, deadline, urgent=urgent)

        cached = self._cache.get(
            call.key(self._client.fingerprint, scope),
            fetch,
            fresh_s=fresh_s,
            deadline=deadline,
            refresh=refresh,
            urgent=urgent,
            customer=call.customer,
        )
        self._count(cached.source)
        if self._observer:
            self._observer.answered(_state_of(cached, is_own))
        log.info("autumn.cache", endpoint=endpoint, customer=call.customer, state=cached.source)
        return cached

    def direct(
        self,
        endpoint: Endpoint,
        body: Mapping[str, object],
        *,
        deadline: Deadline,
        check: Check,
        urgent: bool = False,
        transform: Transform | None = None,
    ) -> Cached:
        """The answer's bytes straight from Autumn, for exports: nothing is read from the cache or written to
        it.
        """
        call = _Call(endpoint, body, check, transform)
        wait_in_turn(call.customer)
        fetched = self._fetched(call, deadline, urgent=urgent)
        return Cached(fetched.body, fetched.fetched_at, "live")

    def in_use(self, customer_id: str | None) -> int:
        """Calls about this customer (None: about all of them together) in about the last second."""
        return self._limiter.in_use(self._bucket("" if customer_id is None else _digest(customer_id)[:12]))

    @property
    def clock_difference_s(self) -> float | None:
        """How far this machine's clock is ahead of Autumn's, in seconds; None where that is not known."""
        return self._client.clock_difference_s

    def counts(self) -> dict[str, int]:
        """Counts since the start: calls, retries, limited (429s), failures; answers live, cache, stale."""
        names = ("calls", "retries", "limited", "failures", "live", "cache", "stale")
        with self._mutex:
            return {name: self._counts[name] for name in names}

    def close(self) -> None:
        """Close the connections to Autumn and to the store."""
        self._client.close()
        self._cache.close()

    def _fetched(self, call: _Call, deadline: Deadline, *, urgent: bool) -> FetchedBody:
        try:
            reply = self._reply(call, deadline, urgent)
        except UsageError:
            self._count("failures")
            raise
        body = call.transform(reply.body) if call.transform else reply.body
        return FetchedBody(body, reply.fetched_at)

    def _reply(self, call: _Call, deadline: Deadline, urgent: bool) -> Reply:
        attempt = 0
        while True:
            attempt += 1
            pace = PER_SECOND_BY_CALL.get(call.endpoint)
            self._limiter.acquire(self._bucket(call.bucket), deadline, urgent=urgent, per_second=pace)
            try:
                return self._attempt(call, deadline, attempt)
            except RateLimited as error:
                pause, wait = 0.0, self._pause_bucket(call, error)
                if attempt >= self._attempts or wait >= deadline.left():
                    raise
            except Unreachable as error:
                pause = _back_off(error, attempt)
                if attempt >= self._attempts or pause >= deadline.left():
                    raise
            self._sleep(pause)
            self._count("retries")

    def _attempt(self, call: _Call, deadline: Deadline, attempt: int) -> Reply:
        call_log = log.bind(endpoint=call.endpoint, customer=call.customer, attempt=attempt)
        start = time.monotonic()
        self._count("calls")
        try:
            reply = self._client.post(call.endpoint, call.body, deadline)
            self._limiter.observe(self._bucket(call.bucket), reply.remaining, reply.reset_s)
            call.check(reply.body)
        except UsageError as error:
            write_log = call_log.info if _is_expected(error) else call_log.warning
            ms = round((time.monotonic() - start) * 1000)
            status = error.status if isinstance(error, Refused) else None
            self._observe(call, type(error).__name__, start)
            write_log("autumn.call", error=type(error).__name__, status=status, ms=ms)
            raise
        self._observe(call, "ok", start)
        call_log.info("autumn.call", status=200, ms=round(reply.ms), bytes=len(reply.body))
        return reply

    def _observe(self, call: _Call, outcome: str, start: float) -> None:
        if self._observer:
            self._observer.called(call.endpoint, outcome, time.monotonic() - start)

    def _pause_bucket(self, call: _Call, error: RateLimited) -> float:
        """Make all calls of this bucket wait in the limiter, where they keep their order, for so long."""
        self._count("limited")
        wait = AFTER_429_S if error.retry_after_s is None else error.retry_after_s
        self._limiter.pause(self._bucket(call.bucket), wait)
        return wait

    def _bucket(self, name: str) -> str:
        return f"{self._client.fingerprint}:{name}"

    def _count(self, name: str) -> None:
        with self._mutex:
            self._counts[name] += 1


def open_gateway(
    *,
    url: str,
    key: str,
    previous_key: str = "",
    redis_url: str = "",
    transport: httpx.BaseTransport | None = None,
    per_second: int = PER_SECOND,
    cache_bytes: int = MEMORY_BYTES,
    observer: GatewayObserver | None = None,
) -> Gateway:
    """A gateway for this process; with a `redis_url`, cache and limiter are shared with others.
    `previous_key`: of the same organization; what was cached and counted with it is used on.
    `cache_bytes`: what the cache may take of this process's memory.
    """
    client = Client(url=url, key=key, previous_key=previous_key, transport=transport)
    if not redis_url:
        limiter, cache = Limiter(per_second=per_second), Cache(MemoryStore(cache_bytes))
    else:
        link = RedisLink(redis_url)
        limiter, cache = Limiter(RedisWindow(link), per_second=per_second), Cache(RedisStore(link))
    return Gateway(client, limiter, cache, observer=observer)


def _back_off(error: Unreachable, attempt: int) -> float:
    """Seconds until another attempt: Autumn's own, and a random part that separates callers."""
    jitter = _random.uniform(0, min(BACK_OFF_LIMIT_S, BACK_OFF_S * 2**attempt))
    return (error.retry_after_s or 0.0) + jitter


def _state_of(cached: Cached, is_own: bool) -> AnswerState:
    if cached.source == "live":
        return "fetched" if is_own else "shared"
    return "stale" if cached.source == "stale" else "fresh"


def _is_expected(error: UsageError) -> bool:
    """Whether an error is no trouble: capabilities are found by asking what is refused, optional calls by
    trying.
    """
    if isinstance(error, Unsupported):
        return not isinstance(error, MissingCall)
    return isinstance(error, Refused) and error.status in (400, 404)


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
