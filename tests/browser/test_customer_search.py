"""Choosing a customer by name, email address or ID, by keyboard, mouse and screen reader."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Served
from tests.dashboard.live_site import Keyed, listening
from usage.sample import SAMPLE_KEY, SampleApp, Store

pytestmark = pytest.mark.slow

LUMEN = "cus_7f3a9k"
OPTIONS = "#find-customer-list [role=option]"
MOST_KEYS = 8


def test_name_leads_to_the_chart_in_a_few_keys(tab: Page, served: Served) -> None:
    """The name has nothing in common with the ID. Keys that are pressed before there are options count."""
    tab.goto(f"{served.url}/events/?range=7d&tz=UTC")
    keys = ["/", "l", "u", "m", "ArrowDown", "Enter"]
    assert len(keys) <= MOST_KEYS
    for key in keys:
        tab.keyboard.press(key)
    tab.wait_for_url(re.compile(r"/usage/\?.*customer_id=cus_7f3a9k"))
    assert "range=7d" in tab.url
    expect(tab.locator(".chart")).to_be_visible()
    expect(tab.locator("h1")).to_contain_text("Lumen Optics")
    expect(tab.locator("h1")).to_contain_text(LUMEN)


@pytest.mark.parametrize("address", ["/", "/shares/", "/shares/new"])
def test_slash_searches_from_every_page(tab: Page, served: Served, address: str) -> None:
    tab.goto(f"{served.url}{address}")
    expect(tab.get_by_role("combobox", name=re.compile("Find a customer"))).to_have_count(1)
    tab.keyboard.press("/")
    tab.keyboard.type("studio@lum")
    options = tab.locator(".suggest:not([hidden]) [role=option]")
    expect(options).to_have_count(1)
    options.click()
    tab.wait_for_url(re.compile(LUMEN))


def test_combobox_is_announced(tab: Page, served: Served) -> None:
    """It says whether it is open, which option is active, and how many there are; Escape closes, then
    clears.
    """
    tab.goto(f"{served.url}/shares/")
    field = tab.get_by_role("combobox", name="Find a customer")
    expect(field).to_have_attribute("aria-expanded", "false")
    field.focus()
    tab.keyboard.type("brightside")
    expect(tab.locator(OPTIONS)).to_have_count(2)
    expect(field).to_have_attribute("aria-expanded", "true")
    expect(field).to_have_attribute("aria-controls", "find-customer-list")
    expect(tab.locator(".find [role=status]")).to_contain_text("2")
    assert field.get_attribute("aria-activedescendant") is None
    shown = []
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp"):
        tab.keyboard.press(key)
        active = field.get_attribute("aria-activedescendant")
        expect(tab.locator(f"#{active}")).to_have_attribute("aria-selected", "true")
        expect(tab.locator(f"{OPTIONS}[aria-selected=true]")).to_have_count(1)
        shown.append(active)
    assert shown[0] == shown[2] != shown[1] == shown[3]
    expect(field).to_be_focused()
    tab.keyboard.press("Escape")
    expect(field).to_have_attribute("aria-expanded", "false")
    expect(field).to_have_value("brightside")
    tab.keyboard.press("Escape")
    expect(field).to_have_value("")


def test_saved_view_is_found_and_opened_by_keyboard(tab: Page, served: Served) -> None:
    """Options of a group of their own, counted apart. It opens with its own dates."""
    tab.goto(f"{served.url}/usage/?customer_id={LUMEN}&range=90d&tz=UTC")
    tab.locator("[data-save-view]").click()
    tab.get_by_label("Name").fill("Zebra quarterly")
    tab.get_by_role("button", name="Save view").click()
    tab.wait_for_url(re.compile(r"/usage/\?.*range=90d"))
    tab.goto(f"{served.url}/?range=7d&tz=UTC")
    tab.keyboard.press("/")
    tab.keyboard.type("zebra")
    group = tab.get_by_role("listbox").get_by_role("group", name="Saved views")
    expect(group.get_by_role("option")).to_have_count(1)
    expect(tab.locator(".find-first [role=status]")).to_contain_text("1 saved view")
    active = tab.locator("#find-first")
    for _ in range(MOST_KEYS):
        tab.keyboard.press("ArrowUp")
        if "Zebra" in tab.locator(f"#{active.get_attribute('aria-activedescendant')}").inner_text():
            break
    tab.keyboard.press("Enter")
    tab.wait_for_url(re.compile(rf"/usage/\?.*customer_id={LUMEN}.*range=90d"))


def test_autumn_is_asked_when_typing_rests(tab: Page, served: Served) -> None:
    """Each letter searches what is stored; one request goes further."""
    tab.goto(f"{served.url}/shares/")
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(urlsplit(request.url).query))
    tab.keyboard.press("/")
    with tab.expect_request_finished(lambda request: request.url.endswith("q=initec&views=1")):
        tab.keyboard.type("initec", delay=30)
    expect(tab.locator(OPTIONS)).to_have_count(1)
    assert [query for query in asked if query.startswith("q=i") and "stored" not in query] == [
        "q=initec&views=1"
    ]
    assert "q=i&stored=1&views=1" in asked


def test_forms_choose_customers_by_the_same_search(tab: Page, served: Served) -> None:
    """The filter and the form of a link take the ID of the chosen name."""
    tab.goto(f"{served.url}/usage/?range=7d&tz=UTC")
    tab.locator("#f-customer_id").fill("lumen")
    expect(tab.locator("#f-customer_id-list [role=option]")).to_have_count(1)
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    tab.wait_for_url(re.compile(rf"customer_id={LUMEN}"))
    expect(tab.locator("#f-customer_id")).to_have_value(LUMEN)
    tab.goto(f"{served.url}/shares/new")
    tab.locator("#s-customer_id").fill("lumen")
    tab.locator("#s-customer_id-list [role=option]").click()
    expect(tab.locator("#s-customer_id")).to_have_value(LUMEN)
    expect(tab.locator("[data-customer-name]")).to_have_text("Lumen Optics")
    expect(tab.locator("[name=features]").first).to_be_attached()


def test_hostile_names_are_text(tab: Page, served: Served) -> None:
    tab.goto(f"{served.url}/shares/")
    tab.on("dialog", lambda dialog: pytest.fail(dialog.message))
    tab.keyboard.press("/")
    tab.keyboard.type("onerror")
    expect(tab.locator(OPTIONS)).to_have_count(1)
    expect(tab.locator(OPTIONS)).to_contain_text("<img src=x")
    assert tab.locator(".suggest img").count() == 0
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    expect(tab.locator("h1")).to_contain_text("<img src=x")


def test_id_is_copied(chromium: Browser, served: Served) -> None:
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.goto(f"{served.url}/usage/?customer_id={LUMEN}&tz=UTC")
    tab.locator(f"button[data-customer-id={LUMEN}]").click()
    tab.wait_for_function(f"async () => (await navigator.clipboard.readText()) === {json.dumps(LUMEN)}")
    context.close()


@pytest.fixture(scope="module")
def analytics_site(
    tmp_path_factory: pytest.TempPathFactory, prepared_folder: Callable[[], Path]
) -> Iterator[Keyed]:
    """The site with a key that reads events only."""
    store = Store(prepared_folder() / "sample.sqlite3")
    with listening(SampleApp(store, limit_per_second=None)) as url:
        site = Keyed(tmp_path_factory.mktemp("analytics"), url, f"{SAMPLE_KEY}_analytics")
        yield site
        site.stop()
    store.close()


def test_key_without_names_works_by_id(chromium: Browser, analytics_site: Keyed) -> None:
    """The search finds IDs, and says which scope would add names."""
    context = chromium.new_context()
    url = analytics_site.served.url
    context.add_cookies(
        [{"name": name, "value": value, "url": url} for name, value in analytics_site.http.cookies.items()]
    )
    tab = context.new_page()
    tab.goto(f"{url}/events/?tz=UTC")
    tab.keyboard.press("/")
    tab.keyboard.type("acme-rob")
    expect(tab.locator(OPTIONS)).to_have_count(1)
    expect(tab.locator("[data-notice=missing-scope]")).to_contain_text("customers:read")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    expect(tab.locator("h1")).to_have_text("acme-robotics")
    expect(tab.locator(".chart")).to_be_visible()
    context.close()
