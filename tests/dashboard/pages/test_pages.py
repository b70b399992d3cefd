"""The three pages by their addresses, over the sample's story; figures are compared with the sample's SQL."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from dashboard.formats import MINUS
from tests.page import Page, parameters
from usage.query import PARAMETERS
from usage.sample import Store

LENSES = ("/", "/events/", "/usage/")
ACME = "acme-robotics"
HTMX = {"HX-Request": "true"}


def get(page: Client, address: str, **params: str | int) -> Page:
    return Page(page.get(f"{address}{'&' if '?' in address else '?'}{urlencode(params)}"))


Sql = Callable[..., list[Any]]


def window_sums(sql: Sql, customer: str, start: int, end: int) -> dict[str, float]:
    rows = sql(
        "SELECT feature_id, sum(value) FROM events"
        " WHERE customer_id = ? AND timestamp >= ? AND timestamp < ? GROUP BY 1",
        *(customer, start, end),
    )
    return dict(rows)


TOTAL = "total"


def legend(page: Page) -> dict[str, float]:
    """The legend's sums by name (`other` or `none` for lines without one), and their total."""
    table = page.one(class_="legend")
    rows = {
        row["data-group"] or row["data-group-kind"] or "": float(row["data-sum"] or "nan")
        for row in table.all("tr", data_group_kind=True)
    }
    return rows | {TOTAL: float(table.one("tr", class_="total")["data-sum"] or "nan")}


def feature_sums(page: Page) -> dict[str, float]:
    """The sum of each feature that has a card or is listed below them."""
    marked = page.all(data_feature=True, data_sum=True)
    return {one["data-feature"] or "": float(one["data-sum"] or "nan") for one in marked}


def bars(page: Page) -> list[float]:
    """The last figure of each row in the table beside the chart: the sum of its bin."""
    rows = page.one("details", class_="figures").one("tbody").all("tr")
    return [float(row.all("td")[-1].text.replace(",", "").replace(MINUS, "-")) for row in rows]


def local_days(zone: str, days: int, ending: str) -> tuple[int, int]:
    """[start, end) of that many local days up to `ending`."""
    last = datetime.fromisoformat(ending).replace(tzinfo=ZoneInfo(zone))
    first = last.replace(tzinfo=None) - timedelta(days - 1)
    start = first.replace(tzinfo=ZoneInfo(zone)).timestamp()
    end = (last.replace(tzinfo=None) + timedelta(1)).replace(tzinfo=ZoneInfo(zone)).timestamp()
    return round(start * 1000), round(end * 1000)


def test_first_page_has_the_newest_hundred_rows(page: Client, sample: Store, sql: Sql) -> None:
    """In order, and no others."""
    end = sample.now() // 3_600_000 * 3_600_000
    start = end - 7 * 86_400_000
    listed = get(page, "/events/", customer_id=ACME, start=start, end=end, tz="UTC").positions
    rows = sql(
        "SELECT timestamp, id FROM events WHERE customer_id = ? AND timestamp >= ? AND timestamp < ?"
        " ORDER BY timestamp DESC, micros DESC, id DESC LIMIT 100",
        *(ACME, start, end),
    )
    assert listed == [tuple(row) for row in rows]


def test_pages_have_each_event_once(page: Client, sample: Store, sql: Sql) -> None:
    """Following the next links while late events arrive."""
    end = sample.now() // 3_600_000 * 3_600_000
    start = end - 86_400_000
    ids = "SELECT id FROM events WHERE customer_id = ? AND timestamp >= ? AND timestamp < ?"
    expected = {row[0] for row in sql(ids, ACME, start, end)}
    address = f"/events/?{urlencode({'customer_id': ACME, 'start': start, 'end': end, 'tz': 'UTC'})}"
    seen, late = list[str](), 0
    while address:
        shown = Page(page.get(address))
        seen += shown.rows
        arrival = {
            "customer_id": ACME,
            "feature_id": "emails",
            "timestamp": end - 1 - late,
            "id": f"late{late}",
        }
        sample.add([arrival])
        late += 1
        following = shown.values("href", "a", rel="next")
        address = following[0] if following else ""
    assert late > 2
    assert sorted(seen) == sorted(expected)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland"])
