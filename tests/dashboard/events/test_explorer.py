"""The event browser's pages: searching, paging, facets, one event, live rows and checks, by their addresses."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.dashboard.events.event_site import MINUTE, Desk, attribute, desk, event, link, weight
from tests.usage.sample_service import NOW
from usage.scope import Scope

SO_FAR = re.compile(r'"Scan-So-Far": "(\d+ \d+)"')


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[Desk]:
    with desk(monkeypatch) as made:
        yield made


def search(at: Desk, text: str) -> tuple[list[str], str]:
    """Follows a search as the page does by itself: the rows of all further steps, and the last step's text."""
    rows = list[str]()
    while "load delay" in text:
        so_far = SO_FAR.search(text)
        assert so_far is not None
        text = at.get(attribute(text, "hx-get"), part=True, headers={"Scan-So-Far": so_far[1]})
        rows += at.rows(text)
    return rows, text


def scan_in(page: str) -> str:
    return page[page.index('id="scan"') :]


def test_search_finds_each_match_once(at: Desk) -> None:
    """Thirty-seven matches among nine thousand rows: each found once, in steps of at most four calls."""
    marked = set(range(17, 9000, 243))
    at.autumn.add(*(event(number, properties={"mark": number in marked}) for number in range(9000)))
    page = at.get("/events/", filter="mark:true", range="7d", tz="UTC")
    assert at.autumn.calls() <= 5
    rows, last = search(at, scan_in(page))
    expected = [f"evt_{number:05}" for number in sorted(marked)]
    assert at.rows(page) + rows == expected
    assert "<b>37</b> found in" in last
    assert "that is all of them" in last
    assert at.autumn.calls() <= 12


def test_search_stops_when_the_page_is_full(at: Desk) -> None:
    """A search goes on by itself only while its page has room; then a link leads on."""
    at.autumn.add(*(event(number, properties={"mark": number % 20 == 0}) for number in range(9000)))
    page = at.get("/events/", filter="mark:true", range="7d", tz="UTC", per_page=50)
    assert len(at.rows(page)) == 50
    assert "load delay" not in page
    assert "data-go" in page


def test_search_without_script(at: Desk) -> None:
    """Its link leads to pages that show the rest of the matches, none twice."""
    at.autumn.add(*(event(number, properties={"mark": number % 900 == 0}) for number in range(9000)))
    text, rows = at.get("/events/", filter="mark:true", range="7d", tz="UTC"), []
    while True:
        rows += at.rows(text)
        if "data-go" not in text:
            break
        text = at.get(link(text, "Go on"))
    assert rows == [f"evt_{number:05}" for number in range(0, 9000, 900)]


def test_paging_under_arrivals(at: Desk) -> None:
    """Events that arrive while somebody pages, late ones too, neither repeat a row nor hide one."""
    at.autumn.add(*(event(number) for number in range(430)))
    text, rows, extra = at.get("/events/", range="7d", tz="UTC", per_page=50), [], 0
    while True:
        rows += at.rows(text)
        at.autumn.add(*(event(0, id=f"new_{extra}_{n}", timestamp=NOW - n) for n in range(30)))
        at.autumn.add(event(5, id=f"late_{extra}", timestamp=NOW - 3 * MINUTE - 7))
        extra += 1
        if 'rel="next"' not in text:
            break
        text = at.get(link(text, "Older events"))
    assert len(rows) == len(set(rows))
    assert [row for row in rows if row.startswith("evt_")] == [f"evt_{number:05}" for number in range(430)]


def test_rows_are_numbered_from_the_newest(at: Desk) -> None:
    """An address that names a page but no place in the list shows the newest rows, and numbers them so."""
    at.autumn.add(*(event(number) for number in range(120)))
    page = at.get("/events/", page=5, per_page=50, range="7d", tz="UTC")
    assert at.rows(page)[0] == "evt_00000"
    assert "1–50" in page
    assert "51–100" in at.get(link(page, "Older events"))


