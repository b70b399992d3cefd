"""The contents of the files: every event once, every figure of the chart, and no formula."""

from __future__ import annotations

import csv
import io
import json
import re
import threading
import time
from contextlib import closing
from datetime import UTC
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from dashboard.exports.files import CsvRows, JsonRows, chart_csv, file_name, guarded
from dashboard.names.labels import Labels
from tests.dashboard.charts.sample_series import a_total, query_of_days, series_of
from usage.charts.series import Line
from usage.results import Deduction, Event, Reset, decode_rows
from usage.sample import Store
from usage.window import local

ACME = "acme-robotics"
DAY_MS = 86_400_000
ALWAYS = ["id", "timestamp", "customer_id", "feature_id", "value"]
LAST = ["customer_name", "feature_name", "local_time"]
DANGEROUS = re.compile(r"\s*[=+\-@＝＋－＠]|\s*[\t\r\n]")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [
        "=1+1",
        " \u200b=1",
        "+1",
        "-1",
        "@a",
        "\t",
        "\r\n",
        "＝1",
        "'=1",
        'a"b',
        "a,b",
        "a\0b",
        "\u202egnp.exe",
        "",
        "007",
    ]
)
leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e300, 1e300) | texts
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)
events = st.builds(
    Event,
    id=texts.filter(bool),
    timestamp=st.integers(0, 4_000_000_000_000),
    feature_id=texts,
    customer_id=texts,
    value=st.integers(-(2**53), 2**53) | st.floats(-1e300, 1e300),
    properties=st.dictionaries(texts, values, max_size=4),
)


