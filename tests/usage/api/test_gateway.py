"""Calls through the gateway: cached, retried where that helps, logged, and never with the key."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from redis import Redis
from structlog.testing import capture_logs

from tests.usage.api.failing_server import BODY, KEY, canary_site, json_object
from tests.usage.api.hostile_server import (
    always,
    answer,
    one_by_one,
    reset,
    serving,
)
from tests.usage.api.origin import eventually
from tests.usage.api.slow_redis import slow_redis
from usage.api.cache import Cache, Cached
from usage.api.client import Client, Endpoint
from usage.api.deadline import PAGE_S, Deadline
from usage.api.gateway import AnswerState, Gateway, open_gateway
from usage.api.limiter import Limiter, MemoryWindow
from usage.api.stores import MemoryStore
from usage.errors import Malformed, RateLimited, Refused, Unreachable, UsageError


def test_answer_is_requested_once_and_then_cached() -> None:
    """The first answer is live, the next ones are from the cache; the counters say so."""
    with canary_site(always(answer(200, b'{"list": []}'))) as site:
        assert site.call().source == "live"
        assert site.call() == Cached(b'{"list": []}', site.call().fetched_at, "cache")
        assert len(site.server.requests) == 1
        counts = site.gateway.counts()
    assert counts == {
        "calls": 1, "retries": 0, "limited": 0, "failures": 0, "live": 1, "cache": 2, "stale": 0
    }  # fmt: skip


def test_cache_key_has_endpoint_body_scope_and_key() -> None:
    """The order of the body's fields does not matter; the key counts by its fingerprint."""
    with canary_site(always(answer())) as site:
        site.call(body={"customer_id": "a", "limit": 5})
        site.call(body={"limit": 5, "customer_id": "a"})
        assert len(site.server.requests) == 1
        site.call(body={"customer_id": "a", "limit": 6})
        site.call(body={"customer_id": "a", "limit": 5}, scope="share:1")
        site.gateway.answer(
            "events.aggregate",
            {"customer_id": "a", "limit": 5},
            fresh_s=15,
            deadline=Deadline.after(15),
            check=json_object,
        )
        assert len(site.server.requests) == 4


def test_hidden_data_is_removed_before_caching() -> None:
    """The transformed bytes are the answer, and those in the cache."""
    with canary_site(always(answer(200, b'{"hidden": 1}'))) as site:
        for _ in range(2):
            body = site.call(scope="share:1", transform=lambda raw: raw.replace(b"hidden", b"shown")).body
            assert body == b'{"shown": 1}'
        assert len(site.server.requests) == 1


def test_direct_neither_reads_nor_writes_the_cache() -> None:
    """An export reads current data."""
    with canary_site(always(answer())) as site:
        for _ in range(2):
            found = site.gateway.direct("events.list", BODY, deadline=Deadline.after(15), check=json_object)
            assert found.source == "live"
        assert site.call().source == "live"
        assert len(site.server.requests) == 3


@pytest.mark.parametrize("failing", [answer(500), answer(503, b"", {"Retry-After": "1"}), b""])
def test_failing_call_is_tried_three_times(failing: bytes) -> None:
    """The pauses grow, are partly random, and are never shorter than Retry-After."""

    def handle(connection: socket.socket, number: int) -> None:
        if number < 2 and not failing:
            reset(connection)
        else:
            connection.sendall(failing if number < 2 else answer())

    with canary_site(handle) as site:
        assert site.call().source == "live"
        assert len(site.server.requests) == 3
        assert site.gateway.counts()["retries"] == 2
    least = 1.0 if b"Retry-After" in failing else 0.0
    assert least <= site.sleeps[0] <= least + 0.5
    assert least <= site.sleeps[1] <= least + 1.0


def test_error_after_three_failures_is_cached() -> None:
    """The next caller gets it without a fourth call."""
    with canary_site(always(answer(500))) as site:
        for _ in range(2):
            with pytest.raises(Unreachable):
                site.call()
        assert len(site.server.requests) == 3
        assert site.gateway.counts()["failures"] == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 307])
def test_refusal_is_not_retried(status: int) -> None:
    with canary_site(always(answer(status))) as site:
        with pytest.raises((Refused, Malformed)):
            site.call()
        assert len(site.server.requests) == 1


