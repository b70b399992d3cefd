"""Fresh, stale, one caller at a time, failures shared: in memory, and in a real Redis between processes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.conftest import free_port
from tests.usage.hostile import serving
from usage.cache import Cache, Cached, Fetched
from usage.deadline import Deadline
from usage.errors import (
    Malformed,
    RateLimited,
    Refused,
    UnknownCustomer,
    Unreachable,
    Unsupported,
    UsageError,
)
from usage.stores import MemoryStore, RedisLink, RedisStore, Store

ROOT = Path(__file__).parents[2]


class Clock:
    """Epoch seconds that pass when they are told to; also the store's, so that a test can outlive a day."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Origin:
    """What is asked: counts its calls, and answers or fails as it is told."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.calls: list[bool] = []
        self.failure: UsageError | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.mutex = threading.Lock()

    def __call__(self, deadline: Deadline, *, urgent: bool) -> Fetched:
        with self.mutex:
            self.calls.append(urgent)
            number = len(self.calls)
        asked_at = self.clock()
        self.gate.wait(min(20, deadline.left()))
        if self.failure:
            raise self.failure
        return Fetched(f"answer {number}".encode(), asked_at)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def origin(clock: Clock) -> Origin:
    return Origin(clock)


@pytest.fixture
def cache(clock: Clock) -> Cache:
    return Cache(MemoryStore(clock=clock), clock=clock)


def get(
    cache: Cache, origin: Origin, *, fresh_s: float = 15, seconds: float = 20, refresh: bool = False
) -> Cached:
    return cache.get("k", origin, fresh_s=fresh_s, deadline=Deadline.after(seconds), refresh=refresh)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for another thread, for as long as a slow machine may need."""
    limit = Deadline.after(20)
    while not condition():
        assert limit.left() > 0, "it did not come about"
        time.sleep(0.002)


