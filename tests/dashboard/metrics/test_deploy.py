"""The example dashboard and alerts in deploy/ use series and labels that there are."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from django.test import Client
from django.urls import get_resolver
from prometheus_client.parser import text_string_to_metric_families

from dashboard.metrics.counts import note_waiting
from tests.conftest import ROOT
from tests.dashboard.metrics.scrape import AUTHORIZATION, PREFIX
from tests.dashboard.metrics.test_counts import link_of, names_of_routes
from tests.dashboard.sharing.canary_organization import SEEN, CanarySite
from usage import errors

DEPLOY = ROOT / "deploy"
MOST_PANELS = 10
SELECTOR = re.compile(rf"({PREFIX}\w+)(?:\{{([^}}]*)\}})?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!=|!~|=)\s*"([^"]*)"')
GROUPING = re.compile(r"by \(([^)]*)\)")

PANELS: list[dict[str, Any]] = json.loads((DEPLOY / "grafana.json").read_text())["panels"]
(GROUP,) = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"]
RULES: list[dict[str, Any]] = GROUP["rules"]
TARGETS: list[dict[str, Any]] = [target for panel in PANELS for target in panel["targets"]]
EXPRESSIONS: list[str] = [part["expr"] for part in (*TARGETS, *RULES)]


@pytest.fixture
def labels(owner: Client, canary_site: CanarySite) -> dict[str, set[str]]:
    """The series that there are after some requests, each with the names of its labels."""
    Client().get(link_of(owner, 1))
    owner.get(f"/usage/?customer_id={SEEN}&tz=UTC")
    running: Any = owner.get(f"/events/export.jsonl?customer_id={SEEN}&tz=UTC")
    owner.get(f"/events/export.jsonl?customer_id={SEEN}&tz=UTC")
    running.close()
    Client().post("/accounts/login/", {"login": "nobody", "password": "wrong"})
    note_waiting(0, 0)  # as the server does between requests
    text = Client().get("/metrics", headers={"Authorization": AUTHORIZATION}).content.decode()
    families = text_string_to_metric_families(text)
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


def test_series_and_their_labels_exist(labels: dict[str, set[str]]) -> None:
    for expression in EXPRESSIONS:
        selectors = SELECTOR.findall(expression)
        assert selectors
        for name, matchers in selectors:
            used = [label for label, _ in MATCHER.findall(matchers)]
            grouped = [label for grouping in GROUPING.findall(expression) for label in grouping.split(", ")]
            assert {*used, *grouped} <= labels[name]


def test_values_of_labels_are_names_in_the_code() -> None:
    """Of routes and of errors: a misspelled one would match nothing."""
    known = {
        "route": {*names_of_routes(get_resolver()), "static"},
        "outcome": {*vars(errors), "wrong", "throttled"},
    }
    for expression in EXPRESSIONS:
        for label, value in MATCHER.findall(expression):
            assert label not in known or set(value.split("|")) <= known[label]


def test_dashboard_has_few_panels_each_with_a_title_and_a_legend() -> None:
    assert len(PANELS) <= MOST_PANELS
    assert all(panel["title"] for panel in PANELS)
    for target in TARGETS:
        shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        (grouping,) = GROUPING.findall(target["expr"])
        assert shown == set(grouping.split(", ")) - {"le"}


def test_each_alert_says_what_to_do() -> None:
    assert len(RULES) == 5
    for rule in RULES:
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["annotations"]["description"].endswith(".")
