"""No choice is lost: overlapping actions, failing requests, and controls that show what the chart does."""

from __future__ import annotations

import random
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.dashboard.live_site import NAME, PASSWORD, Keyed, listening
from usage.sample import SAMPLE_KEY, SampleApp, Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

pytestmark = pytest.mark.slow

ACME = "acme-robotics"
AWAY_S = 2.0
SETTLED_MS = 15_000
PROXY_PAGE = "<html><body><h1>502 Bad Gateway</h1></body></html>"


class Slow:
    """An Autumn that is `seconds` away."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self.seconds = 0.0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        time.sleep(self.seconds)
        return self.app(environ, start_response)


@pytest.fixture(scope="module")
def autumn(prepared_folder: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    story = shutil.copy2(prepared_folder() / "sample.sqlite3", tmp_path_factory.mktemp("autumn"))
    store = Store(Path(story))
    yield Slow(SampleApp(store))
    store.close()


@pytest.fixture(scope="module")
def site(autumn: Slow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    with listening(autumn) as url:
        made = Keyed(tmp_path_factory.mktemp("keyed"), url, SAMPLE_KEY)
        yield made
        made.stop()


@pytest.fixture
def tab(chromium: Browser, site: Keyed, autumn: Slow) -> Iterator[Page]:
    """A tab of a person who is signed in, in front of an Autumn that is near until `away` says otherwise."""
    autumn.seconds = 0.0
    context = chromium.new_context(
        base_url=site.served.url, viewport={"width": 1360, "height": 1010}, timezone_id="Europe/Berlin"
    )
    context.add_cookies(
        [{"name": name, "value": value, "url": site.served.url} for name, value in site.http.cookies.items()]
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security" in said.text else None)
    yield page
    context.close()
    autumn.seconds = 0.0
    assert errors == []


def shown(tab: Page) -> dict[str, list[str]]:
    """The parameters of the picture on display."""
    address = tab.locator("#view").get_attribute("data-address") or ""
    return parse_qs(urlsplit(address).query)


def at_rest(tab: Page) -> dict[str, list[str]]:
    """The same, once nothing is on its way; controls and address show what the chart shows."""
    expect(tab.locator("body:not([data-pending]) #view:not(.htmx-request)")).to_be_visible(timeout=SETTLED_MS)
    query = shown(tab)
    in_address = parse_qs(urlsplit(tab.url).query)
    assert {name: value for name, value in in_address.items() if value != ["30d"]} == query
    controls = tab.evaluate("Object.fromEntries(new FormData(document.querySelector('#filters')))")
    expected = {"range": "" if "start" in query else "30d", "group_by": "", "bin_size": "", "tz": "UTC"}
    for name, default in expected.items():
        assert controls.get(name, "") == query.get(name, [default])[0], name
    assert ("compare" in controls) == ("compare" in query)
    return query


def opened(tab: Page, autumn: Slow, address: str, away_s: float = AWAY_S) -> None:
    """A page on display; from then on Autumn is away."""
    autumn.seconds = 0.0
    tab.goto(address)
    expect(tab.locator("#view:not([data-failed])")).to_be_visible(timeout=SETTLED_MS)
    autumn.seconds = away_s


def test_later_choice_of_one_parameter_holds(tab: Page, autumn: Slow) -> None:
    opened(tab, autumn, f"/usage/?customer_id={ACME}&tz=UTC")
    tab.select_option("#f-range", "90d")
    tab.wait_for_timeout(400)
    tab.select_option("#f-range", "7d")
    assert at_rest(tab)["range"] == ["7d"]
    expect(tab.locator(".figures tbody tr")).to_have_count(7)


@pytest.mark.slow
def test_choices_of_two_parameters_both_hold(tab: Page, autumn: Slow) -> None:
    opened(tab, autumn, "/usage/?customer_id=globex&tz=UTC")
    tab.locator("[name=compare][type=checkbox]").check()
    tab.select_option("#f-group_by", "$entity_id")
    query = at_rest(tab)
    assert query["compare"] == ["previous"]
    assert query["group_by"] == ["$entity_id"]


@pytest.mark.slow
def test_link_drawn_before_a_choice_does_not_undo_it(tab: Page, autumn: Slow) -> None:
    """Not the links of the view, nor those of the navigation."""
    opened(tab, autumn, "/usage/?customer_id=hooli&tz=UTC")
    tab.locator("[name=compare][type=checkbox]").check()
    tab.locator("[aria-label='Chart type'] a", has_text="Lines").click()
    query = at_rest(tab)
    assert (query["compare"], query["chart"]) == (["previous"], ["lines"])
    tab.select_option("#f-range", "90d")
    tab.locator("#nav a[href^='/events/']").click()
    tab.wait_for_url("**/events/?**range=90d**")
    assert shown(tab)["compare"] == ["previous"]


def test_search_for_a_customer_takes_the_pending_choice_along(tab: Page, autumn: Slow) -> None:
    opened(tab, autumn, "/usage/?customer_id=initech&tz=UTC", 1)
    tab.select_option("#f-range", "90d")
    tab.fill("#find-customer", "hooli")
    tab.locator("#find-customer-list [data-customer-id=hooli]").click()
    tab.wait_for_url(re.compile("customer_id=hooli.*range=90d"))


def test_saved_view_opens_as_it_was_saved_while_a_choice_is_pending(tab: Page, autumn: Slow) -> None:
    """Saving takes the pending choice along; opening does not."""
    opened(tab, autumn, "/events/?range=7d&tz=UTC", AWAY_S)
    tab.select_option("#f-range", "24h")
    tab.locator("[data-save-view]").click()
    tab.get_by_label("Name").fill("Last day")
    tab.get_by_role("button", name="Save view").click()
    tab.wait_for_url("**/events/?range=24h&tz=UTC")
    opened(tab, autumn, "/?range=24h&tz=UTC", AWAY_S)
    tab.select_option("#f-range", "90d")
    tab.locator("a[data-saved-view]").first.click()
    tab.wait_for_url("**/events/?range=24h&tz=UTC")


@pytest.mark.slow
def test_choice_right_after_a_swap_is_sent(tab: Page, autumn: Slow) -> None:
    """A box that is ticked as soon as the new picture is there."""
    opened(tab, autumn, "/usage/?customer_id=stark-logistics&tz=UTC", 0)
    tab.evaluate(
        """document.addEventListener("htmx:afterSwap", ({ detail }) => detail.target.id === "view" &&
        setTimeout(() => document.querySelector("[name=compare]").click()), { once: true })"""
    )
    tab.select_option("#f-range", "7d")
    tab.wait_for_url("**compare=previous**")
    assert at_rest(tab)["range"] == ["7d"]


@pytest.mark.slow
def test_keys_through_a_list_send_the_last_one_once(tab: Page, autumn: Slow) -> None:
    opened(tab, autumn, f"/usage/?customer_id={ACME}&tz=UTC&range=24h", 0)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url) if "range=" in request.url else None)
    tab.focus("#f-range")
    for _ in range(2):
        tab.keyboard.press("ArrowDown")
    assert tab.locator("#f-range").input_value() not in ("24h", "7d")
    at_rest(tab)
    assert len([url for url in asked if "/usage/?" in url]) == 1


@pytest.mark.slow
def test_text_half_typed_stays_through_a_swap(tab: Page, autumn: Slow) -> None:
    opened(tab, autumn, "/events/?customer_id=globex&tz=UTC", 0.5)
    tab.select_option("#f-range", "7d")
    tab.fill("#f-value_min", "12")
    tab.wait_for_url("**range=7d**")
    expect(tab.locator("#f-value_min")).to_have_value("12")
    expect(tab.locator("#f-value_min")).to_be_focused()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**value_min=12**")
    assert shown(tab)["range"] == ["7d"]


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True])
def test_menu_half_filled_stays_through_a_swap(tab: Page, autumn: Slow, fails: bool) -> None:
    """And through one that fails: all of its fields, open, and with the focus."""
    opened(tab, autumn, f"/usage/?customer_id={ACME}&tz=UTC", 0)
    held: list[Route] = []
    tab.route("**bin_size=week**", lambda route: held.append(route), times=1)
    tab.select_option("#f-bin_size", "week")
    tab.locator("#filter-shown").click()
    tab.select_option("#f-filter_property", "region")
    tab.select_option("#f-filter_is", "not")
    tab.fill("#f-filter_value", "us")
    if fails:
        held[0].abort()
        expect(tab.locator("[data-notice=request-failed]")).to_be_visible()
    else:
        held[0].continue_()
        expect(tab.locator("#view")).to_have_attribute("data-address", re.compile("bin_size=week"))
    expect(tab.locator("#f-filter_value")).to_have_value("us")
    expect(tab.locator("#f-filter_value")).to_be_focused()
    tab.keyboard.type("-east")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**exclude=region%3Aus-east**")
    assert ("bin_size" in shown(tab)) != fails


@pytest.mark.slow
def test_choice_before_the_scripts_are_there_is_sent(tab: Page, autumn: Slow) -> None:
    autumn.seconds = 0.0
    held: list[Route] = []
    tab.route("**/choices*.js", lambda route: held.append(route), times=1)
    tab.goto(f"/usage/?customer_id={ACME}&tz=UTC", wait_until="commit")
    tab.select_option("#f-range", "7d")
    tab.locator("[name=compare][type=checkbox]").check()
    held[0].continue_()
    tab.wait_for_url("**range=7d**")
    assert at_rest(tab) == {"customer_id": [ACME], "tz": ["UTC"], "range": ["7d"], "compare": ["previous"]}


def test_offline_choice_is_named_and_can_be_retried(tab: Page, autumn: Slow) -> None:
    """The control shows what the chart shows; Retry sends the choice, with those made since."""
    opened(tab, autumn, f"/usage/?customer_id={ACME}&tz=UTC&range=30d", 0)
    tab.context.set_offline(True)
    tab.select_option("#f-range", "7d")
    notice = tab.locator("#view > [data-notice=request-failed]")
    expect(notice).to_be_visible()
    assert "range" not in at_rest(tab)
    expect(tab.locator(".figures tbody tr")).to_have_count(30)
    tab.context.set_offline(False)
    tab.locator("[name=compare][type=checkbox]").check()
    tab.wait_for_url("**compare=previous**")
    expect(notice).to_have_count(0)
    tab.context.set_offline(True)
    tab.select_option("#f-range", "7d")
    expect(notice).to_be_visible()
    tab.context.set_offline(False)
    tab.locator("[data-retry]").click()
    tab.wait_for_url("**range=7d**")
    assert at_rest(tab)["compare"] == ["previous"]


@pytest.mark.parametrize("status", [200, 414, 502])
def test_proxys_page_never_replaces_the_view(tab: Page, autumn: Slow, status: int) -> None:
    """Neither that of the view nor those of its parts."""
    opened(tab, autumn, "/events/?customer_id=hooli&tz=UTC&range=30d", 0)

    def answer(route: Route) -> None:
        if route.request.headers.get("hx-request"):
            route.fulfill(status=status, content_type="text/html", body=PROXY_PAGE)
        else:
            route.continue_()

    tab.route("**/*", answer)
    tab.select_option("#f-range", "7d")
    expect(tab.locator("#view > [data-notice=request-failed]")).to_be_visible()
    assert "Bad Gateway" not in tab.content()
    assert tab.locator("#f-range").input_value() == "30d"
    expect(tab.locator("table.rows tbody tr").first).to_be_visible()


@pytest.mark.parametrize("failure", ["offline", "proxy"])
def test_bar_that_does_not_open_is_named(tab: Page, autumn: Slow, failure: str) -> None:
    opened(tab, autumn, f"/usage/?customer_id={ACME}&tz=UTC&range=7d", 0)
    if failure == "offline":
        tab.context.set_offline(True)
    else:
        tab.route("**/events/?*", lambda route: route.fulfill(status=502, body=PROXY_PAGE))
    tab.focus(".chart")
    tab.keyboard.press("End")
    tab.keyboard.press("Enter")
    expect(tab.locator("#view > [data-notice=request-failed]")).to_be_visible()
    assert "Bad Gateway" not in tab.content()
    tab.context.set_offline(False)
    tab.unroute_all()
    tab.locator("[data-retry]").click()
    expect(tab.locator("#events-in-view[data-drilldown]")).to_be_visible()


def test_bar_chosen_while_the_view_changes_opens_after_it(tab: Page, autumn: Slow) -> None:
    opened(tab, autumn, "/usage/?customer_id=globex&tz=UTC&range=7d", 1)
    tab.locator("[aria-label='Chart type'] a", has_text="Cumulative").click()
    tab.focus(".chart")
    tab.keyboard.press("Home")
    tab.keyboard.press("Enter")
    expect(tab.locator("#events-in-view[data-drilldown]")).to_be_visible(timeout=SETTLED_MS)
    assert shown(tab)["chart"] == ["cumulative"]


def test_bar_reached_by_keys_stays_when_the_view_changes(tab: Page, autumn: Slow) -> None:
    opened(tab, autumn, "/usage/?customer_id=globex&tz=UTC&range=7d", 1)
    tab.locator("[aria-label='Chart type'] a", has_text="Cumulative").click()
    tab.focus(".chart")
    tab.keyboard.press("Home")
    assert at_rest(tab)["chart"] == ["cumulative"]
    expect(tab.locator(".chart .cursor")).to_be_visible()
    tab.keyboard.press("Enter")
    expect(tab.locator("#events-in-view[data-drilldown]")).to_be_visible(timeout=SETTLED_MS)


def test_invalid_choice_keeps_the_chart(tab: Page, autumn: Slow) -> None:
    """Its sentence is beside its field, with what was typed; a choice made with it holds."""
    opened(tab, autumn, f"/usage/?customer_id={ACME}&tz=UTC&range=30d", 0.5)
    tab.select_option("#f-group_by", "$entity_id")
    tab.locator("#pick-dates summary").click()
    tab.fill("#f-start", "2026-11-20")
    tab.fill("#f-end", "2026-11-10")
    tab.press("#f-end", "Enter")
    expect(tab.locator("#start-error")).to_be_visible(timeout=SETTLED_MS)
    expect(tab.locator("#f-start")).to_have_value("2026-11-20")
    expect(tab.locator("#f-end")).to_have_value("2026-11-10")
    expect(tab.locator("#f-start")).to_have_attribute("aria-describedby", "start-error")
    expect(tab.locator(".chart")).to_be_visible()
    assert at_rest(tab)["group_by"] == ["$entity_id"]
    tab.fill("#f-end", "2026-11-20")
    tab.press("#f-end", "Enter")
    tab.wait_for_url(re.compile(r"start=\d+"))
    expect(tab.locator("#start-error")).to_have_count(0)


def test_filters_and_dates_chosen_in_a_row_all_hold(tab: Page, autumn: Slow) -> None:
    """Chosen, typed, a date and a preset of something else, while the first is on its way."""
    opened(tab, autumn, f"/usage/?customer_id={ACME}&tz=UTC")
    tab.locator("#filter-shown").click()
    tab.select_option("#f-filter_property", "status")
    expect(tab.locator("#f-filter_value")).to_have_attribute("list", re.compile("values-"))
    tab.fill("#f-filter_value", "200")
    tab.press("#f-filter_value", "Enter")
    tab.locator("#filter-shown").click()
    tab.fill("#f-filter", "region!=us-east")
    tab.press("#f-filter", "Enter")
    tab.locator("#dates-shown").click()
    tab.fill("#f-start", "2026-11-20")
    tab.fill("#f-start_time", "14:00")
    tab.fill("#f-end_time", "16:00")
    tab.press("#f-end_time", "Enter")
    tab.select_option("#f-bin_size", "hour")
    query = at_rest(tab)
    assert (query["filter"], query["exclude"]) == (["status:200"], ["region:us-east"])
    assert query["bin_size"] == ["hour"]
    assert int(query["end"][0]) - int(query["start"][0]) == 2 * 3_600_000
    expect(tab.locator("[data-condition]")).to_have_count(2)


def test_zone_and_times_are_read_together(tab: Page, autumn: Slow) -> None:
    """The dates in the fields are those of the zone beside them; a preset stays one."""
    opened(tab, autumn, f"/usage/?customer_id={ACME}&tz=UTC", 0)
    tab.locator("#dates-shown").click()
    tab.fill("#f-tz", "America/New_York")
    tab.press("#f-tz", "Enter")
    tab.wait_for_url("**tz=America%2FNew_York**")
    assert "start" not in at_rest(tab)
    tab.locator("#dates-shown").click()
    tab.fill("#f-start", "2026-11-19")
    tab.fill("#f-start_time", "14:00")
    tab.fill("#f-end_time", "16:00")
    tab.fill("#f-tz", "Europe/Berlin")
    tab.press("#f-tz", "Enter")
    tab.wait_for_url("**tz=Europe%2FBerlin**")
    assert shown(tab)["start"] == ["1795093200000"]
    tab.locator("#dates-shown").click()
    tab.fill("#f-tz", "America/New_York")
    tab.press("#f-tz", "Enter")
    tab.wait_for_url("**tz=America%2FNew_York**")
    assert shown(tab)["start"] == ["1795114800000"]


def test_unclear_filter_is_answered_beside_its_field(tab: Page, autumn: Slow) -> None:
    """What was typed stays, and so does the list."""
    opened(tab, autumn, f"/events/?customer_id={ACME}&tz=UTC", 0)
    tab.locator("#filter-shown").click()
    tab.fill("#f-filter", "status>500")
    tab.press("#f-filter", "Enter")
    expect(tab.locator("#filter_text-error")).to_be_visible()
    expect(tab.locator("#f-filter")).to_have_value("status>500")
    expect(tab.locator("table.rows tbody tr").first).to_be_visible()
    tab.fill("#f-filter", "")
    tab.select_option("#f-filter_property", "status")
    tab.press("#f-filter_value", "Enter")
    expect(tab.locator("#filter_value-error")).to_be_visible()
    expect(tab.locator("#f-filter_property")).to_have_value("status")
    tab.select_option("#f-filter_property", "")
    tab.fill("#f-filter", ".".join("abcdefghijkl") + "=1")
    tab.press("#f-filter", "Enter")
    expect(tab.locator("#filter-error")).to_be_visible()
    tab.fill("#f-filter", "statu=503")
    tab.press("#f-filter", "Enter")
    tab.locator("[data-meant]").click(timeout=SETTLED_MS)
    tab.wait_for_url("**filter=status%3A503**")
    expect(tab.locator("table.rows tbody tr").first).to_be_visible(timeout=SETTLED_MS)


def test_busy_answer_keeps_the_picture_and_asks_again(tab: Page, autumn: Slow) -> None:
    """A choice made meanwhile holds too."""
    opened(tab, autumn, "/usage/?customer_id=hooli&tz=UTC&range=30d", 0)
    busy = (
        '<div id="view" data-address="/usage/" data-failed><section class="card empty" role="alert" '
        'data-notice="busy" hx-get="/usage/?range=7d" hx-trigger="load delay:1.5s" data-asks-again>'
        "<h2>Busy</h2><p>Soon.</p></section></div>"
    )
    headers = {"Usage-Dashboard": "1", "Content-Type": "text/html"}
    tab.route("**/usage/?*range=7d*", lambda route: route.fulfill(body=busy, headers=headers), times=1)
    tab.select_option("#f-range", "7d")
    expect(tab.locator("#view > [data-notice=busy]")).to_be_visible()
    expect(tab.locator(".figures tbody tr")).to_have_count(30)
    tab.wait_for_url("**range=7d**")
    expect(tab.locator("[data-notice=busy]")).to_have_count(0)
    at_rest(tab)


@pytest.mark.slow
def test_failing_autumn_keeps_the_picture(tab: Page, autumn: Slow) -> None:
    """The notice says why, and the control shows what the chart shows."""
    opened(tab, autumn, "/usage/?customer_id=stark-logistics&tz=UTC&range=30d", 0)
    app, autumn.app = autumn.app, failing
    try:
        tab.select_option("#f-range", "180d")
        expect(tab.locator("#view > [role=alert]")).to_be_visible(timeout=SETTLED_MS)
    finally:
        autumn.app = app
    expect(tab.locator(".chart")).to_be_visible()
    assert "range" not in at_rest(tab)
    with tab.expect_request(re.compile("range=180d")):
        tab.locator("[data-retry]").click()


def failing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("500 Broken", [("Content-Length", "0")])
    return [b""]


@pytest.mark.slow
def test_ended_session_leads_through_sign_in_to_the_chosen_view(tab: Page, autumn: Slow) -> None:
    opened(tab, autumn, f"/usage/?customer_id={ACME}&tz=UTC&range=30d", 0)
    tab.context.clear_cookies()
    tab.select_option("#f-range", "7d")
    tab.wait_for_url("**/accounts/login/**")
    tab.fill("[name=login]", NAME)
    tab.fill("[name=password]", PASSWORD)
    tab.press("[name=password]", "Enter")
    tab.wait_for_url("**/usage/**")
    assert at_rest(tab)["range"] == ["7d"]


@pytest.mark.slow
def test_first_visit_moves_to_the_browsers_zone(chromium: Browser, site: Keyed) -> None:
    """Every link from it is in that zone."""
    context = chromium.new_context(base_url=site.served.url, timezone_id="America/New_York")
    context.add_cookies(
        [{"name": name, "value": value, "url": site.served.url} for name, value in site.http.cookies.items()]
    )
    tab = context.new_page()
    tab.goto("/")
    expect(tab.locator("#view:not([data-first-visit])")).to_be_visible()
    tab.locator("#nav a[href^='/usage/']").click()
    tab.wait_for_url(re.compile("/usage/.*tz=America%2FNew_York"))
    context.close()


@pytest.mark.slow
def test_hidden_lines_are_in_the_address(tab: Page, autumn: Slow) -> None:
    """By mouse, key, and without script; two in a row are both hidden, and Back shows the last one."""
    opened(tab, autumn, f"/usage/?customer_id={ACME}&tz=UTC&range=7d&group_by=properties.model", 1)
    rows = tab.locator(".legend tr[data-group-kind=value]")
    names = [rows.nth(at).get_attribute("data-group") or "" for at in range(2)]
    rows.nth(0).locator("[data-hides]").click()
    rows.nth(1).locator("td").first.click(modifiers=["Shift"])
    assert at_rest(tab)["hide"] == sorted(names)
    assert tab.locator(".still .bar").count() == len(tab.locator(".legend tr[data-line]").all()) - 2
    tab.locator("[aria-label='Chart type'] a", has_text="Lines").click()
    assert sorted(at_rest(tab)["hide"]) == sorted(names)
    tab.locator(".legend tr.gone [data-hides]").first.click()
    assert len(at_rest(tab)["hide"]) == 1


@pytest.mark.slow
def test_shares_become_bars_when_groups_are_removed(tab: Page, autumn: Slow) -> None:
    """With a group chosen, too: it goes with what it is a group of."""
    grouped = "group_by=properties.model&group=gpt-large&chart=percent"
    opened(tab, autumn, f"/usage/?customer_id={ACME}&tz=UTC&range=7d&{grouped}", 0)
    tab.select_option("#f-group_by", "")
    assert at_rest(tab).keys() == {"customer_id", "range", "tz"}
    expect(tab.locator(".chart .bar")).to_have_count(1)


@pytest.mark.slow
def test_printed_chart_is_the_pages_own(tab: Page, autumn: Slow) -> None:
    """On paper: the bars that fit its width, the legend's colors, and the light theme."""
    opened(tab, autumn, f"/usage/?customer_id={ACME}&tz=UTC&range=7d&group_by=properties.model", 0)
    tab.locator(".chart").hover()
    expect(tab.locator(".chart.drawn")).to_be_visible()
    tab.emulate_media(media="print", color_scheme="dark")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    expect(tab.locator(".chart .live")).to_be_hidden()
    expect(tab.locator(".chart .still")).to_be_visible()
    assert tab.locator(".legend .dot").first.evaluate("e => getComputedStyle(e).printColorAdjust") == "exact"


