"""Every page and state: axe-core finds nothing, wide and on a phone, light and dark; only tables scroll
sideways; the focus is in sight; nothing moves by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect
from werkzeug import Response

from tests.browser import accessibility
from tests.browser.page_states import ACME, EVENTS, FIGURES, TZ, USAGE, PageState, has_all_parts
from tests.conftest import Served
from tests.dashboard.live_site import PASSWORD, Keyed, listening
from usage.sample import SAMPLE_KEY, SampleApp, Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browse(chromium: Browser) -> Iterator[Callable[[], Page]]:
    """Open a tab in a profile of its own, without motion: a color on its way to another has no contrast."""
    contexts: list[BrowserContext] = []

    def open_tab() -> Page:
        contexts.append(
            chromium.new_context(
                viewport=accessibility.WIDE, reduced_motion="reduce", timezone_id="Europe/Berlin"
            )
        )
        return contexts[-1].new_page()

    yield open_tab
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def staff(browse: Callable[[], Page]) -> Page:
    return browse()


class Findings:
    """What is wrong with the pages that were checked."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def check(self, tab: Page, name: str) -> None:
        has_all_parts(tab)
        found = accessibility.violations(tab) | accessibility.too_wide(tab)
        self.found += [f"{name}: {each}" for each in sorted(found)]

    def visit(self, tab: Page, url: str, addresses: Iterable[str]) -> None:
        for address in addresses:
            tab.goto(url + address)
            self.check(tab, address)


@pytest.fixture
def findings() -> Iterator[Findings]:
    findings = Findings()
    yield findings
    assert not findings.found, "\n".join(findings.found)


@pytest.mark.parametrize("state", FIGURES, ids=str)
def test_page_is_accessible(staff: Page, served: Served, findings: Findings, state: PageState) -> None:
    staff.set_viewport_size(accessibility.WIDE)
    state.show(staff, served.url)
    findings.check(staff, str(state))


def test_failed_request_in_place(staff: Page, served: Served, findings: Findings) -> None:
    staff.goto(served.url + USAGE)
    has_all_parts(staff)
    staff.context.set_offline(True)
    staff.select_option("#f-bin_size", "week")
    expect(staff.locator("#request-failed")).to_be_visible()
    staff.context.set_offline(False)
    findings.check(staff, "failed request")


def test_saved_views(staff: Page, served: Served, findings: Findings) -> None:
    staff.goto(served.url + USAGE)
    staff.locator("[data-save-view]").click()
    findings.check(staff, "save a view")
    staff.get_by_label("Name").fill("Monthly review")
    staff.get_by_role("button", name="Save view").click()
    expect(staff.locator("[data-notice=view-saved]")).to_be_visible()
    findings.check(staff, "saved view")
    staff.goto(f"{served.url}/views/")
    staff.locator("details.sure > summary").click()
    findings.check(staff, "saved views")
    staff.locator("[data-saved-view] a", has_text="Edit").click()
    findings.check(staff, "edit a view")
    findings.visit(staff, served.url, ["/"])


def test_share_links(browse: Callable[[], Page], staff: Page, served: Served, findings: Findings) -> None:
    """Their creation, their list, and what a recipient sees."""
    staff.goto(f"{served.url}/shares/new?customer_id={ACME}&range=7d&{TZ}")
    staff.locator("form.share button.primary").click()
    findings.check(staff, "link with a missing recipient")
    staff.locator("[name=recipient]").fill("Ada of support")
    staff.locator("[name=properties][value=model]").check()
    staff.locator("[name=exports]").check()
    staff.locator("[formaction='/shares/preview/']").click()
    findings.check(staff, "preview of a link")
    staff.locator("form[action='/shares/new'] button.primary").click()
    findings.check(staff, "link created")
    link, password = (staff.locator(f"#{name}").input_value() for name in ("link", "password"))
    guest = browse()
    guest.goto(link)
    guest.locator("[name=password]").fill("wrong")
    guest.keyboard.press("Enter")
    findings.check(guest, "wrong password of a link")
    guest.locator("[name=password]").fill(password)
    guest.keyboard.press("Enter")
    expect(guest.locator("#view")).to_be_visible()
    guest.locator("details.about > summary").click()
    findings.check(guest, "shared usage page")
    guest.locator("#nav a[href*='/events/']").click()
    expect(guest.locator("section.events")).to_be_visible()
    guest.locator("table.rows tbody tr td:first-child a").first.click()
    expect(guest.locator("tr.detail")).to_be_visible()
    findings.check(guest, "shared events page")
    staff.goto(f"{served.url}/shares/")
    staff.locator("details.sure > summary").first.click()
    findings.check(staff, "list of links")
    staff.locator("[data-share] a").first.click()
    findings.check(staff, "link and its access log")
    staff.locator("form[action$='/password'] button").first.click()
    findings.check(staff, "new password of a link")
    staff.locator("details.sure > summary").click()
    staff.locator("form[action$='/revoke'] button").click()
    findings.check(staff, "revoked link")
    guest.reload()
    findings.check(guest, "link that is not available")


class Autumn:
    """The sample backend, or a server that answers each call with one failure."""

    def __init__(self, store: Store) -> None:
        self._sample = SampleApp(store, limit_per_second=None)
        self.failure: Response | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app: WSGIApplication = self._sample if self.failure is None else self.failure
        return app(environ, start_response)


