"""From a bar to its events: Autumn's count, the listed rows, and whether the two agree."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from dashboard.events.drilldown import NO_ROWS_FOR
from tests.dashboard.pages.test_pages import ACME, Sql
from tests.page import Element, Page
from usage.sample import Store

HOUR = 3_600_000
IN_VIEW = {"HX-Request": "true", "HX-Target": "events-in-view"}


def opened(page: Client, **params: Any) -> Page:
    """The part that a chart swaps in for a bar."""
    return Page(page.get(f"/events/?{urlencode(params, doseq=True)}", headers=IN_VIEW))


def line(page: Client, **params: Any) -> Element:
    """The line that compares the bar with its rows."""
    return opened(page, **params).one(data_reconciled=True)


def closed_hour(sample: Store) -> int:
    return sample.now() // HOUR * HOUR - 30 * HOUR


def agrees(compared: Element, total: float, count: int) -> bool:
    """Whether Autumn's sum, that of the rows, and the sample's SQL are equal."""
    figures = [float(compared[name] or "nan") for name in ("data-total", "data-listed", "data-events")]
    return compared["data-reconciled"] == "yes" and figures == pytest.approx([total, total, count])


def test_bar_equals_the_sum_of_its_events(page: Client, sample: Store, sql: Sql) -> None:
    """For a closed hour, it also equals the sample's SQL, and the line says so."""
    start = closed_hour(sample)
    count, total = sql(
        "SELECT count(*), sum(value) FROM events WHERE customer_id = ? AND feature_id = 'ai_tokens'"
        " AND timestamp >= ? AND timestamp < ?",
        *(ACME, start, start + HOUR),
    )[0]
    compared = line(page, customer_id=ACME, feature_id="ai_tokens", start=start, end=start + HOUR, tz="UTC")
    assert agrees(compared, total, count)


def test_bar_of_a_group_equals_the_sum_of_its_events(page: Client, sample: Store, sql: Sql) -> None:
    """Autumn counts it with the group as a filter."""
    start = closed_hour(sample) - 12 * HOUR
    count, total = sql(
        "SELECT count(*), sum(value) FROM events WHERE customer_id = ? AND feature_id = 'ai_tokens'"
        " AND timestamp >= ? AND timestamp < ? AND properties ->> '$.model' = 'gpt-large'",
        *(ACME, start, start + 12 * HOUR),
    )[0]
    chosen = {"group_by": "properties.model", "group": "gpt-large", "filter": "model:gpt-large"}
    compared = line(
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
    assert agrees(compared, total, count)


def test_bar_of_other_lists_the_whole_bin(page: Client, sample: Store) -> None:
    """Rows cannot be filtered by Other or by a missing value; the page says that they are the bin's."""
    start = closed_hour(sample)
    window = {
        "customer_id": ACME,
        "feature_id": "ai_tokens",
        "start": start,
        "end": start + HOUR,
        "tz": "UTC",
    }
    grouped = {"group_by": "properties.model"}
    of_a_group: dict[str, Any] = {"group": "gpt-large", "filter": "model:gpt-large"}
    for chosen, what in (({}, "bin"), ({"group": "gpt-large"}, "bin"), (of_a_group, "bar")):
        part = opened(page, **window, **grouped, **chosen)
        assert part.one(data_drilldown=True)["data-drilldown"] == what
        assert part.one(data_reconciled=True)["data-reconciled"] == "yes"


def test_incomplete_list_shows_both_figures(page: Client, sample: Store) -> None:
    """There is no check mark if a page does not list the whole bar."""
    start = closed_hour(sample) - 240 * HOUR
    bar: dict[str, Any] = {"customer_id": ACME, "start": start, "end": start + 48 * HOUR, "tz": "UTC"}
    said = line(page, **bar, feature_id="ai_tokens", per_page=50)
    assert said["data-reconciled"] == "unknown"
    assert float(said["data-listed"] or "nan") < float(said["data-total"] or "nan")
    assert int(said["data-events"] or 0) > 50
    # Sums of several features are not added, their events are.
    of_all = line(page, **bar, per_page=50)
    assert of_all["data-total"] == ""
    assert int(of_all["data-events"] or 0) > int(said["data-events"] or 0)


@pytest.mark.parametrize(
    "filters",
    [{"exclude": "model:gpt-large"}, {"value_min": 1}, {"filter": ["model:gpt-large", "model:embed"]}],
    ids=["exclude", "value", "either"],
)
def test_filters_that_autumn_cannot_count_are_not_compared(
    page: Client, sample: Store, filters: dict[str, Any]
) -> None:
    start = closed_hour(sample)
    window = {
        "customer_id": ACME,
        "feature_id": "ai_tokens",
        "start": start,
        "end": start + HOUR,
        "tz": "UTC",
    }
    part = opened(page, **window, **filters)
    assert part.one(data_reconciled=True)["data-reconciled"] == "unknown"
    assert not any(part.one("header").values("data-matches"))


def test_bar_of_an_entity_lists_the_whole_bin(page: Client, sample: Store) -> None:
    """Rows have no entity, and the page says so."""
    start = closed_hour(sample)
    compared = line(
        page,
        customer_id=ACME,
        start=start,
        end=start + HOUR,
        tz="UTC",
        group_by="$entity_id",
        group="team-a",
        per_page=500,
    )
    assert NO_ROWS_FOR["$entity_id"] in compared.text


def test_drilldown_part_is_one_section(page: Client, sample: Store) -> None:
    """It has the id of its target; without htmx the response is the event browser."""
    start = closed_hour(sample)
    address = f"/events/?{urlencode({'customer_id': ACME, 'start': start, 'end': start + HOUR, 'tz': 'UTC'})}"
    part = page.get(address, headers=IN_VIEW)
    [section] = [child for child in Page(part).children if isinstance(child, Element)]
    assert (section.tag, section["id"]) == ("section", "events-in-view")
    assert "HX-Target" in part.headers["Vary"]
    assert Page(page.get(address)).has("html")
