"""Which request gets the next free thread: visitors take turns, and none of them can occupy all threads.

A queue in order of arrival would let one visitor's loop delay everybody, however soon each of its requests
is refused; and threads that run at once share one interpreter.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from cachetools import LRUCache
from django.http import parse_cookie
from waitress.task import ThreadedTaskDispatcher

from usage.api.waiting import FOR_ONE_LINK, kept_free

LEAST = 2
"""Requests of a visitor that may run at once: one of them may be an export, and another one stop it. All who
have no session count as one visitor: where more of their sign-ins run, these only take the interpreter from
each other, and from the thread that reads and sends for everybody.
"""
AT_ONCE = 2
"""Requests that run at once. They share one interpreter: more of them take longer than the same number one
after the other, and delay the thread that reads and sends.
"""
RUNS_S = 0.5
"""A request that has not ended after this time is taken to wait, for a disk or a database. Not sooner: under
load, pages that only compute would let others run, and all would be later still.
"""
LINK_PATH = "/shared/"
STATIC_PATH = "/static/"
ACCOUNTS_PATH = "/accounts/"
PROVIDER_PATH = "/accounts/oidc/"
"""Below it a request may wait for the OpenID Connect provider, and the sign-in page must not."""
PROBES = ("/healthz", "/readyz", "/metrics")
VERIFIED = 10_000
"""Sessions and links that are remembered as valid."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Whose requests these are, and how many of them may run at once."""

    name: str
    at_once: int


def name_of_link(link: str) -> str:
    """The name of a share link's own lane."""
    return f"{LINK_PATH}{link}"