def test_zone_is_that_of_the_rows(at: Desk) -> None:
    """The head names the offset of the rows, or the zone where they have two; each row's title its exact moment."""
    for day in (20, 24, 27):
        at.autumn.add(event(day, timestamp=int(datetime(2025, 10, day, 10, tzinfo=UTC).timestamp() * 1000)))
    berlin: dict[str, Any] = {"tz": "Europe/Berlin", "start": "2025-10-20", "end": "2025-10-25"}
    summer = at.get("/events/", **berlin)
    assert ">Time (UTC+2)</th>" in summer
    assert 'title="24 Oct 2025 12:00:00.000 UTC+2, ' in summer
    both = at.get("/events/", **{**berlin, "end": "2025-10-28"})
    assert ">Time (Europe/Berlin)</th>" in both
    assert 'title="27 Oct 2025 11:00:00.000 UTC+1, ' in both
    assert "20 Oct 2025 – 24 Oct 2025, UTC+2<" in at.get("/usage/", **berlin)
    assert "20 Oct 2025 – 27 Oct 2025, Europe/Berlin<" in at.get("/usage/", **{**berlin, "end": "2025-10-28"})


@pytest.mark.parametrize(
    "chosen", [{"value_min": 1000}, {"feature_id": "mail"}, {"until": NOW - 90 * MINUTE}]
)
def test_nothing_says_what_may_hide_it(at: Desk, chosen: dict[str, Any]) -> None:
    """Where chosen values, features or a moment leave no rows, the page says that they may, and leads back to all."""
    at.autumn.add(event(1, feature_id="calls"), event(900, feature_id="mail", customer_id="cus_2"))
    page = at.get("/events/", customer_id="cus_1", range="7d", tz="UTC", **chosen)
    assert at.rows(page) == []
    assert "The chosen features, values or filters may hide them." in page
    assert "Nothing was recorded" not in page
    assert at.rows(at.get(link(page, "Drop features and values"))) == ["evt_00001"]


def test_events_in_view_are_those_of_the_chart(at: Desk) -> None:
    """Below a grouped chart are its feature's rows; where the chart chose the feature, the section says all."""
    at.autumn.add(event(1, feature_id="calls"), event(2, feature_id="mail"))
    asked: dict[str, Any] = {
        "customer_id": "cus_1",
        "range": "7d",
        "tz": "UTC",
        "group_by": "properties.user",
    }
    named = at.get("/usage/", **asked, focus="mail")
    assert at.rows(named) == ["evt_00002"]
    assert "<h2>Events in view</h2>" in named
    assert at.rows(at.get(link(named, "All events"))) == ["evt_00002"]
    unnamed = at.get("/usage/", **asked)
    assert at.rows(unnamed) == ["evt_00001", "evt_00002"]
    assert "<h2>Events of all features in view</h2>" in unnamed


def test_columns(at: Desk) -> None:
    """Chosen properties are columns in their order, nested ones too; the form carries the rest of the query along."""
    at.autumn.add(event(1, properties={"a": 1, "b": {"c": "deep"}, "z": None}))
    page = at.get("/events/", columns=["b.c", "z"], filter="a:1", range="7d", tz="UTC")
    heads = re.findall(r'<th scope="col" data-path="([^"]*)">([^<]*)</th>', page)
    assert heads == [("b.c", "b.c"), ("z", "z")]
    assert "<td>deep</td><td>null</td>" in page
    form = page[page.index('id="columns"') :]
    assert 'type="hidden" name="filter" value="a:1"' in form
    assert re.findall(r'name="columns" value="([^"]*)" checked', form) == ["b.c", "z"]


def test_facets_toggle(at: Desk) -> None:
    """A value's link filters by it, keeps it out, or lets it go; counts are those of the newest rows."""
    at.autumn.add(*(event(number, feature_id="calls" if number % 4 else "mail") for number in range(30)))
    part = at.get("/events/facets/", part=True, range="7d", tz="UTC")
    assert "all 30" in part
    assert len(at.rows(at.get(link(part, "user0 10")))) == 10
    assert len(at.rows(at.get(link(part, "Only events without user: user0")))) == 20
    assert len(at.rows(at.get(link(part, "mail 8")))) == 8
    chosen = at.get("/events/facets/", part=True, filter="user:user0", range="7d", tz="UTC")
    assert len(at.rows(at.get(link(chosen, "user0 10")))) == 30


