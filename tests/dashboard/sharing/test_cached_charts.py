"""What was counted and drawn before is what would be now, for staff and for each link."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from random import Random
from typing import Any, TypeVar

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from time_machine import TimeMachineFixture

from tests.dashboard.sharing import attack_queries
from tests.dashboard.sharing.canary_organization import OTHER, SEEN, CanarySite, bounds
from tests.page import Page
from usage.charts.result_cache import ResultCache

pytestmark = pytest.mark.django_db

T = TypeVar("T")
Visit = Callable[[str], Page]
CHART = {"chart", "compare", "bin_size", "group_by", "group", "hide", "focus", "measure", "tz", "filter"}


def made_anew(
    self: ResultCache, made_of: Hashable, make: Callable[[], T], *, size: int | Callable[[T], int]
) -> T:
    return make()


@pytest.fixture
def visits(canary_site: CanarySite) -> list[Visit]:
    """Staff who look at either customer, and the recipients of links that show different parts of one."""
    staff = Client()
    staff.force_login(canary_site.owner)

    def of_customer(customer: str) -> Visit:
        return lambda query: Page(staff.get(f"/usage/?customer_id={customer}&{query}"))

    def of_link(properties: list[str], **shown: Any) -> Visit:
        share, token = canary_site.share(properties=properties, **shown)
        client = canary_site.recipient_client(share, token)
        return lambda query: Page(client.get(f"{share.root}usage/?{query}"))

    links = [of_link(["model"]), of_link(["model", "meta.tier"], exports=True), of_link([], balances=True)]
    return [of_customer(SEEN), of_customer(OTHER), *links]


def random_query(random: Random) -> str:
    """Valid for the most part, so that there is a chart."""
    start, end = bounds()
    known = attack_queries.values()
    chosen = random.sample(sorted(CHART), random.randrange(4))
    pairs = [(name, random.choice(known[name])) for name in chosen]
    dates = random.choice(((), (("start", str(start)), ("end", str(end)))))
    return attack_queries.query_string([*pairs, *dates])


def parts(page: Page) -> list[object]:
    """The chart with its cards, its legend, its table and its figure; the events; what can be filtered by."""
    cards, charts = page.all(class_="feature-cards"), page.all("section", aria_labelledby="chart-title")
    rows, filters = page.all("table", class_="rows"), page.all("form", id="filters")
    return [element.source for element in (*cards, *charts, *rows, *filters)]


@pytest.mark.slow
@settings(max_examples=100)  # five requests each, with and without
@given(seed=st.integers(0, 2**32))
def test_cached_charts_equal_those_made_anew(
    visits: list[Visit],
    monkeypatch: pytest.MonkeyPatch,
    time_machine: TimeMachineFixture,
    seed: int,
) -> None:
    """Whoever looked at them before, and whatever else was."""
    time_machine.move_to(time.time(), tick=False)  # a minute that passes changes what they say
    random = Random(seed)
    query = random_query(random)
    for visit in random.sample(visits, len(visits)):
        cached = parts(visit(query))
        with monkeypatch.context() as without:
            without.setattr(ResultCache, "get", made_anew)
            assert parts(visit(query)) == cached, query


def test_same_figures_are_made_once(visits: list[Visit], monkeypatch: pytest.MonkeyPatch) -> None:
    """The second view of a chart reads and draws nothing."""
    made = list[Hashable]()
    get = ResultCache.get

    def counted(
        self: ResultCache, made_of: Hashable, make: Callable[[], T], *, size: int | Callable[[T], int]
    ) -> T:
        def noted() -> T:
            made.append(made_of)
            return make()

        return get(self, made_of, noted, size=size)

    monkeypatch.setattr(ResultCache, "get", counted)
    start, end = bounds()
    query = f"group_by=properties.model&start={start}&end={end}&tz=UTC"
    first = parts(visits[0](query))
    assert first
    assert made
    made.clear()
    assert parts(visits[0](query)) == first
    assert made == []
