"""After sign-out, and after a link has been left, the browser has nothing of the pages."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import QUIET, Served, chromium_path
from tests.dashboard.live_site import NAME, PASSWORD, Keyed, listening
from usage.sample import SAMPLE_KEY, SampleApp, Store

pytestmark = pytest.mark.slow

CUSTOMER = "acme-robotics"
ROWS = "table.rows tbody tr"
STORED = "JSON.stringify([{...localStorage}, {...sessionStorage}])"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, prepared_folder: Callable[[], Path]) -> Iterator[str]:
    """The address of a site with a key, where people have to sign in, over the sample's story."""
    story = shutil.copy2(prepared_folder() / "sample.sqlite3", tmp_path_factory.mktemp("autumn"))
    store = Store(Path(story))
    with listening(SampleApp(store)) as url:
        site = Keyed(tmp_path_factory.mktemp("keyed"), url, SAMPLE_KEY)
        yield site.served.url
        site.stop()
    store.close()


@pytest.fixture(params=["with memory", "without memory"])
def tab(request: pytest.FixtureRequest, chromium: Browser, keyed: str) -> Iterator[Page]:
    """With and without the back/forward cache, which Playwright turns off."""
    kept = ["--disable-back-forward-cache"] if request.param == "with memory" else []
    browser = chromium.browser_type.launch(
        executable_path=chromium_path(), args=QUIET, ignore_default_args=kept
    )
    yield browser.new_context(base_url=keyed).new_page()
    browser.close()


def sign_in(tab: Page, wanted: str) -> None:
    tab.goto(wanted)
    tab.fill("[name=login]", NAME)
    tab.fill("[name=password]", PASSWORD)
    tab.press("[name=password]", "Enter")


def test_back_after_sign_out_shows_no_rows(tab: Page) -> None:
    """Neither by Back and Forward, nor in the stores of the browser."""
    sign_in(tab, f"/events/?customer_id={CUSTOMER}&range=90d&tz=UTC")
    expect(tab.locator(ROWS).first).to_be_visible(timeout=20_000)
    expect(tab.locator(":root.scripted")).to_be_attached()
    tab.locator("#f-range").select_option("7d")
    expect(tab).to_have_url(re.compile("range=7d"))
    expect(tab.locator(ROWS).first).to_be_visible()
    tab.goto(f"/usage/?customer_id={CUSTOMER}&range=7d&tz=UTC")
    expect(tab.locator(".legend").first).to_be_visible()
    tab.goto("/accounts/logout/")
    tab.locator("main form button").click()
    expect(tab.locator("[name=password]")).to_be_visible()
    for step in [tab.go_back] * 5 + [tab.go_forward] * 5:
        step()
        tab.wait_for_load_state()
        expect(tab.locator("[name=password], form[action='/accounts/logout/']").first).to_be_attached()
        assert tab.locator(f"{ROWS}, .legend").count() == 0
        assert CUSTOMER not in tab.locator("main").inner_text()
    assert CUSTOMER not in tab.evaluate(STORED)


def test_staff_page_is_hidden_when_it_is_left(tab: Page) -> None:
    """So that a browser that keeps it has nothing to show; it is loaded anew before it is shown."""
    sign_in(tab, f"/events/?customer_id={CUSTOMER}&range=90d&tz=UTC")
    expect(tab.locator(ROWS).first).to_be_visible(timeout=20_000)
    tab.context.clear_cookies()
    tab.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    expect(tab.locator(ROWS).first).to_be_hidden()
    with tab.expect_navigation():
        tab.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(tab.locator("[name=password]")).to_be_visible()


def test_shared_page_leaves_no_address_in_the_stores(chromium: Browser, served: Served) -> None:
    """htmx notes the address of a page, with its filters: nothing of it stays, whatever is clicked."""
    made = served.manage("share", "create", "--customer", CUSTOMER)
    link = next(line.strip() for line in made.stdout.splitlines() if "/s/" in line)
    context = chromium.new_context(base_url=served.url)
    tab = context.new_page()
    tab.goto(link[link.index("/s/") :])
    tab.locator("#nav a[href*='/events/']").click()
    tab.locator("#f-range").select_option("7d")
    expect(tab).to_have_url(re.compile("range=7d"))
    expect(tab.locator(ROWS).first).to_be_visible()
    assert "range" not in tab.evaluate(STORED)
    tab.go_back()
    expect(tab.locator(ROWS).first).to_be_visible()
    assert "/shared/" not in tab.evaluate(STORED)
    context.close()