def test_open_event(at: Desk) -> None:
    """An open event tells its properties, its JSON, why it was charged, and leads to its neighbours and itself."""
    reset = {"interval": "month", "resets_at": NOW}
    took = {"balance_id": "bal_1", "feature_id": "credits", "plan_id": "pro", "reset": reset, "value": 8.41}
    properties = {"request_id": "req_9", "user": "ana", "meta": {"tier": "gold"}}
    at.autumn.add(event(7, properties=properties, deductions=[took]), event(8, properties=properties))
    page = at.get("/events/", event=f"{NOW - 8 * MINUTE},evt_00007", range="7d", tz="UTC")
    opened = page[page.index('class="grid opened"') :]
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", "", opened)).split())
    assert "It took 8.41 credits from the balance bal_1 of plan pro, which resets on 12 Nov 2025." in words
    shown = json.loads(html.unescape(re.search(r"<pre[^>]*>(.*?)</pre>", opened, re.DOTALL)[1]))  # type: ignore[index]
    assert (shown["properties"], shown["id"]) == (properties, "evt_00007")
    assert len(at.rows(at.get(link(opened, "Only events with tier gold")))) == 2
    assert "evt_00008" in at.rows(at.get(link(opened, "Same request_id")))
    assert 'class="open"' in at.get(link(opened, "A minute around"))
    assert 'class="open"' in at.get(link(opened, "Its own link"))
    curl = html.unescape(re.search(r'data-copy="(curl[^"]*)"', opened)[1])  # type: ignore[index]
    assert '"Authorization: Bearer $AUTUMN_SECRET_KEY"' in curl
    assert '"customer_id":"cus_1"' in curl


def test_event_that_is_gone(at: Desk) -> None:
    """An address whose event is not there says so, above the rows, and is a 404."""
    at.autumn.add(event(1))
    gone = at.get("/events/", event=f"{NOW - MINUTE},evt_none", range="7d", tz="UTC", status=404)
    assert "is not there" in gone
    assert at.rows(gone) == ["evt_00001"]


def test_live_rows(at: Desk) -> None:
    """Only rows above the one that the page names come, newest first, with how old this news is."""
    at.autumn.add(*(event(number) for number in range(5)))
    params: dict[str, Any] = {"range": "7d", "tz": "UTC"}
    page = at.get("/events/", **params)
    assert attribute(page, "data-live") == "/events/live/?range=7d&tz=UTC"
    top = f"{NOW - 4 * MINUTE},evt_00003"
    part = at.get("/events/live/", part=True, headers={"Live-After": top}, **params)
    assert at.rows(part) == ["evt_00000", "evt_00001", "evt_00002"]
    assert attribute(part, "data-behind") == "0"
    quiet = at.get("/events/live/", part=True, headers={"Live-After": f"{NOW - MINUTE},evt_00000"}, **params)
    assert at.rows(quiet) == []


def test_live_rows_that_match(at: Desk) -> None:
    """Under a property filter only rows that match come, and no search through the window is made for them."""
    at.autumn.add(*(event(number, properties={"mark": number % 2}) for number in range(3000)))
    params: dict[str, Any] = {"range": "7d", "tz": "UTC", "filter": "mark:1"}
    part = at.get(
        "/events/live/", part=True, headers={"Live-After": f"{NOW - 7 * MINUTE},evt_00006"}, **params
    )
    assert at.rows(part) == ["evt_00001", "evt_00003", "evt_00005"]
    assert at.autumn.calls() <= 2


def test_live_says_what_it_left_out(at: Desk) -> None:
    """More arrivals than one answer holds are not passed over in silence."""
    at.autumn.add(*(event(number) for number in range(300)))
    part = at.get(
        "/events/live/",
        part=True,
        headers={"Live-After": f"{NOW - 299 * MINUTE},evt_00298"},
        range="7d",
        tz="UTC",
    )
    assert "data-missed" in part


