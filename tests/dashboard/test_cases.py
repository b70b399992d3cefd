"""Inputs that once led to wrong pages and files, on servers of each age, with the right values."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.dashboard.events.event_site import EventSite, event_site
from tests.page import Page
from tests.usage.sample_service import DAY, HOUR, NOW, later, ms

AGES = ("older", "current", "newest")
MIDNIGHT = NOW - NOW % DAY
MINE: dict[str, Any] = {"customer_id": "cus_1", "feature_id": "messages", "tz": "UTC"}

Opened = Callable[[str], EventSite]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[Opened]:
    """The site over an empty Autumn of an age."""
    with ExitStack() as stack:
        yield lambda age: stack.enter_context(event_site(monkeypatch, age=age))


@pytest.fixture(params=AGES)
def at(opened: Opened, request: pytest.FixtureRequest) -> EventSite:
    return opened(request.param)


def usage_file(at: EventSite, **params: Any) -> list[dict[str, str]]:
    """The rows of the usage file."""
    response = at.client.get("/usage/export.csv", {**MINE, **params})
    assert response.status_code == 200, response.content.decode()
    return list(csv.DictReader(io.StringIO(response.content.decode(), newline="")))


def events_file(at: EventSite, **params: Any) -> list[dict[str, str]]:
    """The rows of the file of events."""
    response: Any = at.client.get("/events/export.csv", {**MINE, **params})
    return list(csv.DictReader(io.StringIO(b"".join(response).decode(), newline="")))


def card(page: Page, feature: str = "messages") -> Any:
    return page.one(data_feature=feature, data_sum=True)


# Files


@pytest.mark.parametrize(
    "filters",
    [
        {"exclude": "g:a"},
        {"value_min": "11"},
        {"filter": ["g:a", "g:b"]},
        {"filter": "g:"},
        {"filter": "g:12345678901234567890"},
    ],
    ids=["exclude", "value_min", "two values", "empty value", "large number"],
)
def test_usage_file_with_filters_that_charts_cannot_apply_is_refused(
    at: EventSite, filters: dict[str, Any]
) -> None:
    at.autumn.track(NOW - HOUR, 5, properties={"g": "a"})
    answer = at.client.get("/usage/export.csv", {**MINE, **filters})
    assert answer.status_code == 400
    page = at.get("/usage/", **MINE, **filters)
    assert "filters-not-applied" in page.notices
    assert card(page)["data-reconciled"] != "yes"


def test_usage_file_has_the_local_dates_of_the_page(at: EventSite) -> None:
    """In a zone whose days begin inside UTC hours."""
    at.autumn.track(ms("2025-11-11T20:00"), 5)
    rows = usage_file(at, tz="Asia/Kolkata", range="7d", bin_size="day")
    assert [row["period_start"] for row in rows][-2:] == [
        "2025-11-11T00:00:00+05:30",
        "2025-11-12T00:00:00+05:30",
    ]
    assert [row["value"] for row in rows][-2:] == ["0", "5"]


def test_usage_file_marks_folded_bins(at: EventSite) -> None:
    """The largest group is among the smallest of another day."""
    for day in (2, 5):
        for number in range(300):
            value = (1000 if day == 2 else 1) if number == 0 else 2
            at.autumn.track(NOW - day * DAY, value, properties={"user": f"u{number}"})
    rows = usage_file(at, group_by="properties.user", range="30d", tz="America/St_Johns", bin_size="day")
    largest = [row for row in rows if row["group"] == "u0"]
    assert [(row["value"], row["bound"]) for row in largest if row["bound"] == "unknown"] == [
        ("0", "unknown")
    ]
    assert [row["bound"] for row in largest if row["value"] == "1000"] == ["exact"]
    assert {row["bound"] for row in rows if row["group_kind"] == "other"} == {"exact", "unknown"}
    assert sum(float(row["value"]) for row in rows) == 1001 + 4 * 299


@pytest.mark.parametrize("group_by", [{}, {"group_by": "properties.user"}])
def test_usage_file_of_nothing_has_a_row_for_each_bin(at: EventSite, group_by: dict[str, Any]) -> None:
    at.autumn.track(NOW - 100 * DAY, 5)
    rows = usage_file(at, range="7d", **group_by)
    assert [row["value"] for row in rows] == ["0"] * 7
    assert {row["feature_id"] for row in rows} == {"messages"}


def test_usage_file_has_the_previous_period(at: EventSite) -> None:
    at.autumn.track(ms("2025-10-31T23:59:59.500"), 5)
    at.autumn.track(ms("2025-09-30T23:59:59.500"), 3)
    rows = usage_file(at, start="2025-10-01", end="2025-10-31", compare="previous", bin_size="month")
    assert [(row["previous_start"], row["value"], row["previous_value"]) for row in rows] == [
        ("2025-09-01T00:00:00+00:00", "5", "3")
    ]


@pytest.mark.slow
def test_end_date_is_part_of_the_window(at: EventSite) -> None:
    """On pages and in files."""
    at.autumn.track(ms("2025-10-31T12:00"), 5)
    dates: dict[str, Any] = {"start": "2025-10-31", "end": "2025-10-31"}
    assert card(at.get("/usage/", **MINE, **dates))["data-sum"] == "5"
    assert len(at.get("/events/", **MINE, **dates).rows) == 1
    assert sum(float(row["value"]) for row in usage_file(at, **dates)) == 5
    assert len(events_file(at, **dates)) == 1


def test_file_up_to_a_pinned_end_is_whole(at: EventSite) -> None:
    """Autumn counts the whole window, of which it has a part."""
    start = MIDNIGHT - 3 * DAY
    for hour in (1, 5, 9):
        at.autumn.track(start + hour * HOUR)
    rows = events_file(at, start=start, end=start + DAY, until=start + 6 * HOUR)
    assert len(rows) == 2


def test_file_without_all_features_says_so_in_its_name(opened: Opened) -> None:
    for age, says in (("older", True), ("current", False)):
        at = opened(age)
        at.autumn.track(NOW - HOUR, 5)
        answer = at.client.get("/usage/export.csv", {"customer_id": "cus_1", "tz": "UTC"})
        assert ("features-seen-so-far" in answer.headers["Content-Disposition"]) == says


def test_file_has_all_digits_of_a_value(at: EventSite) -> None:
    values = [0.1 + 0.2, 123456789.12345679, 9007199254740991, 1024176714000000000]
    for number, value in enumerate(values):
        at.autumn.track(NOW - HOUR - number, value)
    assert [row["value"] for row in events_file(at)] == [str(value) for value in values]
    response: Any = at.client.get("/events/export.jsonl", MINE)
    lines = b"".join(response).decode().splitlines()
    assert [f'"value":{value}' in line for value, line in zip(values, lines, strict=True)] == [True] * 4


@pytest.mark.parametrize("age", ["current", "newest"])
def test_feature_whose_bins_autumn_contradicts_is_not_exact(opened: Opened, age: str) -> None:
    """Autumn splits a name with a comma: its bins are empty, its total is not."""
    at = opened(age)
    at.autumn.track(NOW - HOUR, 7, feature_id="x,y")
    rows = usage_file(at, feature_id="x,y", range="7d")
    assert {row["bound"] for row in rows} == {"unknown"}
    page = at.get("/usage/", **{**MINE, "feature_id": "x,y", "range": "7d"})
    assert card(page, "x,y")["data-reconciled"] == "no"
    assert len(at.get("/events/", **{**MINE, "feature_id": "x,y"}).rows) == 1


# Groups and values


def test_groups_that_begin_alike_are_told_apart(at: EventSite) -> None:
    start = "arn:aws:lambda:eu-central-1:123456789012:function:"
    for name in ("one", "two", "three"):
        at.autumn.track(NOW - HOUR, 5, properties={"arn": f"{start}{name}"})
    page = at.get("/usage/", **MINE, group_by="properties.arn")
    labels = [row.all("td")[0].text for row in page.all("tr", data_group_kind="value")]
    # Autumn's roll-up does not report such long values on newer servers; those that it reports have names.
    assert len(labels) == len(set(labels))
    assert len(labels) in (0, 3)


@pytest.mark.parametrize("shared_beginning", ["x" * 60, "y" * 300])
def test_labels_of_long_names_differ(at: EventSite, shared_beginning: str) -> None:
    for name in ("1a", "2a", "1a2a"):
        text = f"{shared_beginning}-{name}-{shared_beginning}"
        at.autumn.track(NOW - HOUR, 5, feature_id=text)
    page = at.get("/usage/", customer_id="cus_1", tz="UTC")
    titles = page.values("title", class_="feature-card")
    assert len(titles) == len(set(titles)) == 3


def test_drill_down_names_values_that_were_not_stored(at: EventSite) -> None:
    """Autumn lists a missing value as 0 and counts it as 1."""
    start = MIDNIGHT - 3 * DAY
    at.autumn.track(start + HOUR, 5)
    at.autumn.add({"timestamp": start + HOUR, "value": None}, {"timestamp": start + HOUR, "value": None})
    bar: dict[str, Any] = {**MINE, "start": start, "end": start + DAY}
    part = at.get("/events/", part=True, headers={"HX-Target": "events-in-view"}, **bar)
    line = part.one(data_reconciled=True)
    assert line["data-reconciled"] == "no"
    assert (line["data-shown"], line["data-listed"]) == ("7", "5")
    assert "rows-disagree" in part.notices


def test_drill_down_compares_figures_of_one_moment(at: EventSite) -> None:
    """Rows that were listed earlier are listed again before they are said to differ."""
    start = MIDNIGHT - 3 * DAY
    at.autumn.track(start + HOUR, 5)
    bar = {**MINE, "start": start, "end": start + DAY}
    at.get("/events/", **bar)
    at.autumn.track(start + 3 * HOUR, 9)
    with later(2000):
        part = at.get("/events/", part=True, headers={"HX-Target": "events-in-view"}, **bar)
    line = part.one(data_reconciled=True)
    assert (line["data-reconciled"], line["data-shown"], line["data-listed"]) == ("yes", "14", "14")


def test_each_feature_is_ticked_by_itself(at: EventSite) -> None:
    """All together only where no feature can be missing."""
    at.autumn.track(NOW - HOUR, 5)
    at.autumn.track(NOW - HOUR, 7, feature_id="tokens")
    page = at.get("/usage/", customer_id="cus_1", tz="UTC")
    assert page.values("data-reconciled", data_feature=True) == ["yes", "yes"]
    together = page.one(class_="all-features")
    is_older = "features-not-listed" in page.notices
    assert (together["data-reconciled"], together["data-events"]) == ("unknown" if is_older else "yes", "2")


def test_server_that_cannot_group_so_is_a_400_beside_the_field(opened: Opened) -> None:
    at = opened("older")
    at.autumn.track(NOW - HOUR, 5)
    page = at.get("/usage/", **MINE, group_by="$plan_id", status=400)
    assert set(page.values("data-error")) == {"group_by"}


def test_future_rows_are_announced(at: EventSite) -> None:
    at.autumn.track(NOW + 6 * 60_000, 5)
    assert "future-rows" in at.get("/usage/", **MINE).notices
    page = at.get("/events/", **MINE)
    assert "future-rows" in page.notices
    assert len(page.rows) == len(events_file(at)) == 1
