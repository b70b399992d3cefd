"""Autumn's limit of calls a second for each customer, observed before Autumn refuses any.

Autumn counts in fixed seconds of its own clock, and the network moves calls about: four in any 1.1 seconds
stay below five in any second of Autumn's, as long as delays differ by less than a tenth of a second; what is
left over is caught by believing `RateLimit-Remaining` and by waiting out a 429.

The `limits` library is not underneath: its windows are whole seconds, it cannot say when the next call may
go, its memory starts a thread for each burst, and in Redis it takes each process's own clock.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_hex
from threading import Condition, Lock
from typing import Protocol

from usage import messages
from usage.api.deadline import Deadline
from usage.api.pace import PER_SECOND, RETRY_AFTER_LIMIT_S
from usage.api.stores import PREFIX, RedisLink
from usage.errors import RateLimited

WINDOW_S = 1.1
RESET_LIMIT_S = 60.0
"""Autumn's windows are one second long; a longer reset than this is not believed."""
PEOPLE_ABOUT_S = 5.0
SWEEP_AT = 4096


class RateWindow(Protocol):
    """The calls of the last moments, by bucket. All times are in seconds."""

    length_s: float

    def take(self, bucket: str, room: int) -> float:
        """0.0 where fewer than `room` calls are in the window: this one is now. Else the wait until then."""

    def hold(self, bucket: str, seconds: float) -> None:
        """Grant nothing for so long."""

    def used(self, bucket: str) -> int:
        """Calls in the window now."""


class MemoryWindow:
    """A window for the threads of one process."""

    def __init__(self, length_s: float = WINDOW_S, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.length_s = length_s
        self._clock = clock
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)
        self._held: dict[str, float] = {}
        self._mutex = Lock()

    def take(self, bucket: str, room: int) -> float:
        with self._mutex:
            now = self._clock()
            self._sweep(now)
            calls = self._current(bucket, now)
            wait = self._held.get(bucket, 0.0) - now
            if len(calls) >= room:
                wait = max(wait, calls[len(calls) - room] + self.length_s - now)
            if wait > 0:
                return wait
            calls.append(now)
            return 0.0

    def hold(self, bucket: str, seconds: float) -> None:
        with self._mutex:
            now = self._clock()
            self._sweep(now)
            self._held[bucket] = max(now + seconds, self._held.get(bucket, 0.0))

    def held(self, bucket: str) -> float:
        """For how many seconds from now nothing is granted, 0.0 where nothing was held."""
        with self._mutex:
            return max(0.0, self._held.get(bucket, 0.0) - self._clock())

    @property
    def remembered(self) -> int:
        """How many buckets take memory, those at rest included: hardly more than `SWEEP_AT`."""
        with self._mutex:
            return len(self._calls.keys() | self._held.keys())

    def used(self, bucket: str) -> int:
        with self._mutex:
            return len(self._current(bucket, self._clock())) if bucket in self._calls else 0

    def _current(self, bucket: str, now: float) -> deque[float]:
        calls = self._calls[bucket]
        while calls and calls[0] + self.length_s <= now:
            calls.popleft()
        return calls

    def _sweep(self, now: float) -> None:
        """Forget buckets at rest, so that memory does not grow with the number of customers ever seen."""
        if len(self._calls) + len(self._held) < SWEEP_AT:
            return
        self._held = {bucket: until for bucket, until in self._held.items() if until > now}
        since = now - self.length_s
        at_rest = [bucket for bucket, calls in self._calls.items() if not calls or calls[-1] <= since]
        for bucket in at_rest:
            del self._calls[bucket]


# Redis's own clock, so that processes on several machines agree. Times in milliseconds.
_TAKE = """
local held = redis.call('PTTL', KEYS[2])
if held > 0 then return held end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local length, room = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - length)
local used = redis.call('ZCARD', KEYS[1])
if used >= room then
  local blocking = redis.call('ZRANGE', KEYS[1], used - room, used - room, 'WITHSCORES')
  return math.max(1, blocking[2] + length - now)
end
redis.call('ZADD', KEYS[1], now, ARGV[3])
redis.call('PEXPIRE', KEYS[1], length)
return 0
"""

