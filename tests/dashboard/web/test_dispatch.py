"""Which request gets the next free thread."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.server.dispatch import RUNS_S, FairQueue, Lane, Lanes, Turn

COOKIE = "sessionid"


class Request:
    """What stands for a channel: a number in order of arrival."""

    def __init__(self, number: int) -> None:
        self.number = number

    def service(self) -> None: ...

    def cancel(self) -> None: ...


def queue_of(names: list[str], at_once: int, together: int = 40) -> FairQueue:
    queue = FairQueue(together)
    for number, name in enumerate(names):
        queue.append(Turn(Request(number), Lane(name, at_once), queue.end, queue.pause))
    return queue


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.integers(1, 3))
def test_lanes_take_turns_and_keep_to_their_order(names: list[str], at_once: int) -> None:
    """A request never waits for two of another lane, and all have their turn."""
    queue, served = queue_of(names, at_once), list[Turn]()
    while len(queue):
        turn = queue.popleft()
        turn.service()
        served.append(turn)
    assert sorted(turn.channel.number for turn in served) == list(range(len(names)))
    for name in set(names):
        mine = [at for at, turn in enumerate(served) if turn.lane.name == name]
        numbers = [served[at].channel.number for at in mine]
        assert numbers == sorted(numbers)
        for before, after in pairwise(mine):
            between = [turn.lane.name for turn in served[before + 1 : after]]
            assert len(between) == len(set(between))


@given(st.lists(st.sampled_from("ab"), max_size=30), st.integers(1, 4))
def test_lane_never_has_more_threads_than_it_may(names: list[str], at_once: int) -> None:
    """What runs over that waits until one of its own has ended."""
    queue, running = queue_of(names, at_once), list[Turn]()
    while len(queue):
        running.append(queue.popleft())
    counts = [sum(turn.lane.name == name for turn in running) for name in "ab"]
    assert counts == [min(at_once, names.count(name)) for name in "ab"]
    for turn in running:
        before = len(queue)
        turn.service()
        left = names.count(turn.lane.name) > at_once
        assert len(queue) - before in ((1, 0) if left else (0,))


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.sampled_from(["work", "probe", "end", "pause", "later"]), max_size=60), st.integers(1, 4))
def test_few_requests_run_at_once(acts: list[str], together: int) -> None:
    """Those that wait, or have run for long, are not counted; probes never wait for others."""
    clock = Clock()
    queue, working, waiting = FairQueue(together, clock), list[Turn](), 0
    for number, act in enumerate(acts):
        if act in ("work", "probe"):
            lane = Lane("/healthz" if act == "probe" else f"session {number}", 2)
            queue.append(Turn(Request(number), lane, queue.end, queue.pause))
            waiting += act == "work"
        elif act == "later":
            clock.now += RUNS_S
            working.clear()
        elif working:
            queue.end(working.pop()) if act == "end" else queue.pause(working.pop())
        while len(queue):
            turn = queue.popleft()
            if turn.lane.name == "/healthz":
                queue.end(turn)
            else:
                working.append(turn)
                waiting -= 1
        assert len(working) <= together
        assert waiting == queue.waiting
        assert waiting == 0 or len(working) == together


@pytest.mark.parametrize(
    ("path", "cookies", "name"),
    [
        ("/shared/abc/usage/", f"{COOKIE}=s1", "/shared/abc"),
        ("/shared/abc", "", "/shared/abc"),
        ("/usage/", f"a=b; {COOKIE}=s1", "session s1"),
        ("/usage/", "a=b", ""),
        ("/usage/", f"{COOKIE}=\x00;;=", ""),
        ("/healthz", f"{COOKIE}=s1", "/healthz"),
        ("/static/app.css", "", "/static/"),
        ("/accounts/login/", "", ""),
        ("/accounts/oidc/company/login/", "", "/accounts/oidc/"),
        ("/accounts/oidc/company/login/", f"{COOKIE}=s1", "session s1"),
    ],
)
def test_lane_of_a_request(path: str, cookies: str, name: str) -> None:
    """A link, a session, everybody without one; and probes and static files, which wait for none of them."""
    assert Lanes(32, COOKIE).of(path, cookies).name == name


@given(st.integers(1, 256))
def test_no_lane_has_all_threads(threads: int) -> None:
    """Where there are more than two: one may be an export, and another one stop it. All who must sign in
    first have two together.
    """
    assert Lanes(threads, COOKIE).of("/accounts/login/", "").at_once == 2
    for path, cookies in (("/", ""), ("/", f"{COOKIE}=s1")):
        for is_open in (False, True):
            at_once = Lanes(threads, COOKIE, is_open).of(path, cookies).at_once
            assert 2 <= at_once <= max(2, threads - 1)
