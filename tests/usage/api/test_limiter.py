"""The limiter: Autumn's limit, order, priority, and no waiting without a chance."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from tests.conftest import free_port
from tests.usage.api.origin import Clock, eventually
from usage.api.deadline import Deadline
from usage.api.limiter import (
    RESET_LIMIT_S,
    SWEEP_AT,
    WINDOW_S,
    Limiter,
    MemoryWindow,
    RateWindow,
    RedisWindow,
)
from usage.api.pace import RETRY_AFTER_LIMIT_S
from usage.api.stores import RedisLink
from usage.errors import RateLimited

FAST = 0.11


class Recorded:
    """A window that records each granted call: its room, and the times before and after (monotonic
    seconds).
    """

    def __init__(self, window: RateWindow) -> None:
        self.window = window
        self.length_s = window.length_s
        self.grants: list[tuple[int, float, float]] = []

    def take(self, bucket: str, room: int) -> float:
        before = time.monotonic()
        wait = self.window.take(bucket, room)
        if wait <= 0:
            self.grants.append((room, before, time.monotonic()))
        return wait

    def hold(self, bucket: str, seconds: float) -> None:
        self.window.hold(bucket, seconds)

    def used(self, bucket: str) -> int:
        return self.window.used(bucket)


def together(*calls: Callable[[], object]) -> None:
    """Run all of them concurrently, each in its thread, and wait."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@given(st.lists(st.floats(0, 1.5), max_size=60), st.floats(0, 1))
def test_no_second_has_more_than_four_calls(gaps: list[float], phase: float) -> None:
    """For any arrivals, and any start of Autumn's seconds."""
    clock = Clock()
    window = MemoryWindow(clock=clock)
    seconds: Counter[int] = Counter()
    for gap in gaps:
        clock.now += gap
        while wait := window.take("b", 4):
            clock.now += wait
        seconds[int(clock.now + phase)] += 1
    assert max(seconds.values(), default=0) <= 4


@given(st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 0.09)), max_size=60), st.floats(0, 1))
def test_network_jitter_stays_within_five_calls(calls: list[tuple[float, float]], phase: float) -> None:
    """With delays that differ by up to 90 ms, no second of Autumn's gets a sixth call."""
    clock = Clock()
    window = MemoryWindow(clock=clock)
    seconds: Counter[int] = Counter()
    for gap, delay in calls:
        clock.now += gap
        while wait := window.take("b", 4):
            clock.now += wait
        seconds[int(clock.now + delay + phase)] += 1
    assert max(seconds.values(), default=0) <= 5


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1)), max_size=40))
def test_reported_wait_suffices(arrivals: list[tuple[str, float]]) -> None:
    """After it a call is granted, and a moment before it is not."""
    clock = Clock()
    window = MemoryWindow(clock=clock)
    for bucket, gap in arrivals:
        clock.now += gap
        wait = window.take(bucket, 3)
        if wait > 0.01:
            clock.now += wait - 0.001
            assert window.take(bucket, 3) > 0
            clock.now += 0.002
            assert window.take(bucket, 3) == 0


def test_idle_buckets_are_removed() -> None:
    """Memory does not grow with the number of customers."""
    clock = Clock()
    window = MemoryWindow(clock=clock)
    for number in range(3 * SWEEP_AT):
        clock.now += 0.01
        window.take(f"cus_{number}", 4)
        window.hold(f"cus_{number}", 0.001)
    assert 0 < window.remembered <= SWEEP_AT + 2


@pytest.fixture(params=["memory", "redis"])
def fast_window(request: pytest.FixtureRequest) -> Iterator[RateWindow]:
    """A window of a tenth of the real length."""
    if request.param == "memory":
        yield MemoryWindow(FAST)
        return
    link = RedisLink(request.getfixturevalue("redis_url"), timeout_s=10)
    yield RedisWindow(link, FAST)
    link.close()


def test_forty_threads_on_one_bucket_stay_within_the_limit(fast_window: RateWindow) -> None:
    """All are granted, and a fifth call never comes within a window's length of the first."""
    recorded = Recorded(fast_window)
    limiter = Limiter(recorded)
    together(*[lambda: limiter.acquire("b", Deadline.after(60))] * 40)
    assert len(recorded.grants) == 40
    # Threads may be delayed: no five calls are certainly within one window, within a clock millisecond.
    noted = sorted(recorded.grants, key=lambda grant: grant[2])
    fives = [noted[at : at + 5] for at in range(len(noted) - 4)]
    assert min(five[-1][2] - min(before for _, before, _ in five) for five in fives) >= FAST - 0.001


