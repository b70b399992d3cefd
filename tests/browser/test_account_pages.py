"""The account pages in the browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

KEY = {"AUTUMN_SECRET_KEY": "am_sk_live_0123456789", "AUTUMN_API_URL": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def live_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    site = Served(tmp_path_factory.mktemp("live"), **KEY)
    yield site
    site.stop()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page in its own profile. An error in the console fails the test."""
    context = chromium.new_context(
        viewport={"width": 360, "height": 800}, color_scheme="light", timezone_id="Asia/Kathmandu"
    )
    page, errors = context.new_page(), list[str]()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def test_sign_in_page_shows_a_live_key(live_site: Served, page: Page) -> None:
    """Even on a phone, where the page does not scroll sideways."""
    page.goto(f"{live_site.url}/usage/?range=7d")
    assert page.url == f"{live_site.url}/accounts/login/?next=/usage/%3Frange%3D7d"
    assert page.locator("[data-mode=live]").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_theme_choice_is_stored(live_site: Served, page: Page) -> None:
    """Two clicks choose dark, and the server renders the next page dark."""
    page.goto(f"{live_site.url}/accounts/login/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    page.click("#theme")
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_time_zone_of_the_viewer_is_sent(live_site: Served, page: Page) -> None:
    """The script stores it in a cookie for the next request."""
    page.goto(f"{live_site.url}/accounts/login/")
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    assert cookies["tz"] in {"Asia/Kathmandu", "Asia/Katmandu"}  # its new name or its old one
