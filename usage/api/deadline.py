"""One time limit for everything that an answer costs: queueing, attempts, waiting between them, reading."""

from __future__ import annotations

import time
from dataclasses import dataclass

PAGE_S = 15.0
EXPORT_S = 60.0


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock, in seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline `seconds` from now."""
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.at - time.monotonic())

    def within(self, seconds: float) -> Deadline:
        """This deadline, or the one `seconds` from now where that is earlier."""
        return min(self, Deadline.after(seconds), key=lambda each: each.at)