def test_buckets_do_not_wait_for_each_other(fast_window: RateWindow) -> None:
    """A full bucket does not affect another one."""
    limiter = Limiter(fast_window)
    fast_window.hold("full", 30)
    limiter.acquire("free", Deadline.after(5))
    with pytest.raises(RateLimited):
        limiter.acquire("full", Deadline.after(5))


class Stuck:
    """A window across a network: it answers about the bucket "slow" only once `free` is set."""

    length_s = WINDOW_S

    def __init__(self) -> None:
        self.free = threading.Event()
        self.reached = threading.Event()

    def take(self, bucket: str, room: int) -> float:
        if bucket == "slow":
            self.reached.set()
            self.free.wait(20)
        return 0.0

    def hold(self, bucket: str, seconds: float) -> None: ...

    def used(self, bucket: str) -> int:
        return 0


def test_slow_window_holds_up_its_own_bucket_only() -> None:
    window = Stuck()
    limiter = Limiter(window)
    slow = threading.Thread(target=limiter.acquire, args=("slow", Deadline.after(20)))
    slow.start()
    assert window.reached.wait(20)
    other = threading.Thread(target=limiter.acquire, args=("other", Deadline.after(20)))
    other.start()
    eventually(lambda: not other.is_alive())
    assert (limiter.waiting("slow"), limiter.waiting("other")) == (1, 0)
    window.free.set()
    slow.join()
    assert limiter.waiting("slow") == 0


def test_bucket_is_free_again_when_its_window_raises() -> None:
    """Whoever comes next gets a turn."""

    class Broken(MemoryWindow):
        breaks = True

        def take(self, bucket: str, room: int) -> float:
            if self.breaks:
                raise ZeroDivisionError
            return super().take(bucket, room)

    window = Broken()
    limiter = Limiter(window)
    with pytest.raises(ZeroDivisionError):
        limiter.acquire("b", Deadline.after(5))
    window.breaks = False
    limiter.acquire("b", Deadline.after(5))
    assert limiter.waiting("b") == 0


def test_wait_beyond_the_deadline_is_refused_at_once(fast_window: RateWindow) -> None:
    """The error says when to try again."""
    limiter = Limiter(fast_window)
    limiter.pause("b", 40)
    start = time.monotonic()
    with pytest.raises(RateLimited) as caught:
        limiter.acquire("b", Deadline.after(20))
    assert time.monotonic() - start < 5
    assert 30 < (caught.value.retry_after_s or 0) <= 40


def test_queue_beyond_the_deadline_is_refused_at_once() -> None:
    """Behind a window's worth of calls that are still waiting."""
    limiter = Limiter(MemoryWindow(1.0))
    for _ in range(4):
        limiter.acquire("b", Deadline.after(5))
    waiting = queue_up(limiter, *[lambda: limiter.acquire("b", Deadline.after(30))] * 4)
    with pytest.raises(RateLimited):
        limiter.acquire("b", Deadline.after(1.5))
    assert limiter.waiting("b") == 4
    for thread in waiting:
        thread.join()


def queue_up(limiter: Limiter, *calls: Callable[[], object]) -> list[threading.Thread]:
    """Start a thread for each call, each one when the one before waits in the queue."""
    threads: list[threading.Thread] = []
    for call in calls:
        threads.append(threading.Thread(target=call))
        threads[-1].start()
        eventually(lambda: limiter.waiting("b") == len(threads))
    return threads


def test_no_remaining_calls_pause_the_bucket(fast_window: RateWindow) -> None:
    """Until Autumn's second is over, whatever the limiter's own count is; a shorter wait does not cut a
    longer one.
    """
    limiter = Limiter(fast_window)
    limiter.observe("b", 3, 30.0)
    limiter.observe("b", None, None)
    limiter.acquire("b", Deadline.after(5))
    limiter.observe("b", 0, 30.0)
    limiter.observe("b", 0, None)
    with pytest.raises(RateLimited) as caught:
        limiter.acquire("b", Deadline.after(5))
    assert (caught.value.retry_after_s or 0) > 20


def test_an_absurd_wait_is_cut(fast_window: RateWindow) -> None:
    """A hostile header cannot stop a customer's pages for a year."""
    limiter = Limiter(fast_window)
    limiter.pause("b", 1e9)
    with pytest.raises(RateLimited) as caught:
        limiter.acquire("b", Deadline.after(5))
    assert (caught.value.retry_after_s or 0) <= RETRY_AFTER_LIMIT_S
    limiter.observe("reset", 0, 1e9)
    with pytest.raises(RateLimited) as caught:
        limiter.acquire("reset", Deadline.after(5))
    assert (caught.value.retry_after_s or 0) <= RESET_LIMIT_S


