"""The measure of charts on pages and in files, on servers of each age."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.dashboard.events.event_site import EventSite, event_site
from tests.page import Page
from tests.usage.sample_service import DAY, HOUR, NOW
from tests.usage.test_measures import with_deductions, with_events

AGES = ("older", "current", "newest")
MINE: dict[str, Any] = {"customer_id": "cus_1", "tz": "UTC", "range": "7d"}
Opened = Callable[[str], EventSite]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[Opened]:
    """The site over an empty Autumn of an age."""
    with ExitStack() as stack:
        yield lambda age: stack.enter_context(event_site(monkeypatch, age=age))


def cards(page: Page) -> dict[str | None, str | None]:
    return {card["data-feature"]: card["data-sum"] for card in page.all("a", class_="feature-card")}


def legend(page: Page) -> dict[str | None, str | None]:
    return {row["data-group"]: row["data-sum"] for row in page.all("tr", data_group=True)}


def usage_file(site: EventSite, **params: Any) -> list[dict[str, str]]:
    response = site.client.get("/usage/export.csv", {**MINE, **params})
    assert response.status_code == 200, response.content.decode()
    return list(csv.DictReader(io.StringIO(response.content.decode(), newline="")))


def chosen(page: Page) -> list[str | None]:
    return [each["value"] for each in page.one("select", name="measure").all("option", selected=True)]


def test_page_of_events(opened: Opened) -> None:
    site = opened("newest")
    with_events(site.autumn)
    page = site.get("/usage/", **MINE, measure="count")
    assert cards(page) == {"messages": "9", "tokens": "2"}
    assert chosen(page) == ["count"]
    line = page.one(data_shown=True)
    assert (line["data-reconciled"], line["data-shown"], line["data-total"]) == ("yes", "9", "9")
    plain, counted = (page.one("h2", id="chart-title").text for page in (site.get("/usage/", **MINE), page))
    assert plain != counted
    rows = usage_file(site, measure="count")
    assert {(row["measure"], row["unit"]) for row in rows} == {("count", "events")}
    assert sum(float(row["value"]) for row in rows if row["feature_id"] == "messages") == 9


@pytest.mark.parametrize("age", AGES[1:])
def test_page_of_deductions(opened: Opened, age: str) -> None:
    """Balances are named by their plan and ID; there is no tick without a total of Autumn."""
    site = opened(age)
    with_deductions(site.autumn)
    page = site.get("/usage/", **MINE, measure="deducted")
    assert cards(page) == {"credits": "9.5", "messages": "3"}
    assert legend(page) == {"b_1": "6", "b_2": "3.5"}
    for row, plan in zip(page.all("tr", data_group=True), ("pro", "extra"), strict=True):
        assert plan in row.text
        assert str(row["data-group"]) in row.text
    assert {each["data-reconciled"] for each in page.all(data_reconciled=True)} == {"unknown"}
    assert page.has(data_notice="no-total")
    rows = usage_file(site, measure="deducted")
    assert list(rows[0])[-4:] == ["feature_name", "unit", "measure", "plan_id"]
    assert {(row["group"], row["plan_id"], row["measure"]) for row in rows} == {
        ("b_1", "pro", "deducted"),
        ("b_2", "extra", "deducted"),
    }
    assert sum(float(row["value"]) for row in rows) == 9.5
    compared = usage_file(site, measure="deducted", compare="previous")
    assert sum(float(row["previous_value"]) for row in compared) == 2
    grouped = usage_file(site, measure="deducted", group_by="properties.model")
    assert list(grouped[0])[-1] == "measure"
    assert {row["group"] for row in grouped} == {"large", "small"}


@pytest.mark.parametrize("age", AGES[1:])
def test_bars_of_deductions_open_all_events_of_their_time(opened: Opened, age: str) -> None:
    """Not only those tracked under the feature of the balance, of which there are none."""
    site = opened(age)
    with_deductions(site.autumn)
    page = site.get("/usage/", **MINE, measure="deducted")
    links = [link["href"] or "" for link in page.one("details", class_="figures").all("a", href=True)]
    events = [parse_qs(urlsplit(link).query) for link in links if link.startswith("/events/")]
    assert events
    assert not any("feature_id" in params for params in events)
    start = (NOW - 5 * DAY) // DAY * DAY
    bar = {**MINE, "range": "", "measure": "deducted", "start": start, "end": start + DAY}
    opened_bar = site.get("/events/", part=True, headers={"HX-Target": "events-in-view"}, **bar)
    assert len(opened_bar.all("a", aria_expanded=True)) == 3
    assert opened_bar.one(data_reconciled=True)["data-reconciled"] == "unknown"


@pytest.mark.parametrize(
    ("age", "missing"), [("older", {"count", "deducted"}), ("current", {"count"}), ("newest", set[str]())]
)
def test_what_a_server_cannot_measure_cannot_be_chosen(opened: Opened, age: str, missing: set[str]) -> None:
    """The choice says why, and so does the page of who asks all the same; it lists the events."""
    site = opened(age)
    with_events(site.autumn)
    select = site.get("/usage/", **MINE).one("select", name="measure")
    assert {each["value"] for each in select.all("option") if "disabled" in each} == missing
    assert all(each["title"] for each in select.all("option", disabled=True))
    for measure in missing:
        page = site.get("/usage/", **MINE, measure=measure)
        assert page.has(data_notice="no-chart")
        assert chosen(page) == [measure]
        assert page.one("section", id="events-in-view").all("a", aria_expanded=True)
        assert site.client.get("/usage/export.csv", {**MINE, "measure": measure}).status_code == 400


@pytest.mark.parametrize("age", AGES)
def test_other_pages_ignore_the_measure(opened: Opened, age: str) -> None:
    site = opened(age)
    with_events(site.autumn)
    for measure in ("sum", "count", "deducted"):
        page = site.get("/events/", **MINE, measure=measure)
        assert len(page.all("a", aria_expanded=True)) == 11
        assert site.get("/events/histogram/", part=True, **MINE, measure=measure).has("svg")
        site.get("/", measure=measure)
        file: Any = site.client.get("/events/export.csv", {**MINE, "measure": measure})
        assert b"".join(file).count(b"\r\n") == 12


def test_default_measure_is_in_no_link(opened: Opened) -> None:
    site = opened("newest")
    with_events(site.autumn)
    for measure, carried in (("sum", False), ("count", True)):
        page = site.get("/usage/", **MINE, measure=measure)
        links = [each["href"] or "" for each in page.all("a", class_="feature-card")]
        assert links
        assert all((f"measure={measure}" in link) is carried for link in links)


@pytest.mark.parametrize("params", [{"measure": "mean"}, {"measure": ["sum", "count"]}])
def test_measure_that_is_none_is_refused(opened: Opened, params: dict[str, Any]) -> None:
    page = opened("newest").get("/usage/", status=400, **MINE, **params)
    assert page.has(data_error="measure")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"customer_id": ""}, "measure"),
        ({"filter": "model:large"}, "measure"),
        ({"group_by": "$plan_id"}, "group_by"),
    ],
)
def test_what_cannot_be_deducted_is_refused_beside_its_field(
    opened: Opened, params: dict[str, Any], field: str
) -> None:
    site = opened("current")
    with_deductions(site.autumn)
    page = site.get("/usage/", status=400, **{**MINE, **params}, measure="deducted")
    assert page.has(data_error=field)


def test_events_of_a_running_hour_are_counted_once(opened: Opened) -> None:
    site = opened("newest")
    for second in range(5):
        site.autumn.track(NOW - 1000 * second, 20)
    site.autumn.track(NOW - HOUR, 20)
    page = site.get("/usage/", **{**MINE, "range": "24h"}, measure="count", chart="cumulative")
    assert cards(page) == {"messages": "6"}


@pytest.mark.parametrize("params", [{}, {"compare": "previous"}, {"group_by": "properties.model"}])
@pytest.mark.parametrize("age", AGES[1:])
def test_nothing_deducted(opened: Opened, age: str, params: dict[str, Any]) -> None:
    """A row for each interval, as for any chart without events."""
    site = opened(age)
    site.autumn.track(NOW - DAY)
    assert not cards(site.get("/usage/", **MINE, **params, measure="deducted"))
    rows = usage_file(site, measure="deducted", **params)
    assert [row["value"] for row in rows] == ["0"] * 7
    assert {(row["feature_id"], row["group_kind"]) for row in rows} == {("", "none")}