def test_checks_lead_to_their_rows(at: Desk) -> None:
    """Twins, a time to come, an outlier and a silence are told, and each link shows just those rows."""
    at.autumn.add(*(event(number, value=10, properties={"n": number}) for number in range(60)))
    twin = {"value": 11, "properties": {"request_id": "req_twin"}, "timestamp": NOW - 30 * MINUTE + 500}
    at.autumn.add(event(0, id="twin_1", **twin), event(0, id="twin_2", **twin))
    at.autumn.add(event(0, id="ahead", timestamp=NOW + 60 * MINUTE, value=10))
    at.autumn.add(event(0, id="huge", value=1e6, timestamp=NOW - 90 * MINUTE))
    at.autumn.add(event(0, id="early", value=10, timestamp=NOW - 4000 * MINUTE))
    part = at.get("/events/facets/", part=True, range="7d", tz="UTC")
    assert set(at.rows(at.get(link(part, "2 alike: messages 11")))) == {"twin_1", "twin_2"}
    assert at.rows(at.get(link(part, "1 from a time to come"))) == ["ahead"]
    assert at.rows(at.get(link(part, "1 of 65 messages from 1,000,000"))) == ["huge"]
    assert at.rows(at.get(link(part, "nothing for 2.7 days after"))) == ["huge", "early"]


@pytest.mark.parametrize("part", ["histogram", "facets", "more", "live"])
def test_parts_answer_for_themselves(at: Desk, part: str) -> None:
    """A part is a page of its own without htmx, keeps to the form's rules, and never changes the page's address."""
    at.autumn.add(event(1))
    whole = at.get(f"/events/{part}/", range="7d", tz="UTC")
    assert "<!doctype html>" in whole
    assert "There is no parameter" in at.get(f"/events/{part}/", part=True, status=400, foo="1")
    response = at.client.get(f"/events/{part}/", {"range": "7d"}, headers={"HX-Request": "true"})
    assert "HX-Push-Url" not in response


def test_search_outlives_a_failure(at: Desk) -> None:
    """A step that Autumn fails says so and leaves a way on; what was found until then is still counted."""
    at.autumn.add(*(event(number) for number in range(6000)))
    page = at.get("/events/", filter="user:nobody", range="7d", tz="UTC")
    scan = scan_in(page)
    at.autumn.app.fail_next("internal_error", times=20)
    headers = {"Scan-So-Far": SO_FAR.search(scan)[1]}  # type: ignore[index]
    failed = at.get(attribute(scan, "hx-get"), part=True, status=503, headers=headers)
    assert "Go on" in failed
    assert SO_FAR.search(failed)[1] == "4000 0"  # type: ignore[index]
    assert "load delay" not in failed


def test_page_asks_once_and_its_parts_share(at: Desk) -> None:
    """Rows cost one call; histogram and count share another, facets and checks a third; again, all of it costs none."""
    at.autumn.know("messages")
    at.autumn.add(*(event(number) for number in range(300)))
    params: dict[str, Any] = {"customer_id": "cus_1", "range": "7d", "tz": "UTC"}
    at.get("/events/", **params)
    assert at.autumn.calls() == 1
    at.get("/events/histogram/", part=True, **params)
    assert at.autumn.calls() <= 3  # and what the server can do, and which features there are: once an hour
    part = at.get("/events/facets/", part=True, **params)
    assert at.autumn.calls() <= 1
    for address in ("/events/", "/events/histogram/", "/events/facets/"):
        at.get(address, **params)
    assert at.autumn.calls() == 0
    assert " of 300</span>" in at.get("/events/histogram/", part=True, **params)
    assert "all 300" in part


def test_page_is_light(at: Desk) -> None:
    """A page of a hundred rows with some properties each weighs at most 25 KB compressed."""
    names = ("model", "endpoint", "region", "status", "user", "request_id", "trial", "tier")
    for number in range(100):
        properties = {name: f"{name}_{number * 7919 % 97:x}{number}" for name in names}
        at.autumn.add(event(number, properties=properties))
    page = at.get("/events/", range="7d", tz="UTC")
    assert len(at.rows(page)) == 100
    assert weight(page) <= 25_000


def test_within_a_link(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder of a link sees allowed properties, no deductions, no API call, and no customer in an address."""
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
    assert "only this" in page
    assert "from no balance" not in page
    for text in (page, *parts):
        assert "secret" not in text.replace("AUTUMN_SECRET_KEY", "")
        assert "curl" not in text
        assert "customer_id=" not in text
