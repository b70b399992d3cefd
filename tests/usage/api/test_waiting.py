"""Places of requests that wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.api.waiting import FOR_ONE_LINK, MOST_KEPT_FREE, Waiter, WaitingPlaces, kept_free
from usage.errors import Busy


def waiter(places: WaitingPlaces, view: str = "/", link: str | None = None) -> Waiter:
    return Waiter(places, view, lambda: None, link)


@given(st.integers(1, 256))
def test_a_quarter_of_the_threads_is_kept_free(threads: int) -> None:
    """At least one and at most eight, but one request may always wait."""
    places = WaitingPlaces.of_threads(threads)
    free = kept_free(threads)
    assert 1 <= free <= MOST_KEPT_FREE
    assert free in (1, MOST_KEPT_FREE, threads // 4)
    for n in range(max(1, threads - free)):
        waiter(places, f"/{n}").wait(f"cus_{n}", is_on_its_way=False)
    with pytest.raises(Busy):
        waiter(places).wait("another", is_on_its_way=False)
    assert places.waiting == max(1, threads - free)


def test_place_is_taken_once_for_a_request_and_returned_whole() -> None:
    places = WaitingPlaces(4)
    for _ in range(100):
        one = waiter(places, link="link")
        for _ in range(3):
            one.wait("cus_1", is_on_its_way=False)
        one.wait("cus_2", is_on_its_way=False)
        assert places.waiting == 1
        one.leave()
        one.leave()
        assert places.waiting == 0


def test_what_still_works_for_a_request_that_has_ended_takes_no_place() -> None:
    places = WaitingPlaces(4)
    one = waiter(places, link="link")
    one.wait("cus_1", is_on_its_way=False)
    one.leave()
    one.wait("cus_1", is_on_its_way=False)
    assert places.waiting == 0


@pytest.mark.parametrize(("link", "limit"), [("link", FOR_ONE_LINK), (None, 8)])
def test_limits_of_a_link_and_of_a_customer(link: str | None, limit: int) -> None:
    """One beyond the limit is refused until one of the others has ended; another link or customer is not."""
    places = WaitingPlaces(16)
    those = [waiter(places, f"/{n}", link) for n in range(limit + 1)]
    for one in those[:limit]:
        one.wait("cus_1", is_on_its_way=False)
    with pytest.raises(Busy) as busy:
        those[limit].wait("cus_1", is_on_its_way=False)
    assert busy.value.retry_after_s
    waiter(places, "/other", link and "other").wait("cus_2", is_on_its_way=False)
    those[0].leave()
    those[limit].wait("cus_1", is_on_its_way=False)


def test_refusal_tells_whether_somebody_fetches_the_same() -> None:
    """The same call, or another one of the same view."""
    places = WaitingPlaces(1)
    waiter(places, "/a").wait("cus_1", is_on_its_way=False)
    for view, is_fetched, expected in (("/b", False, False), ("/b", True, True), ("/a", False, True)):
        with pytest.raises(Busy) as busy:
            waiter(places, view).wait("cus_1", is_on_its_way=is_fetched)
        assert busy.value.is_on_its_way is expected


def test_what_is_held_meanwhile_is_let_go_before_the_first_wait() -> None:
    calls: list[int] = []
    one = Waiter(WaitingPlaces(1), "/", lambda: calls.append(1))
    assert not calls
    for customer in ("", "cus_1"):
        one.wait(customer, is_on_its_way=False)
    assert calls == [1]
