"""A share link in Chromium, from making it to its end."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Served

CUSTOMER = "acme-robotics"


@pytest.fixture
def desk(chromium: Browser, served: Served) -> Iterator[Page]:
    """The maker's browser, which may use the clipboard."""
    context = chromium.new_context(base_url=served.url, permissions=["clipboard-read", "clipboard-write"])
    yield context.new_page()
    context.close()


@pytest.fixture
def guest(chromium: Browser, served: Served) -> Iterator[Page]:
    """A clean profile."""
    context = chromium.new_context(base_url=served.url)
    yield context.new_page()
    context.close()


def fill_form(desk: Page) -> None:
    desk.goto(f"/usage/?customer_id={CUSTOMER}&range=7d&tz=UTC")
    desk.get_by_role("link", name="Share", exact=True).click()
    desk.get_by_label("Recipient").fill("Ada of support")
    desk.locator("[name=properties][value=model]").check()


def make(desk: Page) -> tuple[str, str]:
    """From a view to a link, by way of the preview: what the clipboard has, and the password."""
    fill_form(desk)
    desk.get_by_role("button", name="Preview as the recipient").click()
    expect(desk.get_by_text("Nothing has been made yet")).to_be_visible()
    expect(desk.get_by_role("heading", level=1)).to_have_text(CUSTOMER)
    desk.get_by_role("button", name="Make the link").click()
    desk.get_by_role("button", name="Copy").first.click()
    expect(desk.get_by_role("button", name="Copied")).to_be_visible()
    return desk.evaluate("navigator.clipboard.readText()"), desk.get_by_label("Password").input_value()


def unlock(guest: Page, password: str) -> None:
    """From the password page to the customer's."""
    guest.get_by_label("Password").fill(password)
    guest.get_by_role("button", name="Open").click()
    expect(guest.get_by_role("heading", level=1)).to_have_text(CUSTOMER)


def revoke(desk: Page) -> None:
    """The newest link, and the question whether that is meant."""
    desk.goto("/shares/")
    row = desk.locator("tr", has_text="Ada of support").first
    row.get_by_text("Revoke", exact=True).click()
    row.get_by_role("button", name="End it").click()
    expect(desk.get_by_text("opens nothing any more")).to_be_visible()


def test_a_link_from_its_making_to_its_end(desk: Page, guest: Page, served: Served) -> None:
    """Make, preview, copy; open in a clean profile, unlock, look around; revoked, and Back shows nothing."""
    link, password = make(desk)
    assert link.startswith(f"{served.url}/s/")
    guest.goto(link)
    assert "/s/" not in guest.url
    expect(guest.get_by_role("heading", level=1)).to_have_text("This link has a password")
    unlock(guest, password)
    expect(guest.get_by_text("Ada of support")).to_be_visible()
    guest.get_by_role("link", name="Events", exact=True).click()
    expect(guest.locator("section.events")).to_be_visible()
    assert "customer_id" not in guest.url
    for address in guest.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))"):
        assert address is None or address.startswith(("/shared/", "#")), address
    revoke(desk)
    guest.reload()
    expect(guest.get_by_role("heading", level=1)).to_have_text("This link opens nothing")
    for step in (guest.go_back, guest.go_back, guest.go_forward):
        step()
        guest.wait_for_load_state()
        expect(guest.get_by_text(CUSTOMER)).to_have_count(0)
    assert guest.evaluate("JSON.stringify({...localStorage, ...sessionStorage})").count(CUSTOMER) == 0


@pytest.mark.slow
def test_a_page_kept_whole_for_the_way_back(desk: Page, guest: Page) -> None:
    """A browser that keeps the page in memory hides it as it is left, and asks again before it shows it once more."""
    link, password = make(desk)
    guest.goto(link)
    unlock(guest, password)
    revoke(desk)
    guest.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    expect(guest.get_by_role("heading", level=1, include_hidden=True)).to_be_hidden()
    with guest.expect_navigation():
        guest.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(guest.get_by_role("heading", level=1)).to_have_text("This link opens nothing")


def test_a_second_click_makes_nothing(desk: Page) -> None:
    """Whoever clicks twice gets the page with the link, not the one that says that it was shown already."""
    fill_form(desk)
    desk.get_by_role("button", name="Make the link").dblclick()
    expect(desk.get_by_role("heading", level=1)).to_have_text("A link for Ada of support")
    expect(desk.get_by_label("Link", exact=True)).to_have_value(re.compile(r"/s/[\w-]{43}$"))


@pytest.mark.slow
def test_a_second_click_in_the_preview(desk: Page) -> None:
    """The button there makes one link too, and shows it."""
    fill_form(desk)
    desk.get_by_role("button", name="Preview as the recipient").click()
    desk.get_by_role("button", name="Make the link").dblclick()
    expect(desk.get_by_role("heading", level=1)).to_have_text("A link for Ada of support")
    expect(desk.get_by_label("Link", exact=True)).to_have_value(re.compile(r"/s/[\w-]{43}$"))


@pytest.mark.slow
def test_what_is_written_is_chosen(desk: Page) -> None:
    """A feature that is ticked unticks “All of them” and back; a date chooses the kind of period it belongs to."""
    fill_form(desk)
    every, one = desk.locator("[name=every_feature]"), desk.locator("[name=features]").first
    one.check()
    expect(every).not_to_be_checked()
    every.check()
    expect(one).not_to_be_checked()
    for name, kind in (("start", "fixed"), ("since", "free"), ("end", "fixed")):
        desk.locator(f"[name={name}]").fill("2026-11-01T00:00")
        expect(desk.locator(f"[name=period][value={kind}]")).to_be_checked()


def test_offers_come_with_the_customer(desk: Page) -> None:
    """A form without a customer offers what theirs has as soon as one is written, and keeps what stands in it."""
    desk.goto("/shares/new")
    desk.get_by_label("Recipient").fill("Ada of support")
    desk.get_by_label("Customer").fill(CUSTOMER)
    desk.get_by_label("Customer").press("Tab")
    expect(desk.locator("[name=properties][value=model]")).to_be_visible()
    expect(desk.get_by_label("Recipient")).to_have_value("Ada of support")


@pytest.mark.slow
def test_a_part_that_is_asked_for_after_the_end(desk: Page, guest: Page) -> None:
    """A filter that is changed on a page whose link was revoked meanwhile brings the whole page of dead links."""
    link, password = make(desk)
    guest.goto(link)
    unlock(guest, password)
    revoke(desk)
    guest.get_by_label("By", exact=True).select_option("hour")
    expect(guest.get_by_role("heading", level=1)).to_have_text("This link opens nothing")
    expect(guest.get_by_text(CUSTOMER)).to_have_count(0)
