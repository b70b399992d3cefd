"""The three pages in a real browser: by hand, by key, back and forth, without a word on the console."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.conftest import Served

ACME = "acme-robotics"


def test_filter_page_and_open(tab: Page, served: Served) -> None:
    """Choosing a customer, paging on, opening a row and going back: the address follows, and Back undoes
    each.
    """
    tab.goto(f"{served.url}/events/")
    tab.fill("#f-customer_id", ACME)
    tab.press("#f-customer_id", "Enter")
    expect(tab.locator("h1")).to_have_text(ACME)
    tab.wait_for_url(f"**/events/?customer_id={ACME}&tz=*")
    first = tab.locator("table.rows tbody tr td:first-child a").first.inner_text()
    tab.locator("a[rel=next]").click()
    tab.wait_for_url("**page=2**")
    expect(tab.locator(".pager")).to_contain_text("101")
    assert tab.locator("table.rows tbody tr td:first-child a").first.inner_text() != first
    tab.locator("table.rows tbody tr td:first-child a").nth(2).click()
    tab.wait_for_url("**event=**")
    expect(tab.locator("tr.detail pre")).to_contain_text('"customer_id": "acme-robotics"')
    tab.go_back()
    expect(tab.locator("tr.detail")).to_have_count(0)
    tab.go_back()
    expect(tab.locator("table.rows tbody tr td:first-child a").first).to_have_text(first)


def test_switch_group_and_go_back(tab: Page, served: Served) -> None:
    """Grouping by a property redraws the chart in place; Back brings the ungrouped chart again."""
    tab.goto(f"{served.url}/usage/?customer_id={ACME}&range=7d&tz=UTC")
    none = tab.locator(".legend [data-group-kind=none]")
    expect(tab.locator(".legend [data-group=ai_tokens]")).to_be_visible()
    tab.select_option("#f-group_by", "properties.region")
    expect(none).to_be_visible()
    tab.wait_for_url("**group_by=properties.region**")
    tab.go_back()
    expect(tab.locator(".legend [data-group=ai_tokens]")).to_be_visible()
    expect(none).to_have_count(0)
    expect(tab.locator("#f-group_by")).to_have_value("")


def test_custom_dates(tab: Page, served: Served) -> None:
    """Typing dates replaces the preset, and choosing a preset drops the dates: the two never contradict each
    other.
    """
    tab.goto(f"{served.url}/usage/?customer_id={ACME}&range=7d&tz=UTC")
    tab.locator("#pick-dates summary").click()
    tab.fill("#f-start", "2026-11-01")
    tab.press("#f-start", "Tab")
    tab.wait_for_url(re.compile(r"start=\d+"))
    assert "range=" not in tab.url
    tab.select_option("#f-range", "90d")
    tab.wait_for_url("**range=90d**")
    assert "start=" not in tab.url


def test_mistake_is_shown_in_place(context: BrowserContext, served: Served) -> None:
    """A mistake in the form comes back beside its field without losing what else was chosen."""
    tab = context.new_page()
    tab.goto(f"{served.url}/events/?customer_id={ACME}&tz=UTC")
    tab.fill("#f-value_min", "much")
    tab.press("#f-value_min", "Enter")
    expect(tab.locator("#value_min-error")).to_be_visible()
    expect(tab.locator("#f-value_min")).to_have_attribute("aria-invalid", "true")
    expect(tab.locator("#f-customer_id")).to_have_value(ACME)
    tab.fill("#f-value_min", "250")
    tab.press("#f-value_min", "Enter")
    expect(tab.locator("#value_min-error")).to_have_count(0)
    tab.close()


def test_by_keys(tab: Page, served: Served) -> None:
    """Rows by j and k, Enter opens, Escape closes, [ goes to the period before, ? lists the keys."""
    tab.goto(f"{served.url}/events/?customer_id={ACME}&tz=UTC")
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    tab.keyboard.press("k")
    tab.keyboard.press("j")
    tab.keyboard.press("Enter")
    expect(tab.locator("tr.open")).to_have_count(1)
    tab.keyboard.press("Escape")
    expect(tab.locator("tr.open")).to_have_count(0)
    tab.keyboard.press("[")
    tab.wait_for_url(re.compile(r"end=\d+"))
    tab.keyboard.press("?")
    expect(tab.locator("dialog#keys")).to_be_visible()
    tab.keyboard.press("Escape")
    tab.keyboard.press("/")
    expect(tab.locator("#f-customer_id")).to_be_focused()


def test_theme_is_remembered(tab: Page, served: Served) -> None:
    """The chosen theme survives the next page, without a flash of the other one."""
    tab.goto(served.url)
    tab.click("#theme")
    tab.click("#theme")
    expect(tab.locator("html")).to_have_attribute("data-theme", "dark")
    tab.goto(f"{served.url}/events/")
    expect(tab.locator("html")).to_have_attribute("data-theme", "dark")


def test_without_script(chromium: Browser, served: Served) -> None:
    """Without JavaScript the form submits, links page, rows open, and the table beside the chart has the
    figures.
    """
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{served.url}/usage/")
    tab.fill("#f-customer_id", ACME)
    tab.locator("#filters button.apply").click()
    expect(tab.locator("h1")).to_have_text(ACME)
    expect(tab.locator(".marks path").first).to_be_attached()
    tab.locator("details.figures > summary").click()
    expect(tab.locator(".figures tbody tr")).to_have_count(30)
    tab.locator("a[data-all-events]").click()
    tab.locator("a[rel=next]").click()
    expect(tab.locator(".pager")).to_contain_text("101")
    tab.locator("table.rows tbody tr td:first-child a").first.click()
    expect(tab.locator("tr.detail pre")).to_be_visible()
    context.close()


@pytest.mark.parametrize("width", [pytest.param(390, marks=pytest.mark.slow), 360])
@pytest.mark.parametrize(
    "address",
    [
        "/",
        f"/events/?customer_id={ACME}",
        f"/usage/?customer_id={ACME}&group_by=properties.model&compare=previous",
    ],
)
def test_nothing_overflows_a_phone(chromium: Browser, served: Served, width: int, address: str) -> None:
    """On a phone the page itself never scrolls sideways; the filters are behind one button."""
    context = chromium.new_context(viewport={"width": width, "height": 800})
    tab = context.new_page()
    tab.goto(served.url + address)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    expect(tab.locator("#filters")).to_be_hidden()
    tab.locator("label[for=fold]").click()
    expect(tab.locator("#filters")).to_be_visible()
    context.close()
