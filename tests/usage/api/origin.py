"""A fetch function for the cache, and a clock that tests can move."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from usage.api.cache import Cache, Cached, FetchedBody
from usage.api.deadline import Deadline
from usage.errors import (
    UsageError,
)


class Clock:
    """Epoch seconds that tests set; also the store's clock, so that a test can last longer than a day."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Origin:
    """A fetch function that counts its calls, and answers or fails as set."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.calls: list[bool] = []
        self.failure: UsageError | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.mutex = threading.Lock()

    def __call__(self, deadline: Deadline, *, urgent: bool) -> FetchedBody:
        with self.mutex:
            self.calls.append(urgent)
            number = len(self.calls)
        called_at = self.clock()
        self.gate.wait(min(20, deadline.left()))
        if self.failure:
            raise self.failure
        return FetchedBody(f"answer {number}".encode(), called_at)


def get(
    cache: Cache, origin: Origin, *, fresh_s: float = 15, seconds: float = 20, refresh: bool = False
) -> Cached:
    return cache.get("k", origin, fresh_s=fresh_s, deadline=Deadline.after(seconds), refresh=refresh)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until a condition of another thread is true, with a long time limit for slow machines."""
    limit = Deadline.after(20)
    while not condition():
        assert limit.left() > 0, "the condition is not true in time"
        time.sleep(0.002)
