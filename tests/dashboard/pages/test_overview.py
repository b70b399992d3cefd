"""The overview: what moved most, over the sample's story."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.page import Page, parameters
from usage.errors import RateLimited
from usage.service import Usage


@pytest.mark.parametrize("more", ["", "&range=last_week"])
def test_customer_that_moved_leads_to_a_chart_of_the_same_figures(page: Client, more: str) -> None:
    """A feature leads to its customers; a customer to the same two weeks."""
    first = Page(page.get(f"/?tz=Europe%2FBerlin{more}")).all("tr", data_moved_feature=True)[0]
    feature = first["data-moved-feature"] or ""
    shown = Page(page.get(first.one("a")["href"] or ""))
    assert shown.one("tr", data_moved_feature=feature).one("a")["aria-current"] == "true"
    row = shown.all("tr", data_moved_customer=True)[0]
    href = row.one("a")["href"] or ""
    assert parameters(href)["customer_id"] == [row["data-moved-customer"]]
    card = Page(page.get(href)).one("a", data_feature=feature)
    assert (card["data-sum"], card["data-change"]) == (row["data-sum"], row["data-change"])


def test_moves_of_features_are_never_added(page: Client) -> None:
    """Each has its own unit and row."""
    table = Page(page.get("/?tz=UTC")).one(data_moves=True)
    assert len(table.values("data-moved-feature")) == len(set(table.values("data-moved-feature")))
    assert not table.has("tr", class_="total")


def test_overview_shows_no_condition_that_its_figures_lack(page: Client) -> None:
    """It travels along to other pages."""
    found = Page(page.get("/?tz=UTC&filter=region%3Aus-east"))
    assert not found.has(class_="chip")
    assert any("filter=region" in href for href in found.one(id="nav").hrefs)


def test_overview_without_a_ranking_says_so(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other figures are there."""

    def refused(*_: Any, **__: Any) -> None:
        raise RateLimited("Autumn limits requests.", retry_after_s=40)

    monkeypatch.setattr(Usage, "busiest", refused)
    response = page.get("/?tz=UTC")
    found = Page(response)
    assert (response.status_code, "partial" in found.notices) == (200, True)
    assert found.has("table", class_="rows")
    assert found.has(data_feature=True)


def test_overview_without_moves_says_so(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise RateLimited("Autumn limits requests.", retry_after_s=40)

    monkeypatch.setattr(Usage, "moves", refused)
    shown = Page(page.get("/?range=7d&tz=UTC"))
    assert "partial" in shown.notices
    assert not shown.has(data_moves=True)
    assert shown.has("tr", data_customer_id=True)


def test_search_comes_before_the_figures(page: Client) -> None:
    view = Page(page.get("/?tz=UTC")).one(id="view")
    fields = [each["id"] for each in view.all("input", role="combobox")]
    assert fields[0] == "find-first"


def test_search_is_there_without_figures(live_mode: Settings, signed_in: Callable[..., Client]) -> None:
    answer = signed_in("viewer").get("/?tz=UTC")
    assert answer.status_code == 503
    assert Page(answer).has("input", id="find-first")