def test_chart_equals_sql_over_a_dst_change(page: Client, sql: Sql, zone: str) -> None:
    """Thirty local days across a clock change: each feature's sum equals the sample's."""
    start, end = local_days(zone, 30, "2026-11-10")
    shown = get(page, "/usage/", customer_id=ACME, start=start, end=end, tz=zone)
    expected = window_sums(sql, ACME, start, end)
    assert feature_sums(shown) == pytest.approx(expected)
    assert set(shown.values("data-reconciled", data_feature=True)) == {"yes"}
    assert len(shown.figure["edges"]) == 31


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland"])
def test_every_bar_equals_sql(page: Client, sql: Sql, zone: str) -> None:
    """Each local day in the table beside the chart is the sum of its events."""
    start, end = local_days(zone, 14, "2026-11-05")
    shown = get(page, "/usage/", customer_id=ACME, feature_id="ai_tokens", start=start, end=end, tz=zone)
    edges = [local_days(zone, 1, f"{date(2026, 10, 23) + timedelta(at)}") for at in range(14)]
    expected = [window_sums(sql, ACME, *edge).get("ai_tokens", 0.0) for edge in edges]
    assert bars(shown) == pytest.approx(expected)


def test_days_off_the_hour_are_the_nearest_hours(page: Client, sql: Sql) -> None:
    """Days in Kolkata start at the half hour, which Autumn does not support: bars are the nearest 24
    hours, marked.
    """
    start, end = local_days("Asia/Kolkata", 14, "2026-11-05")
    half = 1_800_000
    query = {"customer_id": ACME, "feature_id": "ai_tokens", "tz": "Asia/Kolkata", "compare": "previous"}
    shown = get(page, "/usage/", **query, start=start, end=end)
    edges = range(start - half, end - half + 1, 86_400_000)
    expected = [window_sums(sql, ACME, *edge).get("ai_tokens", 0.0) for edge in pairwise(edges)]
    assert bars(shown) == pytest.approx(expected)
    assert "approximate-zone" in shown.notices
    picture = shown.figure["picture"]
    assert picture["file"].endswith("-2026-10-23-2026-11-05")
    assert "23 Oct 2026 – 5 Nov 2026" in picture["facts"][0]
    assert "9 Oct 2026 – 22 Oct 2026" in picture["facts"][1]
    assert "9 Oct 2026 – 22 Oct 2026" in shown.one(data_filters=True).text


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland"])
def test_250_groups_over_90_days(page: Client, sample: Store, sql: Sql, zone: str) -> None:
    """The page shows the largest groups and Other, sums to SQL's total, and is small."""
    start, end = local_days(zone, 90, "2026-11-20")
    step = (end - start) // 5_000
    customer = f"many-{zone}"
    sample.add(
        {
            "customer_id": customer,
            "feature_id": "ai_tokens",
            "timestamp": start + at * step,
            "value": 1 + at % 250,
            "properties": {"job": f"job-{at * 7 % 250}"},
        }
        for at in range(5_000)
    )
    grouped = {"customer_id": customer, "group_by": "properties.job", "bin_size": "day", "tz": zone}
    answer = page.get(f"/usage/?{urlencode({**grouped, 'start': start, 'end': end})}")
    sums = legend(Page(answer))
    assert len(sums) == 8 + 1 + 1  # the largest groups, Other and the total
    assert "other" in sums
    assert sums[TOTAL] == pytest.approx(window_sums(sql, customer, start, end)["ai_tokens"])
    assert len(gzip.compress(answer.content)) < 100_000


@pytest.mark.slow
@pytest.mark.parametrize(("zone", "drawn"), [("UTC", True), ("Pacific/Auckland", False)])
def test_grouping_by_a_unique_property(page: Client, sql: Sql, zone: str, drawn: bool) -> None:
    """The call requests fewer groups if that helps; otherwise the page says that grouping is not possible."""
    start, end = local_days(zone, 90, "2026-11-20")
    grouped = {
        "customer_id": ACME,
        "focus": "ai_tokens",
        "group_by": "properties.request_id",
        "bin_size": "day",
    }
    answer = page.get(f"/usage/?{urlencode({**grouped, 'start': start, 'end': end, 'tz': zone})}")
    shown = Page(answer)
    assert answer.status_code == 200
    assert ("no-chart" in shown.notices) is not drawn
    if drawn:
        assert legend(shown)[TOTAL] == pytest.approx(window_sums(sql, ACME, start, end)["ai_tokens"])


def test_groups_sum_to_the_feature(page: Client, sql: Sql) -> None:
    """The legend has the SQL sum of each group and of events without the property; its total is their sum."""
    start, end = local_days("UTC", 7, "2026-11-20")
    grouped = {"customer_id": ACME, "focus": "ai_tokens", "group_by": "properties.region"}
    shown = get(page, f"/usage/?{urlencode(grouped)}", start=start, end=end, tz="UTC")
    rows = sql(
        "SELECT properties ->> '$.region', sum(value) FROM events"
        " WHERE customer_id = ? AND feature_id = 'ai_tokens'"
        " AND timestamp >= ? AND timestamp < ? GROUP BY 1",
        *(ACME, start, end),
    )
    expected = {name or "none": value for name, value in rows}
    assert "none" in expected
    assert legend(shown) == pytest.approx(expected | {TOTAL: sum(expected.values())})


