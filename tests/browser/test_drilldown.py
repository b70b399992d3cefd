"""From a bar to its events and back on the real site, by mouse and by keyboard."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.event_browser import ACME, IDS, ROWS, row_of
from tests.conftest import Served

pytestmark = pytest.mark.slow

USAGE = f"/usage/?customer_id={ACME}&range=7d&bin_size=day&group_by=properties.region&focus=ai_tokens&tz=UTC"

LINES = ".seg a[href*='chart=lines']"


def bar(tab: Page, at: int) -> tuple[float, float]:
    """The middle of bar `at` of seven, just above the axis."""
    box = tab.locator(".chart .plot").bounding_box()
    assert box is not None
    return box["x"] + box["width"] * (at + 0.5) / 7, box["y"] + box["height"] - 4


def test_click_on_a_bar_opens_its_events(tab: Page, served: Served) -> None:
    """The part of a group lists that group's events of the day below the chart; Back restores the page."""
    tab.goto(served.url + USAGE + "&per_page=1000")
    tab.wait_for_selector(".chart.drawn")
    tab.mouse.click(*bar(tab, 2))
    expect(tab.locator("#events-in-view[data-drilldown=bar]")).to_be_visible()
    expect(tab.locator("#events-in-view [data-reconciled]")).to_have_attribute("data-reconciled", "yes")
    assert "/events/?" in tab.url
    assert "filter=region" in tab.url
    expect(tab.locator(".chart.drawn")).to_be_visible()
    tab.go_back()
    expect(tab.locator("#events-in-view[data-whole]")).to_be_visible()
    expect(tab.locator("#f-group_by")).to_have_value("properties.region")


def test_close_leads_back_to_the_chart_after_any_bar(tab: Page, served: Served) -> None:
    """To where the page was, with the focus on the chart."""
    tab.goto(served.url + USAGE)
    tab.wait_for_selector(".chart.drawn")
    for at in (2, 4):
        tab.mouse.click(*bar(tab, at))
        tab.wait_for_function("() => !document.querySelector('.htmx-request, .htmx-settling')")
        expect(tab.locator("#events-in-view[data-drilldown=bar]")).to_be_visible()
        tab.evaluate("scrollTo(0, 300)")
    tab.locator("[data-close-events]").click()
    expect(tab.locator("#events-in-view[data-whole]")).to_be_visible()
    expect(tab.locator(".chart")).to_be_focused()
    assert "/usage/" in tab.url
    assert tab.evaluate("scrollY") == 300


def test_drawn_charts_are_left_without_a_trace(tab: Page, served: Served) -> None:
    """By key and back: nothing is in the console, and no copy of the page in the browser's store."""
    tab.goto(served.url + USAGE)
    for key, place in (("e", "/events/"), ("u", "/usage/"), ("c", "compare=previous")):
        tab.wait_for_selector(".chart.drawn" if "/usage/" in tab.url else ".events table")
        tab.keyboard.press(key)
        tab.wait_for_url(re.compile(re.escape(place)))
    for _ in range(3):
        tab.wait_for_function("() => !document.querySelector('.htmx-request, .htmx-settling')")
        tab.go_back()
    tab.wait_for_selector(".chart.drawn")
    assert tab.evaluate("sessionStorage.getItem('htmx-history-cache')") is None


def test_drilldown_by_keyboard(tab: Page, served: Served) -> None:
    """Arrow keys move along the bars and announce them, Enter opens events, Escape goes back."""
    tab.goto(served.url + USAGE + "&per_page=1000")
    tab.wait_for_selector(".chart.drawn")
    tab.locator(".chart").focus()
    for _ in range(3):
        tab.keyboard.press("ArrowRight")
    expect(tab.locator(".chart [role=status]")).not_to_be_empty()
    tab.keyboard.press("Enter")
    expect(tab.locator("#events-in-view[data-drilldown=bin] [data-reconciled]")).to_be_visible()
    tab.locator(".chart").focus()
    tab.keyboard.press("Escape")
    expect(tab.locator("#events-in-view[data-whole]")).to_be_visible()


