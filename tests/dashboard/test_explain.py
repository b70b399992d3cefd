"""The page that explains a change: rows held against raw events, steps, files, errors and links."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import isclose
from typing import Any

import pytest
from django.test import Client

from tests.dashboard.sharing.canary_organization import CanarySite
from tests.dashboard.sharing.conftest import canary_site
from tests.page import Page
from usage.explain.explanation import MAX_CALLS

__all__ = ["canary_site"]  # a fixture

Sql = Callable[..., list[Any]]
HTMX = {"HX-Request": "true", "HX-Target": "explain"}
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
WEEK = timedelta(days=7)


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


QUESTION = {
    "customer_id": "hooli",
    "focus": "ai_tokens",
    "start": str(ms(MIDNIGHT - WEEK)),
    "end": str(ms(MIDNIGHT)),
    "compare": "previous",
    "tz": "UTC",
}


def whole(page: Client) -> Page:
    return Page(page.get("/usage/explain/", QUESTION))


def raw(sql: Sql, first: datetime, path: str, value: str) -> float:
    """The sum of the week's events with this value, from the rows themselves."""
    found = sql(
        "SELECT value, properties FROM events WHERE customer_id = 'hooli' AND feature_id = 'ai_tokens'"
        " AND timestamp >= ? AND timestamp < ?",
        ms(first),
        ms(first + WEEK),
    )
    total = 0.0
    for amount, text in found:
        inner: Any = json.loads(text)
        for name in path.split("."):
            inner = inner.get(name) if isinstance(inner, dict) else None
        total += amount if inner == value or str(inner) == value else 0
    return total


def test_rows_have_the_sums_of_the_events(page: Client, sql: Sql) -> None:
    """The cause is the new user of the story; each exact row is the sum of its events in both weeks."""
    answer = whole(page)
    assert answer.one(data_cause=True)["data-cause"] == "single"
    rows = answer.all("tr", data_path=True)
    assert (rows[0]["data-path"], rows[0]["data-value"]) == ("user", "batch-job@hooli.example")
    checked = [row for row in rows if row["data-value"] and not (row["data-path"] or "").startswith("$")]
    assert len(checked) >= 3
    for row in checked:
        path, value = row["data-path"] or "", row["data-value"] or ""
        for name, first in (("data-before", MIDNIGHT - 2 * WEEK), ("data-after", MIDNIGHT - WEEK)):
            if shown := row[name]:
                assert isclose(float(shown), raw(sql, first, path, value), rel_tol=1e-9), (path, value)


def test_steps_lead_to_the_same_result(page: Client) -> None:
    """The first has a row after two calls, and the last has what the whole page has."""
    headers, steps = HTMX, []
    while True:
        answer = Page(page.get("/usage/explain/", QUESTION, headers=headers))
        steps.append(answer)
        part = answer.one(data_cause=True)
        if "data-step" not in part:
            break
        headers = HTMX | {"Explain-Step": part["data-step"] or ""}
    assert len(steps) <= MAX_CALLS + 2
    first = steps[0].one(data_cause=True)
    assert int(first["data-calls"] or "") <= 2
    assert steps[0].all("tr", data_path=True)
    assert int(steps[-1].one(data_cause=True)["data-calls"] or "") <= MAX_CALLS

    def rows(answer: Page) -> list[tuple[str | None, ...]]:
        names = ("data-path", "data-value", "data-before", "data-after", "data-share")
        return [tuple(row[name] for name in names) for row in answer.all("tr", data_path=True)]

    assert rows(steps[-1]) == rows(whole(page))


@pytest.mark.parametrize("step", ["0", "-1", "99", "x", "1e9"])
def test_any_step_is_answered(page: Client, step: str) -> None:
    answer = page.get("/usage/explain/", QUESTION, headers=HTMX | {"Explain-Step": step})
    assert answer.status_code == 200
    assert Page(answer).one(data_cause=True)["data-cause"]


def test_file_adds_up(page: Client) -> None:
    """The values of each grouping, with Other and those without a value, change by as much as the whole."""
    answer = page.get("/usage/explain.csv", QUESTION)
    assert answer.status_code == 200
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["rank"] for row in rows[:3]] == ["1", "2", "3"]
    changes: dict[str, list[str]] = {}
    for row in rows:
        changes.setdefault(row["group_by"], []).append(row["change"])
    sums = {name: sum(map(float, each)) for name, each in changes.items() if all(each)}
    assert len(sums) >= 4
    assert all(isclose(each, next(iter(sums.values())), rel_tol=1e-9) for each in sums.values()), sums


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"compare": ""}, "compare"), ({"measure": "deducted"}, "measure")],
    ids=["no comparison", "deducted"],
)
def test_what_cannot_be_explained_is_said(page: Client, changes: dict[str, str], field: str) -> None:
    for headers in ({}, HTMX):
        answer = page.get("/usage/explain/", QUESTION | changes, headers=headers)
        assert answer.status_code == 400
        assert field in {each["data-error"] for each in Page(answer).all(data_error=True)}


def test_chart_and_cards_lead_to_it(page: Client) -> None:
    """With a comparison only."""
    shown = Page(page.get("/usage/", QUESTION))
    features = [card["data-feature"] for card in shown.all("a", data_feature=True)]
    assert len(shown.all("a", data_explain=True)) == len(features) + 1
    assert not Page(page.get("/usage/", QUESTION | {"compare": ""})).all("a", data_explain=True)


def test_link_explains_by_its_properties_alone(canary_site: CanarySite) -> None:
    share, token = canary_site.share(properties=["region"], exports=True, start=None, end=None)
    client = canary_site.recipient_client(share, token)
    params = {"range": "7d", "compare": "previous", "tz": "UTC"}
    answer = Page(client.get(f"{share.root}usage/explain/", params))
    assert answer.one(data_cause=True)
    found = {row["data-path"] for row in answer.all("tr", data_path=True)}
    assert found <= {"region", "$hour", "$weekday"}, found
    rows = csv.DictReader(io.StringIO(client.get(f"{share.root}usage/explain.csv", params).content.decode()))
    assert {row["group_by"] for row in rows} <= {"properties.region", "$hour", "$weekday"}
