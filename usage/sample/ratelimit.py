"""Calls in a fixed second, counted in buckets."""

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
        self._counts: Counter[str] = Counter()

    def take(self, bucket: str) -> Headers:
        """Count one call and return its headers; raises RateLimitError."""
        now = self._clock()
        count = self._count(bucket, math.floor(now))
        headers = self._headers(max(0, self.limit - count), math.ceil(math.floor(now) + 1 - now))
        if count > self.limit:
            raise RateLimitError(headers)
        return headers

    def _count(self, bucket: str, second: int) -> int:
        with self._lock:
            if second != self._second:
                self._second = second
                self._counts.clear()
            self._counts[bucket] += 1
            return self._counts[bucket]

    def _headers(self, remaining: int, reset: int) -> Headers:
        return [
            ("RateLimit-Policy", f"{self.limit};w=1"),
            ("RateLimit-Limit", str(self.limit)),
            ("RateLimit-Remaining", str(remaining)),
            ("RateLimit-Reset", str(reset)),
        ]


class Buckets:
    """The limits of all calls, as multiples of ``limit``, that of the events calls.

    List and aggregate share a customer's bucket; all of them without a customer share one. ``customers.list``
    has a bucket of its own, ``features.list`` the organization's general one, five times as large. The limit
    of ``customers.get``, 10,000 in a second, is never reached here.
    """

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self._events = FixedSecond(limit, clock)
        self._others = {
            "customers.list": FixedSecond(limit, clock),
            "features.list": FixedSecond(5 * limit, clock),
        }

    def take(self, endpoint: str, customer: str | None) -> Headers:
        """Count one call and return its headers; raises RateLimitError."""
        if endpoint == "customers.get":
            return []
        if endpoint in self._others:
            return self._others[endpoint].take("")
        return self._events.take(customer or "")