def name_of_session(key: str) -> str:
    """The name of a session's own lane."""
    return f"session {key}"


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes of a server with so many `threads`.

    `session_cookie`: its name. `is_open`: whether pages can be viewed without one, as with sample data.
    """

    threads: int
    session_cookie: str
    is_open: bool = False
    prefix: str = ""
    _verified: LRUCache[str, bool] = field(default_factory=lambda: LRUCache(VERIFIED))

    def verify(self, lane: Lane) -> None:
        """Its link or session is a valid one."""
        self._verified[lane.name] = True

    def of(self, path: str, cookies: str) -> tuple[Lane, Lane]:
        """The lane of a request now, and the one that it has once its share link or session is verified.

        Who invents links and sessions has no lanes for them. `cookies`: the header.
        """
        path = "/" + path.lstrip("/")  # as waitress reads it
        if path.startswith(f"{self.prefix}/"):
            path = path.removeprefix(self.prefix)
        if path.startswith(LINK_PATH):
            link = path.removeprefix(LINK_PATH).split("/", 1)[0]
            own, shared = Lane(name_of_link(link), FOR_ONE_LINK + 2), Lane(LINK_PATH, LEAST)
        else:
            shared = self._shared(path)
            session = None if shared.name in (*PROBES, STATIC_PATH) else self._session(cookies)
            if session is None:
                return shared, shared
            own = Lane(name_of_session(session), self._most)
            if not path.startswith(ACCOUNTS_PATH):
                shared = Lane("sessions", LEAST)  # not behind those who sign in
        return (own if self._verified.get(own.name) else shared), own

    def _shared(self, path: str) -> Lane:
        """That of probes, of static files, of those that may wait for a provider, or of everybody."""
        if path in PROBES:
            return Lane(path, LEAST)
        if path.startswith(STATIC_PATH):
            return Lane(STATIC_PATH, LEAST)
        if path.startswith(PROVIDER_PATH):
            return Lane(PROVIDER_PATH, max(LEAST, self.threads // 4))
        return Lane("", self._most if self.is_open else LEAST)

    def _session(self, cookies: str) -> str | None:
        return None if self.is_open else parse_cookie(cookies).get(self.session_cookie)

    @property
    def _most(self) -> int:
        """More than may wait for Autumn, so that who may not is told at once."""
        return max(LEAST, self.threads - (kept_free(self.threads) + 1) // 2)


class Turns(Protocol):
    """Is told of the turns that it has given."""

    def end(self, turn: Turn) -> None:
        """A request that ran has ended."""

    def pause(self, turn: Turn) -> None:
        """A request that runs waits from now on."""

    def verify(self, turn: Turn) -> None:
        """A request that runs has a lane of its own from now on."""


@dataclass(slots=True, eq=False)
class Turn:
    """A request that waits for a thread or has one: what waitress calls a task.

    `own`: its lane once its link or session is verified.
    """

    channel: Any
    lane: Lane
    own: Lane
    turns: Turns

    def service(self) -> None:
        _current_turn.set(self)
        try:
            self.channel.service()
        finally:
            _current_turn.set(None)  # or an idle thread would keep the connection and its buffers
            self.turns.end(self)

    def cancel(self) -> None:
        self.channel.cancel()


_current_turn: ContextVar[Turn | None] = ContextVar("current_turn", default=None)


def pause_turn() -> None:
    """Called where a request begins to wait, or to send for long: another one may run meanwhile."""
    turn = _current_turn.get()
    if turn is not None:
        turn.turns.pause(turn)


def verify_visitor(name: str) -> None:
    """Called when the share link or the session of a request has been found valid, before it waits.

    `name`: the lane's that belongs to it.
    """
    turn = _current_turn.get()
    if turn is not None and turn.lane != turn.own and turn.own.name == name:
        turn.turns.verify(turn)


class FairQueue:
    """Requests that wait for a thread. `popleft` gives one of each lane in turn.

    `at_once`: how many run at once, apart from probes and those that wait. `clock`: in seconds.
    """

    def __init__(self, at_once: int = AT_ONCE, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_once = at_once
        self._clock = clock
        self._waiting: OrderedDict[Lane, deque[Turn]] = OrderedDict()
        self._running: Counter[Lane] = Counter()
        self._begun: dict[Turn, float] = {}
        self.waiting = 0
        """How many wait, those included that could not run now, apart from probes."""

    def __len__(self) -> int:
        """How many could run now."""
        able = {lane: min(len(turns), self._left(lane)) for lane, turns in self._waiting.items()}
        probes = sum(able.pop(lane) for lane in list(able) if lane.name in PROBES)
        return probes + min(sum(able.values()), self._room())

    def append(self, turn: Turn) -> None:
        """Put it behind the others of its lane."""
        self._waiting.setdefault(turn.lane, deque()).append(turn)
        self.waiting += turn.lane.name not in PROBES

    def popleft(self) -> Turn:
        """The next one; its lane is the last to have another turn."""
        has_room = self._room() > 0
        lane = next(lane for lane in self._waiting if self._left(lane) and (has_room or lane.name in PROBES))
        self._waiting.move_to_end(lane)
        turns = self._waiting[lane]
        turn = turns.popleft()
        self.waiting -= lane.name not in PROBES
        if not turns:
            del self._waiting[lane]
        self._running[lane] += 1
        if lane.name not in PROBES:
            self._begun[turn] = self._clock()
        return turn

    def pause(self, turn: Turn) -> None:
        """A request that runs waits from now on."""
        self._begun.pop(turn, None)

    def end(self, turn: Turn) -> None:
        """A request that ran has ended."""
        self.pause(turn)
        self._leave(turn.lane)

    def verify(self, turn: Turn) -> None:
        """A request that runs has a lane of its own from now on, as the waiting ones of its visitor have."""
        self._leave(turn.lane)
        before, turn.lane = turn.lane, turn.own
        self._running[turn.lane] += 1
        waiting = self._waiting.pop(before, deque())
        for each in waiting:
            if each.own == turn.own:
                each.lane = turn.own
            self._waiting.setdefault(each.lane, deque()).append(each)

    def _leave(self, lane: Lane) -> None:
        self._running[lane] -= 1
        if not self._running[lane]:
            del self._running[lane]

    def _room(self) -> int:
        """How many more may run."""
        limit = self._clock() - RUNS_S
        for turn in [turn for turn, begun in self._begun.items() if begun <= limit]:
            del self._begun[turn]
        return self._at_once - len(self._begun)

    def _left(self, lane: Lane) -> int:
        return max(0, lane.at_once - self._running.get(lane, 0))


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
        with self.lock:
            lane, own = self._lanes.of(getattr(request, "path", ""), request.headers.get("COOKIE", ""))
        super().add_task(cast("Any", Turn(task, lane, own, self)))

    def go_on(self) -> None:
        """Let those run that may because others have run for long. To be called while some wait."""
        with self.lock:
            self.queue_cv.notify(len(self.fair_queue))

    @property
    def waiting(self) -> int:
        """Requests that wait for a thread now."""
        return self.fair_queue.waiting

    def end(self, turn: Turn) -> None:
        """A request that ran has ended."""
        self._change(self.fair_queue.end, turn)

    def pause(self, turn: Turn) -> None:
        """A request that runs waits from now on."""
        self._change(self.fair_queue.pause, turn)

    def verify(self, turn: Turn) -> None:
        """A request that runs has a lane of its own from now on, as the next ones of this visitor have."""
        with self.lock:
            self._lanes.verify(turn.own)
            self.fair_queue.verify(turn)
            self.queue_cv.notify(len(self.fair_queue))

    def _change(self, change: Callable[[Turn], None], turn: Turn) -> None:
        with self.lock:
            change(turn)
            self.queue_cv.notify()