# A longer hold is never cut short by a later, shorter one.
_HOLD = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], 1, 'PX', ARGV[1]) end
return 1
"""

_USED = """
local time = redis.call('TIME')
return redis.call('ZCOUNT', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1] + 1, '+inf')
"""


class RedisWindow:
    """A window for all processes; while Redis is down, each process has one of its own.

    A process also remembers its own holds: Redis may have been down when they began.
    """

    def __init__(self, link: RedisLink, length_s: float = WINDOW_S) -> None:
        self.length_s = length_s
        self._length_ms = int(length_s * 1000)
        self._link = link
        self._meanwhile = MemoryWindow(length_s)
        self._take = link.redis.register_script(_TAKE)
        self._hold = link.redis.register_script(_HOLD)
        self._used = link.redis.register_script(_USED)

    def take(self, bucket: str, room: int) -> float:
        if (held := self._meanwhile.held(bucket)) > 0:
            return held
        arguments: list[str | int] = [self._length_ms, room, token_hex(8)]
        return self._link.attempt(
            lambda: float(self._take(_keys(bucket), arguments)) / 1000,
            lambda: self._meanwhile.take(bucket, room),
        )

    def hold(self, bucket: str, seconds: float) -> None:
        self._meanwhile.hold(bucket, seconds)
        hold_ms = max(1, math.ceil(seconds * 1000))
        self._link.attempt(lambda: int(self._hold(_keys(bucket)[1:], [hold_ms])), lambda: 0)

    def used(self, bucket: str) -> int:
        return self._link.attempt(
            lambda: int(self._used(_keys(bucket)[:1], [self._length_ms])),
            lambda: self._meanwhile.used(bucket),
        )


def _keys(bucket: str) -> list[str]:
    """Both keys carry the same hash tag, so that they live in the same slot of a Redis cluster."""
    return [f"{PREFIX}calls:{{{bucket}}}", f"{PREFIX}held:{{{bucket}}}"]


@dataclass(slots=True, eq=False)
class _Waiters:
    """The calls that wait for a bucket, in order of arrival: people, and behind them background work."""

    people: deque[Condition] = field(default_factory=deque)
    background: deque[Condition] = field(default_factory=deque)
    next_at: float = 0.0
    people_at: float = float("-inf")

    def head(self) -> Condition | None:
        """Whose turn it is."""
        return next(iter(self.people or self.background), None)

    def ahead_of(self, urgent: bool) -> int:
        """How many go before one that joins now."""
        return len(self.people) if urgent else len(self.people) + len(self.background)


class Limiter:
    """Lets threads through to Autumn, at most `per_second` of them in a window's length for each bucket.

    In one process it is first come, first served, and people (`urgent`) before background work (exports,
    refreshes). Background work leaves one place free while people have been about in the last five seconds.
    """

    def __init__(self, window: RateWindow | None = None, *, per_second: int = PER_SECOND) -> None:
        self._window = window or MemoryWindow()
        self._per_second = per_second
        self._mutex = Lock()
        self._waiters: dict[str, _Waiters] = {}

    def acquire(
        self, bucket: str, deadline: Deadline, *, urgent: bool = True, per_second: int | None = None
    ) -> None:
        """Wait for one's turn. Raises `RateLimited` once it is certain not to come before the deadline.

        `per_second`: the pace of this bucket where it has one of its own.
        """
        turn, pace = Condition(self._mutex), per_second or self._per_second
        with self._mutex:
            waiters = self._waiters_of(bucket)
            self._refuse_if_hopeless(waiters, deadline, urgent, pace)
            queue = waiters.people if urgent else waiters.background
            queue.append(turn)
        try:
            self._wait(bucket, waiters, turn, deadline, urgent, pace)
        finally:
            with self._mutex:
                queue.remove(turn)
                if following := waiters.head():
                    following.notify()

    def observe(self, bucket: str, remaining: int | None, reset_s: float | None) -> None:
        """Believe Autumn's count: none remaining means no call until its second is over."""
        if remaining == 0:
            self.pause(bucket, 1.0 if reset_s is None else min(reset_s, RESET_LIMIT_S))

    def pause(self, bucket: str, seconds: float) -> None:
        """Grant no call for so long, at most RETRY_AFTER_LIMIT_S."""
        self._window.hold(bucket, min(seconds, RETRY_AFTER_LIMIT_S))

    def in_use(self, bucket: str) -> int:
        """Calls let through in about the last second."""
        return self._window.used(bucket)

    def waiting(self, bucket: str) -> int:
        """Callers that wait for their turn now, people and background work together."""
        with self._mutex:
            waiters = self._waiters.get(bucket)
            return 0 if waiters is None else waiters.ahead_of(urgent=False)

    def _waiters_of(self, bucket: str) -> _Waiters:
        if len(self._waiters) >= SWEEP_AT:
            self._waiters = {name: waiters for name, waiters in self._waiters.items() if waiters.head()}
        return self._waiters.setdefault(bucket, _Waiters())

    def _refuse_if_hopeless(self, waiters: _Waiters, deadline: Deadline, urgent: bool, pace: int) -> None:
        """At best, those ahead go in full windows from the moment that the first of them may go."""
        full_windows = waiters.ahead_of(urgent) // pace
        known = max(0.0, waiters.next_at - time.monotonic()) if waiters.head() else 0.0
        _refuse_if_late(known + full_windows * self._window.length_s, deadline)

    def _wait(
        self, bucket: str, waiters: _Waiters, turn: Condition, deadline: Deadline, urgent: bool, pace: int
    ) -> None:
        while True:
            with self._mutex:
                while waiters.head() is not turn:
                    _refuse_if_late(0.0, deadline)
                    turn.wait(deadline.left())
                room = _room(waiters, urgent, pace)
            # Without the lock: the window may be across a network, and other buckets don't wait for it.
            wait = self._window.take(bucket, room)
            with self._mutex:
                if wait <= 0:
                    waiters.people_at = time.monotonic() if urgent else waiters.people_at
                    return
                waiters.next_at = time.monotonic() + wait
                _refuse_if_late(wait, deadline)
                if waiters.head() is turn:
                    turn.wait(wait)


def _room(waiters: _Waiters, urgent: bool, pace: int) -> int:
    people_about = time.monotonic() - waiters.people_at < PEOPLE_ABOUT_S
    return max(1, pace - 1) if people_about and not urgent else pace


def _refuse_if_late(wait_s: float, deadline: Deadline) -> None:
    left = deadline.left()
    if wait_s > left or left <= 0:
        raise RateLimited(
            messages.TOO_MANY_WAITING,
            retry_after_s=max(wait_s, 1.0),
        )
