"""The event browser in Chromium: filter, search, facets, one event, live tail; by mouse and by keyboard."""

from __future__ import annotations

import json
import re
import secrets
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.event_browser import ACME, IDS, ROWS, arrival, column, events, events_of, store
from tests.conftest import Served
from usage.sample import Store

__all__ = ["events", "store"]  # fixtures

pytestmark = pytest.mark.slow

PARTS = {"/events/histogram/", "/events/facets/"}
LIVE = "stark-logistics"
"""What arrives of it is not in the way of other tests."""


def test_click_filters_and_alt_click_excludes(events: Page) -> None:
    """The × of the chip removes the filter."""
    at = column(events, "status")
    cell = events.locator(f"{ROWS} td:nth-child({at})", has_text="200").first
    cell.click()
    events.wait_for_url("**filter=status%3A200**")
    expect(events.locator(".chip")).to_contain_text("status is 200")
    assert set(events.locator(f"{ROWS} td:nth-child({column(events, 'status')})").all_inner_texts()) == {
        "200"
    }
    events.locator(".chip a").click()
    expect(events.locator(".chip")).to_have_count(0)
    cell.click(modifiers=["Alt"])
    events.wait_for_url("**exclude=status%3A200**")
    expect(events.locator(ROWS).first).to_be_visible()
    assert "200" not in events.locator(f"{ROWS} td:nth-child({column(events, 'status')})").all_inner_texts()
    events.go_back()
    expect(events.locator(".chip")).to_have_count(0)


def test_click_on_feature_value_and_pair(events: Page) -> None:
    """They filter for a feature, a value and a property without a column."""
    cell = events.locator(f"{ROWS} td:has(.tag)").first
    feature = cell.get_attribute("data-v")
    cell.locator(".tag").click()
    events.wait_for_url(f"**feature_id={feature}**")
    expect(events.locator(".histogram-chart")).to_be_visible()
    user = events.locator(f"{ROWS} .kv i").first.inner_text()
    events.locator(f"{ROWS} .kv i").first.click()
    events.wait_for_url(f"**filter=user%3A{user.replace('@', '%40')}**")
    events.locator(f"{ROWS} td.num").first.click()
    events.wait_for_url("**value_max=**")
    expect(events.locator("#scan[data-searched]")).to_be_attached()


def test_facets_and_columns(events: Page) -> None:
    """A facet adds and removes its filter; columns are selected one by one while the menu stays open."""
    events.locator(".facets a", has_text="/v1/chat").first.click()
    events.wait_for_url("**filter=endpoint%3A%2Fv1%2Fchat**")
    expect(events.locator(".facets [aria-current]")).to_contain_text("/v1/chat")
    events.locator(".facets [aria-current]").click()
    expect(events.locator(".chip")).to_have_count(0)
    events.locator("#pick-columns summary").click()
    for name in ("region", "user"):
        events.locator(f"#columns input[value={name}]").check()
        expect(events.locator("table.rows th", has_text=name)).to_have_count(1)
        expect(events.locator(f"#columns input[value={name}]")).to_be_focused()
    assert "columns=region" in events.url
    assert "columns=user" in events.url


def test_open_neighbors_and_copy(events: Page, context: BrowserContext, served: Served) -> None:
    """A row opens in place; its JSON and its link can be copied; its neighbors are one click away."""
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=served.url)
    link = events.locator(f"{ROWS} td:first-child a").nth(40)
    link.scroll_into_view_if_needed()
    link.click()
    expect(events.locator("tr.open > td:first-child a")).to_be_in_viewport(ratio=0.9)
    expect(events.locator("tr.detail [data-copy=json]")).to_be_in_viewport(ratio=0.9)
    events.evaluate("navigator.clipboard.writeText('')")
    events.locator("[data-copy=json]").click()
    events.wait_for_function("navigator.clipboard.readText().then((text) => text.startsWith('{'))")
    copied = json.loads(events.evaluate("navigator.clipboard.readText()"))
    assert copied["id"] in events.url
    events.locator("[data-copy=link]").click()
    own = events.evaluate("navigator.clipboard.readText()")
    events.locator("a[data-related=user]").click()
    events.wait_for_url("**filter=user**")
    expect(events.locator("tr.open")).to_have_count(1)
    events.goto(own)
    expect(events.locator("tr.detail h3").first).to_contain_text(copied["id"])


def test_pages_have_each_row_once(events: Page, store: Store) -> None:
    """Four pages are the newest rows, although events arrive in between."""
    first = events.locator(ROWS).evaluate_all(IDS)
    seen = list(first)
    for number in range(3):
        store.add([arrival(f"page-{number}", ACME)])
        events.locator("a[rel=next]").click()
        events.wait_for_url(f"**page={number + 2}**")
        expect(events.locator("#shown")).to_contain_text(f"{100 * (number + 1) + 1}–")
        seen += events.locator(ROWS).evaluate_all(IDS)
    rows = store.connection().execute(
        "SELECT id FROM events WHERE customer_id = ? AND (timestamp, id) <= "
        "(SELECT timestamp, id FROM events WHERE id = ?) ORDER BY timestamp DESC, id DESC LIMIT 400",
        (ACME, first[0]),
    )
    assert seen == [event_id for (event_id,) in rows]


