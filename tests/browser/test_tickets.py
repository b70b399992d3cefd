"""Five support tickets, from the overview to what the customer gets, with the clicks and keys they take.

A choice in a list is two clicks, a drag is one, and each character typed is a key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import Served

pytestmark = pytest.mark.slow

NEW_YORK = ZoneInfo("America/New_York")


@dataclass
class Hands:
    """A person at a page: what they do, counted."""

    page: Page
    clicks: int = 0
    keys: int = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.keys += 1

    def find_customer(self, typed: str) -> None:
        """From any page, by a part of the name."""
        self.press("/", *typed)
        expect(self.page.get_by_role("option").first).to_be_visible()
        self.press("Enter")

    def click(self, target: Locator) -> None:
        target.click()
        self.clicks += 1

    def select(self, selector: str, value: str) -> None:
        """Open a list, and choose."""
        self.page.select_option(selector, value)
        self.clicks += 2
        expect(self.page.locator("body:not([data-pending])")).to_be_visible()

    def drag(self, first: datetime, last: datetime) -> None:
        """Over the bars of the large chart, from the one that begins at `first` to the one at `last`."""
        chart = self.page.locator(".chart.drawn")
        expect(chart).to_be_visible()
        edges = json.loads(chart.locator("script.figure").text_content() or "")["edges"]
        bars = [edges.index(int(at.timestamp() * 1000)) for at in (first, last)]
        plot = chart.locator(".plot")
        plot.scroll_into_view_if_needed()
        box: Any = plot.bounding_box()
        width, height = box["width"] / (len(edges) - 1), box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + width * (bars[0] + 0.3), height)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + width * (bars[1] + 0.7), height, steps=4)
        self.page.mouse.up()
        self.clicks += 1
        self.page.wait_for_url(lambda url: f"start={edges[bars[0]]}" in url)
        expect(self.page.locator("#view:not(.htmx-request)")).to_be_visible()


@pytest.fixture
def hands(chromium: Browser, served: Served) -> Iterator[Hands]:
    """A person in New York, on the overview, whom it knows."""
    context = chromium.new_context(
        base_url=served.url, viewport={"width": 1360, "height": 1010}, timezone_id="America/New_York"
    )
    page = context.new_page()
    page.goto("/")
    page.goto("/")
    expect(page.locator("[aria-keyshortcuts='/']:visible").first).to_be_visible()
    expect.set_options(timeout=20_000)  # some answers take ten calls
    yield Hands(page)
    expect.set_options(timeout=5_000)
    context.close()


def days_ago(days: int) -> datetime:
    """A midnight in New York."""
    today = datetime.now(NEW_YORK).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today - timedelta(days=days)).replace(tzinfo=NEW_YORK)


def test_who_used_tokens_on_thursday_afternoon(hands: Hands) -> None:
    """AI tokens of two hours by model, their events, and a link of seven days that shows model and region."""
    thursday = days_ago((datetime.now(NEW_YORK).weekday() - 3) % 7 or 7)
    page = hands.page
    hands.find_customer("acme")
    expect(page.locator("#view .chart[data-feature]")).to_be_visible()
    if page.locator(".chart[data-feature=ai_tokens]").count() == 0:
        hands.click(page.locator("[data-feature=ai_tokens]"))
        expect(page.locator(".chart[data-feature=ai_tokens]")).to_be_visible()
    hands.drag(thursday, thursday)
    hands.drag(thursday + timedelta(hours=14), thursday + timedelta(hours=15))
    hands.select("#f-group_by", "properties.model")
    rows = page.locator("[data-legend] [data-group-kind=value]")
    expect(rows.first).to_be_visible()
    expect(page.locator("#events-in-view table.rows tbody tr").first).to_be_visible()
    hands.click(page.locator("#view a[href^='/shares/new']"))
    for path in ("model", "region"):
        hands.click(page.locator(f"[name=properties][value={path}]"))
    if page.locator("#s-life").input_value() != "7":
        hands.select("#s-life", "7")
    hands.click(page.locator("[name=recipient]"))
    hands.press(*"Ada")
    hands.press("Enter")
    expect(page.locator("[data-takes=link]")).to_be_visible()
    assert hands.clicks <= 10, hands.clicks
    assert hands.keys <= 30, hands.keys


def test_errors_of_yesterday_evening(hands: Hands, tmp_path: Path) -> None:
    """Counted, and exported."""
    page, yesterday = hands.page, days_ago(1)
    hands.find_customer("hool")
    hands.drag(yesterday, yesterday)
    hands.drag(yesterday + timedelta(hours=18), yesterday + timedelta(hours=23))
    hands.press("e")
    errors = page.locator(".facets [data-path=status][data-value='503'] a:not(.but)")
    expect(errors).to_be_attached()
    if not errors.is_visible():
        hands.click(errors.locator("xpath=ancestor::details[1]/summary"))
    hands.click(errors)
    page.wait_for_url(lambda url: "filter=status" in url)
    counted = page.locator("[data-matches]:not([data-matches=''])")
    expect(counted.first).to_be_visible()
    with page.expect_download() as started:
        hands.click(page.locator("a[data-export][href*='.csv']"))
    started.value.save_as(tmp_path / "file.csv")
    rows = (tmp_path / "file.csv").read_text().splitlines()[1:]
    assert len(rows) == int(counted.first.get_attribute("data-matches") or "")
    assert hands.clicks <= 5, hands.clicks
    assert hands.keys <= 12, hands.keys


def test_last_month_by_region(hands: Hands) -> None:
    """Against the month before: the picture, and the table."""
    page = hands.page
    hands.find_customer("gl")
    hands.select("#f-range", "last_month")
    hands.select("#f-group_by", "properties.region")
    hands.press("c")
    expect(page.locator("[data-compared]")).to_be_visible()
    hands.press("t")
    expect(page.locator("#view details.figures table")).to_be_visible()
    hands.click(page.locator("summary[aria-label=Download]"))
    with page.expect_download():
        hands.click(page.locator("[data-download=png]"))
    assert hands.clicks <= 6, hands.clicks
    assert hands.keys <= 6, hands.keys


def test_why_usage_doubled(hands: Hands) -> None:
    """From the customer's usage page; it can be cancelled, and nothing follows then."""
    page = hands.page
    page.goto("/usage/?customer_id=hooli")
    hands.click(page.locator("#filters [name=compare]"))
    explain = page.locator(".card > header [data-explain]")
    hands.click(explain)
    answer = page.locator("[data-cause]:not([aria-busy])")
    expect(answer).to_have_attribute("data-cause", "single")
    expect(answer.locator("tr[data-path]").first).to_have_attribute("data-value", "batch-job@hooli.example")
    assert (hands.clicks, hands.keys) == (2, 0)
    page.locator("[data-close-explain]").click()
    expect(page.locator("[data-cause]")).to_have_count(0)
    expect(explain).to_be_focused()


