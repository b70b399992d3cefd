"""How many requests may wait for Autumn at once: each is counted before it waits, and refused beyond a limit.

A request that waits holds a thread of the server. Without a limit, one visitor's slow requests would hold all
of them, and pages that need no call could not be served.
"""

from __future__ import annotations

import contextvars
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import ParamSpec, TypeVar

from usage import messages
from usage.errors import Busy

MOST_KEPT_FREE = 8
"""Threads that never wait, where there are many."""
FOR_ONE_LINK = 3
"""Requests below one share link that may wait."""
RETRY_AFTER_S = 2.0

P = ParamSpec("P")
T = TypeVar("T")

_ALL, _LINK, _CUSTOMER, _VIEW = "all", "link", "customer", "view"


def kept_free(threads: int) -> int:
    """How many of a server's `threads` never wait: a quarter, at least 1 and at most MOST_KEPT_FREE."""
    return min(MOST_KEPT_FREE, max(1, threads // 4))


class WaitingPlaces:
    """The places of one process, `total` of them: half for one customer, FOR_ONE_LINK for one link."""

    def __init__(self, total: int) -> None:
        self._limits = {_ALL: total, _LINK: min(FOR_ONE_LINK, total), _CUSTOMER: max(1, total // 2)}
        self._taken: Counter[tuple[str, str]] = Counter()
        self._mutex = Lock()

    @classmethod
    def of_threads(cls, threads: int) -> WaitingPlaces:
        """For a server with so many threads; at least one request may wait."""
        return cls(max(1, threads - kept_free(threads)))

    def take(self, keys: set[tuple[str, str]]) -> bool:
        """Take one under each of these keys; False, and none, where one of them has no place left."""
        with self._mutex:
            if any(self._taken[key] >= self._limits.get(key[0], self._limits[_ALL]) for key in keys):
                return False
            self._taken.update(keys)
            return True

    def give_back(self, keys: set[tuple[str, str]]) -> None:
        """Give back what was taken under these keys."""
        with self._mutex:
            self._taken.subtract(keys)
            for key in keys:
                if not self._taken[key]:
                    del self._taken[key]  # keys are strangers' addresses

    def is_taken(self, key: tuple[str, str]) -> bool:
        """Whether somebody waits under this key."""
        with self._mutex:
            return key in self._taken

    @property
    def waiting(self) -> int:
        """Requests that wait now."""
        with self._mutex:
            return self._taken[_ALL, ""]


@dataclass(slots=True)
class Waiter:
    """One request. It takes a place when it must wait for the first time, and keeps it until it ends: what
    still works for it then takes none.

    `view`: its address, the same for requests that wait for the same answers. `before`: called before the
    first wait. `link`: the share link that it is below, if any.
    """

    places: WaitingPlaces
    view: str
    before: Callable[[], None]
    link: str | None = None
    _held: set[tuple[str, str]] = field(default_factory=set)
    _has_left: bool = False
    _mutex: Lock = field(default_factory=Lock)

    def wait(self, customer: str, *, is_on_its_way: bool) -> None:
        """Called before a wait for an answer about `customer`.

        Busy where no place is left. `is_on_its_way`: somebody else is fetching this answer already.
        """
        with self._mutex:
            keys = {(_ALL, ""), (_VIEW, self.view), (_CUSTOMER, customer)}
            if self.link is not None:
                keys.add((_LINK, self.link))
            missing, is_first = keys - self._held, not self._held
            if not missing or self._has_left:
                return
            on_its_way = is_on_its_way or self.places.is_taken((_VIEW, self.view))
            if not self.places.take(missing):
                raise Busy(messages.REQUESTS_WAITING, RETRY_AFTER_S, is_on_its_way=on_its_way)
            self._held |= missing
        if is_first:
            self.before()

    def leave(self) -> None:
        """Give its place back, for good."""
        with self._mutex:
            self._has_left = True
            self.places.give_back(self._held)
            self._held = set()


current_waiter: ContextVar[Waiter | None] = ContextVar("current_waiter", default=None)
"""The request that this thread works for; None where no server waits, as in commands."""


def wait_in_turn(customer: str, *, is_on_its_way: bool = False) -> None:
    """What must be called before a wait for Autumn. Busy where too many requests wait already."""
    waiter = current_waiter.get()
    if waiter is not None:
        waiter.wait(customer, is_on_its_way=is_on_its_way)


def in_background(call: Callable[P, T]) -> Callable[P, T]:
    """`call` for another thread: its log lines have the ID of the request that it works for, as here. It may
    outlive that request, so it takes none of its places. The result can be called once.
    """
    context = contextvars.copy_context()
    context.run(current_waiter.set, None)
    return partial(context.run, call)