def test_condition_that_nothing_meets_says_what_to_drop(tab: Page, autumn: Slow) -> None:
    opened(tab, autumn, "/events/?customer_id=initech&tz=UTC&range=7d&filter=status:999", 0)
    expect(tab.locator("[data-cause=filters]")).to_be_visible(timeout=SETTLED_MS)
    tab.locator("[data-clear=filter]").first.click()
    tab.wait_for_url(lambda url: "filter" not in url)
    expect(tab.locator("table.rows tbody tr").first).to_be_visible(timeout=SETTLED_MS)
    assert "filter" not in at_rest(tab)


ACTIONS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "90 days": ("range", lambda tab: choose(tab, "range", "90d")),
    "7 days": ("range", lambda tab: choose(tab, "range", "7d")),
    "earlier": ("range", lambda tab: tab.locator("[data-key='[']").click()),
    "by entity": ("group_by", lambda tab: choose(tab, "group_by", "$entity_id")),
    "by plan": ("group_by", lambda tab: choose(tab, "group_by", "$plan_id")),
    "compare": ("compare", lambda tab: tab.locator("[name=compare][type=checkbox]").check()),
    "weeks": ("bin_size", lambda tab: choose(tab, "bin_size", "week")),
    "lines": ("chart", lambda tab: tab.locator("[aria-label='Chart type'] a", has_text="Lines").click()),
    "sums": ("chart", lambda tab: tab.locator("[aria-label='Chart type'] a", has_text="Cumulative").click()),
    "panels": ("chart", lambda tab: tab.locator("[aria-label='Chart type'] a", has_text="Panels").click()),
}
RESULTS = {
    "90 days": ("range", "90d"),
    "7 days": ("range", "7d"),
    "by entity": ("group_by", "$entity_id"),
    "by plan": ("group_by", "$plan_id"),
    "compare": ("compare", "previous"),
    "weeks": ("bin_size", "week"),
    "lines": ("chart", "lines"),
    "sums": ("chart", "cumulative"),
    "panels": ("chart", "panels"),
}


