"""A link is no oracle: no guess about what it hides changes a byte, a header, a status or a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from itertools import product
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from dashboard import services
from tests.dashboard.sharing.canary_organization import CanarySite, Wire
from tests.dashboard.sharing.oracle import (
    NOW,
    PATHS,
    ROUTES,
    SECRETS,
    VALUES,
    DottedKeys,
    Organization,
    Request,
    Twins,
    guesses,
    guesses_in_paths,
)
from usage.sample import SampleApp, Store

pytestmark = pytest.mark.django_db

AGES = ("older", "current", "newest")
LINKS: dict[str, dict[str, Any]] = {
    "deductions": {"features": ["api_calls", "images"], "deductions": True},
    "period": {},
    "open": {"start": None, "end": None, "features": None},
    "balances": {"features": ["api_calls", "images"], "start": None, "end": None, "balances": True},
    "features": {"features": ["api_calls", "images"], "start": None, "end": None},
}
MakeTwins = Callable[[str, str, str], Twins]


@pytest.fixture
def still_clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def twins(still_clock: None, canary_site: CanarySite, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeTwins]:
    """The twins of a kind of link and of what is hidden, with a server of an age."""

    def wired(*given: Any, **named: Any) -> Wire:
        app = DottedKeys(SampleApp(*given, **{"age": canary_site.age, **named}))
        canary_site.wires.append(Wire(app))
        return canary_site.wires[-1]

    monkeypatch.setattr("usage.sample.SampleApp", wired)
    monkeypatch.setattr(services, "sample_store", lambda: canary_site.store)

    @cache
    def stores(hides: str) -> dict[str, Store]:
        made = {name: Store() for name in SECRETS}
        for name, store in made.items():
            opened.callback(store.close)
            organization = Organization(SECRETS[name], hides)
            store.add(organization.events())
            if hides != "properties":
                store.put_customer(organization.customer())
        return made

    @cache
    def made(link: str, hides: str) -> Twins:
        return Twins(canary_site, stores(hides), **LINKS[link])

    def twins_of(link: str, hides: str, age: str) -> Twins:
        canary_site.age = age
        return made(link, hides)

    with ExitStack() as opened:
        yield twins_of
        canary_site.restart()


def assert_same(twins: Twins, requests: list[Request]) -> None:
    """Everybody gets the same answers, whatever is hidden."""
    first = twins.answers("first", requests)
    for organization in ("second", "without"):
        for request, one, other in zip(requests, first, twins.answers(organization, requests), strict=True):
            assert one == other, (organization, ROUTES[request.route], request.params)


requests_of_guesses = st.builds(
    lambda route, path, value, at: Request(route, (found := guesses(path, value))[at % len(found)]),
    st.integers(0, len(ROUTES) - 1),
    st.sampled_from(PATHS),
    st.sampled_from(VALUES),
    st.integers(0, 1000),
)
batches = st.lists(requests_of_guesses, min_size=1, max_size=6)


@pytest.mark.slow
@given(st.sampled_from(sorted(LINKS)), st.sampled_from(AGES), batches)
def test_no_guess_about_hidden_properties_is_answered(
    twins: MakeTwins, link: str, age: str, requests: list[Request]
) -> None:
    assert_same(twins(link, "properties", age), requests)


@pytest.mark.slow
@given(
    st.sampled_from([("period", "all"), *((link, "customers") for link in ("open", "features", "balances"))]),
    st.sampled_from(AGES),
    batches,
)
def test_no_guess_about_other_hidden_data_is_answered(
    twins: MakeTwins, of: tuple[str, str], age: str, requests: list[Request]
) -> None:
    """Other customers, features and times, entities, plans, deductions; the customer's name and balances."""
    assert_same(twins(*of, age), requests)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("link", "age"),
    [("period", "current"), ("open", "current"), ("open", "newest"), ("features", "older")],
)
def test_every_page_is_the_same_whatever_is_hidden(twins: MakeTwins, link: str, age: str) -> None:
    """By the plain query, and by the guesses that the first version answered."""
    asked: tuple[dict[str, str], ...] = (
        {},
        {"group_by": "properties.region"},
        {"group_by": "properties.region", "compare": "previous", "bin_size": "hour"},
        {"group_by": "properties.region.tier"},
        {"filter": "region.tier:gold"},
        {"exclude": "meta.tier.deep:gold"},
        {"filter": "region:eu", "columns": "region.tier"},
    )
    requests = [Request(route, params) for route, params in product(range(len(ROUTES)), asked)]
    assert_same(twins(link, "properties", age), requests)


@pytest.mark.slow
@pytest.mark.parametrize("link", ["open", "features", "balances"])
def test_every_page_is_the_same_whatever_the_customer_is(twins: MakeTwins, link: str) -> None:
    """Name, address, plans and the balances of hidden features; a link may show that of another feature."""
    asked: tuple[dict[str, str], ...] = (
        {},
        {"range": "1bc", "chart": "cumulative"},
        {"feature_id": "api_calls"},
    )
    requests = [Request(route, params) for route, params in product(range(len(ROUTES)), asked)]
    assert_same(twins(link, "customers", "current"), requests)


@pytest.mark.slow
@pytest.mark.parametrize("age", AGES)
def test_deductions_of_hidden_features_are_not_shown(twins: MakeTwins, age: str) -> None:
    """Neither on the whole balance of a feature that is shown, nor on hidden ones."""
    asked: tuple[dict[str, str], ...] = (
        {"measure": "deducted"},
        {"measure": "deducted", "compare": "previous", "bin_size": "hour"},
        {"measure": "deducted", "group_by": "properties.region"},
        {"measure": "deducted", "focus": "api_calls", "feature_id": "api_calls"},
        {"measure": "count"},
    )
    requests = [Request(route, params) for route, params in product(range(len(ROUTES)), asked)]
    assert_same(twins("deductions", "all", age), requests)


@pytest.mark.parametrize("age", AGES)
def test_groups_of_other_times_are_not_named(twins: MakeTwins, age: str) -> None:
    """The answer of a window that has ended holds the bin after it."""
    asked = [{"group_by": "properties.region", "bin_size": size} for size in ("hour", "day", "week")]
    requests = [Request(route, params) for route in (0, 10) for params in asked]
    assert_same(twins("period", "all", age), requests)


@pytest.mark.slow
def test_no_spelling_of_a_hidden_key_is_answered(twins: MakeTwins) -> None:
    """Each spelling in each parameter that names a path, on routes, links and ages in turn."""
    assert_no_spelling_is_answered(twins, AGES)


def assert_no_spelling_is_answered(twins: MakeTwins, ages: tuple[str, ...]) -> None:
    """With servers of these ages in turn."""
    for turn, path in enumerate(PATHS):
        link, value = sorted(LINKS)[turn % len(LINKS)], VALUES[turn % len(VALUES)]
        age = ages[turn // len(LINKS) % len(ages)]
        asked = enumerate(guesses_in_paths(path, value))
        requests = [Request((turn + at) % len(ROUTES), params) for at, params in asked]
        assert_same(twins(link, "properties", age), requests)