def read(data: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file by column name."""
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def taken(client: Client, path: str, **params: Any) -> bytes:
    """A whole file."""
    response = client.get(f"{path}?{urlencode(params, doseq=True)}")
    assert response.status_code == 200, response.content
    return response.getvalue()


def sql(store: Store, where: str = "true", *given: object) -> list[dict[str, Any]]:
    """The sample's own rows, newest first."""
    names = ("id", "timestamp", "customer_id", "feature_id", "value", "properties", "deductions")
    order = (
        f"SELECT {', '.join(names)} FROM events WHERE {where} ORDER BY timestamp DESC, micros DESC, id DESC"
    )
    with closing(store.connection()) as connection:
        return [dict(zip(names, row, strict=True)) for row in connection.execute(order, given)]


@given(st.lists(events, max_size=5))
def test_no_cell_is_a_formula_and_none_is_lost(rows: list[Event]) -> None:
    """A CSV reader returns any text unchanged, after an apostrophe if a spreadsheet would run it."""
    table = CsvRows(rows, Labels(), UTC)
    found = read(table.head + table.of(rows))
    assert len(found) == len(rows)
    for line, event in zip(found, rows, strict=True):
        for name in ("id", "customer_id", "feature_id"):
            text = getattr(event, name)
            assert line[name] == guarded(text)
            assert not DANGEROUS.match(line[name])
        assert float(line["value"]) == event.value
        assert json.loads(line["properties"]) == event.properties
        for name, text in line.items():
            if name.startswith("properties.") and DANGEROUS.match(text):
                float(text)  # only a number may begin with a sign


@given(st.text(alphabet=[*"=+-@;'\" \t\na＝"], max_size=12) | texts)
def test_guard_adds_apostrophes_only_and_no_part_is_a_formula(text: str) -> None:
    """Also where a spreadsheet splits the text at semicolons and line breaks."""
    found = guarded(text)
    assert found.replace("'", "") == text.replace("'", "")
    assert not DANGEROUS.match(found)
    for part in re.split("[;\r\n]", found)[1:]:
        assert not re.match(r'["\s\x00-\x1f]*[=+\-@＝＋－＠]', part)


def test_row_is_no_formula_where_lists_are_written_with_semicolons() -> None:
    """Texts get an apostrophe, JSON is written otherwise; both read as they were, but for the apostrophe."""
    row = Event("e;=1", 0, "f", "c", 1, {"a": "x; =1+1", "deep": {"b": ['y;"@z']}})
    table = CsvRows([row], Labels(), UTC)
    data = table.head + table.of([row])
    (line,) = read(data)
    assert (line["id"], line["properties.a"]) == ("e;'=1", "x;' =1+1")
    assert json.loads(line["properties"]) == row.properties
    cells = next(csv.reader(io.StringIO(data.decode().splitlines()[1]), delimiter=";"))
    assert not [cell for cell in cells if DANGEROUS.match(cell)]


@pytest.mark.parametrize(
    "text", ["=1", "  =1", "+1", "-1", "@x", "\tx", "\rx", "\nx", " \tx", "＝1", "＋1", "－1", "＠x"]
)
def test_each_prefix_of_a_formula_is_guarded(text: str) -> None:
    """Every prefix that a spreadsheet runs, including full-width variants and leading blanks."""
    assert guarded(text) == f"'{text}"


def test_json_numbers_are_numbers() -> None:
    """Negative ones too; a text that looks like a number is a guarded text."""
    row = Event(
        "e", 0, "f", "c", -1.5, {"debt": -3, "text": "-3", "yes": True, "no": None, "deep": {"a": [1]}}
    )
    table = CsvRows([row], Labels(), UTC)
    (line,) = read(table.head + table.of([row]))
    assert (line["value"], line["properties.debt"], line["properties.text"]) == ("-1.5", "-3", "'-3")
    assert (line["properties.yes"], line["properties.no"], line["properties.deep.a"]) == ("true", "", "[1]")
    assert line["timestamp"] == "1970-01-01T00:00:00.000Z"


def test_fifty_most_common_properties_are_columns() -> None:
    """By number of newest events; the last column has all properties."""
    rows = [Event(str(n), 0, "f", "c", 1, {f"p{k:02}": n for k in range(60 - n)}) for n in range(60)]
    table = CsvRows(rows, Labels(), UTC)
    (line, *_) = read(table.head + table.of(rows))
    assert list(line) == [*ALWAYS, *(f"properties.p{k:02}" for k in range(50)), "properties", *LAST]
    assert set(json.loads(line["properties"])) == {f"p{k:02}" for k in range(60)}


@given(st.lists(events, max_size=5))
def test_json_lines_round_trip(rows: list[Event]) -> None:
    """Each line decodes to its event."""
    lines = JsonRows(rows, Labels(), UTC).of(rows).splitlines()
    again = b'{"list":[%s],"has_more":false}' % b",".join(lines)
    unique = list({event.id: event for event in reversed(rows)}.values())
    assert decode_rows(again).events == unique[::-1] if len(unique) == len(rows) else len(lines) == len(rows)


def test_json_lines_have_the_fields_of_the_api() -> None:
    """In the API's order, deductions included; fields that it omits are absent."""
    taken_from = Deduction("bal", "f", 2, None, Reset("month", resets_at=5))
    event = Event("e", 7, "f", "c", 30, {"a": 1}, [taken_from])
    (line,) = JsonRows([], Labels(), UTC).of([event]).splitlines()
    assert line.startswith(
        b'{"id":"e","timestamp":7,"feature_id":"f","customer_id":"c","value":30,"properties":{"a":1}'
    )
    assert json.loads(line)["deductions"] == [
        {
            "balance_id": "bal",
            "feature_id": "f",
            "value": 2,
            "plan_id": None,
            "reset": {"interval": "month", "resets_at": 5},
        }
    ]


@pytest.mark.parametrize(
    "customer", ['../"a"\r\nX: y', "a\u202eb", "café-müller", "", None, "x" * 500, "a/b\\c"]
)
def test_file_names_are_safe(customer: str | None) -> None:
    """For any customer, the name has no folder, quote, control or bidi character, and a limited length."""
    name = file_name("events", customer, local(0, UTC), "csv")
    assert re.fullmatch(r"events-[\w.@=-]{0,80}-1970-01-01\.csv", name)


@pytest.mark.parametrize("file", ["events/export.csv", "events/export.jsonl"])
def test_export_equals_the_samples_rows(page: Client, sample: Store, file: str) -> None:
    """Every event of a customer's window once, whatever page is in the address."""
    start, end = int(time.time() * 1000) - 20 * DAY_MS, int(time.time() * 1000) - DAY_MS
    data = taken(
        page, f"/{file}", customer_id=ACME, start=start, end=end, page=7, before=f"{end},x", per_page=50
    )
    rows = sql(sample, "customer_id = ? AND timestamp >= ? AND timestamp < ?", ACME, start, end)
    assert len(rows) > 5000
    found = [json.loads(line) for line in data.splitlines()] if file.endswith("jsonl") else read(data)
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    for row, true in zip(found, rows, strict=True):
        properties = row["properties"] if file.endswith("jsonl") else json.loads(row["properties"])
        assert (row["feature_id"], float(row["value"])) == (true["feature_id"], round(true["value"], 10))
        assert properties == json.loads(true["properties"])


def test_export_applies_filters(page: Client, sample: Store) -> None:
    """Features, properties and values."""
    end = int(time.time() * 1000) - DAY_MS
    data = taken(
        page,
        "/events/export.csv",
        start=end - 30 * DAY_MS,
        end=end,
        feature_id="ai_tokens",
        filter="model:gpt-large",
        value_min=100,
    )
    rows = sql(
        sample,
        "feature_id = 'ai_tokens' AND value >= 100 AND properties ->> '$.model' = 'gpt-large' "
        "AND timestamp >= ? AND timestamp < ?",
        end - 30 * DAY_MS,
        end,
    )
    assert rows
    assert [line["id"] for line in read(data)] == [row["id"] for row in rows]
    assert {line["properties.model"] for line in read(data)} == {"gpt-large"}


@pytest.mark.slow
def test_export_has_each_event_once_while_others_arrive(page: Client, sample: Store) -> None:
    """Early and late arrivals neither repeat nor hide a row."""
    now = int(time.time() * 1000)
    start = now - 60 * DAY_MS
    there = {row["id"] for row in sql(sample, "timestamp BETWEEN ? AND ?", start, now - 10_000)}
    response = page.get(f"/events/export.jsonl?start={start}")
    arrived = threading.Event()

    def arrive() -> None:
        for at in range(300):
            moment = int(time.time() * 1000) - at % 3 * DAY_MS
            sample.add([{"customer_id": "arrivals", "feature_id": "api_calls", "timestamp": moment}])
        arrived.set()

    arriving = threading.Thread(target=arrive)
    arriving.start()
    parts = list(response)
    arriving.join()
    ids = [json.loads(line)["id"] for line in b"".join(parts).splitlines()]
    assert arrived.is_set()
    assert len(ids) == len(set(ids))
    assert there <= set(ids)


def test_chart_csv_has_a_row_for_each_bin_and_line() -> None:
    """With the zone's offset before and after a clock change."""
    query = query_of_days(
        tz="Europe/Berlin", group_by="properties.model", start=1761343200000, end=1761519600000
    )
    size = 2
    lines = (
        Line("group", "=gpt", (1.0,) * size),
        Line("group", "", (0.5,) * size),
        Line("other", "", (0.0,) * size),
        Line("none", "", (-2.0,) * size),
    )
    series = series_of(lines, query)
    rows, data = chart_csv(series, Labels())
    found = read(data)
    assert rows == len(found) == 4 * size
    assert [row["period_start"] for row in found[::4]][:2] == [
        "2025-10-25T00:00:00+02:00",
        "2025-10-26T00:00:00+02:00",
    ]
    assert [(row["group_kind"], row["group"], row["value"]) for row in found[:4]] == [
        ("value", "'=gpt", "1"),
        ("value", "", "0.5"),
        ("other", "", "0"),
        ("none", "", "-2"),
    ]


def test_ungrouped_chart_csv_has_all_features() -> None:
    """Even those that the chart shows as Other."""
    size = 31
    features = tuple(a_total(f"f{at}", (float(at),) * size) for at in range(12))
    rows, data = chart_csv(series_of((), features=features), Labels())
    found = read(data)
    assert rows == len(found) == 12 * size
    assert {(row["group_kind"], row["group"]) for row in found} == {("", "")}
    assert {row["feature_id"] for row in found} == {f"f{at}" for at in range(12)}


def test_usage_export_equals_sql(page: Client, sample: Store) -> None:
    """The sums of each feature equal the sample's SQL."""
    end = int(time.time() * 1000) // DAY_MS * DAY_MS - DAY_MS
    data = taken(page, "/usage/export.csv", customer_id=ACME, start=end - 10 * DAY_MS, end=end, tz="UTC")
    sums: dict[str, float] = {}
    for row in read(data):
        sums[row["feature_id"]] = sums.get(row["feature_id"], 0) + float(row["value"])
    given = (ACME, end - 10 * DAY_MS, end)
    true: dict[str, float] = {}
    for event in sql(sample, "customer_id = ? AND timestamp >= ? AND timestamp < ?", *given):
        true[event["feature_id"]] = true.get(event["feature_id"], 0) + event["value"]
    assert sums == pytest.approx(true)
