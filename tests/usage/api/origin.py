"""What a cache asks, and a clock that goes when it is told to."""

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
    """Epoch seconds that pass when they are told to; also the store's, so that a test can outlive a day."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Origin:
    """What is asked: counts its calls, and answers or fails as it is told."""

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
        asked_at = self.clock()
        self.gate.wait(min(20, deadline.left()))
        if self.failure:
            raise self.failure
        return FetchedBody(f"answer {number}".encode(), asked_at)


def get(
    cache: Cache, origin: Origin, *, fresh_s: float = 15, seconds: float = 20, refresh: bool = False
) -> Cached:
    return cache.get("k", origin, fresh_s=fresh_s, deadline=Deadline.after(seconds), refresh=refresh)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for another thread, for as long as a slow machine may need."""
    limit = Deadline.after(20)
    while not condition():
        assert limit.left() > 0, "it did not come about"
        time.sleep(0.002)
