"""Renews the locks that this process holds in Redis, for as long as the calls last that they guard.

So a lock outlives a slow call, and is free soon after a process was killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition, Thread

import structlog

from usage.api.deadline import Deadline

RENEWALS = 3
"""How often a lease is renewed within its own length: one that fails leaves time for another."""

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Lease:
    """A lock by its name, and the `token` of its owner. It is not renewed after `until`."""

    name: str
    token: str
    length_s: float
    until: Deadline
    renew_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.put_off()

    def put_off(self) -> None:
        """Set when it is to be renewed the next time."""
        self.renew_at = time.monotonic() + self.length_s / RENEWALS


class Leases:
    """The leases of this process, renewed by one thread that lives while there are any.

    `renew` renews several of them in one go. Where it raises, they are renewed with the next lease.
    """

    def __init__(self, renew: Callable[[Sequence[Lease]], None]) -> None:
        self._renew = renew
        self._changed = Condition()
        self._held: set[Lease] = set()
        self._thread: Thread | None = None

    def add(self, lease: Lease) -> bool:
        """Renew this one from now on. False where the system has no room for another thread."""
        with self._changed:
            if not self._is_running() and not self._started():
                return False
            self._held.add(lease)
            self._changed.notify()
            return True

    def remove(self, lease: Lease) -> None:
        """Renew this one no more."""
        with self._changed:
            self._held.discard(lease)
            self._changed.notify()

    def close(self) -> None:
        """Renew none of them any more, and wait for a renewal that is under way."""
        with self._changed:
            self._held.clear()
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _is_running(self) -> bool:
        """False also in a process that was forked from one in which it ran."""
        return self._thread is not None and self._thread.is_alive()

    def _started(self) -> bool:
        thread = Thread(target=self._run, name="leases", daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            log.warning("leases.not_started", error=type(error).__name__)
            return False
        self._thread = thread
        return True

    def _run(self) -> None:
        while due := self._due():
            self._renew(due)

    def _due(self) -> list[Lease]:
        """Wait for leases that are to be renewed; none once there is no lease left."""
        with self._changed:
            while True:
                now = time.monotonic()
                self._held = {lease for lease in self._held if lease.until.at > now}
                if not self._held:
                    self._thread = None  # under the lock: a lease that is added next starts another
                    return []
                due = [lease for lease in self._held if lease.renew_at <= now]
                if due:
                    for lease in due:
                        lease.put_off()
                    return due
                self._changed.wait(min(lease.renew_at for lease in self._held) - now)