def test_long_wait_is_observed_to_its_end() -> None:
    clock = Clock()
    limiter = Limiter(MemoryWindow(clock=clock))
    limiter.pause("b", 120)
    clock.now += 119.5
    with pytest.raises(RateLimited):
        limiter.acquire("b", Deadline.after(0.4))
    clock.now += 0.5
    limiter.acquire("b", Deadline.after(5))


def test_calls_of_the_last_second_are_counted() -> None:
    """For the status bar."""
    clock = Clock()
    limiter = Limiter(MemoryWindow(clock=clock))
    assert limiter.in_use("b") == 0
    limiter.acquire("b", Deadline.after(5))
    clock.now += 0.5
    limiter.acquire("b", Deadline.after(5))
    assert limiter.in_use("b") == 2
    clock.now += 0.7
    assert limiter.in_use("b") == 1


def test_urgent_calls_precede_earlier_background_work() -> None:
    """An export waits while a user views a page."""
    recorded = Recorded(MemoryWindow(FAST))
    limiter = Limiter(recorded)
    limiter.pause("b", 0.5)

    def enter(urgent: bool) -> Callable[[], None]:
        return lambda: limiter.acquire("b", Deadline.after(30), urgent=urgent)

    for thread in queue_up(limiter, *map(enter, (False, False, True, True))):
        thread.join()
    # Urgent calls may use all four; background work leaves one while there are urgent calls.
    assert [room for room, _, _ in recorded.grants] == [4, 4, 3, 3]


def test_background_work_uses_the_whole_rate_when_idle() -> None:
    """An export alone uses the limiter's whole rate, and leaves one call as soon as urgent calls come."""
    recorded = Recorded(MemoryWindow(FAST))
    limiter = Limiter(recorded)
    limiter.acquire("b", Deadline.after(5), urgent=False)
    limiter.acquire("b", Deadline.after(5), urgent=True)
    limiter.acquire("b", Deadline.after(5), urgent=False)
    assert [room for room, _, _ in recorded.grants] == [4, 4, 3]


def test_urgent_calls_are_in_order_of_arrival() -> None:
    limiter = Limiter(MemoryWindow(FAST), per_second=1)
    limiter.pause("b", 0.3)
    order: list[int] = []

    def enter(number: int) -> Callable[[], None]:
        def call() -> None:
            limiter.acquire("b", Deadline.after(30))
            order.append(number)

        return call

    for thread in queue_up(limiter, *map(enter, range(6))):
        thread.join()
    assert order == list(range(6))


def test_two_processes_share_one_count(redis_url: str) -> None:
    """Two windows over one Redis grant four calls together, not four each."""
    links = [RedisLink(redis_url, timeout_s=10) for _ in range(2)]
    windows = [RedisWindow(link, 30) for link in links]
    granted = [windows[number % 2].take("b", 4) == 0 for number in range(8)]
    assert granted == [True] * 4 + [False] * 4
    assert [window.used("b") for window in windows] == [4, 4]
    windows[0].hold("c", 30)
    assert windows[1].take("c", 4) > 20
    for link in links:
        link.close()


def test_pause_holds_although_redis_was_down_when_it_began(redis_url: str) -> None:
    """The process that has to wait remembers it, and makes no call."""
    down = RedisLink(redis_url, timeout_s=10, rest_s=0)
    window = RedisWindow(down, FAST)
    limiter = Limiter(window)
    with Redis.from_url(redis_url) as redis:
        redis.config_set("maxmemory", 1)
        limiter.pause("b", 40)
        redis.config_set("maxmemory", 0)
        assert not list(redis.scan_iter())
    with pytest.raises(RateLimited) as caught:
        limiter.acquire("b", Deadline.after(20))
    assert 30 < (caught.value.retry_after_s or 0) <= 40
    down.close()


def test_redis_outage_uses_a_count_of_the_process() -> None:
    """No error is raised, and the limit holds."""
    link = RedisLink(f"redis://127.0.0.1:{free_port()}/0")
    limiter = Limiter(RedisWindow(link, 30))
    for _ in range(4):
        limiter.acquire("b", Deadline.after(5))
    with pytest.raises(RateLimited):
        limiter.acquire("b", Deadline.after(5))
    assert limiter.in_use("b") == 4
    link.close()


def test_window_is_longer_than_a_second() -> None:
    """Network jitter would otherwise push a sixth call into one of Autumn's seconds."""
    assert MemoryWindow().length_s == WINDOW_S > 1
