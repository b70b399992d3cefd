"""Names, units and IDs on pages, in files and in pickers, over the sample's story."""

from __future__ import annotations

import csv
import io
from concurrent.futures import Future
from urllib.parse import unquote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from dashboard import services
from dashboard.charts import chart_panel
from dashboard.names.labels import Labels
from tests.dashboard.charts.sample_series import query_of_days, series_of
from tests.dashboard.names.conftest import KEYS, LUMEN, TWINS, OpenSite
from tests.page import Page
from usage.catalog import Customer, FeatureName
from usage.charts.series import Line

USAGE = f"/usage/?customer_id={LUMEN}&range=7d&tz=UTC"


def test_customer_has_name_id_and_links(open_site: OpenSite) -> None:
    site = open_site(AUTUMN_APP_URL="https://app.example.com")
    for address in (USAGE, f"/events/?customer_id={LUMEN}&tz=UTC"):
        page = Page(site.client.get(address))
        assert page.one("h1").one("small").text == LUMEN
        assert page.one("h1").text == f"Lumen Optics {LUMEN}"
        assert page.one("button", data_copy_text=LUMEN)["data-customer-id"] == LUMEN
        link = page.one("a", data_autumn=True)
        assert (link["href"], link["rel"]) == (
            f"https://app.example.com/customers/{LUMEN}",
            "noopener noreferrer",
        )


@pytest.mark.parametrize("customer_id", ["kōbe-牛-電子", "north/south 50% &co", "<script>alert(1)</script>"])
def test_link_to_autumn_encodes_the_id(open_site: OpenSite, customer_id: str) -> None:
    site = open_site(AUTUMN_APP_URL="https://app.example.com")
    page = Page(site.client.get("/usage/", {"customer_id": customer_id, "tz": "UTC"}))
    href = page.one("a", data_autumn=True)["href"] or ""
    last = href.removeprefix("https://app.example.com/customers/")
    assert not set(last) & set("/?# ")
    assert unquote(last) == customer_id


def test_no_link_to_autumn_without_its_address(open_site: OpenSite) -> None:
    assert not Page(open_site().client.get(USAGE)).has("a", data_autumn=True)


def test_tables_and_groups_have_names_beside_ids(open_site: OpenSite) -> None:
    """On the overview, in lists, in the legend and in the chart's data; links and values stay IDs."""
    site = open_site()
    site.search("o")
    overview = Page(site.client.get("/?tz=UTC"))
    [hooli] = overview.all("tr", data_customer_id="hooli")
    assert hooli.text.startswith("Hooli Inc. hooli")
    assert "customer_id=hooli" in (hooli.one("a")["href"] or "")
    events = Page(site.client.get("/events/?tz=UTC&per_page=1000"))
    cells = {cell["data-v"]: cell.text for cell in events.all("td", class_="clip") if cell.has("small")}
    assert cells["globex"] == "Globex Corporation globex"
    grouped = Page(site.client.get("/usage/?group_by=$customer_id&focus=ai_tokens&range=7d&tz=UTC"))
    [row] = grouped.all("tr", data_group="hooli")
    assert row.text.startswith("Hooli Inc.")
    assert row.one("small").text == "hooli"
    assert "Hooli Inc." in [line["label"] for line in grouped.figure["lines"]]


def test_customers_of_one_name_are_told_apart_in_a_chart() -> None:
    """Where there is no room for the ID beside the name, it is a part of the label."""
    labels = Labels({"cus_1": "Brightside", "cus_2": "Brightside", "cus_3": "cus_4"}.get)
    query = query_of_days(2).having(group_by="$customer_id")
    lines = [Line("group", customer, (1.0, 2.0)) for customer in ("cus_1", "cus_2", "cus_3", "cus_4")]
    panel = chart_panel(series_of(lines, query), labels=labels)
    shown = [row.label for row in panel.legend.rows]
    assert len(set(shown)) == 4
    assert (shown[0], shown[1]) == ("Brightside (cus_1)", "Brightside (cus_2)")
    assert panel.table.heads[:4] == tuple(shown)


