"""A share link in Chromium, from its creation to its revocation."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.conftest import Served

pytestmark = pytest.mark.slow

CUSTOMER = "acme-robotics"
PREVIEW = "button[formaction='/shares/preview/']"
CREATE = "form[action='/shares/new'] button.primary"


@pytest.fixture
def owner(chromium: Browser, served: Served) -> Iterator[Page]:
    """The owner's browser, which may use the clipboard."""
    context = chromium.new_context(base_url=served.url, permissions=["clipboard-read", "clipboard-write"])
    yield context.new_page()
    context.close()


@pytest.fixture
def recipient(chromium: Browser, served: Served) -> Iterator[Page]:
    """The recipient's browser, with a new profile."""
    context = chromium.new_context(base_url=served.url)
    yield context.new_page()
    context.close()


def fill_form(owner: Page) -> None:
    owner.goto(f"/usage/?customer_id={CUSTOMER}&range=7d&tz=UTC")
    owner.locator("#view a[href^='/shares/new']").click()
    owner.locator("[name=recipient]").fill("Ada of support")
    owner.locator("[name=properties][value=model]").check()


def create_link(owner: Page) -> tuple[str, str]:
    """Create a link from a view, with the preview: the clipboard's text, and the password."""
    fill_form(owner)
    owner.locator(PREVIEW).click()
    expect(owner.locator("[data-notice=preview]")).to_be_visible()
    expect(owner.get_by_role("heading", level=1)).to_have_text(CUSTOMER)
    owner.locator(CREATE).click()
    owner.locator("[data-takes=link]").click()
    expect(owner.locator("#copied")).not_to_be_empty()
    return owner.evaluate("navigator.clipboard.readText()"), owner.locator("#password").input_value()


def unlock(recipient: Page, password: str) -> None:
    """Submit the password page."""
    recipient.locator("[name=password]").fill(password)
    recipient.locator("[name=password]").press("Enter")
    expect(recipient.get_by_role("heading", level=1)).to_have_text(CUSTOMER)


def revoke(owner: Page) -> None:
    """Revoke the newest link, with its confirmation."""
    owner.goto("/shares/")
    row = owner.locator("tr", has_text="Ada of support").first
    row.locator("details.sure > summary").click()
    row.locator("form[action$='/revoke'] button").click()
    expect(owner.locator("[data-notice=revoked]")).to_be_visible()


def test_link_from_creation_to_revocation(owner: Page, recipient: Page, served: Served) -> None:
    """After revocation, Back shows no data."""
    link, password = create_link(owner)
    assert link.startswith(f"{served.url}/s/")
    recipient.goto(link)
    assert "/s/" not in recipient.url
    expect(recipient.locator("[name=password]")).to_be_visible()
    unlock(recipient, password)
    expect(recipient.get_by_text("Ada of support")).to_be_visible()
    recipient.locator("#nav a[href*='/events/']").click()
    expect(recipient.locator("section.events")).to_be_visible()
    assert "customer_id" not in recipient.url
    for address in recipient.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))"):
        assert address is None or address.startswith(("/shared/", "#")), address
    revoke(owner)
    recipient.reload()
    expect(recipient.locator("[data-notice=link-not-available]")).to_be_visible()
    for step in (recipient.go_back, recipient.go_back, recipient.go_forward):
        step()
        recipient.wait_for_load_state()
        expect(recipient.get_by_text(CUSTOMER)).to_have_count(0)
    assert recipient.evaluate("JSON.stringify({...localStorage, ...sessionStorage})").count(CUSTOMER) == 0


def test_revoked_page_is_not_restored_from_memory(owner: Page, recipient: Page) -> None:
    """A page in the back/forward cache is hidden when it is left, and reloaded before it is shown."""
    link, password = create_link(owner)
    recipient.goto(link)
    unlock(recipient, password)
    revoke(owner)
    recipient.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    expect(recipient.get_by_role("heading", level=1, include_hidden=True)).to_be_hidden()
    with recipient.expect_navigation():
        recipient.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(recipient.locator("[data-notice=link-not-available]")).to_be_visible()


def test_double_click_creates_one_link(owner: Page) -> None:
    """The second click does not hide the page that shows the link."""
    fill_form(owner)
    owner.locator(CREATE).dblclick()
    expect(owner.locator("#link")).to_have_value(re.compile(r"/s/[\w-]{43}$"))


def test_double_click_in_the_preview_creates_one_link(owner: Page) -> None:
    fill_form(owner)
    owner.locator(PREVIEW).click()
    owner.locator(CREATE).dblclick()
    expect(owner.locator("#link")).to_have_value(re.compile(r"/s/[\w-]{43}$"))


def test_entered_value_selects_its_option(owner: Page) -> None:
    """A selected feature clears “All of them” and vice versa; a date selects its kind of period."""
    fill_form(owner)
    every, one = owner.locator("[name=every_feature]"), owner.locator("[name=features]").first
    one.check()
    expect(every).not_to_be_checked()
    every.check()
    expect(one).not_to_be_checked()
    for name, kind in (("start", "fixed"), ("since", "free"), ("end", "fixed")):
        owner.locator(f"[name={name}]").fill("2026-11-01T00:00")
        expect(owner.locator(f"[name=period][value={kind}]")).to_be_checked()


def test_choices_load_with_the_customer(owner: Page) -> None:
    """Other fields of the form do not change."""
    owner.goto("/shares/new")
    owner.locator("[name=recipient]").fill("Ada of support")
    owner.locator("[name=customer_id]").fill(CUSTOMER)
    owner.locator("[name=customer_id]").press("Tab")
    expect(owner.locator("[name=properties][value=model]")).to_be_visible()
    expect(owner.locator("[name=recipient]")).to_have_value("Ada of support")


def test_partial_request_of_a_revoked_link_replaces_the_page(owner: Page, recipient: Page) -> None:
    link, password = create_link(owner)
    recipient.goto(link)
    unlock(recipient, password)
    revoke(owner)
    recipient.locator("#f-bin_size").select_option("hour")
    expect(recipient.locator("[data-notice=link-not-available]")).to_be_visible()
    expect(recipient.get_by_text(CUSTOMER)).to_have_count(0)


def test_no_tick_is_lost_while_choices_load(owner: Page) -> None:
    """They can be changed once those of the other customer are there."""
    fill_form(owner)
    box, create = owner.locator("[name=properties][value=model]"), owner.locator(CREATE).first

    def check(route: Route) -> None:
        for each in (box, create):
            expect(each).to_be_disabled()
        route.continue_()

    owner.route("**/shares/offers", check)
    with owner.expect_response("**/shares/offers"):
        owner.locator("[name=customer_id]").fill("globex")
        owner.locator("[name=customer_id]").press("Tab")
    expect(box).to_be_enabled()
    expect(create).to_be_enabled()
    expect(box).to_be_checked()
