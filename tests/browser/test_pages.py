"""The three pages in a real browser: by mouse, by keyboard, with Back, and without console messages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.conftest import Served

ACME = "acme-robotics"


def test_address_follows_filter_page_and_open_row(tab: Page, served: Served) -> None:
    """Back undoes each step."""
    tab.goto(f"{served.url}/events/")
    tab.fill("#f-customer_id", ACME)
    tab.press("#f-customer_id", "Enter")
    expect(tab.locator("h1")).to_contain_text(ACME)
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


def test_grouping_redraws_the_chart_in_place(tab: Page, served: Served) -> None:
    """Back restores the ungrouped chart."""
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


def test_dates_replace_the_preset(tab: Page, served: Served) -> None:
    """A preset removes the dates, too."""
    tab.goto(f"{served.url}/usage/?customer_id={ACME}&range=7d&tz=UTC")
    tab.locator("#pick-dates summary").click()
    tab.fill("#f-start", "2026-11-01")
    tab.press("#f-start", "Enter")
    tab.wait_for_url(re.compile(r"start=\d+"))
    assert "range=" not in tab.url
    tab.select_option("#f-range", "90d")
    tab.wait_for_url("**range=90d**")
    assert "start=" not in tab.url


def test_form_error_is_beside_its_field(context: BrowserContext, served: Served) -> None:
    """The other fields have their values."""
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


def test_page_shortcuts(tab: Page, served: Served) -> None:
    """j and k select rows, Enter opens, Escape closes, [ selects the previous period, ? lists the
    shortcuts.
    """
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
    expect(tab.locator("#find-customer")).to_be_focused()


def test_theme_is_stored(tab: Page, served: Served) -> None:
    """The next page has it without a flash of the other one."""
    tab.goto(served.url)
    tab.click("#theme")
    tab.click("#theme")
    expect(tab.locator("html")).to_have_attribute("data-theme", "dark")
    tab.goto(f"{served.url}/events/")
    expect(tab.locator("html")).to_have_attribute("data-theme", "dark")


def test_pages_work_without_script(chromium: Browser, served: Served) -> None:
    """Forms submit, links open pages and rows, and the table beside the chart has the figures."""
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{served.url}/usage/")
    tab.fill("#f-customer_id", ACME)
    tab.locator("#filters button.apply").click()
    expect(tab.locator("h1")).to_contain_text(ACME)
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
def test_pages_fit_on_a_phone(chromium: Browser, served: Served, width: int, address: str) -> None:
    """They do not scroll sideways; the filters are behind one button."""
    context = chromium.new_context(viewport={"width": width, "height": 800})
    tab = context.new_page()
    tab.goto(served.url + address)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    expect(tab.locator("#filters")).to_be_hidden()
    tab.locator("label[for=fold]").click()
    expect(tab.locator("#filters")).to_be_visible()
    context.close()