def test_dragging_selects_a_range(tab: Page, served: Served) -> None:
    """Three bars become the window; Back restores the week."""
    tab.goto(served.url + USAGE)
    tab.wait_for_selector(".chart.drawn")
    first, last = bar(tab, 1), bar(tab, 3)
    tab.mouse.move(first[0], first[1] - 80)
    tab.mouse.down()
    tab.mouse.move(last[0], last[1] - 60, steps=8)
    tab.mouse.up()
    tab.wait_for_url(re.compile(r"end=\d+"))
    expect(tab.locator(".chart-title, #chart-title").first).to_be_visible()
    window = re.findall(r"(?:start|end)=(\d+)", tab.url)
    assert abs(int(window[0]) - int(window[1])) == 3 * 86_400_000
    tab.go_back()
    expect(tab.locator("#f-range")).to_have_value("7d")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_layout_does_not_shift(tab: Page, served: Served, scheme: str) -> None:
    """From the first paint until Plotly has drawn."""
    tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    tab.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries())"
        " if (!entry.hadRecentInput) window.shift += entry.value; })"
        ".observe({ type: 'layout-shift', buffered: true });"
    )
    tab.goto(served.url + USAGE)
    tab.wait_for_selector(".chart.drawn")
    assert tab.evaluate("window.shift") <= 0.02


def test_rows_further_down_come_when_the_page_is_scrolled_to_them(tab: Page, served: Served) -> None:
    """Once, with the mouse or with j. They stay when a row is opened and closed."""
    tab.goto(served.url + USAGE)
    rows = tab.locator(ROWS)
    expect(rows).to_have_count(25)
    tab.locator("table.rows thead").scroll_into_view_if_needed()
    for _ in range(25):
        tab.keyboard.press("j")
    expect(rows).to_have_count(100)
    expect(tab.locator("#more-rows")).to_have_count(0)
    ids = rows.evaluate_all(IDS)
    assert len(set(ids)) == 100
    tab.keyboard.press("j")
    first_of_them = tab.locator(f"{ROWS} td:first-child a[href*='{ids[25]}']")
    expect(first_of_them).to_be_focused()
    tab.keyboard.press("Enter")
    expect(tab.locator("tr.open td:first-child a")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(first_of_them).to_be_focused()
    expect(rows).to_have_count(100)


def test_escape_never_leaves_the_page(tab: Page, served: Served) -> None:
    """After Back has closed the events, Escape on the chart has no effect."""
    tab.goto(served.url)
    tab.goto(served.url + USAGE)
    tab.wait_for_selector(".chart.drawn")
    tab.locator(".chart").focus()
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/events/**")
    tab.go_back()
    expect(tab.locator("#events-in-view[data-drilldown]")).to_have_count(0)
    tab.locator(".chart").focus()
    tab.keyboard.press("Escape")
    tab.keyboard.press("Escape")
    expect(tab.locator("h1")).to_contain_text(ACME)
    assert "/usage/" in tab.url


AT_ONCE = """
() => {
  const press = ({ detail }) => {
    if (detail.target.id !== "view") return; // other parts of the page may come in between
    document.removeEventListener("htmx:afterSwap", press);
    window.stays = true;
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  };
  document.addEventListener("htmx:afterSwap", press);
}
"""


def test_escape_before_the_page_has_settled(tab: Page, served: Served) -> None:
    """Escape during the swap of an opened row closes the row in place, with its focus."""
    tab.goto(f"{served.url}/events/?customer_id={ACME}&range=7d&tz=UTC")
    rows = tab.locator("table.rows tbody tr:not(.detail) td:first-child a")
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    expect(rows.nth(1)).to_be_focused()
    tab.evaluate(AT_ONCE)
    with tab.expect_response(lambda answer: "event=" in answer.url) as opened:
        tab.keyboard.press("Enter")
    tab.wait_for_function("window.stays")
    expect(tab.locator("tr.open")).to_have_count(0)
    [event] = parse_qs(urlsplit(opened.value.url).query)["event"]
    expect(tab.locator(row_of(event))).to_be_focused()
    assert tab.evaluate("window.stays")


def test_focus_stays_where_it_was(tab: Page, served: Served) -> None:
    """A closed row has the focus, so that j selects the next one; a switch has it too."""
    tab.goto(f"{served.url}/events/?customer_id={ACME}&range=7d&tz=UTC")
    rows = tab.locator("table.rows tbody tr:not(.detail) td:first-child a")
    for _ in range(5):
        tab.keyboard.press("j")
    expect(rows.nth(4)).to_be_focused()
    tab.keyboard.press("Enter")
    expect(tab.locator("tr.open")).to_have_count(1)
    [event] = parse_qs(urlsplit(tab.url).query)["event"]
    tab.keyboard.press("Escape")
    expect(tab.locator("tr.open")).to_have_count(0)
    expect(tab.locator(row_of(event))).to_be_focused()
    tab.goto(served.url + USAGE)
    tab.locator(LINES).focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**chart=lines**")
    expect(tab.locator(".seg a[aria-current]")).to_be_focused()
