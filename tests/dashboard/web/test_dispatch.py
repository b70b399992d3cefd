"""Which request gets the next free thread."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.server.dispatch import RUNS_S, VERIFIED, FairQueue, Lane, Lanes, Turn

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
        queue.append(turn_of(queue, number, Lane(name, at_once)))
    return queue


def turn_of(queue: FairQueue, number: int, lane: Lane, own: Lane | None = None) -> Turn:
    return Turn(Request(number), lane, own or lane, queue)


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
            queue.append(turn_of(queue, number, lane))
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
    ("path", "cookies", "at_first", "verified"),
    [
        ("/shared/abc/usage/", f"{COOKIE}=s1", "/shared/", "/shared/abc"),
        ("/shared/abc", "", "/shared/", "/shared/abc"),
        ("//shared/abc", "", "/shared/", "/shared/abc"),
        ("/usage/", f'a={{"b": 1}}; {COOKIE}=s1', "sessions", "session s1"),
        ("/usage/", f'{COOKIE}=s2; "a; {COOKIE}=s1', "sessions", "session s1"),
        ("/usage/", f"a=b; {COOKIE}=s1", "sessions", "session s1"),
        ("/usage/", "a=b", "", ""),
        ("/usage/", f"{COOKIE}\x00;;=", "", ""),
        ("/healthz", f"{COOKIE}=s1", "/healthz", "/healthz"),
        ("/static/app.css", f"{COOKIE}=s1", "/static/", "/static/"),
        ("/accounts/login/", "", "", ""),
        ("/accounts/login/", f"{COOKIE}=s1", "", "session s1"),
        ("/accounts/oidc/company/login/", "", "/accounts/oidc/", "/accounts/oidc/"),
        ("/accounts/oidc/company/login/", f"{COOKIE}=s1", "/accounts/oidc/", "session s1"),
    ],
)
def test_lane_of_a_request(path: str, cookies: str, at_first: str, verified: str) -> None:
    """A valid link, a valid session, everybody without one; and probes and static files, which wait for none
    of them.
    """
    lanes = Lanes(32, COOKIE)
    lane, own = lanes.of(path, cookies)
    assert (lane.name, own.name) == (at_first, verified)
    lanes.verify(own)
    assert lanes.of(path, cookies) == (own, own)


@pytest.mark.parametrize("prefix", ["", "/s", "/usage"])
def test_lanes_below_a_prefix(prefix: str) -> None:
    """Whether a proxy has removed it or not."""
    lanes = Lanes(32, COOKIE, prefix=prefix)
    for path, name in (("/shared/abc/usage/", "/shared/abc"), ("/healthz", "/healthz")):
        assert {lanes.of(each, "")[1].name for each in (path, f"{prefix}{path}")} == {name}


@given(st.lists(st.text(alphabet="abc", max_size=3), max_size=40))
def test_invented_links_and_sessions_share_a_lane(invented: list[str]) -> None:
    """However many there are, nobody waits for more than one of each kind."""
    lanes = Lanes(32, COOKIE)
    found = {lanes.of(f"/shared/{name}/usage/", "")[0] for name in invented}
    found |= {lanes.of("/usage/", f"{COOKIE}={name}")[0] for name in invented if name}
    assert len(found) <= 2
    assert all(lane.at_once == 2 for lane in found)


def test_remembered_visitors_are_bounded() -> None:
    """Beyond the bound, those that were not seen for the longest time are verified again."""
    lanes = Lanes(32, COOKIE)
    for number in range(VERIFIED + 1):
        lanes.verify(lanes.of("/usage/", f"{COOKIE}={number}")[1])
    names = [lanes.of("/usage/", f"{COOKIE}={number}")[0].name for number in (0, 1, VERIFIED)]
    assert names == ["sessions", "session 1", f"session {VERIFIED}"]


@given(st.integers(1, 8), st.integers(1, 3))
def test_verified_request_leaves_its_place_to_the_next(count: int, at_once: int) -> None:
    """Requests that are verified and then wait for Autumn hold up no other visitor's first request."""
    queue, strangers = FairQueue(40), Lane("sessions", at_once)
    for number in range(count):
        queue.append(turn_of(queue, number, strangers, Lane(f"session {number}", at_once)))
    running = []
    while len(queue):
        turn = queue.popleft()
        queue.verify(turn)
        queue.pause(turn)
        running.append(turn)
    assert len(running) == count
    for turn in running:
        queue.end(turn)
    for number in range(at_once + 1):
        queue.append(turn_of(queue, number, strangers))
    assert len(queue) == at_once


def test_waiting_requests_follow_the_verified_one() -> None:
    """They are not behind strangers any more, and are as many at once as any visitor's."""
    queue, strangers, own = FairQueue(40), Lane("sessions", 1), Lane("session a", 2)
    queue.append(turn_of(queue, 0, strangers, own))
    for number in range(1, 6):
        queue.append(turn_of(queue, number, strangers, own if number % 2 else Lane("session b", 2)))
    queue.verify(queue.popleft())
    assert (queue.waiting, len(queue)) == (5, 2)
    assert {queue.popleft().channel.number, queue.popleft().channel.number} == {1, 2}
    assert (queue.waiting, len(queue)) == (3, 0)


@given(st.integers(1, 256))
def test_no_lane_has_all_threads(threads: int) -> None:
    """Where there are more than two: one may be an export, and another one stop it. All who must sign in
    first have two together.
    """
    assert Lanes(threads, COOKIE).of("/accounts/login/", "")[0].at_once == 2
    for path, cookies in (("/", ""), ("/", f"{COOKIE}=s1")):
        for is_open in (False, True):
            for lane in Lanes(threads, COOKIE, is_open).of(path, cookies):
                assert 2 <= lane.at_once <= max(2, threads - 1)
