"""The rows below a chart: the newest with the page, the others once somebody scrolls to them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.dashboard.events.event_site import EventSite, event, event_site
from tests.page import Page
from tests.usage.sample_service import NOW

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

USAGE = "/usage/?range=7d&tz=UTC"
ALL = [f"evt_{number:05}" for number in range(100)]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[EventSite]:
    with event_site(monkeypatch) as made:
        yield made


def rest_of(at: EventSite, page: Page, status: int = 200) -> Page:
    """What the page requests when its end is near."""
    more = page.one(id="more-rows")
    return at.get(
        more["hx-get"] or "", part=True, headers=json.loads(more["hx-headers"] or ""), status=status
    )


def columns_of(page: Page) -> str | None:
    return page.one("table", data_columns=True)["data-columns"]


def test_other_rows_follow_those_of_the_page(at: EventSite) -> None:
    """As many as a page of the list has, each once, and their numbers."""
    at.autumn.add(*(event(number) for number in range(130)))
    page = at.get(USAGE)
    assert page.rows == ALL[:25]
    assert page.one(id="shown").text == "1–25"
    rest = rest_of(at, page)
    assert rest.rows == ALL[25:]
    assert rest.one(id="shown").text == "1–100"
    assert not rest.has(id="more-rows")


@pytest.mark.parametrize(("count", "has_more"), [(25, False), (26, True)])
def test_page_of_few_rows_has_all(at: EventSite, count: int, has_more: bool) -> None:
    at.autumn.add(*(event(number) for number in range(count)))
    page = at.get(USAGE)
    assert len(page.rows) == 25
    assert page.has(id="more-rows") == has_more


def test_row_links_do_not_depend_on_when_a_row_was_sent(at: EventSite) -> None:
    """An open row is in its place among all others, in the same columns."""
    at.autumn.add(*(event(number) for number in range(130)))
    page = at.get(USAGE)
    first = rest_of(at, page).all("a", aria_expanded="false")[0]
    opened = at.get(first["href"] or "")
    assert opened.one("tr", class_="open")
    assert opened.rows == ALL[:25] + ALL[26:]
    assert columns_of(opened) == columns_of(page)


def test_page_that_has_all_rows_gets_them_again(at: EventSite) -> None:
    """After a row is closed, a page that was scrolled through is as long as before."""
    at.autumn.add(*(event(number) for number in range(130)))
    assert at.get(USAGE, part=True, headers={"Rows-Shown": "100"}).rows == ALL
    assert at.get(USAGE, part=True, headers={"Rows-Shown": "25"}).rows == ALL[:25]
    assert at.get(USAGE, part=True, headers={"Rows-Shown": "all"}).rows == ALL[:25]


@pytest.mark.parametrize("new", [3, 200])
def test_events_that_arrive_meanwhile_repeat_and_hide_no_row(at: EventSite, new: int) -> None:
    """Fewer than a page has, and more."""
    at.autumn.add(*(event(number) for number in range(130)))
    page = at.get(USAGE)
    at.autumn.add(*(event(0, id=f"new_{number:03}", timestamp=NOW - number) for number in range(new)))
    at.get(USAGE, headers={"Cache-Control": "no-cache"})
    rest = rest_of(at, page)
    assert page.rows + rest.rows == ALL[: len(page.rows + rest.rows)]
    assert len(rest.rows) == 75 - (3 if new == 3 else 0)


def test_rows_are_those_of_the_chart(at: EventSite) -> None:
    """Of the feature whose groups are drawn, with the page's filters."""
    at.autumn.add(*(event(number, feature_id=f"feature{number % 2}") for number in range(130)))
    page = at.get(f"{USAGE}&group_by=properties.user&focus=feature1")
    odd = [f"evt_{number:05}" for number in range(1, 130, 2)]
    assert page.rows + rest_of(at, page).rows == odd


def test_rows_that_could_not_be_loaded_are_requested_again(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    """The sentence stands in their place, with the columns of the table."""
    broken = False

    def breaking(app: WSGIApplication) -> WSGIApplication:
        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if not broken:
                return app(environ, start_response)
            start_response("500 Broken", [("Content-Type", "application/json")])
            return [b'{"message": "No.", "code": "internal_error"}']

        return serve

    with event_site(monkeypatch, wrap=breaking) as at:
        at.autumn.add(*(event(number) for number in range(130)))
        page = at.get(USAGE)
        at.autumn.add(*(event(0, id=f"new_{number:03}", timestamp=NOW - number) for number in range(200)))
        at.get(USAGE, headers={"Cache-Control": "no-cache"})
        broken = True
        failed = rest_of(at, page, status=503)
        assert failed.one(role="alert").text
        more, again = page.one(id="more-rows"), failed.one(id="more-rows")
        assert failed.one("button")
        assert (again["hx-get"], again["hx-headers"]) == (more["hx-get"], more["hx-headers"])
