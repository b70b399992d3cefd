"""A share link in Chromium, from making it to its end."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Served

pytestmark = pytest.mark.slow

CUSTOMER = "acme-robotics"
PREVIEW = "button[formaction='/shares/preview/']"
CREATE = "form[action='/shares/new'] button.primary"


@pytest.fixture
def desk(chromium: Browser, served: Served) -> Iterator[Page]:
    """The owner's browser, which may use the clipboard."""
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
    desk.locator("#view a[href^='/shares/new']").click()
    desk.locator("[name=recipient]").fill("Ada of support")
    desk.locator("[name=properties][value=model]").check()


def make(desk: Page) -> tuple[str, str]:
    """From a view to a link, by way of the preview: what the clipboard has, and the password."""
    fill_form(desk)
    desk.locator(PREVIEW).click()
    expect(desk.locator("[data-notice=preview]")).to_be_visible()
    expect(desk.get_by_role("heading", level=1)).to_have_text(CUSTOMER)
    desk.locator(CREATE).click()
    desk.locator("[data-takes=link]").click()
    expect(desk.locator("#copied")).not_to_be_empty()
    return desk.evaluate("navigator.clipboard.readText()"), desk.locator("#password").input_value()


def unlock(guest: Page, password: str) -> None:
    """From the password page to the customer's."""
    guest.locator("[name=password]").fill(password)
    guest.locator("[name=password]").press("Enter")
    expect(guest.get_by_role("heading", level=1)).to_have_text(CUSTOMER)


def revoke(desk: Page) -> None:
    """The newest link, and the question whether that is meant."""
    desk.goto("/shares/")
    row = desk.locator("tr", has_text="Ada of support").first
    row.locator("details.sure > summary").click()
    row.locator("form[action$='/revoke'] button").click()
    expect(desk.locator("[data-notice=revoked]")).to_be_visible()


def test_a_link_from_its_making_to_its_end(desk: Page, guest: Page, served: Served) -> None:
    """Make, preview, copy; open in a clean profile, unlock, look around; revoked, and Back shows nothing."""
    link, password = make(desk)
    assert link.startswith(f"{served.url}/s/")
    guest.goto(link)
    assert "/s/" not in guest.url
    expect(guest.locator("[name=password]")).to_be_visible()
    unlock(guest, password)
    expect(guest.get_by_text("Ada of support")).to_be_visible()
    guest.locator("#nav a[href*='/events/']").click()
    expect(guest.locator("section.events")).to_be_visible()
    assert "customer_id" not in guest.url
    for address in guest.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))"):
        assert address is None or address.startswith(("/shared/", "#")), address
    revoke(desk)
    guest.reload()
    expect(guest.locator("[data-notice=link-not-available]")).to_be_visible()
    for step in (guest.go_back, guest.go_back, guest.go_forward):
        step()
        guest.wait_for_load_state()
        expect(guest.get_by_text(CUSTOMER)).to_have_count(0)
    assert guest.evaluate("JSON.stringify({...localStorage, ...sessionStorage})").count(CUSTOMER) == 0


def test_back_button_restores_the_whole_page(desk: Page, guest: Page) -> None:
    """A browser that keeps the page in memory hides it as it is left, and asks again before it shows it once
    more.
    """
    link, password = make(desk)
    guest.goto(link)
    unlock(guest, password)
    revoke(desk)
    guest.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    expect(guest.get_by_role("heading", level=1, include_hidden=True)).to_be_hidden()
    with guest.expect_navigation():
        guest.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(guest.locator("[data-notice=link-not-available]")).to_be_visible()


def test_a_second_click_makes_nothing(desk: Page) -> None:
    """Whoever clicks twice gets the page with the link, not the one that says that it was shown already."""
    fill_form(desk)
    desk.locator(CREATE).dblclick()
    expect(desk.locator("#link")).to_have_value(re.compile(r"/s/[\w-]{43}$"))


def test_a_second_click_in_the_preview(desk: Page) -> None:
    """The button there makes one link too, and shows it."""
    fill_form(desk)
    desk.locator(PREVIEW).click()
    desk.locator(CREATE).dblclick()
    expect(desk.locator("#link")).to_have_value(re.compile(r"/s/[\w-]{43}$"))


def test_what_is_written_is_chosen(desk: Page) -> None:
    """A feature that is ticked unticks “All of them” and back; a date chooses the kind of period it belongs
    to.
    """
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
    """A form without a customer offers what theirs has as soon as one is written, and keeps what stands in
    it.
    """
    desk.goto("/shares/new")
    desk.locator("[name=recipient]").fill("Ada of support")
    desk.locator("[name=customer_id]").fill(CUSTOMER)
    desk.locator("[name=customer_id]").press("Tab")
    expect(desk.locator("[name=properties][value=model]")).to_be_visible()
    expect(desk.locator("[name=recipient]")).to_have_value("Ada of support")


def test_partial_request_after_the_session_ended_moves_the_page(desk: Page, guest: Page) -> None:
    """A filter that is changed on a page whose link was revoked meanwhile brings the whole page of dead
    links.
    """
    link, password = make(desk)
    guest.goto(link)
    unlock(guest, password)
    revoke(desk)
    guest.locator("#f-bin_size").select_option("hour")
    expect(guest.locator("[data-notice=link-not-available]")).to_be_visible()
    expect(guest.get_by_text(CUSTOMER)).to_have_count(0)