@pytest.mark.parametrize("header", [{"Retry-After": "0.2"}, {}])
def test_429_is_retried_after_its_pause(header: dict[str, str]) -> None:
    """The pause is Retry-After, or until Autumn's next second; the caller gets the answer."""
    times: list[float] = []

    def handle(connection: socket.socket, number: int) -> None:
        times.append(time.monotonic())
        connection.sendall(answer(429, b"Too many requests", header) if number == 0 else answer())

    with canary_site(handle) as site:
        assert site.call().source == "live"
        assert site.gateway.counts()["limited"] == 1
    assert times[1] - times[0] >= float(header.get("Retry-After", 1.0))


def test_429_pauses_calls_of_its_customer_only() -> None:
    with canary_site(one_by_one(answer(429, b"", {"Retry-After": "30"}), answer())) as site:
        with pytest.raises(RateLimited):
            site.call()
        with pytest.raises(RateLimited):
            site.call(body=BODY | {"limit": 1})
        assert len(site.server.requests) == 1
        assert site.call(body={"customer_id": "another"}).source == "live"


@pytest.mark.parametrize("status", [429, 503])
def test_pause_beyond_the_deadline_raises_at_once(status: int) -> None:
    """The error says when to try again."""
    with canary_site(always(answer(status, b"", {"Retry-After": "60"}))) as site:
        start = time.monotonic()
        with pytest.raises(UsageError) as caught:
            site.call()
        assert time.monotonic() - start < 5
        assert caught.value.retry_after_s == 60
        assert (len(site.server.requests), site.sleeps) == (1, [])


def test_next_call_waits_if_autumn_has_no_calls_remaining() -> None:
    with canary_site(always(answer(headers={"RateLimit-Remaining": "0", "RateLimit-Reset": "30"}))) as site:
        site.call()
        with pytest.raises(RateLimited):
            site.call(body=BODY | {"limit": 1})


def test_calls_in_the_last_second_are_counted_by_customer() -> None:
    """For the status bar; calls of a customer and organization-wide calls have separate buckets."""
    with serving(always(answer())) as server:
        client = Client(url=server.url, key=KEY)
        gateway = Gateway(client, Limiter(MemoryWindow(60)), Cache(MemoryStore()))
        for _ in range(2):
            gateway.direct("events.list", BODY, deadline=Deadline.after(5), check=json_object)
        assert gateway.in_use("cus_secretive") == 2
        assert gateway.in_use(None) == gateway.in_use("") == 0
        gateway.close()


