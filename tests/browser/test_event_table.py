"""The table of events in Chromium: columns, one scroll area, values by key and touch, missed rows."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.event_browser import ACME, IDS, ROWS, arrival, column, events, events_of, row_of, store
from tests.conftest import Served
from usage.sample import Store

__all__ = ["events", "store"]  # fixtures

pytestmark = pytest.mark.slow

MISSING = "initech"


def test_columns_and_widths_stay_from_page_to_page(events: Page) -> None:
    """The table scrolls sideways only; the next page has the same columns, as wide and at the same place."""
    heads = "heads => heads.map(head => [head.textContent, Math.round(head.getBoundingClientRect().width)])"
    events.locator("#pick-columns summary").click()
    for name in ("region", "user", "request_id"):
        events.locator(f"#columns input[value={name}]").check()
        expect(events.locator("table[data-base] th", has_text=name)).to_have_count(1)
    events.keyboard.press("Escape")
    before = events.locator("table[data-base] th").evaluate_all(heads)
    scroll = events.locator(".events .scroll")
    assert scroll.evaluate("area => area.scrollHeight - area.clientHeight") == 0
    scroll.evaluate("area => area.scrollLeft = 150")
    events.evaluate("scrollTo(0, 1500)")
    expect(events.locator(".column-heads th").first).to_be_in_viewport(ratio=0.9)
    expect(events.locator("#shown")).to_be_in_viewport(ratio=0.9)
    box = events.locator(f"{ROWS}:nth-child(40) td:first-child").bounding_box()
    area = scroll.bounding_box()
    assert box is not None
    assert area is not None
    assert box["x"] == pytest.approx(area["x"], abs=1)
    events.keyboard.press("n")
    events.wait_for_url("**page=2**")
    expect(events.locator("#shown")).to_contain_text("101–")
    assert events.locator("table[data-base] th").evaluate_all(heads) == before
    assert scroll.evaluate("area => area.scrollLeft") == 150
    expect(events.locator(f"{ROWS} td:first-child a").first).to_be_in_viewport(ratio=0.9)


def test_value_menu_by_keyboard(events: Page, context: BrowserContext, served: Served) -> None:
    """Arrow keys lead to a value; its menu copies, makes columns, filters and excludes. Focus stays near."""
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=served.url)
    events_of(ACME, events, served, "&feature_id=api_calls")
    at = column(events, "status")
    menu = events.locator("#cell-menu")
    events.keyboard.press("j")
    for _ in range(at - 1):
        events.keyboard.press("ArrowRight")
    cell = events.locator(f"{ROWS}:nth-child(1) td:nth-child({at})")
    expect(cell).to_be_focused()
    status = cell.inner_text()
    events.keyboard.press("Enter")
    menu.locator("[data-act=copy]").focus()
    events.keyboard.press("Enter")
    expect(menu).to_be_hidden()
    assert events.evaluate("navigator.clipboard.readText()") == status
    expect(cell).to_be_focused()
    events.keyboard.press("Enter")
    events.keyboard.press("Escape")
    expect(cell).to_be_focused()
    for _ in range(20):
        events.keyboard.press("ArrowRight")
    events.keyboard.press("Enter")
    name = menu.locator("p").inner_text().split(":")[0]
    address = events.locator(f"{ROWS} td:first-child a").first.get_attribute("href")
    menu.locator("[data-act=add]").focus()
    events.keyboard.press("Enter")
    expect(events.locator("table[data-base] th", has_text=name)).to_have_count(1)
    [event] = parse_qs(urlsplit(address or "").query)["event"]
    expect(events.locator(row_of(event))).to_be_focused()
    for _ in range(at - 1):
        events.keyboard.press("ArrowRight")
    status = events.locator(":focus").inner_text()  # an event may have arrived
    events.keyboard.press("Enter")
    events.keyboard.press("ArrowDown")
    events.keyboard.press("Enter")
    events.wait_for_url(f"**exclude=status%3A{status}**")
    expect(events.locator(f"{ROWS} td:first-child a").first).to_be_focused()
    assert name in events.locator("table[data-base] th").all_inner_texts()


def test_values_and_facets_by_touch(chromium: Browser, served: Served) -> None:
    """A tap on a value opens its menu; what excludes a top value is in sight, and large enough."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    tab = context.new_page()
    tab.goto(f"{served.url}/events/?customer_id={ACME}&range=7d&tz=UTC")
    tab.locator(f"{ROWS} td:nth-child(2)").first.tap()
    menu = tab.locator("#cell-menu")
    expect(menu).to_be_visible()
    assert "feature_id" not in tab.url
    for button in menu.locator("button:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 24
    menu.locator("[data-act=filter]").tap()
    tab.wait_for_url("**feature_id=**")
    tab.locator("label[for=fold-side]").tap()
    exclude = tab.locator(".facets .but").first
    box = exclude.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 24
    exclude.tap()
    tab.wait_for_url("**exclude=**")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_focus_stays_with_an_event_below_new_ones(events: Page, store: Store) -> None:
    """Events that arrive while a row is open come on top: Escape leads back to the same event."""
    events.keyboard.press("j")
    events.keyboard.press("j")
    events.keyboard.press("Enter")
    expect(events.locator("tr.open td:first-child a")).to_be_focused()
    [event] = parse_qs(urlsplit(events.url).query)["event"]
    address = events.locator("tr.open td:first-child a").get_attribute("href")
    store.add([arrival(f"above-{number}", ACME) for number in range(3)])
    events.request.get(urljoin(events.url, address), headers={"Cache-Control": "no-cache"})
    events.keyboard.press("Escape")
    expect(events.locator(f"{ROWS} .kv i", has_text="above-0")).to_have_count(1)
    expect(events.locator(row_of(event))).to_be_focused()


def test_live_tail_counts_what_it_missed(tab: Page, served: Served, store: Store) -> None:
    """Rows that arrive while the tab is hidden, more than an answer has; a link lists them."""
    events = events_of(MISSING, tab, served)
    events.keyboard.press("l")
    expect(events.locator("#behind[data-behind]")).to_be_attached(timeout=15_000)
    hide = "hidden => Object.defineProperty(document, 'hidden', { value: hidden, configurable: true })"
    events.evaluate(hide, True)
    moment = int(time.time() * 1000)
    store.add(
        [{"customer_id": MISSING, "feature_id": "api_calls", "timestamp": moment + n} for n in range(230)]
    )
    events.evaluate(hide, False)
    events.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    missed = events.locator("[data-notice=missed-rows]")
    expect(missed).to_have_attribute(
        "data-missed", re.compile("^13[0-9]$"), timeout=15_000
    )  # the story goes on
    last = missed.locator("a").evaluate("link => new URL(link.href).searchParams.get('before').split(',')[1]")
    shown = set(events.locator(ROWS).evaluate_all(IDS))
    assert last in shown
    missed.locator("a").click()
    events.wait_for_url("**page=2**")
    expect(events.locator("#shown")).to_contain_text("101–")
    below = events.locator(ROWS).evaluate_all(IDS)
    assert not shown & set(below)
    rows = store.connection().execute(
        "SELECT id FROM events WHERE customer_id = ? AND (timestamp, id) < "
        "(SELECT timestamp, id FROM events WHERE id = ?) ORDER BY timestamp DESC, id DESC LIMIT 100",
        (MISSING, last),
    )
    assert below == [event_id for (event_id,) in rows]


def test_add_filter_without_script_fits(chromium: Browser, served: Served) -> None:
    """Opened at the right edge of the filters, it does not widen the page."""
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 1360, "height": 800})
    tab = context.new_page()
    for width in (1360, 1250, 1180, 1000, 390):
        tab.set_viewport_size({"width": width, "height": 800})
        tab.goto(f"{served.url}/events/?customer_id={ACME}&range=7d&tz=UTC")
        if width < 760:
            tab.locator("label[for=fold]").click()
        for menu in ("#pick-filter", "#pick-dates"):
            tab.locator(f"{menu} > summary").click()
        box = tab.locator("#f-filter_value").bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_overview_does_not_scroll_sideways(tab: Page, served: Served) -> None:
    tab.goto(f"{served.url}/?tz=UTC")
    for selector in ("html", ".events .scroll"):
        assert tab.locator(selector).evaluate("area => area.scrollWidth - area.clientWidth") == 0