def test_overview_totals(page: Client, sql: Sql) -> None:
    """The tiles are the organization's sums, and the first customer is the one with the largest sum."""
    start, end = local_days("UTC", 7, "2026-11-20")
    shown = get(page, "/", start=start, end=end, tz="UTC", focus="api_calls")
    sums = sql(
        "SELECT customer_id, sum(value) FROM events WHERE feature_id = 'api_calls'"
        " AND timestamp >= ? AND timestamp < ? GROUP BY 1 ORDER BY 2 DESC",
        *(start, end),
    )
    assert shown.values("data-customer-id", "tr")[0] == sums[0][0]
    card = shown.one("a", data_feature="api_calls")
    assert float(card["data-sum"] or "nan") == pytest.approx(sum(value for _, value in sums))


@pytest.mark.parametrize("address", ["/usage/", "/events/"])
def test_unknown_customer_returns_404(page: Client, address: str) -> None:
    """The page says so."""
    answer = page.get(address, {"customer_id": "nobody-of-that-name"})
    assert answer.status_code == 404
    assert "unknown-customer" in Page(answer).notices


@pytest.mark.parametrize("address", LENSES)
def test_invalid_query_returns_400_with_an_error_beside_its_field(page: Client, address: str) -> None:
    """The form has the submitted values."""
    answer = page.get(address, {"start": "2026-11-05T00:00", "end": "2026-11-01T00:00", "tz": "UTC"})
    assert answer.status_code == 400
    shown = Page(answer)
    start = shown.one(id="f-start")
    assert (start["value"], shown.errors) == ("2026-11-05", {"start"})
    assert shown.one(id="f-start_time")["value"] == "00:00"
    assert shown.one(id=start["aria-describedby"] or "").text


@pytest.mark.parametrize("address", LENSES)
def test_partial_response_equals_the_part_of_the_page(page: Client, address: str) -> None:
    """A request that restores history gets the whole page."""
    params = {"customer_id": ACME, "range": "7d", "tz": "UTC"}
    whole_page = page.get(address, params)
    part = page.get(address, params, headers=HTMX)
    restored = page.get(address, params, headers={**HTMX, "HX-History-Restore-Request": "true"})
    assert not Page(part).has("html")
    assert Page(restored).has("html")
    assert part.headers["HX-Push-Url"].startswith(f"{address}?")
    assert {"HX-Request", "HX-History-Restore-Request"} <= set(
        whole_page.headers["Vary"].replace(" ", "").split(",")
    )
    assert Page(part).one("form", id="filters").source == Page(whole_page).one("form", id="filters").source


def test_navigation_links_have_the_query(page: Client) -> None:
    """The customer, the window and the zone."""
    wanted = {"customer_id": ACME, "range": "7d", "tz": "Asia/Kolkata"}
    nav = Page(page.get("/usage/", wanted)).one("nav", id="nav").links(**wanted)
    assert {urlsplit(address).path for address in nav} >= {"/", "/events/", "/usage/"}


def test_pages_are_compressed(page: Client) -> None:
    """100 rows of events take at most 25 KB."""
    plain = page.get(f"/events/?customer_id={ACME}&range=7d&tz=UTC")
    packed = page.get(f"/events/?customer_id={ACME}&range=7d&tz=UTC", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.content).count(b"<tr") == plain.content.count(b"<tr") > 100
    assert len(packed.content) <= 25_000


@pytest.mark.parametrize(
    "address", ["/", "/events/", "/usage/", "/usage/?customer_id=nobody", "/usage/?tz=x"]
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "part"])
def test_page_compressed_in_parts_is_the_page(page: Client, address: str, headers: dict[str, str]) -> None:
    """Whichever of its parts were compressed before; its length varies, so that it tells nothing."""
    packing = headers | {"Accept-Encoding": "br, gzip"}
    packed: list[Any] = [page.get(address, headers=packing) for _ in range(9)]
    assert all(gzip.decompress(each.content).decode() == each.html for each in packed)
    assert all(each.headers["Content-Length"] == str(len(each.content)) for each in packed)
    assert len({len(each.content) for each in packed}) > 1
    plain: Any = page.get(address, headers=headers)
    assert plain.content.decode() == plain.html
    assert {"Accept-Encoding", "Cookie"} <= set(plain.headers["Vary"].replace(" ", "").split(","))


def test_two_links_can_be_copied(page: Client, sample: Store) -> None:
    """One with the relative range, one with the dates that are shown."""
    shown = get(page, "/usage/", customer_id=ACME, range="7d", tz="Europe/Berlin")
    moving, frozen = shown.values("href", "a", data_copy="address")
    assert parameters(moving)["range"] == ["7d"]
    dates = parameters(frozen)
    assert "range" not in dates
    chart = shown.figure["edges"]
    start, end = (int(dates[name][0]) for name in ("start", "end"))
    assert start == chart[0]
    # In the first hour of a day, the last full hour is the end of the day before.
    assert chart[-2] <= end <= sample.now()
    assert Page(page.get(frozen)).figure["edges"] == [*(edge for edge in chart[:-1] if edge < end), end]


