"""The three lenses through their addresses, over the sample's story; figures against the sample's own SQL."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from usage.query import PARAMETERS
from usage.sample import Store

LENSES = ("/", "/events/", "/usage/")
ACME = "acme-robotics"
HTMX = {"HX-Request": "true"}


class Texts(HTMLParser):
    """The texts of elements by their class or tag, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self._open: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append((tag, dict(attrs).get("class") or ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open and data.strip():
            self.found.append((*self._open[-1], data.strip()))

    def of(self, tag: str, klass: str | None = None) -> list[str]:
        return [text for t, k, text in self.found if t == tag and (klass is None or klass in k.split())]


def figures(page: str) -> dict[str, Any]:
    """The chart's data as the page carries it."""
    found = re.search(r'<script type="application/json" class="figure">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def whole(text: str) -> float:
    return float(text.replace(",", "").replace("\u2212", "-"))


def get(page: Client, address: str, **params: str | int) -> str:
    """The page's text."""
    return page.get(f"{address}{'&' if '?' in address else '?'}{urlencode(params)}").content.decode()


Sql = Callable[..., list[Any]]


def window_sums(sql: Sql, customer: str, start: int, end: int) -> dict[str, float]:
    rows = sql(
        "SELECT feature_id, sum(value) FROM events"
        " WHERE customer_id = ? AND timestamp >= ? AND timestamp < ? GROUP BY 1",
        *(customer, start, end),
    )
    return dict(rows)


def legend(text: str) -> dict[str, float]:
    """The legend's exact sums by name, as the cells' titles have them, and the total's."""
    rows = re.findall(
        r"<tr.*?</tr>", text[text.index('class="legend"') : text.index("</tfoot>") + 8], re.DOTALL
    )[1:]
    found = {}
    for row in rows:
        name = re.search(r'<td title="([^"]*)"', row)
        figure = re.search(r'<td class="num" title="([^" ]+)', row)
        assert figure is not None
        found[name[1] if name else "Total"] = whole(figure[1])
    return found


def local_days(zone: str, days: int, ending: str) -> tuple[int, int]:
    """[start, end) of that many local days, the last of which is `ending`."""
    last = datetime.fromisoformat(ending).replace(tzinfo=ZoneInfo(zone))
    first = last.replace(tzinfo=None) - timedelta(days - 1)
    start = first.replace(tzinfo=ZoneInfo(zone)).timestamp()
    end = (last.replace(tzinfo=None) + timedelta(1)).replace(tzinfo=ZoneInfo(zone)).timestamp()
    return round(start * 1000), round(end * 1000)


def test_newest_events_are_those_of_the_sample(page: Client, sample: Store, sql: Sql) -> None:
    """The event browser's first page holds the newest hundred rows of the window, in order, and no others."""
    end = sample.now() // 3_600_000 * 3_600_000
    start = end - 7 * 86_400_000
    text = get(page, "/events/", customer_id=ACME, start=start, end=end, tz="UTC")
    listed = re.findall(r"<tr[^>]*>.*?event=(\d+)%2C(evt_\w+)", text)
    rows = sql(
        "SELECT timestamp, id FROM events WHERE customer_id = ? AND timestamp >= ? AND timestamp < ?"
        " ORDER BY timestamp DESC, id DESC LIMIT 100",
        *(ACME, start, end),
    )
    assert [(int(ms), name) for ms, name in listed] == [tuple(row) for row in rows]


def test_pages_neither_repeat_nor_skip(page: Client, sample: Store, sql: Sql) -> None:
    """Following ›, while late events arrive, every event of the window is seen once."""
    end = sample.now() // 3_600_000 * 3_600_000
    start = end - 86_400_000
    ids = "SELECT id FROM events WHERE customer_id = ? AND timestamp >= ? AND timestamp < ?"
    expected = {row[0] for row in sql(ids, ACME, start, end)}
    address = f"/events/?{urlencode({'customer_id': ACME, 'start': start, 'end': end, 'tz': 'UTC'})}"
    seen, late = list[str](), 0
    while address:
        text = page.get(address).content.decode()
        seen += re.findall(r"<tr[^>]*>.*?event=\d+%2C(evt_\w+)", text)
        arrival = {
            "customer_id": ACME,
            "feature_id": "emails",
            "timestamp": end - 1 - late,
            "id": f"late{late}",
        }
        sample.add([arrival])
        late += 1
        following = re.search(r'href="([^"]+)"[^>]*rel="next"', text)
        address = following[1].replace("&amp;", "&") if following else ""
    assert late > 2
    assert sorted(seen) == sorted(expected)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland"])
def test_chart_equals_sql_over_a_dst_change(page: Client, sql: Sql, zone: str) -> None:
    """Thirty local days across the change of the clocks: the legend's sums are the sample's own."""
    start, end = local_days(zone, 30, "2026-11-10")
    text = get(page, "/usage/", customer_id=ACME, start=start, end=end, tz=zone)
    expected = window_sums(sql, ACME, start, end)
    assert legend(text) == pytest.approx(expected | {"Total": sum(expected.values())})
    assert len(figures(text)["edges"]) == 31


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland"])
def test_every_bar_equals_sql(page: Client, sql: Sql, zone: str) -> None:
    """Each local day's row in the table beside the chart is the sum of that day's events in the sample's own SQL."""
    start, end = local_days(zone, 14, "2026-11-05")
    text = get(page, "/usage/", customer_id=ACME, feature_id="ai_tokens", start=start, end=end, tz=zone)
    table = text[text.index('class="figures"') :]
    totals = [whole(cell) for cell in re.findall(r'<td class="num">([^<]+)</td></tr>', table)]
    edges = [local_days(zone, 1, f"{date(2026, 10, 23) + timedelta(at)}") for at in range(14)]
    expected = [window_sums(sql, ACME, *edge).get("ai_tokens", 0.0) for edge in edges]
    assert totals == pytest.approx(expected)


def test_days_off_the_hour_are_the_nearest_hours(page: Client, sql: Sql) -> None:
    """In Kolkata days begin on the half hour, which Autumn cannot tell: bars are the nearest 24 hours, and say so."""
    start, end = local_days("Asia/Kolkata", 14, "2026-11-05")
    half = 1_800_000
    text = get(
        page, "/usage/", customer_id=ACME, feature_id="ai_tokens", start=start, end=end, tz="Asia/Kolkata"
    )
    totals = [
        whole(cell)
        for cell in re.findall(r'<td class="num">([^<]+)</td></tr>', text[text.index('class="figures"') :])
    ]
    edges = range(start - half, end - half + 1, 86_400_000)
    expected = [window_sums(sql, ACME, *edge).get("ai_tokens", 0.0) for edge in pairwise(edges)]
    assert totals == pytest.approx(expected)
    assert "bins begin at the nearest full hour of UTC" in text


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland"])
def test_250_groups_over_90_days(page: Client, sample: Store, sql: Sql, zone: str) -> None:
    """90 days by 250 groups: the page shows the top ones and Other, adds up to SQL's sum, and weighs little."""
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
    sums = legend(answer.content.decode())
    assert len(sums) == 8 + 1 + 1  # the top ones, Other and the total
    assert any(name.startswith("Other") for name in sums)
    assert sums["Total"] == pytest.approx(window_sums(sql, customer, start, end)["ai_tokens"])
    assert len(gzip.compress(answer.content)) < 100_000


@pytest.mark.parametrize(("zone", "drawn"), [("UTC", True), ("Pacific/Auckland", False)])
def test_more_groups_than_anybody_reads(page: Client, sql: Sql, zone: str, drawn: bool) -> None:
    """Grouping by what differs in each event asks for fewer groups where that helps, and says where nothing does."""
    start, end = local_days(zone, 90, "2026-11-20")
    grouped = {
        "customer_id": ACME,
        "focus": "ai_tokens",
        "group_by": "properties.request_id",
        "bin_size": "day",
    }
    answer = page.get(f"/usage/?{urlencode({**grouped, 'start': start, 'end': end, 'tz': zone})}")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert ("too many different values" in text) is not drawn
    if drawn:
        assert legend(text)["Total"] == pytest.approx(window_sums(sql, ACME, start, end)["ai_tokens"])


def test_groups_add_up_to_the_feature(page: Client, sql: Sql) -> None:
    """A grouped legend has the SQL sum of each group and of what lacks the property; its total is theirs."""
    start, end = local_days("UTC", 7, "2026-11-20")
    grouped = {"customer_id": ACME, "focus": "ai_tokens", "group_by": "properties.region"}
    text = get(page, f"/usage/?{urlencode(grouped)}", start=start, end=end, tz="UTC")
    rows = sql(
        "SELECT properties ->> '$.region', sum(value) FROM events WHERE customer_id = ? AND feature_id = 'ai_tokens'"
        " AND timestamp >= ? AND timestamp < ? GROUP BY 1",
        *(ACME, start, end),
    )
    expected = {name or "(none)": value for name, value in rows}
    assert "(none)" in expected
    assert legend(text) == pytest.approx(expected | {"Total": sum(expected.values())})


def test_overview_totals(page: Client, sql: Sql) -> None:
    """The overview's tiles are the organisation's sums, and its busiest customer the one with the largest."""
    start, end = local_days("UTC", 7, "2026-11-20")
    text = get(page, "/", start=start, end=end, tz="UTC", focus="api_calls")
    sums = sql(
        "SELECT customer_id, sum(value) FROM events WHERE feature_id = 'api_calls'"
        " AND timestamp >= ? AND timestamp < ? GROUP BY 1 ORDER BY 2 DESC",
        *(start, end),
    )
    ranked = text[text.index("Busiest customers") :]
    assert re.findall(r'title="([^"]+)">', ranked)[0] == sums[0][0]
    assert f'title="{sum(value for _, value in sums):,.0f}' in text


@pytest.mark.parametrize("address", ["/usage/", "/events/"])
def test_unknown_customer(page: Client, address: str) -> None:
    """A customer that Autumn does not know is a 404 that says so, not an empty page."""
    answer = page.get(address, {"customer_id": "nobody-of-that-name"})
    assert answer.status_code == 404
    assert "No such customer" in Texts(answer.content.decode()).of("h2")


@pytest.mark.parametrize("address", LENSES)
def test_bad_query_is_said_beside_its_field(page: Client, address: str) -> None:
    """A start after the end is a 400 with its sentence beside the field, and the form keeps what was written."""
    answer = page.get(address, {"start": "2026-11-05T00:00", "end": "2026-11-01T00:00", "tz": "UTC"})
    text = answer.content.decode()
    assert answer.status_code == 400
    assert re.search(r'id="f-start"[^>]*value="2026-11-05T00:00"[^>]*aria-describedby="start-error"', text)
    assert "The start must lie before the end." in Texts(text).of("span", "error")


@pytest.mark.parametrize("address", LENSES)
def test_part_is_the_pages_own(page: Client, address: str) -> None:
    """What htmx swaps is the very part of the whole page; restoring history gets the whole one."""
    params = {"customer_id": ACME, "range": "7d", "tz": "UTC"}
    whole_page = page.get(address, params)
    part = page.get(address, params, headers=HTMX)
    restored = page.get(address, params, headers={**HTMX, "HX-History-Restore-Request": "true"})
    assert b"<html" not in part.content
    assert b"<html" in restored.content
    assert part.headers["HX-Push-Url"].startswith(f"{address}?")
    assert {"HX-Request", "HX-History-Restore-Request"} <= set(re.split(r",\s*", whole_page.headers["Vary"]))
    section = b'<form class="filters"'
    assert (
        part.content[part.content.index(section) :][:2000]
        == whole_page.content[whole_page.content.index(section) :][:2000]
    )


def test_links_carry_the_query(page: Client) -> None:
    """From the chart to the events and back, the customer, the window and the zone come along."""
    text = page.get("/usage/", {"customer_id": ACME, "range": "7d", "tz": "Asia/Kolkata"}).content.decode()
    nav = re.findall(r'<a href="(/[^"]*)"', text[text.index('id="nav"') : text.index("</nav>")])
    for address in nav[:3]:
        assert f"customer_id={ACME}&amp;range=7d&amp;tz=Asia%2FKolkata" in address


def test_pages_go_out_compressed(page: Client) -> None:
    """A browser that takes gzip gets pages in a fraction of their length; 100 rows of events in 25 KB at most."""
    plain = page.get(f"/events/?customer_id={ACME}&range=7d&tz=UTC")
    packed = page.get(f"/events/?customer_id={ACME}&range=7d&tz=UTC", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.content).count(b"<tr") == plain.content.count(b"<tr") > 100
    assert len(packed.content) <= 25_000


def test_links_to_copy(page: Client, sample: Store) -> None:
    """Two links to a view are offered: one whose range moves with time, one that holds the very dates on display."""
    text = get(page, "/usage/", customer_id=ACME, range="7d", tz="Europe/Berlin")
    moving, frozen = re.findall(r'href="([^"]+)" data-copy="address"', text)
    assert "range=7d" in moving
    assert "range=" not in frozen
    chart = figures(text)["edges"]
    start, end = (
        int(found) for found in (re.findall(r"start=(\d+)", frozen)[0], re.findall(r"end=(\d+)", frozen)[0])
    )
    assert start == chart[0]
    assert chart[-2] < end <= sample.now()
    again = figures(page.get(frozen.replace("&amp;", "&")).content.decode())
    assert again["edges"] == [*chart[:-1], end]


@pytest.mark.parametrize("address", ["/", "/events/", "/usage/", "/events/histogram/", "/events/facets/"])
def test_windows_of_millennia(page: Client, address: str) -> None:
    """A window that reaches far back or ahead is shown, or refused with a sentence: no calendar is too small for it."""
    for window in (
        "start=1970-01-01&end=3940-01-01",
        "start=0&end=253370764799999",
        "start=1&compare=previous",
    ):
        assert page.get(f"{address}?{window}&tz=Europe/Berlin").status_code in (200, 400)


@pytest.mark.parametrize("hour", [1792886400000, 1792890000000])
def test_the_hour_that_clocks_show_twice(page: Client, hour: int) -> None:
    """Sending the form on from either 02:00 of the change of the clocks looks at the very same hour again."""
    text = get(page, "/usage/", customer_id=ACME, start=hour, end=hour + 3_600_000, tz="Europe/Berlin")
    fields = dict(re.findall(r'id="f-(start|end|tz)" name="\w+" value="([^"]*)"', text))
    again = get(page, "/usage/", customer_id=ACME, **fields)
    assert figures(again)["edges"] == figures(text)["edges"] == [hour, hour + 3_600_000]


def test_a_bad_query_is_said_where_the_short_address_leads(page: Client) -> None:
    """/customers/ID drops nothing that it was given: what can't be meant is a 400 on the page that it leads to."""
    answer = page.get("/customers/globex?range=bogus&junk=1", follow=True)
    assert answer.status_code == 400
    assert "There is no parameter" in answer.content.decode()
    assert page.get("/customers/?junk=1").status_code == 400


def test_a_cycle_comes_along_to_the_overview(page: Client) -> None:
    """From a customer's billing cycle the navigation leads to an overview of days, which says why it is of days."""
    answer = page.get(f"/?customer_id={ACME}&range=1bc&tz=UTC")
    assert answer.status_code == 200
    assert "these are the last 30 days" in answer.content.decode()
    assert "these are the last 30 days" not in get(page, "/", range="30d", tz="UTC")


def test_customer_address(page: Client) -> None:
    """/customers/ID leads to the customer's charts, whatever the id is made of."""
    answer = page.get("/customers/a%2Fb%20%3F%26")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/usage/?customer_id=a%2Fb+%3F%26&")


def test_open_row_has_its_own_address(page: Client, sql: Sql) -> None:
    """The address of an open event finds it again, on a page that does not list it."""
    old = "SELECT timestamp, id FROM events WHERE customer_id = ? ORDER BY timestamp LIMIT 1 OFFSET 5000"
    at, name = sql(old, ACME)[0]
    text = get(page, "/events/", customer_id=ACME, event=f"{at},{name}", range="24h", tz="UTC")
    assert f"Event {name}" in " ".join(Texts(text).of("h4"))
    gone = get(page, "/events/", customer_id=ACME, event=f"{at},evt_not_there", range="24h", tz="UTC")
    assert "is not there" in gone


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
        assert Texts(answer.content.decode()).of("span", "error")
    assert b"<script>alert" not in answer.content


@given(drawn=pairs)
def test_no_input_breaks_the_overview(page: Client, drawn: list[tuple[str, str]]) -> None:
    """Whatever its query string, the overview answers, and says beside a field what is wrong with it."""
    check_any(page, "/", drawn)


@given(drawn=pairs)
def test_no_input_breaks_the_event_browser(page: Client, drawn: list[tuple[str, str]]) -> None:
    """Whatever its query string, the event browser answers, and says beside a field what is wrong with it."""
    check_any(page, "/events/", drawn)


@given(drawn=pairs)
def test_no_input_breaks_the_charts(page: Client, drawn: list[tuple[str, str]]) -> None:
    """Whatever its query string, the usage page answers, and says beside a field what is wrong with it."""
    check_any(page, "/usage/", drawn)
