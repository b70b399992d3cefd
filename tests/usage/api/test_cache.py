"""Fresh, stale, one caller at a time, failures shared."""

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


def refreshing() -> bool:
    """Whether a background thread still refreshes."""
    return any(thread.name == "refresh" for thread in threading.enumerate())


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
        result.body for result in viewers(50, lambda: get(cache, origin)) if isinstance(result, Cached)
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
    results = viewers(200, lambda: get(cache, origin))
    assert [result.body for result in results if isinstance(result, Cached)] == [b"answer 1"] * 200
    assert len(origin.calls) == 1


def test_a_failure_is_shared_and_not_tried_by_each(cache: Cache, origin: Origin) -> None:
    """One try for two hundred; each raises an error of its own, so that traces do not mix."""
    origin.failure = Unreachable("Autumn has a failure of its own.")
    results = viewers(200, lambda: get(cache, origin))
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
            assert (raised.status, raised.code, raised.detail) == (error.status, error.code, error.detail)
    assert len(origin.calls) == 1


def test_error_serves_the_stale_answer_with_its_reason(cache: Cache, origin: Origin, clock: Clock) -> None:
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


def test_answer_that_cannot_be_refreshed_is_stale(cache: Cache, origin: Origin, clock: Clock) -> None:
    """The system has no room for a thread, again and again; once it has, the answer is refreshed."""
    get(cache, origin)
    asked_at, clock.now = clock.now, clock.now + 60
    with no_threads("refresh"):
        for _ in range(3 * BACKGROUND_REFRESHES):
            found = get(cache, origin)
            assert (found.body, found.fetched_at, found.source) == (b"answer 1", asked_at, "stale")
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


def test_background_work_without_room_is_no_failure(cache: Cache, origin: Origin, clock: Clock) -> None:
    """A person would have found room: nothing is remembered against them."""
    get(cache, origin)
    clock.now += 60
    origin.failure = RateLimited("no room", retry_after_s=5)
    get(cache, origin)
    eventually(lambda: len(origin.calls) == 2 and not refreshing())
    assert get(cache, origin).source == "cache"
    eventually(lambda: not refreshing())
    origin.failure = None
    assert get(cache, origin, refresh=True).source == "live"


def test_a_waiter_with_less_time_leaves_earlier(cache: Cache, origin: Origin) -> None:
    """Within its own deadline, while the one who asks goes on."""
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


def test_a_mistake_in_a_fetch_does_not_leave_others_waiting(cache: Cache, origin: Origin) -> None:
    """It is raised where it happened; the next caller asks again."""

    def mistaken(deadline: Deadline, *, urgent: bool) -> FetchedBody:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.get("k", mistaken, fresh_s=15, deadline=Deadline.after(5))
    assert get(cache, origin).source == "live"


def test_peek_makes_no_call(cache: Cache, origin: Origin, clock: Clock) -> None:
    """It shows what is kept, or nothing."""
    assert cache.peek("k") is None
    get(cache, origin)
    clock.now += 1_000
    assert cache.peek("k") == Cached(b"answer 1", clock.now - 1_000, "cache")
    assert len(origin.calls) == 1


def test_a_person_has_a_turn_of_their_own(cache: Cache) -> None:
    """Who waits for a background call that found no room in the queue asks again as a person, and gets the
    answer.
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