def choose(tab: Page, name: str, value: str) -> None:
    tab.select_option(f"#f-{name}", value)


@pytest.mark.slow
def test_random_pairs_of_actions(tab: Page, autumn: Slow) -> None:
    """Of one parameter the later one holds, of different ones both."""
    assert_pairs_hold(tab, autumn, 5)


def assert_pairs_hold(tab: Page, autumn: Slow, count: int) -> None:
    """So many random pairs of actions, up to two seconds apart."""
    chance = random.Random(count)
    for at in range(count):
        first, second = chance.sample(list(ACTIONS), 2)
        customer = chance.choice([ACME, "globex", "hooli", "initech", "stark-logistics"])
        opened(tab, autumn, f"/usage/?customer_id={customer}&tz=UTC&value_min=-{at}&range=30d")
        ACTIONS[first][1](tab)
        tab.wait_for_timeout(chance.uniform(0, 2000))
        ACTIONS[second][1](tab)
        query = at_rest(tab)
        for name in (first, second):
            if name == first and ACTIONS[first][0] == ACTIONS[second][0]:
                continue
            if name == "earlier":
                assert "start" in query, (first, second)
                assert "range" not in query
            else:
                parameter, value = RESULTS[name]
                assert query.get(parameter) == [value], (first, second, query)