def test_customer_that_is_called_like_a_fold_stands_in_quotes() -> None:
    labels = Labels({"cus_1": "Other", "cus_2": "No value or not reported"}.get)
    query = query_of_days(2).having(group_by="$customer_id")
    lines = [Line("group", customer, (1.0, 2.0)) for customer in ("cus_1", "cus_2")]
    shown = [row.label for row in chart_panel(series_of(lines, query), labels=labels).legend.rows]
    assert shown == ["“Other”", "“No value or not reported”"]


@given(st.text(max_size=40))
def test_any_name_is_text_in_charts(name: str) -> None:
    """In the legend, in the drawing and in what the script reads."""
    labels = Labels({"cus_1": name}.get)
    query = query_of_days(2).having(group_by="$customer_id")
    panel = chart_panel(series_of([Line("group", "cus_1", (1.0, 2.0))], query), labels=labels)
    assert "<" not in panel.figure
    assert not any("\u2066" <= each <= "\u2069" or "\u202a" <= each <= "\u202e" for each in panel.figure)
    assert not any(each < " " for row in panel.legend.rows for each in row.label + row.title)


def test_hostile_names_are_escaped_on_pages(open_site: OpenSite) -> None:
    site = open_site()
    hostile = '"><img src=x onerror=alert(1)>\u202e'
    names = services.customer_names()
    names.note([Customer("hooli", hostile, None, (), ())])
    assert str(escape(hostile[:-1])) in site.client.get("/usage/?customer_id=hooli&tz=UTC").content.decode()
    for address in ("/?tz=UTC", "/events/?tz=UTC", "/customers/?q=hoo&stored=1"):
        names.note([Customer("hooli", hostile, None, (), ())])
        html = site.client.get(address, follow=True).content.decode()
        assert "<img src=x" not in html
        assert "\u202e" not in html


def test_figures_have_units(open_site: OpenSite) -> None:
    """Cards, the sentence of the check, legend, axis, hover texts; one and many."""
    page = Page(open_site().client.get(f"{USAGE}&focus=image_renders"))
    card = page.one("a", data_feature="image_renders")
    assert card.one("h2").text == "Image renders"
    assert card.one(data_unit=True).text == "images"
    whole = f"{int(float(card['data-sum'] or 0)):,}\u00a0images"
    assert (card.one("div", class_="n")["title"] or "").startswith(whole)
    assert "images" in page.one("div", class_="rec", data_shown=True).text
    assert page.one("text", class_="unit").text == "images"
    assert page.figure["unit"] == ["image", "images"]
    assert all("images" in trace["hovertemplate"] or trace.get("customdata") for trace in page.figure["data"])
    [legend] = page.all("table")[:1]
    assert "images" in legend.texts("th")


def test_one_of_a_unit_is_singular() -> None:
    feature = FeatureName("seats", "Seats", "metered", False, (), None, "seat", "seats", archived=False)
    unit = labels_of(feature).unit_of("seats")
    assert (unit.after("1", 1), unit.after("2", 2)) == ("1\u00a0seat", "2\u00a0seats")


def labels_of(*features: FeatureName) -> Labels:
    future: Future[tuple[FeatureName, ...] | None] = Future()
    future.set_result(features)
    return Labels(start_features=lambda: future)


def test_page_goes_on_without_names_that_do_not_arrive() -> None:
    """It shows IDs."""
    labels = Labels(start_features=Future, start_customer=lambda _: Future(), wait_s=0)
    labels.begin("cus_1")
    assert (labels.feature_text("seats"), labels.unit_of("seats").many) == ("seats", "")
    assert labels.of_customer("cus_1") is None


def test_id_that_stands_in_for_a_name_is_no_unit() -> None:
    bare = FeatureName("ticks", "ticks", "metered", True, (), None, "ticks", "ticks", archived=False)
    assert labels_of(bare).unit_of("ticks").after("2", 2) == "2"


def test_event_name_of_two_features_has_both_names_and_no_unit() -> None:
    """A recipient, who may see one of the two only, gets the name as it is."""
    two = [
        FeatureName(each, each.title(), "metered", True, ("sent",), None, "x", "xs", archived=False)
        for each in ("mails", "notes")
    ]
    labels = labels_of(*two)
    assert (labels.feature_text("sent"), labels.unit_of("sent").many) == ("sent → Mails, Notes", "")
    shared = labels_of(*two)
    shared.event_names = False
    assert shared.feature_text("sent") == "sent"


