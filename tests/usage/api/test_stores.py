"""Memory and a real Redis: limited, with expiry, shared by processes, and without errors in an outage."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
from redis import Redis

from tests.conftest import free_port
from tests.usage.api.hostile_server import serving
from tests.usage.api.origin import Clock, Origin, eventually, get
from tests.usage.api.slow_redis import slow_redis
from tests.usage.threads import no_threads
from usage.api.cache import Cache
from usage.api.stores import CacheStore, MemoryStore, RedisLink, RedisStore

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def test_memory_is_limited_in_bytes() -> None:
    """The least recently used entries are removed first; an entry larger than the limit is not stored."""
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


def test_memory_entries_expire() -> None:
    """Each entry has its own time."""
    clock = Clock()
    store = MemoryStore(clock=clock)
    store.set("short", b"1", 2)
    store.set("long", b"2", 20)
    clock.now += 3
    assert [store.get(key) for key in ("short", "long")] == [None, b"2"]


@pytest.fixture(params=["memory", "redis", "redis that is down"])
def store(request: pytest.FixtureRequest) -> Iterator[CacheStore]:
    """Each store that the cache can have."""
    if request.param == "memory":
        yield MemoryStore()
        return
    down = f"redis://127.0.0.1:{free_port()}/0"
    url = request.getfixturevalue("redis_url") if request.param == "redis" else down
    store = RedisStore(RedisLink(url, timeout_s=10, rest_s=60))
    yield store
    store.close()


class TestEveryStore:
    """The contract of every store."""

    def test_returns_the_bytes_that_were_set(self, store: CacheStore) -> None:
        bodies = {"empty": b"", "json": b'{"a":1}', "binary": bytes(range(256)), "large": b"x" * 1_000_000}
        for key, body in bodies.items():
            store.set(key, body, 60)
        assert {key: store.get(key) for key in bodies} == bodies

    def test_returns_none_for_a_missing_key(self, store: CacheStore) -> None:
        store.set("key", b"1", 60)
        assert store.get("other") is None

    def test_later_value_replaces_the_earlier(self, store: CacheStore) -> None:
        store.set("key", b"1", 60)
        store.set("key", b"2", 60)
        assert store.get("key") == b"2"

    def test_drops_a_value_after_its_time(self, store: CacheStore) -> None:
        store.set("short", b"1", 0.05)
        store.set("long", b"2", 60)
        eventually(lambda: store.get("short") is None)
        assert store.get("long") == b"2"

    @pytest.mark.parametrize("ttl_s", [0, -1])
    def test_stores_nothing_without_time(self, store: CacheStore, ttl_s: float) -> None:
        store.set("key", b"1", ttl_s)
        eventually(lambda: store.get("key") is None)

    def test_lock_is_granted_again_once_it_is_released(self, store: CacheStore) -> None:
        for _ in range(2):
            with store.lock("key", 60) as mine:
                assert mine

    def test_locks_of_different_keys_are_independent(self, store: CacheStore) -> None:
        with store.lock("one", 60) as one, store.lock("two", 60) as two:
            assert (one, two) == (True, True)

    def test_lock_is_released_when_its_block_raises(self, store: CacheStore) -> None:
        with pytest.raises(KeyError), store.lock("key", 60):
            raise KeyError
        with store.lock("key", 60) as mine:
            assert mine

    def test_lock_leaves_the_value_alone(self, store: CacheStore) -> None:
        store.set("key", b"1", 60)
        with store.lock("key", 60):
            assert store.get("key") == b"1"
        assert store.get("key") == b"1"

    def test_serves_a_cache(self, store: CacheStore) -> None:
        cache, origin = Cache(store), Origin()
        assert [get(cache, origin).source for _ in range(2)] == ["live", "cache"]
        assert len(origin.calls) == 1


@pytest.fixture
def link(redis_url: str) -> Iterator[RedisLink]:
    link = RedisLink(redis_url, timeout_s=10)
    yield link
    link.close()


def test_redis_stores_bytes_until_they_expire(link: RedisLink) -> None:
    """Compressed, with a time to live, under prefixed names."""
    store = RedisStore(link)
    body = json.dumps(list(range(1_000))).encode() + b"\xff"
    store.set("k", body, 100)
    assert store.get("k") == body
    stored = link.redis.get("autumn-usage:k")
    assert isinstance(stored, bytes)
    assert len(stored) < len(body) / 2
    left_ms = link.redis.pttl("autumn-usage:k")
    assert isinstance(left_ms, int)
    assert 90_000 < left_ms <= 100_000


def test_foreign_redis_values_are_ignored(link: RedisLink) -> None:
    """Neither an unknown value nor a key of another type is an error."""
    store = RedisStore(link)
    link.redis.set("autumn-usage:k", b"garbage")
    assert store.get("k") is None
    link.redis.lpush("autumn-usage:l", b"1")
    assert store.get("l") is None


def test_redis_lock_is_exclusive_and_expires(link: RedisLink) -> None:
    """It is released at the end of its block or when its lease expires, and only by its owner."""
    store = RedisStore(link)
    with store.lock("k", 60) as first, store.lock("k", 60) as second:
        assert (first, second) == (True, False)
    with store.lock("k", 60) as again:
        assert again
        link.redis.set("autumn-usage:k:lock", "another's")
    assert link.redis.get("autumn-usage:k:lock") == b"another's"


LEASE_S = 0.6


def outlive(redis: Redis, seconds: float) -> None:
    """Wait until Redis itself has seen so much time pass."""
    redis.set("mark", 1, px=int(seconds * 1000))
    eventually(lambda: not redis.exists("mark"))


@pytest.mark.parametrize("has_threads", [True, False])
def test_lock_outlives_its_lease_while_its_block_runs(link: RedisLink, has_threads: bool) -> None:
    """Renewed by a thread; without one the lease is as long as the block may take."""
    store = RedisStore(link)
    with nullcontext() if has_threads else no_threads("leases"), store.lock("k", LEASE_S, at_most_s=30):
        outlive(link.redis, 3 * LEASE_S)
        with store.lock("k", LEASE_S) as second:
            assert not second
    with store.lock("k", LEASE_S) as after:
        assert after


def test_lock_ends_when_its_block_takes_longer_than_allowed(link: RedisLink) -> None:
    store = RedisStore(link)
    with store.lock("k", LEASE_S, at_most_s=3 * LEASE_S):
        outlive(link.redis, 2 * LEASE_S)
        with store.lock("k", LEASE_S) as second:
            assert not second
        outlive(link.redis, 2 * LEASE_S)
        with store.lock("k", LEASE_S) as second:
            assert second


def test_lock_of_another_is_not_renewed(link: RedisLink) -> None:
    store = RedisStore(link)
    with store.lock("k", LEASE_S, at_most_s=30):
        link.redis.set("autumn-usage:k:lock", "another's", px=int(3 * LEASE_S * 1000))
        eventually(lambda: not link.redis.exists("autumn-usage:k:lock"))


def test_several_locks_are_renewed_together(link: RedisLink) -> None:
    """Each for as long as its own block runs."""
    store = RedisStore(link)
    with store.lock("long", LEASE_S, at_most_s=30):
        for name in ("one", "two"):
            with store.lock(name, LEASE_S, at_most_s=30):
                outlive(link.redis, 2 * LEASE_S)
                assert not any(_is_free(store, taken) for taken in ("long", name))
            assert _is_free(store, name)
    store.close()


def scripts_run(redis: Redis) -> int:
    """The number of commands of this Redis that run or look up a script."""
    counts = redis.info("commandstats")
    assert isinstance(counts, dict)
    return sum(each["calls"] for name, each in counts.items() if "script" in name or "eval" in name)


def test_store_closes_while_a_lock_is_renewed(redis_url: str) -> None:
    """Redis answers slowly; nothing is left behind that uses the closed connections."""
    with slow_redis(redis_url, 0.2) as url, Redis.from_url(redis_url) as redis:
        store = RedisStore(RedisLink(url, timeout_s=10))
        before = scripts_run(redis)
        with store.lock("k", LEASE_S, at_most_s=30):
            eventually(lambda: scripts_run(redis) > before)
            store.close()
        store.close()
    assert not any(thread.name == "leases" for thread in threading.enumerate())


def _is_free(store: RedisStore, key: str) -> bool:
    with store.lock(key, LEASE_S) as mine:
        return mine


def test_eight_processes_make_a_slow_call_once(redis_url: str) -> None:
    """However many leases long it takes."""
    origin = Origin()
    origin.gate.clear()
    links = [RedisLink(redis_url, timeout_s=10) for _ in range(8)]
    caches = [Cache(RedisStore(link), lease_s=LEASE_S) for link in links]
    with ThreadPoolExecutor(8) as pool, Redis.from_url(redis_url) as redis:
        pending = [pool.submit(get, cache, origin, seconds=60) for cache in caches]
        eventually(lambda: len(origin.calls) == 1)
        outlive(redis, 4 * LEASE_S)
        origin.gate.set()
        answers = [each.result() for each in pending]
    assert {found.body for found in answers} == {b"answer 1"}
    assert sorted(found.source for found in answers) == ["cache"] * 7 + ["live"]
    assert len(origin.calls) == 1
    for link in links:
        link.close()


def test_redis_outage_causes_no_error() -> None:
    """The process uses its own memory, and does not retry Redis at each call."""
    link = RedisLink(f"redis://127.0.0.1:{free_port()}/0")
    store = RedisStore(link)
    cache = Cache(store)
    origin = Origin()
    assert get(cache, origin).source == "live"
    assert get(cache, origin).source == "cache"
    with store.lock("k", 5) as mine:
        assert mine
    link.close()


def test_hanging_redis_costs_one_time_limit() -> None:
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


def test_redis_is_used_again_after_an_outage(redis_url: str) -> None:
    link = RedisLink(redis_url, timeout_s=10, rest_s=0)
    link.redis.lpush("list", 1)
    assert link.attempt(lambda: link.redis.incr("list"), lambda: "meanwhile") == "meanwhile"
    assert link.attempt(lambda: link.redis.incr("number"), lambda: "meanwhile") == 1
    link.close()


CALLER = """
import sys, time
from redis import Redis
from usage.api.cache import Cache, FetchedBody
from usage.api.deadline import Deadline
from usage.errors import Unreachable, UsageError
from usage.api.stores import RedisLink, RedisStore
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
        raise Unreachable("down for " + name, retry_after_s=8)
    return FetchedBody(name.encode(), time.time())

