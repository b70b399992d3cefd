"""The cache: fresh and stale answers, one fetch at a time, shared failures."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.usage.api.origin import Clock, Origin, eventually, get
from tests.usage.threads import no_threads
from usage.api.cache import BACKGROUND_REFRESHES, Cache, Cached, FetchedBody
from usage.api.deadline import Deadline
from usage.api.stores import MemoryStore
from usage.errors import (
    Disabled,
    KeyRefused,
    Malformed,
    MissingCall,
    RateLimited,
    Refused,
    UnknownCustomer,
    Unreachable,
    Unsupported,
    UsageError,
)
from usage.notes import Note


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def origin(clock: Clock) -> Origin:
    return Origin(clock)


@pytest.fixture
def cache(clock: Clock) -> Cache:
    return Cache(MemoryStore(clock=clock), clock=clock)


def viewers(number: int, call: Callable[[], object]) -> list[object]:
    """The results of `number` concurrent threads: answers, and the errors they raised."""
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


def refreshing() -> bool:
    """Whether a background thread is still refreshing."""
    return any(thread.name == "refresh" for thread in threading.enumerate())


def test_fresh_answer_is_served_with_its_time(cache: Cache, origin: Origin, clock: Clock) -> None:
    """The first answer is live, later ones come from the cache."""
    assert get(cache, origin) == Cached(b"answer 1", clock.now, "live")
    fetched_at, clock.now = clock.now, clock.now + 14
    assert get(cache, origin) == Cached(b"answer 1", fetched_at, "cache")
    assert len(origin.calls) == 1


def test_recent_answer_is_served_and_refreshed_in_the_background(
    cache: Cache, origin: Origin, clock: Clock
) -> None:
    """No caller waits, one background call is made, and the next caller gets its result."""
    get(cache, origin)
    clock.now += 100
    origin.gate.clear()
    assert {
        result.body for result in viewers(50, lambda: get(cache, origin)) if isinstance(result, Cached)
    } == {b"answer 1"}
    eventually(lambda: len(origin.calls) == 2)
    origin.gate.set()
    eventually(lambda: get(cache, origin).body == b"answer 2")
    assert origin.calls == [True, False]


def test_old_answer_is_fetched_again(cache: Cache, origin: Origin, clock: Clock) -> None:
    """After the time in which it may be served at once."""
    get(cache, origin)
    clock.now += 15 + 301
    assert get(cache, origin).body == b"answer 2"


def test_refresh_fetches_a_fresh_answer_again(cache: Cache, origin: Origin) -> None:
    """The user pressed the refresh button."""
    get(cache, origin)
    assert get(cache, origin, refresh=True).body == b"answer 2"


def test_two_hundred_callers_cost_one_fetch(cache: Cache, origin: Origin) -> None:
    """All callers get the same answer."""
    origin.gate.clear()
    threading.Timer(0.3, origin.gate.set).start()
    results = viewers(200, lambda: get(cache, origin))
    assert [result.body for result in results if isinstance(result, Cached)] == [b"answer 1"] * 200
    assert len(origin.calls) == 1


def test_concurrent_callers_share_a_failure(cache: Cache, origin: Origin) -> None:
    """One fetch for 200 callers; each raises an error of its own, so that traces do not mix."""
    origin.failure = Unreachable("Autumn has a failure of its own.")
    results = viewers(200, lambda: get(cache, origin))
    assert {str(result) for result in results} == {"Autumn has a failure of its own."}
    assert all(isinstance(result, Unreachable) for result in results)
    assert len({id(result) for result in results}) == 200
    assert len(origin.calls) == 1


def test_failure_is_cached_for_seconds(cache: Cache, origin: Origin, clock: Clock) -> None:
    """Two, or Retry-After up to ten: recovery is detected within ten seconds."""
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
        Refused("the call", status=400, code="invalid_inputs", detail="limit: too large"),
        KeyRefused("the key", status=401, code="invalid_secret_key"),
        Disabled("for now", status=403, code="request_temporarily_disabled", retry_after_s=40),
        MissingCall("no such call", status=401, code="no_auth_header"),
        UnknownCustomer("nobody", status=404, code="customer_not_found"),
        Unsupported("too new", status=400),
        RateLimited("five a second", retry_after_s=1.5),
        Unreachable("down"),
        Malformed("HTML"),
    ],
)
def test_cached_error_has_its_class_and_sentence(cache: Cache, origin: Origin, error: UsageError) -> None:
    """For the caller that fetched, and for the next one."""
    origin.failure = error
    for _ in range(2):
        with pytest.raises(UsageError) as caught:
            get(cache, origin)
        raised = caught.value
        assert (type(raised), raised.sentence) == (type(error), error.sentence)
        assert raised.retry_after_s == error.retry_after_s
        if isinstance(error, Refused):
            assert isinstance(raised, Refused)
            assert (raised.status, raised.code, raised.detail) == (error.status, error.code, error.detail)
    assert len(origin.calls) == 1


def test_error_serves_the_stale_answer_with_its_reason(cache: Cache, origin: Origin, clock: Clock) -> None:
    """For a day; after that the error is raised."""
    get(cache, origin)
    fetched_at = clock.now
    origin.failure = Unreachable("Autumn did not answer in time.")
    clock.now += 3_600
    assert get(cache, origin) == Cached(
        b"answer 1", fetched_at, "stale", Note("stale", "Autumn did not answer in time.")
    )
    clock.now += 86_400
    with pytest.raises(Unreachable):
        get(cache, origin)


def test_failed_background_refresh_marks_the_answer_stale(cache: Cache, origin: Origin, clock: Clock) -> None:
    """Callers in the meantime cause no further call."""
    get(cache, origin)
    clock.now += 60
    origin.failure = Unreachable("down")
    assert get(cache, origin).source == "cache"
    eventually(lambda: get(cache, origin).source == "stale")
    assert get(cache, origin).reason == Note("stale", "down")
    assert len(origin.calls) == 2


def test_answer_that_cannot_be_refreshed_is_stale(cache: Cache, origin: Origin, clock: Clock) -> None:
    """The system has no room for a thread, again and again; once it has, the answer is refreshed."""
    get(cache, origin)
    fetched_at, clock.now = clock.now, clock.now + 60
    with no_threads("refresh"):
        for _ in range(3 * BACKGROUND_REFRESHES):
            found = get(cache, origin)
            assert (found.body, found.fetched_at, found.source) == (b"answer 1", fetched_at, "stale")
            assert found.reason
    assert len(origin.calls) == 1
    eventually(lambda: get(cache, origin).body == b"answer 2")
    assert get(cache, origin).source == "cache"


def test_remembered_wait_gets_shorter(cache: Cache, origin: Origin, clock: Clock) -> None:
    """Who meets the failure later has less time to wait."""
    origin.failure = RateLimited("five a second", retry_after_s=40)
    for passed, left in ((0, 40), (3, 37), (6, 31)):
        clock.now += passed
        with pytest.raises(RateLimited) as caught:
            get(cache, origin)
        assert caught.value.retry_after_s == left
    assert len(origin.calls) == 1


def test_rate_limited_background_refresh_is_no_failure(cache: Cache, origin: Origin, clock: Clock) -> None:
    """An urgent call could have succeeded, so the failure is not cached."""
    get(cache, origin)
    clock.now += 60
    origin.failure = RateLimited("no room", retry_after_s=5)
    get(cache, origin)
    eventually(lambda: len(origin.calls) == 2 and not refreshing())
    assert get(cache, origin).source == "cache"
    eventually(lambda: not refreshing())
    origin.failure = None
    assert get(cache, origin, refresh=True).source == "live"


def test_waiting_caller_leaves_at_its_own_deadline(cache: Cache, origin: Origin) -> None:
    """The caller that fetches goes on."""
    origin.gate.clear()
    asking = threading.Thread(target=get, args=(cache, origin))
    asking.start()
    eventually(lambda: len(origin.calls) == 1)
    with pytest.raises(Unreachable):
        get(cache, origin, seconds=0.1)
    assert len(origin.calls) == 1
    origin.gate.set()
    asking.join()
    assert get(cache, origin).source == "cache"


def test_exception_in_a_fetch_does_not_block_others(cache: Cache, origin: Origin) -> None:
    """It is raised to its caller, and the next caller fetches again."""

    def failing(deadline: Deadline, *, urgent: bool) -> FetchedBody:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.get("k", failing, fresh_s=15, deadline=Deadline.after(5))
    assert get(cache, origin).source == "live"


def test_peek_makes_no_call(cache: Cache, origin: Origin, clock: Clock) -> None:
    """It returns the cached answer, or None."""
    assert cache.peek("k") is None
    get(cache, origin)
    clock.now += 1_000
    assert cache.peek("k") == Cached(b"answer 1", clock.now - 1_000, "cache")
    assert len(origin.calls) == 1


def test_waiting_caller_fetches_urgently_after_a_rate_limited_refresh(cache: Cache) -> None:
    """A caller that waits for a background call without room in the queue makes an urgent call and gets
    the answer.
    """
    started, joined = threading.Event(), threading.Event()

    def fetch(deadline: Deadline, *, urgent: bool) -> FetchedBody:
        if urgent:
            return FetchedBody(b"mine", 1.0)
        started.set()
        joined.wait(10)
        raise RateLimited("No room.")

    def background() -> None:
        with pytest.raises(RateLimited):
            cache.get("k", fetch, fresh_s=15, deadline=Deadline.after(20), urgent=False)

    behind = threading.Thread(target=background)
    behind.start()
    started.wait(10)
    threading.Timer(0.05, joined.set).start()
    assert cache.get("k", fetch, fresh_s=15, deadline=Deadline.after(20)).body == b"mine"
    behind.join()
