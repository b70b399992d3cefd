"""Exports in a real browser: the line that follows a download, Stop by keyboard, and what becomes of the file."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.test_pages import ACME
from tests.conftest import Served


def test_a_download_and_its_line(tab: Page, served: Served, tmp_path: Path) -> None:
    """A small file arrives whole, and the page says so by itself."""
    tab.goto(f"{served.url}/events/?customer_id={ACME}&range=24h")
    with tab.expect_download() as started:
        tab.get_by_role("link", name="CSV").click()
    assert re.fullmatch(rf"events-{ACME}-\d{{4}}-\d\d-\d\d\.csv", started.value.suggested_filename)
    started.value.save_as(tmp_path / "file.csv")
    rows = (tmp_path / "file.csv").read_text().count("\n") - 1
    expect(tab.locator("#export")).to_have_text(re.compile(rf"\s*The file is whole: {rows:,} rows\.\s*"))


def test_stop_by_keyboard(tab: Page, served: Served) -> None:
    """The count goes on across changes of the filter; Stop keeps its focus meanwhile, and ends the download broken."""
    tab.goto(f"{served.url}/events/?range=90d")
    with tab.expect_download() as started:
        tab.get_by_role("link", name="JSON Lines").click()
    line = tab.locator("#export")
    expect(line).to_contain_text("rows sent…")
    tab.locator("#filters [name=range]").select_option("7d")
    tab.wait_for_url("**range=7d**")
    expect(line).to_contain_text(re.compile(r"[1-9][\d,]+ of about [\d,]+ rows sent…"))
    tab.locator("#export-stop").focus()
    before = line.inner_text()
    expect(line).not_to_have_text(before)
    expect(tab.locator("#export-stop")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(line).to_contain_text("The file is not whole: it ends after about")
    assert started.value.failure()


def test_a_refusal_is_a_page(context: BrowserContext, served: Served) -> None:
    """What cannot be exported is said in a page of its own, with a way back."""
    page = context.new_page()
    page.goto(f"{served.url}/events/?customer_id={ACME}&range=24h")
    page.evaluate("""() => { document.querySelector("a[data-export]").href += "&range=7d" }""")
    page.get_by_role("link", name="CSV").click()
    expect(page.locator("h1")).to_have_text("This cannot be exported")
    expect(page.locator("main")).to_contain_text("range: Give this only once.")
    page.get_by_role("link", name="Go back").click()
    expect(page.locator("table.rows")).to_be_visible()