def test_customer_whose_tokens_moved_most(hands: Hands) -> None:
    """And on which days: from the overview, without a key."""
    page = hands.page
    if page.locator("[data-moved-feature=ai_tokens].chosen").count() == 0:
        hands.click(page.locator("[data-moved-feature=ai_tokens] a"))
        expect(page.locator("[data-moved-feature=ai_tokens].chosen")).to_be_visible()
    first = page.locator("[data-moved-customer]").first
    customer = first.get_attribute("data-moved-customer")
    hands.click(first.locator("a"))
    page.wait_for_url(lambda url: f"customer_id={customer}" in url)
    expect(page.locator(".chart[data-feature=ai_tokens]")).to_be_visible()
    expect(page.locator("[data-compared]")).to_be_visible()
    assert hands.clicks <= 4, hands.clicks
    assert hands.keys == 0


def test_explanation_that_is_interrupted_can_be_continued(hands: Hands) -> None:
    """Offline, before its first step; what was on the page stays."""
    page = hands.page
    page.goto("/usage/?customer_id=hooli&compare=previous&range=7d")
    expect(page.locator(".chart.drawn")).to_be_visible()
    page.context.set_offline(True)
    page.locator(".card > header [data-explain]").click()
    retry = page.locator("#explain-place [data-notice=request-failed] [data-retry]")
    expect(retry).to_be_visible()
    expect(page.locator(".chart.drawn")).to_be_visible()
    page.context.set_offline(False)
    retry.click()
    expect(page.locator("[data-cause]:not([aria-busy])")).to_be_visible()
    expect(retry).to_have_count(0)
