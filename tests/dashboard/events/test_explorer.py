"""The event browser: search, pages, facets, one event, live tail and checks, by their addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.dashboard.events.event_site import MINUTE, EventSite, event, event_site, weight
from tests.page import Element, Page, parameters
from tests.usage.sample_service import NOW
from usage.scope import Scope

CHECKS = ("duplicates", "future", "unusual", "gap")


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[EventSite]:
    with event_site(monkeypatch) as made:
        yield made


def is_searching(scan: Element) -> bool:
    """Whether the search starts its next step without a click."""
    return "load" in (scan["hx-trigger"] or "")


def step_headers(scan: Element) -> dict[str, str]:
    """The headers that the next step sends."""
    headers: dict[str, str] = json.loads(scan["hx-headers"] or "{}")
    return {"Scan-So-Far": headers["Scan-So-Far"]}


def step(at: EventSite, scan: Element, status: int = 200) -> Page:
    """The next step of the search."""
    return at.get(scan["hx-get"] or "", part=True, headers=step_headers(scan), status=status)


def search(at: EventSite, page: Page) -> tuple[list[str], Element]:
    """Follow a search to its end: the rows of all further steps, and the status line after the last one."""
    rows, scan = list[str](), page.one(id="scan")
    while is_searching(scan):
        page = step(at, scan)
        scan = page.one(id="scan")
        rows += page.rows
    return rows, scan


def follow(at: EventSite, element: Element) -> Page:
    return at.get(element["href"] or "")


def related(page: Page, kind: str) -> Element:
    return page.one("a", data_related=kind)


def facet(part: Page, path: str, value: str) -> Element:
    """One of the top values."""
    return part.one("li", data_path=path, data_value=value)


def test_search_finds_each_match_once(at: EventSite) -> None:
    """37 matches among 9,000 rows, in steps of at most four calls."""
    marked = set(range(17, 9000, 243))
    at.autumn.add(*(event(number, properties={"mark": number in marked}) for number in range(9000)))
    page = at.get("/events/", filter="mark:true", range="7d", tz="UTC")
    assert at.autumn.calls() <= 5
    rows, last = search(at, page)
    expected = [f"evt_{number:05}" for number in sorted(marked)]
    assert page.rows + rows == expected
    assert last["data-matches"] == "37"
    assert int(last["data-searched"] or 0) >= 9000  # a row at the border of two steps counts twice
    assert not last.has("a", data_go=True)
    assert at.autumn.calls() <= 12


def test_search_stops_when_the_page_is_full(at: EventSite) -> None:
    """A link continues it."""
    at.autumn.add(*(event(number, properties={"mark": number % 20 == 0}) for number in range(9000)))
    page = at.get("/events/", filter="mark:true", range="7d", tz="UTC", per_page=50)
    assert len(page.rows) == 50
    assert not is_searching(page.one(id="scan"))
    assert page.has("a", data_go=True)


def test_search_without_script(at: EventSite) -> None:
    """The links show each remaining match once."""
    at.autumn.add(*(event(number, properties={"mark": number % 900 == 0}) for number in range(9000)))
    page, rows = at.get("/events/", filter="mark:true", range="7d", tz="UTC"), list[str]()
    while True:
        rows += page.rows
        if not page.has("a", data_go=True):
            break
        page = follow(at, page.one("a", data_go=True))
    assert rows == [f"evt_{number:05}" for number in range(0, 9000, 900)]


def test_arrivals_do_not_repeat_or_hide_rows(at: EventSite) -> None:
    """New and late events arrive between pages."""
    at.autumn.add(*(event(number) for number in range(430)))
    page, rows, extra = at.get("/events/", range="7d", tz="UTC", per_page=50), list[str](), 0
    while True:
        rows += page.rows
        at.autumn.add(*(event(0, id=f"new_{extra}_{n}", timestamp=NOW - n) for n in range(30)))
        at.autumn.add(event(5, id=f"late_{extra}", timestamp=NOW - 3 * MINUTE - 7))
        extra += 1
        if not page.has("a", rel="next"):
            break
        page = follow(at, page.one("a", rel="next"))
    assert len(rows) == len(set(rows))
    assert [row for row in rows if row.startswith("evt_")] == [f"evt_{number:05}" for number in range(430)]


def test_rows_are_numbered_from_the_newest(at: EventSite) -> None:
    """An address with a page number but no position shows the newest rows, numbered from 1."""
    at.autumn.add(*(event(number) for number in range(120)))
    page = at.get("/events/", page=5, per_page=50, range="7d", tz="UTC")
    assert page.rows[0] == "evt_00000"
    assert page.one(id="shown").text == "1–50"
    assert follow(at, page.one("a", rel="next")).one(id="shown").text == "51–100"


def test_zone_is_that_of_the_rows(at: EventSite) -> None:
    """The header has the offset of the rows, or the zone if there are two; each row's title has the exact
    time.
    """
    for day in (20, 24, 27):
        at.autumn.add(event(day, timestamp=int(datetime(2025, 10, day, 10, tzinfo=UTC).timestamp() * 1000)))
    berlin: dict[str, Any] = {"tz": "Europe/Berlin", "start": "2025-10-20", "end": "2025-10-24"}
    summer = at.get("/events/", **berlin)
    assert "UTC+2" in summer.all("th")[0].text
    assert titles(summer)[0].startswith("24 Oct 2025 12:00:00.000 UTC+2")
    both = at.get("/events/", **{**berlin, "end": "2025-10-27"})
    assert "Europe/Berlin" in both.all("th")[0].text
    assert titles(both)[0].startswith("27 Oct 2025 11:00:00.000 UTC+1")
    for end, days in (
        ("2025-10-24", "20 Oct 2025 – 24 Oct 2025, UTC+2"),
        ("2025-10-27", "20 Oct 2025 – 27 Oct 2025, Europe/Berlin"),
    ):
        assert days in at.get("/usage/", **{**berlin, "end": end}).one("div", class_="head").text


def titles(page: Page) -> list[str]:
    """The exact times of the rows, from the titles of their links."""
    return page.one("tbody", id="found").values("title", "a")


@pytest.mark.parametrize(
    "chosen", [{"value_min": 1000}, {"feature_id": "mail"}, {"until": NOW - 90 * MINUTE}]
)
def test_empty_list_names_its_filters(at: EventSite, chosen: dict[str, Any]) -> None:
    """If values, features or a time hide all rows, the page says so and links to all rows."""
    at.autumn.add(event(1, feature_id="calls"), event(900, feature_id="mail", customer_id="cus_2"))
    page = at.get("/events/", customer_id="cus_1", range="7d", tz="UTC", **chosen)
    assert page.rows == []
    assert page.one(data_notice="empty").one(data_cause=True)["data-cause"] == "narrowed"
    assert follow(at, page.one("a", data_clear="narrowed")).rows == ["evt_00001"]


def test_unknown_property_names_the_similar_one(at: EventSite) -> None:
    """On both pages; its link filters by that one, and the other link drops the filter."""
    at.autumn.add(event(1, properties={"status": 503}), event(2, properties={"status": 200}))
    for address in ("/events/", "/usage/"):
        page = at.get(address, customer_id="cus_1", range="7d", tz="UTC", filter_text="properties.statu:503")
        meant = page.all("a", data_meant=True)
        assert {parameters(each["href"] or "")["filter"][0] for each in meant} == {"status:503"}
        assert follow(at, meant[0]).rows == ["evt_00001"]
        drop = page.one("a", data_clear="filter")
        assert drop["data-count"] == "2"
        assert follow(at, drop).rows == ["evt_00001", "evt_00002"]


def test_conditions_that_no_event_meets_are_told_from_those_that_exclude_each_other(at: EventSite) -> None:
    """Each can be dropped, with the number of events that it leaves."""
    at.autumn.add(event(1, properties={"a": 1, "b": 2}), event(2, properties={"a": 3, "b": 4}))
    query: dict[str, Any] = {"customer_id": "cus_1", "range": "7d", "tz": "UTC"}
    unmet = at.get("/events/", **query, filter=["a:1", "b:9"])
    assert unmet.values("data-count", "a", data_clear="filter") == ["1"]
    assert len(unmet.all(data_unmet=True)) == 1
    apart = at.get("/events/", **query, filter=["a:1", "b:4"])
    assert apart.values("data-count", "a", data_clear="filter") == ["1", "1"]


def test_filters_are_chosen_with_counts(at: EventSite) -> None:
    """Of all rows that were searched; the form adds to the filters that there are, without script too."""
    at.autumn.add(*(event(n, properties={"status": 500 + n % 2, "id": f"r{n}"}) for n in range(30)))
    page = at.get("/events/", customer_id="cus_1", range="7d", tz="UTC", filter="status:501")
    options = page.one(id="f-filter_property").all("option", data_count=True)
    assert {option["value"]: option["data-count"] for option in options} == {"status": "30", "id": "30"}
    values = {option["value"]: page.one(id=option["data-list"] or "").values("value") for option in options}
    assert values == {"status": ["500", "501"], "id": []}
    sent: dict[str, Any] = page.submitted("add-filter")
    sent |= {"filter_property": ["id"], "filter_is": ["not"], "filter_value": ["r1"]}
    added = at.get("/events/", **sent)
    chips = added.values("data-condition")
    assert chips == ["filter", "exclude"]
    assert "evt_00001" not in added.rows
    assert len(added.rows) == 14


def test_suggestions_look_like_what_they_are(at: EventSite) -> None:
    """Browsers show them unescaped: no text that turns around or hides a part of itself is one."""
    at.autumn.add(
        *(event(n, properties={"name": ("plain", "fdp\u202etxt")[n % 2], "na\u200bme": 1}) for n in range(4))
    )
    page = at.get("/events/", customer_id="cus_1", range="7d", tz="UTC")
    [option] = page.one(id="f-filter_property").all("option", data_count=True)
    assert option["value"] == "name"
    assert page.one(id=option["data-list"] or "").values("value") == ["plain"]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"filter_property": "status"}, "filter_value"),
        ({"filter_value": "503"}, "filter_property"),
        ({"filter_text": "statu"}, "filter_text"),
    ],
)
def test_incomplete_filter_is_named_beside_its_field(at: EventSite, sent: dict[str, Any], field: str) -> None:
    page = at.get("/events/", status=400, range="7d", tz="UTC", **sent)
    assert (page.values("data-error", "span"), page.errors) == ([field], {field})
    assert sent.items() <= {name: values[0] for name, values in page.submitted("add-filter").items()}.items()


def test_events_in_view_are_those_of_the_chart(at: EventSite) -> None:
    """The rows of the grouped feature; if the chart selected the feature itself, the rows are those of all
    features.
    """
    at.autumn.add(event(1, feature_id="calls"), event(2, feature_id="mail"))
    requested: dict[str, Any] = {
        "customer_id": "cus_1",
        "range": "7d",
        "tz": "UTC",
        "group_by": "properties.user",
    }
    named = at.get("/usage/", **requested, focus="mail")
    assert named.rows == ["evt_00002"]
    assert named.one(id="events-in-view")["data-whole"] == "yes"
    assert follow(at, named.one("a", data_all_events=True)).rows == ["evt_00002"]
    unnamed = at.get("/usage/", **requested)
    assert unnamed.rows == ["evt_00001", "evt_00002"]
    assert unnamed.one(id="events-in-view")["data-whole"] == "no"


def test_facets_toggle(at: EventSite) -> None:
    """The links of a value filter by it, exclude it, or remove its filter; counts are those of the newest
    rows.
    """
    at.autumn.add(*(event(number, feature_id="calls" if number % 4 else "mail") for number in range(30)))
    part = at.get("/events/facets/", part=True, range="7d", tz="UTC")
    assert part.has(data_rows="30", data_whole=True)
    user, mail = facet(part, "user", "user0"), facet(part, "feature_id", "mail")
    assert (user["data-count"], mail["data-count"]) == ("10", "8")
    only, without = user.all("a")
    assert [len(follow(at, link).rows) for link in (only, without, mail.one("a"))] == [10, 20, 8]
    chosen = at.get("/events/facets/", part=True, filter="user:user0", range="7d", tz="UTC")
    assert len(follow(at, facet(chosen, "user", "user0").one("a", aria_current=True)).rows) == 30


def test_open_event_shows_its_details(at: EventSite) -> None:
    """Properties, JSON, deductions, and links to its neighbors and itself."""
    reset = {"interval": "month", "resets_at": NOW}
    took = {"balance_id": "bal_1", "feature_id": "credits", "plan_id": "pro", "reset": reset, "value": 8.41}
    properties = {"request_id": "req_9", "user": "ana", "meta": {"tier": "gold"}}
    at.autumn.add(event(7, properties=properties, deductions=[took]), event(8, properties=properties))
    page = at.get("/events/", event=f"{NOW - 8 * MINUTE},evt_00007", range="7d", tz="UTC")
    opened = page.one(data_event="evt_00007")
    taken = opened.one("p", class_="why").texts("b")
    assert {"8.41 credits", "bal_1", "pro", "12 Nov 2025"} <= set(taken)
    shown = json.loads(opened.one("pre").text)
    assert (shown["properties"], shown["id"]) == (properties, "evt_00007")
    [gold] = [href for href in opened.links(filter="meta.tier:gold") if "exclude" not in href]
    assert len(at.get(gold).rows) == 2
    assert "evt_00008" in follow(at, related(page, "request")).rows
    for kind in ("minute", "event"):
        assert follow(at, related(page, kind)).has("tr", class_="open")
    [curl] = [copied for copied in opened.values("data-copy", "button") if copied.startswith("curl")]
    assert '"Authorization: Bearer $AUTUMN_SECRET_KEY"' in curl
    assert '"customer_id":"cus_1"' in curl


def test_unknown_event_returns_404(at: EventSite) -> None:
    """A notice is above the rows."""
    at.autumn.add(event(1))
    gone = at.get("/events/", event=f"{NOW - MINUTE},evt_none", range="7d", tz="UTC", status=404)
    assert "unknown-event" in gone.notices
    assert gone.rows == ["evt_00001"]


def test_checks_link_to_their_rows(at: EventSite) -> None:
    """Duplicates, a future timestamp, an outlier and a gap; each link lists exactly those rows."""
    at.autumn.add(*(event(number, value=10, properties={"n": number}) for number in range(60)))
    twin = {"value": 11, "properties": {"request_id": "req_twin"}, "timestamp": NOW - 30 * MINUTE + 500}
    at.autumn.add(event(0, id="twin_1", **twin), event(0, id="twin_2", **twin))
    at.autumn.add(event(0, id="ahead", timestamp=NOW + 60 * MINUTE, value=10))
    at.autumn.add(event(0, id="huge", value=1e6, timestamp=NOW - 90 * MINUTE))
    at.autumn.add(event(0, id="early", value=10, timestamp=NOW - 4000 * MINUTE))
    part = at.get("/events/facets/", part=True, range="7d", tz="UTC")
    found = {code: follow(at, part.all("a", data_check=code)[0]).rows for code in CHECKS}
    assert set(found["duplicates"]) == {"twin_1", "twin_2"}
    assert (found["future"], found["unusual"], found["gap"]) == (["ahead"], ["huge"], ["huge", "early"])


@pytest.mark.parametrize("part", ["histogram", "facets", "more", "live"])
def test_parts_are_pages_without_htmx(at: EventSite, part: str) -> None:
    """A part validates the query like a page, and never changes the page's address."""
    at.autumn.add(event(1))
    assert at.get(f"/events/{part}/", range="7d", tz="UTC").has("html")
    wrong = at.get(f"/events/{part}/", part=True, status=400, foo="1")
    assert wrong.has(data_error="__all__")
    assert not wrong.has("html")
    response = at.client.get(f"/events/{part}/", {"range": "7d"}, headers={"HX-Request": "true"})
    assert "HX-Push-Url" not in response


