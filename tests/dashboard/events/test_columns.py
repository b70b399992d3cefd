"""Columns of the event browser: chosen ones, default ones, and those of the next page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.dashboard.events.event_site import MINUTE, EventSite, event, event_site
from tests.page import Element, Page
from tests.usage.sample_service import NOW
from usage.events.facets import MAX_PATHS

WEEK: dict[str, Any] = {"range": "7d", "tz": "UTC"}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[EventSite]:
    with event_site(monkeypatch) as site:
        yield site


@pytest.mark.slow
def test_chosen_properties_are_columns(at: EventSite) -> None:
    """In their order, nested ones too; the form has the rest of the query."""
    at.autumn.add(event(1, properties={"a": 1, "b": {"c": "deep"}, "z": [None]}))
    page = at.get("/events/", columns=["b.c", "z"], filter="a:1", range="7d", tz="UTC")
    assert [(head["data-path"], head.text) for head in page.all("th", data_path=True)] == [
        ("b.c", "b.c"),
        ("z", "z"),
    ]
    cells = page.one("tbody", id="found").texts("td")
    assert cells[cells.index("deep") + 1] == "[null]"
    form = page.one("form", id="columns")
    assert form.fields["filter"] == ["a:1"]
    assert form.fields["columns"] == ["b.c", "z"]


def names(page: Page) -> list[str | None]:
    return [head["data-path"] for head in page.all("th", data_path=True)]


def widths(page: Page) -> list[str | None]:
    return [column["class"] for column in page.all("col")]


def following(at: EventSite, link: Element) -> Page:
    return at.get(str(link["href"]))


def test_default_columns_stay_on_the_next_page(at: EventSite) -> None:
    """Rows of the second page would choose others; what the first page's rows have stays, and as wide."""
    at.autumn.add(*(event(number, properties={"model": "a", "status": 200}) for number in range(100)))
    at.autumn.add(*(event(number, properties={"region": "eu", "tier": "x"}) for number in range(100, 160)))
    first = at.get("/events/", **WEEK)
    second = following(at, first.one("a", rel="next"))
    assert names(first) == names(second) == ["model", "status"]
    assert len(widths(first)) == len(widths(second))
    assert len(second.rows) == 60
    narrowed = following(at, second.one("a", rel="first"))
    assert names(narrowed) == ["model", "status"]


@pytest.mark.parametrize("before", [MAX_PATHS - 1, MAX_PATHS])
def test_default_columns_are_of_the_first_names(at: EventSite, before: int) -> None:
    """Of as many names as are counted: one row can have a thousand, and each row its own."""
    at.autumn.add(event(0, properties={f"name_{number}": 1 for number in range(before)}))
    at.autumn.add(*(event(number, properties={"common": "a"}) for number in range(1, 9)))
    assert ("common" in names(at.get("/events/", **WEEK))) == (before < MAX_PATHS)


def test_columns_stay_while_a_search_continues(at: EventSite) -> None:
    """Also where its first step finds nothing: its columns are those of the rows that it read."""
    at.autumn.add(*(event(number, properties={"model": "a"}) for number in range(5000)))
    at.autumn.add(event(6000, properties={"model": "b", "request": "r1"}))
    page = at.get("/events/", filter="model:b", range="30d", tz="UTC")
    assert names(page) == ["model"]
    link = page.one("div", id="scan").one("a", data_go=True)
    assert parse_qs(urlsplit(str(link["href"])).query)["columns"] == ["model"]
    assert names(following(at, link)) == ["model"]


def test_property_of_an_open_event_becomes_a_column(at: EventSite) -> None:
    """It joins the default columns on the same page, the event stays open, and it can be removed again."""
    at.autumn.add(event(1, properties={"model": "a", "request": {"id": "r1"}}), event(2))
    page = at.get("/events/", event=f"{NOW - 2 * MINUTE},evt_00001", columns="model", **WEEK)
    add = page.one("tr", class_="detail").all("a", data_column=True)[0]
    more = following(at, add)
    assert names(more) == ["model", "request.id"]
    assert more.one("tr", class_="detail").has(data_event="evt_00001")
    remove = more.one("tr", class_="detail").all("a", data_column=True)[0]
    assert names(following(at, remove)) == ["request.id"]