def test_events_of_a_feature_can_be_seen_by_their_names(open_site: OpenSite) -> None:
    """The feature's own card has all of them."""
    site = open_site()
    page = Page(site.client.get(f"{USAGE}&focus=exports"))
    whole = page.one("a", data_feature="exports")["data-count"]
    apart = Page(site.client.get(page.one("a", data_event_names=True)["href"] or ""))
    cards = apart.all("a", data_feature=True)
    counts = {card["data-feature"]: int(card["data-count"] or 0) for card in cards}
    assert str(counts.pop("exports")) == whole
    assert set(counts) == {"export_pdf", "export_csv", "report_sent"}
    assert sum(counts.values()) == int(whole or 0)
    assert "→" in apart.one("a", data_feature="export_pdf").one("h2").text


def test_archived_features_say_so(open_site: OpenSite) -> None:
    site = open_site()
    page = Page(site.client.get("/usage/?feature_id=legacy_sync&tz=UTC&range=365d"))
    picker = page.one("details", id="pick-features")
    assert page.one("a", data_feature="legacy_sync").has(data_archived=True)
    archived = [label for label in picker.all("label") if label.has(data_archived=True)]
    assert {label.one("input")["value"] for label in archived} == {"legacy_sync"}
    current = Page(site.client.get(USAGE)).one("div", class_="feature-cards")
    assert current.has("a", data_feature="image_renders")
    assert not current.has(data_archived=True)


def test_key_without_names_shows_ids_and_no_units(open_site: OpenSite) -> None:
    site = open_site(key=KEYS[1])
    page = Page(site.client.get("/usage/?customer_id=acme-robotics&range=7d&tz=UTC"))
    assert page.one("h1").text == "acme-robotics"
    assert not page.has(data_unit=True)
    assert page.one("a", data_feature="api_calls").one("h2").text == "api_calls"


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_files_have_names_units_and_local_times(open_site: OpenSite) -> None:
    """As columns after those of before; the name of the file has the customer's name and ID."""
    site = open_site()
    params = urlencode({"customer_id": LUMEN, "range": "7d", "tz": "Asia/Kolkata"})
    usage = site.client.get(f"/usage/export.csv?{params}")
    rows = read(usage.content)
    assert list(rows[0])[-3:] == ["feature_name", "unit", "measure"]
    named = {(row["feature_id"], row["feature_name"], row["unit"], row["measure"]) for row in rows}
    assert ("image_renders", "Image renders", "images", "sum") in named
    assert f"usage-Lumen_Optics-{LUMEN}-" in usage["Content-Disposition"]
    events = read(b"".join(site.client.get(f"/events/export.csv?{params}")))
    assert list(events[0])[-3:] == ["customer_name", "feature_name", "local_time"]
    assert {row["customer_name"] for row in events} == {"Lumen Optics"}
    assert all(row["local_time"].endswith("+05:30") for row in events)


def test_names_that_are_formulas_are_guarded_in_files(open_site: OpenSite) -> None:
    site = open_site()
    params = urlencode({"customer_id": '=HYPERLINK("http://x")', "range": "90d", "tz": "UTC"})
    site.search("HYPERLINK")
    events = read(b"".join(site.client.get(f"/events/export.csv?{params}")))
    assert {row["customer_name"] for row in events} == {'\'=HYPERLINK("http://y","Pay")'}


def test_twins_are_different_in_the_list_of_links(open_site: OpenSite) -> None:
    site = open_site()
    site.search("brightside")
    for customer in TWINS:
        form = {
            "share_id": f"{abs(hash(customer)):016x}"[:16],
            "recipient": "Ada",
            "customer_id": customer,
            "every_feature": "on",
            "period": "free",
            "fresh": "live",
            "life": "7",
            "password": "none",
        }
        first = Page(site.client.post("/shares/new", form))
        accepted = [field["value"] or "" for field in first.all("input", name="accepted")]
        assert site.client.post("/shares/new", {**form, "accepted": accepted}).status_code == 200
    listed = Page(site.client.get("/shares/")).all("td", data_customer_id=True)
    assert {cell.text for cell in listed} == {f"Brightside Media {customer}" for customer in TWINS}