probe.rpush("ready", name)
probe.blpop("go", 30)
try:
    cache = Cache(RedisStore(link), lease_s=2)
    print(cache.get("k", fetch, fresh_s=60, deadline=Deadline.after(30)).body.decode())
except UsageError as error:
    print(error)
"""


def caller(url: str, name: str, mode: str) -> subprocess.Popen[str]:
    """A separate process that reads through the cache after a signal."""
    return subprocess.Popen(
        [sys.executable, "-c", CALLER, url, name, mode], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def output_of(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=40)
    return out.strip().splitlines()[-1]


@pytest.mark.parametrize(("mode", "words"), [("answer", ""), ("fail", "down for ")])
def test_two_processes_fetch_once(redis_url: str, mode: str, words: str) -> None:
    """The second waits for the answer of the first, or for its failure."""
    processes = [caller(redis_url, name, mode) for name in ("one", "two")]
    with Redis.from_url(redis_url) as probe:
        eventually(lambda: probe.llen("ready") == 2)
        probe.rpush("go", 1, 1)
        first, second = map(output_of, processes)
        assert first == second
        assert first.startswith(words)
        assert probe.get("fetches") == b"1"


def test_killed_leader_does_not_block_others_for_long(redis_url: str) -> None:
    """Its lease expires, and the next caller fetches."""
    hanging = caller(redis_url, "killed", "hang")
    with Redis.from_url(redis_url) as probe:
        probe.rpush("go", 1)
        eventually(lambda: probe.llen("started") == 1)
        hanging.kill()
        hanging.communicate()
        following = caller(redis_url, "next", "answer")
        probe.rpush("go", 1)
        assert output_of(following) == "next"
