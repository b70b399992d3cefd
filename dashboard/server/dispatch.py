"""Which request gets the next free thread: visitors take turns, and none of them can occupy all threads.

A queue in order of arrival would let one visitor's loop delay everybody, however soon each of its requests
is refused; and threads that run at once share one interpreter.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any, cast

from waitress.task import ThreadedTaskDispatcher

from usage.api.waiting import FOR_ONE_LINK, kept_free

LEAST = 2
"""Requests of a visitor that may run at once: one of them may be an export, and another one stop it. All who
have no session count as one visitor: where more of their sign-ins run, these only take the interpreter from
each other, and from the thread that reads and sends for everybody.
"""
LINK_PATH = "/shared/"
STATIC_PATH = "/static/"
PROVIDER_PATH = "/accounts/oidc/"
"""Below it a request may wait for the OpenID Connect provider, and the sign-in page must not."""
PROBES = ("/healthz", "/readyz", "/metrics")


@dataclass(frozen=True, slots=True)
class Lane:
    """Whose requests these are, and how many of them may run at once."""

    name: str
    at_once: int


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes of a server with so many `threads`.

    `session_cookie`: its name. `is_open`: whether pages can be viewed without one, as with sample data.
    """

    threads: int
    session_cookie: str
    is_open: bool = False
    prefix: str = ""

    def of(self, path: str, cookies: str) -> Lane:
        """The lane of a request: that of probes, of static files, of its share link, of its session, or of
        all without one; of these, those that may wait for a provider have their own.

        `cookies`: the header.
        """
        path = path.removeprefix(self.prefix)
        if path in PROBES:
            return Lane(path, LEAST)
        if path.startswith(STATIC_PATH):
            return Lane(STATIC_PATH, LEAST)
        if path.startswith(LINK_PATH):
            link = path.removeprefix(LINK_PATH).split("/", 1)[0]
            return Lane(f"{LINK_PATH}{link}", FOR_ONE_LINK + 2)
        try:
            session = SimpleCookie(cookies).get(self.session_cookie)
        except CookieError:
            session = None
        if session is None and path.startswith(PROVIDER_PATH):
            return Lane(PROVIDER_PATH, max(LEAST, self.threads // 4))
        # More than may wait for Autumn, so that who may not is told at once.
        most = max(LEAST, self.threads - (kept_free(self.threads) + 1) // 2)
        if session is None:
            return Lane("", most if self.is_open else LEAST)
        return Lane(f"session {session.value}", most)


@dataclass(frozen=True, slots=True)
class Turn:
    """A request that waits for a thread or has one: what waitress calls a task. `end` is called after it."""

    channel: Any
    lane: Lane
    end: Callable[[Lane], None]

    def service(self) -> None:
        try:
            self.channel.service()
        finally:
            self.end(self.lane)

    def cancel(self) -> None:
        self.channel.cancel()


class FairQueue:
    """Requests that wait for a thread. `popleft` gives one of each lane in turn."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Lane, deque[Turn]] = OrderedDict()
        self._running: Counter[Lane] = Counter()
        self.waiting = 0
        """How many wait, those included that could not run now, apart from probes."""

    def __len__(self) -> int:
        """How many could run now."""
        return sum(min(len(turns), self._left(lane)) for lane, turns in self._waiting.items())

    def append(self, turn: Turn) -> None:
        """Put it behind the others of its lane."""
        self._waiting.setdefault(turn.lane, deque()).append(turn)
        self.waiting += turn.lane.name not in PROBES

    def popleft(self) -> Turn:
        """The next one; its lane is the last to have another turn."""
        lane = next(lane for lane in self._waiting if self._left(lane))
        self._waiting.move_to_end(lane)
        turns = self._waiting[lane]
        turn = turns.popleft()
        self.waiting -= lane.name not in PROBES
        if not turns:
            del self._waiting[lane]
        self._running[lane] += 1
        return turn

    def end(self, lane: Lane) -> None:
        """One of the lane's requests has ended."""
        self._running[lane] -= 1
        if not self._running[lane]:
            del self._running[lane]

    def _left(self, lane: Lane) -> int:
        return lane.at_once - self._running.get(lane, 0)


class FairDispatcher(ThreadedTaskDispatcher):
    """Waitress's threads, with a fair queue in front of them."""

    def __init__(self, lanes: Lanes) -> None:
        super().__init__()
        self.fair_queue = FairQueue()
        self.queue = cast("Any", self.fair_queue)  # what waitress needs of a deque, it has
        self._lanes = lanes
        self.set_thread_count(lanes.threads)

    def add_task(self, task: Any) -> None:
        """Queue the request that a channel has received."""
        request = task.requests[0]
        lane = self._lanes.of(getattr(request, "path", ""), request.headers.get("COOKIE", ""))
        super().add_task(cast("Any", Turn(task, lane, self._end)))

    @property
    def waiting(self) -> int:
        """Requests that wait for a thread now."""
        return self.fair_queue.waiting

    def _end(self, lane: Lane) -> None:
        with self.lock:
            self.fair_queue.end(lane)
            self.queue_cv.notify()