def test_search_can_continue_after_a_failure(at: EventSite) -> None:
    """A failed step has a notice and a link, and the counts so far."""
    at.autumn.add(*(event(number) for number in range(6000)))
    scan = at.get("/events/", filter="user:nobody", range="7d", tz="UTC").one(id="scan")
    at.autumn.app.fail_next("internal_error", times=20)
    failed = step(at, scan, status=503).one(id="scan")
    assert failed.has(data_notice="offline")
    assert failed.has("a", data_go=True)
    assert step_headers(failed) == {"Scan-So-Far": "4000 0"}
    assert (failed["data-searched"], failed["data-matches"]) == ("4000", "0")
    assert not is_searching(failed)


def test_page_makes_one_call_and_its_parts_share_calls(at: EventSite) -> None:
    """Rows take one call; histogram and count share one, facets and checks one; a second view takes none."""
    at.autumn.know("messages")
    at.autumn.add(*(event(number) for number in range(300)))
    params: dict[str, Any] = {"customer_id": "cus_1", "range": "7d", "tz": "UTC"}
    at.get("/events/", **params)
    assert at.autumn.calls() == 1
    at.get("/events/histogram/", part=True, **params)
    assert at.autumn.calls() <= 3  # including capabilities and features, which are fetched once an hour
    part = at.get("/events/facets/", part=True, **params)
    assert at.autumn.calls() <= 1
    for address in ("/events/", "/events/histogram/", "/events/facets/"):
        at.get(address, **params)
    assert at.autumn.calls() == 0
    assert at.get("/events/histogram/", part=True, **params).has(data_matches="300")
    assert part.has(data_rows="300", data_whole=True)