@pytest.fixture(scope="module")
def autumn(prepared_folder: Callable[[], Path]) -> Iterator[Autumn]:
    store = Store(prepared_folder() / "sample.sqlite3")
    yield Autumn(store)
    store.close()


@pytest.fixture(scope="module")
def keyed_site(tmp_path_factory: pytest.TempPathFactory, autumn: Autumn) -> Iterator[Keyed]:
    """The site with a key, whose users sign in."""
    with listening(autumn) as url:
        site = Keyed(tmp_path_factory.mktemp("keyed"), url, SAMPLE_KEY)
        yield site
        site.stop()


@pytest.fixture(scope="module")
def admin(browse: Callable[[], Page], keyed_site: Keyed) -> Page:
    tab, url = browse(), keyed_site.served.url
    tab.context.add_cookies(
        [{"name": name, "value": value, "url": url} for name, value in keyed_site.http.cookies.items()]
    )
    return tab


def test_account_pages(
    browse: Callable[[], Page], admin: Page, keyed_site: Keyed, findings: Findings
) -> None:
    visitor, url = browse(), keyed_site.served.url
    findings.visit(visitor, url, ["/accounts/login/", "/accounts/inactive/"])
    visitor.goto(f"{url}/accounts/login/")
    visitor.locator("[name=login]").fill("nobody")
    visitor.locator("[name=password]").fill("wrong")
    visitor.keyboard.press("Enter")
    findings.check(visitor, "failed sign-in")
    findings.visit(admin, url, ["/setup/"])
    account = ["logout/", "password/change/", "reauthenticate/", "2fa/", "2fa/totp/activate/"]
    findings.visit(admin, url, [f"/accounts/{path}" for path in account])
    admin.goto(f"{url}/accounts/password/change/")
    for field in admin.locator("main input[type=password]").all():
        field.fill(PASSWORD)
    admin.locator("main button").click()
    findings.check(admin, "refused password")


def test_failures_of_autumn(admin: Page, keyed_site: Keyed, autumn: Autumn, findings: Findings) -> None:
    """With cached data and without any, and a key that it refuses."""
    url = keyed_site.served.url
    admin.goto(url + USAGE)
    has_all_parts(admin)
    autumn.failure = Response("{}", 500)
    admin.locator("[data-refresh]").click()
    expect(admin.locator("[data-notice=stale]").first).to_be_visible()
    findings.check(admin, "cached data")
    findings.visit(
        admin, url, [EVENTS.replace("7d", "24h"), USAGE.replace("30d", "24h"), f"/?range=24h&{TZ}"]
    )
    body = '{"message": "No such key", "code": "invalid_secret_key"}'
    autumn.failure = Response(body, 401, mimetype="application/json")
    findings.visit(admin, url, [USAGE.replace("30d", "90d"), "/setup/"])
    autumn.failure = None


PAGES = [state for state in FIGURES if state.opens is None]


@pytest.mark.parametrize("size", [accessibility.WIDE, accessibility.PHONE], ids=["wide", "phone"])
def test_focus_is_in_sight_and_nothing_moves(
    browse: Callable[[], Page], served: Served, size: ViewportSize
) -> None:
    """Tab visits each control, none below the status bar; parts and charts come without moving others, and
    without animations where motion is reduced.
    """
    tab, wrong = browse(), list[str]()
    tab.set_viewport_size(size)
    tab.add_init_script(f"({accessibility.COUNT_SHIFTS})()")
    for state in PAGES:
        state.show(tab, served.url)
        shifts = accessibility.layout_shifts(tab)
        if sum(shift for shift, _ in shifts) > 0.01:
            wrong.append(f"{state}: {shifts}")
        wrong += [f"{state} moves: {each}" for each in tab.evaluate(accessibility.MOVING)]
        wrong += [f"{state}: {each}" for each in sorted(accessibility.hidden_focus(tab))]
    assert not wrong, "\n".join(wrong)


def test_pages_without_script(chromium: Browser, served: Served) -> None:
    """They have their content, forms can be submitted, and no control needs script."""
    context = chromium.new_context(viewport=accessibility.WIDE, java_script_enabled=False)
    tab, wrong = context.new_page(), list[str]()
    for state in PAGES:
        tab.goto(served.url + state.address)
        expect(tab.locator("h1")).to_be_visible()
        expect(tab.locator("main")).not_to_be_empty()
        wrong += [f"{state}: {each}" for each in tab.evaluate(accessibility.NEEDS_SCRIPT)]
    context.close()
    assert not wrong, "\n".join(wrong)


def test_forced_colors_keep_the_colors_of_data(browse: Callable[[], Page], served: Served) -> None:
    """Legend and bars have as many colors as they have without; links that are current are framed."""
    tab = browse()
    PageState(f"{USAGE}&group_by=properties.region").show(tab, served.url)
    chosen = tab.evaluate(accessibility.LEGEND_COLORS)
    assert len(set(chosen)) == len(chosen) > 3
    tab.emulate_media(forced_colors="active")
    assert tab.evaluate(accessibility.LEGEND_COLORS) == chosen
    card = tab.locator(".feature-card[aria-current]")
    assert card.evaluate("card => getComputedStyle(card).outlineStyle") == "solid"