def test_two_hundred_viewers_cost_one_call() -> None:
    """Of a page that is not cached, with an Autumn that takes 150 ms."""

    def slowly(connection: socket.socket, _number: int) -> None:
        site.server.stopping.wait(0.15)
        connection.sendall(answer())

    with canary_site(slowly) as site:
        threads = [threading.Thread(target=site.call) for _ in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(site.server.requests) == 1
        assert sum(site.gateway.counts()[state] for state in ("live", "cache")) == 200


def test_each_attempt_is_logged_without_key_customer_or_body() -> None:
    """Endpoint, a hash of the customer, status or error, time, size, attempt, and the state of the cache."""
    with (
        canary_site(one_by_one(answer(500), answer(200, b'{"list": ["private"]}'))) as site,
        capture_logs() as lines,
    ):
        site.call()
        site.call()
    assert [(line["event"], line.get("error"), line.get("attempt"), line.get("state")) for line in lines] == [
        ("autumn.call", "Unreachable", 1, None),
        ("autumn.call", None, 2, None),
        ("autumn.cache", None, None, "live"),
        ("autumn.cache", None, None, "cache"),
    ]
    assert lines[1]["status"] == 200
    assert lines[1]["bytes"] == len(b'{"list": ["private"]}')
    assert len({line["customer"] for line in lines}) == 1
    for secret in (KEY, "cus_secretive", "private"):
        assert secret not in repr(lines)


def test_call_in_the_background_is_logged_with_the_id_of_its_request() -> None:
    """So is its answer in the cache; other requests have other IDs."""
    with (
        canary_site(always(answer())) as site,
        capture_logs([structlog.contextvars.merge_contextvars]) as lines,
    ):
        for request in ("first", "second"):
            with structlog.contextvars.bound_contextvars(request_id=request):
                assert site.call().source in ("live", "cache")
            site.ahead_s += 20
        eventually(lambda: len(lines) == 4)
    calls = [line["request_id"] for line in lines if line["event"] == "autumn.call"]
    assert calls == ["first", "second"]


class Observed:
    """What a gateway reports of its calls and answers."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.states: list[str] = []

    def called(self, endpoint: Endpoint, outcome: str, seconds: float) -> None:
        assert 0 <= seconds < 15
        self.calls.append((endpoint, outcome))

    def answered(self, state: AnswerState) -> None:
        self.states.append(state)


def test_observer_is_notified_of_each_call_and_each_answer() -> None:
    """Of many that want the same, one fetches it."""
    observed = Observed()

    def handle(connection: socket.socket, number: int) -> None:
        if number == 1:
            time.sleep(0.3)
        one_by_one(answer(500), answer(), answer(200, b"no JSON"))(connection, number)

    with canary_site(handle, observed) as site, ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(site.call) for _ in range(20)]
        assert {each.result().body for each in asked} == {b"{}"}
        site.call()
        assert site.call(refresh=True).source == "stale"
    assert observed.calls == [("events.list", outcome) for outcome in ("Unreachable", "ok", "Malformed")]
    assert observed.states.count("fetched") == 1
    assert {"shared"} <= set(observed.states[:20]) <= {"fetched", "shared", "fresh"}
    assert observed.states[20:] == ["fresh", "stale"]


def test_gateways_over_one_redis_share_answers_and_pace(redis_url: str) -> None:
    """One process serves what the other has fetched; the key is not in Redis."""
    with serving(always(answer(200, b'{"list": []}'))) as server:
        first, second = (open_gateway(url=server.url, key=KEY, redis_url=redis_url) for _ in range(2))
        for gateway, source in ((first, "live"), (second, "cache")):
            found = gateway.answer(
                "events.list", BODY, fresh_s=15, deadline=Deadline.after(10), check=json_object
            )
            assert found.source == source
        first.close()
        second.close()
    assert_not_in_redis(redis_url, KEY, "cus_secretive")


def test_429_holds_the_calls_of_other_processes(redis_url: str) -> None:
    """About the same customer, and without another call."""
    with serving(one_by_one(answer(429, b"", {"Retry-After": "40"}), answer())) as server:
        first, second = (open_gateway(url=server.url, key=KEY, redis_url=redis_url) for _ in range(2))
        for number, gateway in enumerate((first, second)):
            with pytest.raises(RateLimited) as caught:
                gateway.direct(
                    "events.list", BODY | {"limit": number}, deadline=Deadline.after(15), check=json_object
                )
            assert 25 < (caught.value.retry_after_s or 0) <= 40
        assert len(server.requests) == 1
        first.close()
        second.close()


@pytest.mark.slow
def test_slow_redis_and_slow_autumn_refuse_nobody(redis_url: str) -> None:
    """Redis takes 200 ms, Autumn 2 s; 16 customers' pages make four calls each."""

    def slowly(connection: socket.socket, _number: int) -> None:
        server.stopping.wait(2)
        connection.sendall(answer())

    with slow_redis(redis_url, 0.2) as url, serving(slowly) as server:
        gateway = open_gateway(url=server.url, key=KEY, redis_url=url)

        def call(customer: int, limit: int) -> str:
            body = {"customer_id": f"cus_{customer}", "limit": limit}
            deadline = Deadline.after(PAGE_S)
            found = gateway.answer("events.list", body, fresh_s=15, deadline=deadline, check=json_object)
            return found.source

        with ThreadPoolExecutor(64) as pool:
            pending = [pool.submit(call, customer, limit) for customer in range(16) for limit in range(1, 5)]
        assert [each.result() for each in pending] == ["live"] * 64
        gateway.close()


def assert_not_in_redis(url: str, *secrets: str) -> None:
    with Redis.from_url(url) as redis:
        names = list(redis.scan_iter())
        dump = repr([(name, redis.dump(name)) for name in names])
    assert names
    assert not any(secret in dump for secret in secrets)