def test_refresh_renews_what_stands_beside_the_list(events: Page, store: Store) -> None:
    """A part that could not be loaded too; opening a row requests none of them."""
    asked: list[str] = []
    events.on("request", lambda request: asked.append(urlsplit(request.url).path))
    expect(events.locator(".histogram-chart")).to_be_visible()
    expect(events.locator(".facets[data-rows]")).to_be_visible()
    asked.clear()
    events.locator(f"{ROWS} td:first-child a").first.click()
    expect(events.locator("tr.open")).to_have_count(1)
    assert PARTS.isdisjoint(asked)
    shown = int(events.locator("[data-matches]").get_attribute("data-matches") or 0)
    store.add([arrival("refresh", ACME)])
    events.locator("[data-refresh]").click()
    expect(events.locator("[data-matches]")).not_to_have_attribute("data-matches", str(shown))
    assert set(asked) >= PARTS


@pytest.mark.slow
def test_search_stops_and_continues(tab: Page, served: Served) -> None:
    """It reports its progress."""
    tab.goto(f"{served.url}/events/?range=90d&tz=UTC&filter=request_id:nobody")
    scan, on = tab.locator("#scan"), tab.locator("a[data-go]")
    expect(scan).not_to_have_attribute("data-searched", "4000", timeout=15_000)
    tab.locator("[data-stop]").click()
    expect(on).to_be_focused()
    tab.wait_for_timeout(2500)  # the step that was running
    stood = scan.get_attribute("data-searched") or ""
    tab.wait_for_timeout(2500)
    assert scan.get_attribute("data-searched") == stood
    on.click()
    expect(scan).not_to_have_attribute("data-searched", stood, timeout=15_000)
    assert "before=" not in tab.url


@pytest.mark.slow
def test_live_tail_adds_new_rows(tab: Page, served: Served, store: Store) -> None:
    """Not while a row is open; the address does not change."""
    events = events_of(LIVE, tab, served)
    address = events.url
    mark = f"live-{secrets.token_hex(4)}"
    events.keyboard.press("l")
    expect(events.locator("#live")).to_have_attribute("aria-pressed", "true")
    expect(events.locator("#behind[data-behind]")).to_be_attached(timeout=15_000)
    store.add([arrival(mark, LIVE)])
    expect(events.locator(f"{ROWS} .kv i", has_text=mark)).to_have_count(1, timeout=15_000)
    assert events.url == address
    events.locator(f"{ROWS} td:first-child a").nth(3).click()
    expect(events.locator("tr.open")).to_have_count(1)
    store.add([arrival(f"{mark}-2", LIVE)])
    expect(events.locator("#live")).to_have_attribute("aria-pressed", "true")
    events.wait_for_timeout(7000)
    expect(events.locator(f"{ROWS} .kv i", has_text=f"{mark}-2")).to_have_count(0)
    events.keyboard.press("Escape")
    expect(events.locator(f"{ROWS} .kv i", has_text=f"{mark}-2")).to_have_count(1, timeout=15_000)
    ids = events.locator(ROWS).evaluate_all(IDS)
    assert len(ids) == len(set(ids))


def test_event_browser_by_keyboard(events: Page) -> None:
    """A row, its tree, a filter from it, its removal, and the next page."""
    events.keyboard.press("j")
    events.keyboard.press("Enter")
    expect(events.locator("tr.open > td:first-child a")).to_be_focused()
    only = events.locator("tr.detail .tree a[href*='filter=']").first
    for _ in range(12):
        events.keyboard.press("Tab")
        if only.evaluate("link => link === document.activeElement"):
            break
    events.keyboard.press("Enter")
    events.wait_for_url(re.compile("filter="))
    expect(events.locator(".chip")).to_have_count(1)
    events.locator(".chip a").focus()
    events.keyboard.press("Enter")
    expect(events.locator(".chip")).to_have_count(0)
    events.keyboard.press("n")
    events.wait_for_url("**page=2**")


def test_bar_of_the_histogram_selects_its_day(events: Page) -> None:
    """The histogram marks the period of the rows."""
    width = events.locator(".histogram-chart .span").get_attribute("width")
    assert width is not None
    assert float(width.rstrip("%")) > 0
    plot = events.locator(".histogram-chart .plot").bounding_box()
    assert plot is not None
    events.mouse.click(plot["x"] + plot["width"] * 2.5 / 7, plot["y"] + plot["height"] / 2)
    events.wait_for_url(re.compile(r"start=\d+"))
    expect(events.locator(".histogram [data-bin-size=hour]")).to_be_visible()


def test_event_browser_works_without_script(chromium: Browser, served: Served) -> None:
    """Facets, columns, searches and properties are links and forms."""
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{served.url}/events/?customer_id={ACME}&range=7d&tz=UTC")
    tab.locator("aside.side a").click()
    tab.locator(".facets a", has_text="/v1/chat").first.click()
    expect(tab.locator(".chip")).to_contain_text("endpoint is /v1/chat")
    tab.locator("#pick-columns summary").click()
    tab.locator("#columns input[value=region]").check()
    tab.locator("#columns button").click()
    expect(tab.locator("table.rows th", has_text="region")).to_have_count(1)
    tab.locator(f"{ROWS} td:first-child a").first.click()
    tab.locator("tr.detail .tree a[href*='exclude=']").first.click()
    expect(tab.locator(".chip")).to_have_count(2)
    context.close()
