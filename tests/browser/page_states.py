"""Every page of the site, and what can be open on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

ACME = "acme-robotics"
TZ = "tz=Europe/Berlin"
USAGE = f"/usage/?customer_id={ACME}&range=30d&per_page=50&{TZ}"
EVENTS = f"/events/?customer_id={ACME}&range=7d&per_page=50&{TZ}"
HAS_ALL_PARTS = """() => !document.querySelector("[hx-trigger=load], .htmx-request, .htmx-settling")
    && document.querySelectorAll(".chart:not(.drawn)").length === 0"""


@dataclass(frozen=True, slots=True)
class PageState:
    """A page, and what is done on it once all its parts are there."""

    address: str
    opens: Callable[[Page], object] | None = None
    name: str = ""

    def __str__(self) -> str:
        return f"{self.address} {self.name}".strip()

    def show(self, tab: Page, url: str) -> None:
        """Open the page, wait for its parts, and do what leads to the state."""
        tab.goto(url + self.address)
        if self.opens is not None:
            has_all_parts(tab)
            self.opens(tab)
        has_all_parts(tab)


def has_all_parts(tab: Page) -> None:
    """Wait for the parts that come by themselves, and for Plotly."""
    tab.wait_for_function(HAS_ALL_PARTS)


def click(selector: str) -> Callable[[Page], object]:
    """Click the first such element that is visible."""

    def act(tab: Page) -> None:
        tab.locator(selector).filter(visible=True).first.click()

    return act


def press(*keys: str) -> Callable[[Page], object]:
    """Press keys, one after the other."""

    def act(tab: Page) -> None:
        for key in keys:
            tab.keyboard.press(key)

    return act


def open_event(tab: Page) -> None:
    tab.locator("table.rows tbody tr td:first-child a").nth(1).click()
    expect(tab.locator("tr.detail")).to_be_visible()


def open_bar(tab: Page) -> None:
    tab.locator(".chart").focus()
    press("ArrowRight", "ArrowRight", "Enter")(tab)
    expect(tab.locator("#events-in-view[data-drilldown]")).to_be_visible()


def find_customer(field: str, text: str = "lumen") -> Callable[[Page], object]:
    """Type into a search field until its options are there."""

    def act(tab: Page) -> None:
        visible(tab, field).fill(text)
        expect(tab.locator(f"{field}-list [role=option]").first).to_be_visible()

    return act


def visible(tab: Page, selector: str) -> Locator:
    return tab.locator(selector).filter(visible=True)


def open_shortcuts(tab: Page) -> None:
    tab.keyboard.press("?")
    expect(tab.locator("dialog#keys")).to_be_visible()


FIGURES = (
    PageState(f"/?range=30d&{TZ}"),
    PageState(f"/?range=30d&{TZ}", find_customer("#find-first"), "customer search"),
    PageState(f"/?range=30d&{TZ}", click("details.menu:has(.avatar) > summary"), "account menu"),
    PageState(EVENTS),
    PageState(EVENTS, open_event, "open event"),
    PageState(EVENTS, open_shortcuts, "shortcuts"),
    PageState(EVENTS, click("#pick-columns > summary"), "columns"),
    PageState(EVENTS, click("#pick-filter > summary"), "add a filter"),
    PageState(EVENTS, click("#pick-dates > summary"), "dates"),
    PageState(f"{EVENTS}&filter=region:eu-west-1&columns=model&columns=status"),
    PageState(f"{EVENTS}&filter=region:nowhere"),
    PageState(f"/events/?range=7d&value_min=much&{TZ}"),
    PageState(f"/events/export/?{TZ}"),
    PageState(USAGE),
    PageState(USAGE, click("#link-menu > summary"), "copy link"),
    PageState(USAGE, click(".card .menu > summary[aria-label=Download]"), "download menu"),
    PageState(USAGE, click("#pick-features > summary"), "features"),
    PageState(USAGE, click("details.figures > summary"), "table of figures"),
    PageState(USAGE, find_customer("#find-customer"), "customer search"),
    PageState(f"{USAGE}&chart=lines&group_by=properties.model"),
    PageState(f"{USAGE}&chart=cumulative&compare=previous"),
    PageState(f"{USAGE}&chart=percent&group_by=properties.model&compare=previous"),
    PageState(f"{USAGE}&chart=panels"),
    PageState(f"{USAGE}&group_by=properties.region", open_bar, "drill-down"),
    PageState(f"{USAGE}&compare=previous", click("[data-explain]"), "explanation"),
    PageState(f"/usage/explain/?customer_id={ACME}&range=7d&compare=previous&focus=ai_tokens&{TZ}"),
    PageState(f"/usage/?customer_id={ACME}&start=2024-01-01&end=2024-01-07&{TZ}"),
    PageState(f"/usage/?customer_id=nobody-here&{TZ}"),
    PageState(f"/usage/?start=later&{TZ}"),
    PageState("/customers/?q=brightside"),
    PageState("/shares/"),
    PageState("/shares/new"),
    PageState("/views/"),
    PageState("/setup/"),
    PageState("/no-such-page"),
)