def test_page_of_a_hundred_rows_is_small(at: EventSite) -> None:
    """At most 25 KB compressed."""
    names = ("model", "endpoint", "region", "status", "user", "request_id", "trial", "tier")
    for number in range(100):
        properties = {name: f"{name}_{number * 7919 % 97:x}{number}" for name in names}
        at.autumn.add(event(number, properties=properties))
    page = at.get("/events/", range="7d", tz="UTC")
    assert len(page.rows) == 100
    assert weight(page) <= 25_000


def test_event_browser_of_a_link(at: EventSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipient sees allowed properties, no deductions, no API call, and no customer in an address."""
    took = {
        "balance_id": "bal_secret",
        "feature_id": "credits",
        "plan_id": "secret",
        "reset": None,
        "value": 3,
    }
    properties = {"model": "m1", "user": "secret", "request_id": "secret"}
    at.autumn.add(*(event(number, properties=properties, deductions=[took]) for number in range(3)))
    scope = Scope(customer_id="cus_1", properties=frozenset({"model"}))
    monkeypatch.setattr("dashboard.pages.staff.service", lambda: at.autumn.usage.within(scope))
    params: dict[str, Any] = {"range": "7d", "tz": "UTC"}
    page = at.get("/events/", event=f"{NOW - MINUTE},evt_00000", **params)
    parts = [
        at.get(f"/events/{part}/", part=True, **params) for part in ("histogram", "facets", "more", "live")
    ]
    assert page.links(filter="model:m1")
    assert not page.one("p", class_="why").texts("b")[1:]
    for shown in (page, *parts):
        assert "secret" not in shown.html.replace("AUTUMN_SECRET_KEY", "")
        assert "curl" not in shown.html
        assert "customer_id=" not in shown.html