@pytest.mark.parametrize("address", ["/", "/events/", "/usage/", "/events/histogram/", "/events/facets/"])
def test_windows_of_thousands_of_years(page: Client, address: str) -> None:
    """They are shown, or refused with a sentence."""
    for window in (
        "start=1970-01-01&end=3940-01-01",
        "start=0&end=253370764799999",
        "start=1&compare=previous",
    ):
        assert page.get(f"{address}?{window}&tz=Europe/Berlin").status_code in (200, 400)


@pytest.mark.parametrize("hour", [1792886400000, 1792890000000])
def test_form_preserves_either_repeated_hour(page: Client, hour: int) -> None:
    """Submitting the form again shows the same hour, for either 02:00 of the clock change."""
    shown = get(page, "/usage/", customer_id=ACME, start=hour, end=hour + 3_600_000, tz="Europe/Berlin")
    again = Page(page.get(f"/usage/?{urlencode(shown.submitted('dates'), doseq=True)}"))
    assert again.figure["edges"] == shown.figure["edges"] == [hour, hour + 3_600_000]


def test_short_address_passes_invalid_parameters_on(page: Client) -> None:
    """/customers/ID redirects with all parameters, and the page returns 400."""
    answer = page.get("/customers/globex?range=bogus&junk=1", follow=True)
    assert answer.status_code == 400
    assert Page(answer).has(data_error="__all__")
    assert page.get("/customers/?junk=1").status_code == 400


def test_overview_of_a_billing_cycle_shows_days(page: Client) -> None:
    """A notice says why."""
    answer = page.get(f"/?customer_id={ACME}&range=1bc&tz=UTC")
    assert answer.status_code == 200
    assert "cycle-as-days" in Page(answer).notices
    assert "cycle-as-days" not in get(page, "/", range="30d", tz="UTC").notices


def test_customer_address_redirects_to_the_charts(page: Client) -> None:
    """For any characters in the id."""
    answer = page.get("/customers/a%2Fb%20%3F%26")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/usage/?customer_id=a%2Fb+%3F%26"  # no zone of the server


def test_open_row_has_its_own_address(page: Client, sql: Sql) -> None:
    """The address of an open event finds it on a page that does not list it."""
    old = "SELECT timestamp, id FROM events WHERE customer_id = ? ORDER BY timestamp LIMIT 1 OFFSET 5000"
    at, name = sql(old, ACME)[0]
    assert get(page, "/events/", customer_id=ACME, event=f"{at},{name}", range="24h", tz="UTC").has(
        data_event=name
    )
    gone = get(page, "/events/", customer_id=ACME, event=f"{at},evt_not_there", range="24h", tz="UTC")
    assert "unknown-event" in gone.notices


junk = st.sampled_from(
    [
        *[
            "",
            " ",
            "\0",
            "1e999",
            "-1",
            "NaN",
            "1795000000000",
            "2026-11-01",
            "<script>alert(1)</script>",
            "a:b",
            "5,x",
        ],
        *["\u202e", "$plan_id", "properties.model", "acme-robotics", "ai_tokens", "UTC", "x" * 3000],
    ]
)
values = junk | st.text(max_size=12)
pairs = st.lists(
    st.tuples(st.sampled_from(PARAMETERS) | st.sampled_from(["x", "Tz", "feature_id[]"]), values), max_size=6
)


def check_any(client: Client, address: str, drawn: Iterable[tuple[str, str]]) -> None:
    answer = client.get(f"{address}?{urlencode(list(drawn))}")
    assert answer.status_code in (200, 400, 404), answer.status_code
    if answer.status_code == 400:
        assert Page(answer).has("span", data_error=True)
    assert b"<script>alert" not in answer.content


@given(drawn=pairs)
def test_no_input_breaks_the_overview(page: Client, drawn: list[tuple[str, str]]) -> None:
    """For any query string, it has a page or an error beside a field."""
    check_any(page, "/", drawn)


@given(drawn=pairs)
def test_no_input_breaks_the_event_browser(page: Client, drawn: list[tuple[str, str]]) -> None:
    """For any query string, it has a page or an error beside a field."""
    check_any(page, "/events/", drawn)


@given(drawn=pairs)
def test_no_input_breaks_the_charts(page: Client, drawn: list[tuple[str, str]]) -> None:
    """For any query string, the usage page has a page or an error beside a field."""
    check_any(page, "/usage/", drawn)
