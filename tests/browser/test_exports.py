"""Exports in a real browser: the status line, Stop by keyboard, and the downloaded file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.test_pages import ACME
from tests.conftest import Served

pytestmark = pytest.mark.slow


def test_complete_download_is_reported(tab: Page, served: Served, tmp_path: Path) -> None:
    """A small file is complete, and the page reports it without a reload."""
    tab.goto(f"{served.url}/events/?customer_id={ACME}&range=24h")
    with tab.expect_download() as started:
        tab.locator("a[data-export][href*='.csv']").click()
    assert re.fullmatch(
        rf"events-Acme_Robotics_Ltd-{ACME}-\d{{4}}-\d\d-\d\d\.csv", started.value.suggested_filename
    )
    started.value.save_as(tmp_path / "file.csv")
    rows = (tmp_path / "file.csv").read_text().count("\n") - 1
    expect(tab.locator("#export [data-ending=whole]")).to_have_attribute("data-rows", str(rows))


def test_stop_by_keyboard(tab: Page, served: Served) -> None:
    """The count continues while filters change; Stop keeps its focus, and the download fails."""
    tab.goto(f"{served.url}/events/?range=90d")
    with tab.expect_download() as started:
        tab.locator("a[data-export][href*='.jsonl']").click()
    line = tab.locator("#export")
    running = line.locator("[data-ending='']")
    expect(running).to_be_visible()
    tab.locator("#filters [name=range]").select_option("7d")
    tab.wait_for_url("**range=7d**")
    expect(running).to_have_attribute("data-rows", re.compile(r"[1-9]\d+"))
    expect(running).to_have_attribute("data-total", re.compile(r"\d+"))
    tab.locator("#export-stop").focus()
    before = line.inner_text()
    expect(line).not_to_have_text(before)
    expect(tab.locator("#export-stop")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(line.locator("[data-ending=stopped]")).to_be_visible()
    assert started.value.failure()


def test_refused_export_opens_a_page(context: BrowserContext, served: Served) -> None:
    """With the reason and a link back."""
    page = context.new_page()
    page.goto(f"{served.url}/events/?customer_id={ACME}&range=24h")
    page.evaluate("""() => { document.querySelector("a[data-export]").href += "&range=7d" }""")
    page.locator("a[data-export][href*='.csv']").click()
    expect(page.locator("[data-notice=invalid-query]")).to_contain_text("range")
    page.locator("a[data-back]").click()
    expect(page.locator("[data-error=range]").first).to_be_visible()
    expect(page.locator("#f-customer_id")).to_have_value(ACME)