def crowd(number: int, call: Callable[[], object]) -> list[object]:
    """What `number` threads got at once: answers, and the errors they raised."""
    results: list[object] = []

    def one() -> None:
        try:
            results.append(call())
        except UsageError as error:
            results.append(error)

    threads = [threading.Thread(target=one) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_fresh_answers_are_served_as_they_are(cache: Cache, origin: Origin, clock: Clock) -> None:
    """Once live, then from the cache, with the time they were asked for."""
    assert get(cache, origin) == Cached(b"answer 1", clock.now, "live")
    asked_at, clock.now = clock.now, clock.now + 14
    assert get(cache, origin) == Cached(b"answer 1", asked_at, "cache")
    assert len(origin.calls) == 1


def test_a_recent_answer_is_served_at_once_while_one_asks_behind(
    cache: Cache, origin: Origin, clock: Clock
) -> None:
    """Nobody waits, one background call is made, and the next person has its result."""
    get(cache, origin)
    clock.now += 100
    origin.gate.clear()
    assert {
        result.body for result in crowd(50, lambda: get(cache, origin)) if isinstance(result, Cached)
    } == {b"answer 1"}
    eventually(lambda: len(origin.calls) == 2)
    origin.gate.set()
    eventually(lambda: get(cache, origin).body == b"answer 2")
    assert origin.calls == [True, False]


def test_an_old_answer_is_worth_a_wait(cache: Cache, origin: Origin, clock: Clock) -> None:
    """Past the time in which it may be served at once, it is fetched anew."""
    get(cache, origin)
    clock.now += 15 + 301
    assert get(cache, origin).body == b"answer 2"


def test_refresh_asks_even_for_what_is_fresh(cache: Cache, origin: Origin) -> None:
    """Somebody pressed the button."""
    get(cache, origin)
    assert get(cache, origin, refresh=True).body == b"answer 2"


def test_two_hundred_callers_cost_one_fetch(cache: Cache, origin: Origin) -> None:
    """All get the answer of the one who asked."""
    origin.gate.clear()
    threading.Timer(0.3, origin.gate.set).start()
    results = crowd(200, lambda: get(cache, origin))
    assert [result.body for result in results if isinstance(result, Cached)] == [b"answer 1"] * 200
    assert len(origin.calls) == 1


def test_a_failure_is_shared_and_not_tried_by_each(cache: Cache, origin: Origin) -> None:
    """One try for two hundred; each raises an error of its own, so that traces do not mix."""
    origin.failure = Unreachable("Autumn has a failure of its own.")
    results = crowd(200, lambda: get(cache, origin))
    assert {str(result) for result in results} == {"Autumn has a failure of its own."}
    assert all(isinstance(result, Unreachable) for result in results)
    assert len({id(result) for result in results}) == 200
    assert len(origin.calls) == 1


def test_a_failure_is_forgotten_after_seconds(cache: Cache, origin: Origin, clock: Clock) -> None:
    """Two, or what Autumn asked for, but at most ten: recovery is seen within ten seconds."""
    for retry_after_s, remembered in ((None, 2), (6.0, 6), (3600.0, 10)):
        origin.failure = Unreachable("down", retry_after_s=retry_after_s)
        calls = len(origin.calls)
        for _ in range(3):
            with pytest.raises(Unreachable):
                get(cache, origin)
        assert len(origin.calls) == calls + 1
        clock.now += remembered + 0.1
    origin.failure = None
    assert get(cache, origin).source == "live"


@pytest.mark.parametrize(
    "error",
    [
        Refused("the key", status=401, code="invalid_secret_key"),
        UnknownCustomer("nobody", status=404, code="customer_not_found"),
        Unsupported("too new", status=400),
        RateLimited("five a second", retry_after_s=1.5),
        Unreachable("down"),
        Malformed("HTML"),
    ],
)
def test_every_error_keeps_its_class_and_words(cache: Cache, origin: Origin, error: UsageError) -> None:
    """For the caller that asked, and for the next one."""
    origin.failure = error
    for _ in range(2):
        with pytest.raises(UsageError) as caught:
            get(cache, origin)
        raised = caught.value
        assert (type(raised), raised.sentence) == (type(error), error.sentence)
        assert raised.retry_after_s == error.retry_after_s
        if isinstance(error, Refused):
            assert isinstance(raised, Refused)
            assert (raised.status, raised.code) == (error.status, error.code)
    assert len(origin.calls) == 1


def test_an_error_serves_what_is_kept_with_its_reason(cache: Cache, origin: Origin, clock: Clock) -> None:
    """For a day; then the error is all there is."""
    get(cache, origin)
    asked_at = clock.now
    origin.failure = Unreachable("Autumn did not answer in time.")
    clock.now += 3_600
    assert get(cache, origin) == Cached(b"answer 1", asked_at, "stale", "Autumn did not answer in time.")
    clock.now += 86_400
    with pytest.raises(Unreachable):
        get(cache, origin)


def test_a_recent_answer_says_so_when_asking_behind_has_failed(
    cache: Cache, origin: Origin, clock: Clock
) -> None:
    """And those who look meanwhile cost no further call."""
    get(cache, origin)
    clock.now += 60
    origin.failure = Unreachable("down")
    assert get(cache, origin).source == "cache"
    eventually(lambda: get(cache, origin).source == "stale")
    assert get(cache, origin).reason == "down"
    assert len(origin.calls) == 2


def test_background_work_without_room_is_no_failure(cache: Cache, origin: Origin, clock: Clock) -> None:
    """A person would have found room: nothing is remembered against them."""
    get(cache, origin)
    clock.now += 60
    origin.failure = RateLimited("no room", retry_after_s=5)
    get(cache, origin)
    eventually(lambda: len(origin.calls) == 2 and not cache._flights)
    assert get(cache, origin).source == "cache"
    eventually(lambda: not cache._flights)
    origin.failure = None
    assert get(cache, origin, refresh=True).source == "live"


def test_a_waiter_with_less_time_leaves_earlier(cache: Cache, origin: Origin) -> None:
    """Within its own deadline, while the one who asks goes on."""
    origin.gate.clear()
    asking = threading.Thread(target=get, args=(cache, origin))
    asking.start()
    eventually(lambda: len(origin.calls) == 1)
    with pytest.raises(Unreachable, match="still being fetched"):
        get(cache, origin, seconds=0.1)
    origin.gate.set()
    asking.join()
    assert get(cache, origin).source == "cache"


def test_a_mistake_in_a_fetch_does_not_leave_others_waiting(cache: Cache, origin: Origin) -> None:
    """It is raised where it happened; the next caller asks again."""

    def mistaken(deadline: Deadline, *, urgent: bool) -> Fetched:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.get("k", mistaken, fresh_s=15, deadline=Deadline.after(5))
    assert get(cache, origin).source == "live"


def test_peek_asks_nobody(cache: Cache, origin: Origin, clock: Clock) -> None:
    """It shows what is kept, or nothing."""
    assert cache.peek("k") is None
    get(cache, origin)
    clock.now += 1_000
    assert cache.peek("k") == Cached(b"answer 1", clock.now - 1_000, "cache")
    assert len(origin.calls) == 1


def test_memory_is_bounded_in_bytes() -> None:
    """The least recently used go first, and what is larger than all of it is not kept."""
    store = MemoryStore(100_000)
    for number in range(1_000):
        store.set(str(number), bytes(1_000), 60)
        store.get("0")
        assert store.used_bytes <= 100_000
    assert store.get("0") is not None
    assert store.get("1") is None
    assert store.get("999") is not None
    store.set("huge", bytes(200_000), 60)
    assert store.get("huge") is None


def test_memory_forgets_in_time() -> None:
    """Each entry has a time of its own."""
    clock = Clock()
    store = MemoryStore(clock=clock)
    store.set("short", b"1", 2)
    store.set("long", b"2", 20)
    store.set("never", b"3", 0)
    clock.now += 3
    assert [store.get(key) for key in ("short", "long", "never")] == [None, b"2", None]


@pytest.fixture
def link(redis_url: str) -> Iterator[RedisLink]:
    link = RedisLink(redis_url, timeout_s=10)
    yield link
    link.close()


def test_redis_keeps_the_very_bytes_for_their_time(link: RedisLink) -> None:
    """Compressed, with a time to live, under names of ours."""
    store = RedisStore(link)
    body = json.dumps(list(range(1_000))).encode() + b"\xff"
    store.set("k", body, 100)
    assert store.get("k") == body
    kept = link.redis.get("autumn-usage:k")
    assert isinstance(kept, bytes)
    assert len(kept) < len(body) / 2
    left_ms = link.redis.pttl("autumn-usage:k")
    assert isinstance(left_ms, int)
    assert 90_000 < left_ms <= 100_000


def test_what_another_program_left_in_redis_counts_as_nothing(link: RedisLink) -> None:
    """Neither a value that is not ours nor a key of another type is an error."""
    store = RedisStore(link)
    link.redis.set("autumn-usage:k", b"garbage")
    assert store.get("k") is None
    link.redis.lpush("autumn-usage:l", b"1")
    assert store.get("l") is None


def test_a_lock_in_redis_has_one_holder_and_a_lease(link: RedisLink) -> None:
    """It is free when its block ends, and when its lease has run out; nobody frees another's."""
    store = RedisStore(link)
    with store.lock("k", 60) as first, store.lock("k", 60) as second:
        assert (first, second) == (True, False)
    with store.lock("k", 60) as again:
        assert again
        link.redis.set("autumn-usage:k:lock", "another's")
    assert link.redis.get("autumn-usage:k:lock") == b"another's"


def test_a_redis_that_is_down_costs_nobody_an_error() -> None:
    """The process goes on with a memory of its own, and does not knock at each call."""
    link = RedisLink(f"redis://127.0.0.1:{free_port()}/0")
    store = RedisStore(link)
    cache = Cache(store)
    origin = Origin()
    assert get(cache, origin).source == "live"
    assert get(cache, origin).source == "cache"
    with store.lock("k", 5) as mine:
        assert mine
    link.close()


def test_a_redis_that_hangs_costs_one_time_limit() -> None:
    """Not one for each call."""
    with serving(lambda _connection, _number: None) as server:
        link = RedisLink(f"redis://127.0.0.1:{server.port}/0", timeout_s=0.3, rest_s=60)
        cache, origin = Cache(RedisStore(link)), Origin()
        start = time.monotonic()
        for _ in range(50):
            get(cache, origin)
        assert time.monotonic() - start < 5
        assert len(origin.calls) == 1
        link.close()


def test_a_redis_that_comes_back_is_used_again(redis_url: str) -> None:
    """After its rest."""
    link = RedisLink(redis_url, timeout_s=10, rest_s=0)
    link.redis.lpush("list", 1)
    assert link.attempt(lambda: link.redis.incr("list"), lambda: "meanwhile") == "meanwhile"
    assert link.attempt(lambda: link.redis.incr("number"), lambda: "meanwhile") == 1
    link.close()


CALLER = """
import sys, time
from redis import Redis
from usage.cache import Cache, Fetched
from usage.deadline import Deadline
from usage.errors import Unreachable, UsageError
from usage.stores import RedisLink, RedisStore
url, name, mode = sys.argv[1:]
link = RedisLink(url, timeout_s=10)
probe = Redis.from_url(url)

def fetch(deadline, *, urgent):
    probe.incr("fetches")
    probe.rpush("started", name)
    if mode == "hang":
        time.sleep(60)
    time.sleep(0.5)
    if mode == "fail":
        raise Unreachable("down, as " + name + " was told", retry_after_s=8)
    return Fetched(name.encode(), time.time())

probe.rpush("ready", name)
probe.blpop("go", 30)
try:
    cache = Cache(RedisStore(link), lease_s=2)
    print(cache.get("k", fetch, fresh_s=60, deadline=Deadline.after(30)).body.decode())
except UsageError as error:
    print(error)
"""


def caller(url: str, name: str, mode: str) -> subprocess.Popen[str]:
    """A process of its own that asks through the cache once it is told to go."""
    return subprocess.Popen(
        [sys.executable, "-c", CALLER, url, name, mode], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def said(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=40)
    return out.strip().splitlines()[-1]


@pytest.mark.parametrize(("mode", "words"), [("answer", ""), ("fail", "down, as ")])
def test_two_processes_ask_once(redis_url: str, mode: str, words: str) -> None:
    """The second waits for the answer of the first, or for its failure."""
    processes = [caller(redis_url, name, mode) for name in ("one", "two")]
    with Redis.from_url(redis_url) as probe:
        eventually(lambda: probe.llen("ready") == 2)
        probe.rpush("go", 1, 1)
        first, second = map(said, processes)
        assert first == second
        assert first.startswith(words)
        assert probe.get("fetches") == b"1"


def test_a_killed_leader_holds_nobody_up_for_long(redis_url: str) -> None:
    """Its lease runs out, and the next caller asks."""
    hanging = caller(redis_url, "killed", "hang")
    with Redis.from_url(redis_url) as probe:
        probe.rpush("go", 1)
        eventually(lambda: probe.llen("started") == 1)
        hanging.kill()
        hanging.communicate()
        following = caller(redis_url, "next", "answer")
        probe.rpush("go", 1)
        assert said(following) == "next"


def test_stores_have_one_shape(link: RedisLink) -> None:
    """Either serves where a store is asked for."""
    stores: list[Store] = [MemoryStore(), RedisStore(link)]
    for store in stores:
        store.set("k", b"v", 10)
        assert store.get("k") == b"v"
        assert store.get("other") is None
