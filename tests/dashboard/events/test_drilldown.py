"""From a bar to its events: what Autumn counts there, what is listed, and whether the two agree."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from tests.dashboard.pages.test_pages import ACME, Sql
from usage.sample import Store

HOUR = 3_600_000
IN_VIEW = {"HX-Request": "true", "HX-Target": "events-in-view"}


def line(page: Client, **params: Any) -> str:
    text = page.get(f"/events/?{urlencode(params, doseq=True)}", headers=IN_VIEW).content.decode()
    found = re.search(r'<div class="rec" role="status">(.*?)</div>', text, re.DOTALL)
    assert found is not None, text[:500]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", found[1])).strip()


def closed_hour(sample: Store) -> int:
    return sample.now() // HOUR * HOUR - 30 * HOUR


def test_a_bar_equals_its_events(page: Client, sample: Store, sql: Sql) -> None:
    """The sum of a closed hour's bar is that of its rows and of the sample's own SQL, and the line says so."""
    start = closed_hour(sample)
    count, total = sql(
        "SELECT count(*), sum(value) FROM events WHERE customer_id = ? AND feature_id = 'ai_tokens'"
        " AND timestamp >= ? AND timestamp < ?",
        *(ACME, start, start + HOUR),
    )[0]
    said = line(page, customer_id=ACME, feature_id="ai_tokens", start=start, end=start + HOUR, tz="UTC")
    assert said == f"✓ {total:,.0f} in this bar = {total:,.0f} from {count} events."


def test_a_groups_bar_equals_its_events(page: Client, sample: Store, sql: Sql) -> None:
    """A group's part of a bar is counted by Autumn with the group as a filter, and its rows are those that match."""
    start = closed_hour(sample) - 12 * HOUR
    count, total = sql(
        "SELECT count(*), sum(value) FROM events WHERE customer_id = ? AND feature_id = 'ai_tokens'"
        " AND timestamp >= ? AND timestamp < ? AND properties ->> '$.model' = 'gpt-large'",
        *(ACME, start, start + 12 * HOUR),
    )[0]
    chosen = {"group_by": "properties.model", "group": "gpt-large", "filter": "model:gpt-large"}
    said = line(
        page,
        customer_id=ACME,
        feature_id="ai_tokens",
        start=start,
        end=start + 12 * HOUR,
        tz="UTC",
        per_page=500,
        **chosen,
    )
    assert count > 1
    assert said == f"✓ {total:,.0f} in this bar = {total:,.0f} from {count} events."


def test_other_is_a_whole_bin(page: Client, sample: Store) -> None:
    """Rows cannot be cut to Other or (none): what a click there opens is called the bin's, never the bar's."""
    start = closed_hour(sample)
    window = {
        "customer_id": ACME,
        "feature_id": "ai_tokens",
        "start": start,
        "end": start + HOUR,
        "tz": "UTC",
    }
    grouped = {"group_by": "properties.model"}
    assert " in this bin = " in line(page, **window, **grouped)
    assert " in this bin = " in line(page, **window, **grouped, group="gpt-large")
    assert " in this bar = " in line(page, **window, **grouped, group="gpt-large", filter="model:gpt-large")
    text = page.get(f"/events/?{urlencode({**window, **grouped})}", headers=IN_VIEW).content.decode()
    assert "Events in this bin" in text
    assert "this bar" not in text


def test_a_difference_is_said_with_its_reason(page: Client, sample: Store) -> None:
    """Where a page does not list the whole bar, both figures stand there, and no check mark."""
    start = closed_hour(sample) - 240 * HOUR
    said = line(page, customer_id=ACME, start=start, end=start + 48 * HOUR, tz="UTC", per_page=50)
    assert said.startswith("· ")
    assert "by Autumn’s count. The 50 listed here sum to" in said


@pytest.mark.parametrize(
    "filters",
    [{"exclude": "model:gpt-large"}, {"value_min": 1}, {"filter": ["model:gpt-large", "model:embed"]}],
    ids=["exclude", "value", "either"],
)
def test_what_autumn_cannot_count_is_not_compared(
    page: Client, sample: Store, filters: dict[str, Any]
) -> None:
    """Under filters that Autumn's aggregate cannot apply, its count is not held against the rows."""
    start = closed_hour(sample)
    window = {
        "customer_id": ACME,
        "feature_id": "ai_tokens",
        "start": start,
        "end": start + HOUR,
        "tz": "UTC",
    }
    said = line(page, **window, **filters)
    assert said.startswith("· ")
    assert said.endswith("its count includes events that they hide.")
    address = f"/events/?{urlencode({**window, **filters}, doseq=True)}"
    head = re.search(r"<header>.*?</header>", page.get(address, headers=IN_VIEW).content.decode(), re.DOTALL)
    assert head is not None
    assert " of " not in re.sub(r"<[^>]+>|All of them", "", head[0])


def test_what_rows_cannot_tell_is_said(page: Client, sample: Store) -> None:
    """Rows name no entity, so a bar of one entity shows all of the bin's events and says that it does."""
    start = closed_hour(sample)
    said = line(
        page,
        customer_id=ACME,
        start=start,
        end=start + HOUR,
        tz="UTC",
        group_by="$entity_id",
        group="team-a",
        per_page=500,
    )
    assert "Autumn's rows name no entity" in said.replace("&#39;", "'")


def test_the_part_fits_into_the_usage_page(page: Client, sample: Store) -> None:
    """What a chart swaps in is one section with the id of its place; without htmx it is the event browser."""
    start = closed_hour(sample)
    address = f"/events/?{urlencode({'customer_id': ACME, 'start': start, 'end': start + HOUR, 'tz': 'UTC'})}"
    part = page.get(address, headers=IN_VIEW)
    assert part.content.decode().lstrip().startswith('<section class="card events" id="events-in-view"')
    assert "HX-Target" in part.headers["Vary"]
    assert b"<html" in page.get(address).content
