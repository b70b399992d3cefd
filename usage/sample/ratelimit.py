"""Calls in a fixed second, counted for each customer."""

import math
import threading
from collections import Counter
from collections.abc import Callable

from usage.sample.errors import Headers, RateLimitError


class FixedSecond:
    """At most ``limit`` calls for each bucket in a second of the clock (seconds since the epoch)."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self.limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._second = -1
        self._taken: Counter[str] = Counter()

    def take(self, bucket: str) -> Headers:
        """Count one call and return the headers that tell of it; raises RateLimitError."""
        now = self._clock()
        taken = self._count(bucket, math.floor(now))
        headers = self._headers(max(0, self.limit - taken), math.ceil(math.floor(now) + 1 - now))
        if taken > self.limit:
            raise RateLimitError(headers)
        return headers

    def _count(self, bucket: str, second: int) -> int:
        with self._lock:
            if second != self._second:
                self._second = second
                self._taken.clear()
            self._taken[bucket] += 1
            return self._taken[bucket]

    def _headers(self, remaining: int, reset: int) -> Headers:
        return [
            ("RateLimit-Policy", f"{self.limit};w=1"),
            ("RateLimit-Limit", str(self.limit)),
            ("RateLimit-Remaining", str(remaining)),
            ("RateLimit-Reset", str(reset)),
        ]
