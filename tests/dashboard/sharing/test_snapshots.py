"""Snapshots: figures never change, on every page that the link leads to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from dashboard.messages import NOT_IN_SNAPSHOT
from dashboard.sharing.models import Share
from tests.dashboard.sharing.canary_organization import DAY, HOUR, SEEN, CanarySite, bounds
from tests.dashboard.sharing.manage.test_create import FORM, form_of, shown
from tests.dashboard.sharing.test_attack import body_of
from tests.page import Page

pytestmark = pytest.mark.django_db

FEATURES = [f"feature_{number:02}" for number in range(14)]
MODELS = ("model-0", "model-1", "late")


def track(canary_site: CanarySite, at: int, feature: str, value: float, model: str) -> None:
    event = {"timestamp": at, "customer_id": SEEN, "feature_id": feature, "value": value}
    canary_site.store.add([{**event, "properties": {"model": model}}])


def made(canary_site: CanarySite, view: str, **changes: Any) -> tuple[Client, Share]:
    """A snapshot of the period, and a client that has opened it."""
    start, end = bounds()
    fixed = {"period": "fixed", "start": str(start), "end": str(end), "fresh": "snapshot"}
    open_to_all = {"password": "none", "properties": ["model"]}
    owner = Client()
    owner.force_login(canary_site.owner)
    view = f"customer_id={SEEN}&start={start}&end={end}&tz=UTC{view}"
    wanted = {**FORM, **fixed, **open_to_all, "view": view, **changes}
    accepted = form_of(owner.post("/shares/new", wanted))["accepted"]
    response = owner.post("/shares/new", {**wanted, "accepted": accepted})
    share = Share.objects.get()
    return canary_site.recipient_client(share, shown(response, "link").rpartition("/")[2]), share


@pytest.fixture
def late(canary_site: CanarySite) -> CanarySite:
    """The organization with a dozen more features, to which `arrive` adds events after the snapshot."""
    start, _ = bounds()
    for number, feature in enumerate(FEATURES):
        track(canary_site, start + number * HOUR, feature, 20 + number, MODELS[number % 2])
        track(canary_site, start + number * HOUR + 5, feature, 20 + number, MODELS[1 - number % 2])
    return canary_site


def arrive(canary_site: CanarySite) -> None:
    """Add events of each feature to the past period, with a new group."""
    start, _ = bounds()
    for number, feature in enumerate((*FEATURES, "api_calls", "of_later")):
        track(canary_site, start + number * HOUR + 9, feature, 9_999_999, "late")
    canary_site.restart()


def figures(page: Page) -> list[object]:
    """The cards, the chart and its legend: everything except the rows."""
    cards, chart = page.one(class_="feature-cards"), page.one("section", aria_labelledby="chart-title")
    return [cards.source, chart.source]


def leads(page: Page, root: str) -> set[str]:
    """The links of the tiles, the legend and the chart types, and the choices of the form."""
    links = {href for href in page.hrefs if href.startswith(f"{root}usage/?")}
    for name in ("bin_size", "group_by"):
        links |= {
            f"?tz=UTC&{name}={value}" for value in page.one(id=f"f-{name}").values("value", "option") if value
        }
    ticks = page.values("value", "input", name="feature_id")
    return links | {f"?tz=UTC&feature_id={name}" for name in ticks}


@pytest.mark.slow
@pytest.mark.parametrize(
    "view", ["", "&group_by=properties.model", "&group_by=properties.model&bin_size=week"]
)
def test_everything_that_a_snapshot_offers_is_stored(late: CanarySite, view: str) -> None:
    """Each tile, line, chart type, interval, group and feature shows the stored figures; so do the pages
    they link to.
    """
    client, share = made(late, view)
    arrive(late)
    usage = f"{share.root}usage/"
    first = Page(client.get(f"{usage}?{share.view}"))
    seen, todo = {f"{usage}?{share.view}"}, leads(first, share.root)
    for _ in range(2):
        found: set[str] = set()
        for href in sorted(todo - seen):
            seen.add(href)
            page = Page(client.get(href if href.startswith("/") else f"{usage}{href}"))
            assert "not-in-snapshot" not in page.notices, href
            shown_figures = str(figures(page))
            assert "9,999,999" not in shown_figures, href
            assert "9999999" not in shown_figures, href
            assert "of_later" not in shown_figures, href
            found |= leads(page, share.root)
        todo = set(sorted(found - seen)[:40])
    assert len(seen) > 20


def test_snapshot_outlives_a_change_of_event_names(late: CanarySite) -> None:
    """A name that a feature gets later is not in the recorded answers."""
    feature = {"id": "api_calls", "name": "API calls", "type": "metered", "event_names": []}
    late.store.put_feature(feature)
    client, share = made(late, "&group_by=properties.model&focus=api_calls")
    before = figures(Page(client.get(f"{share.root}usage/?{share.view}")))
    late.store.put_feature({**feature, "event_names": ["called"]})
    late.restart()
    assert figures(Page(client.get(f"{share.root}usage/?{share.view}"))) == before


def test_deducted_amounts_of_a_snapshot_stay(late: CanarySite) -> None:
    """Those of some of its features cannot be told from those of all."""
    client, share = made(late, "&measure=deducted", deductions="on")
    usage, (start, _) = f"{share.root}usage/", bounds()
    before = Page(client.get(f"{usage}?{share.view}"))
    assert before.all("tr", data_group="CANARY_balance")
    taken = {"balance_id": "CANARY_balance", "feature_id": "api_calls", "value": 9_999_999, "reset": None}
    event = {"timestamp": start + HOUR, "customer_id": SEEN, "feature_id": "api_calls", "value": 1}
    late.store.add([{**event, "deductions": [taken]}])
    late.restart()
    assert figures(Page(client.get(f"{usage}?{share.view}"))) == figures(before)
    part = Page(client.get(f"{usage}?tz=UTC&measure=deducted&feature_id=api_calls"))
    assert "not-in-snapshot" in part.notices


def test_drilldown_of_a_snapshot_lists_current_rows(late: CanarySite) -> None:
    """Late events are listed, with a sentence on why rows may not sum to the bar."""
    client, share = made(late, "")
    arrive(late)
    start, _ = bounds()
    bar = f"{share.root}events/?feature_id=feature_03&start={start}&end={start + DAY}&tz=UTC"
    opened = Page(client.get(bar, headers={"HX-Request": "true", "HX-Target": "events-in-view"}))
    line = opened.one(data_reconciled=True)
    assert len(opened.rows) == 3
    assert (line["data-listed"], line["data-reconciled"]) == ("10000045", "unknown")
    assert NOT_IN_SNAPSHOT in line.text


def test_snapshot_stores_all_features(late: CanarySite) -> None:
    """Even those beyond the twelve largest; a feature that is new later is not part of it."""
    start, end = bounds()
    for at in range(end - 2000, end - 900):
        track(late, at, "api_calls", 1, "model-0")  # more rows than are read to see which features there are
    staff = Client()
    staff.force_login(late.owner)
    for name in (*FEATURES, "CANARY_hidden_feature"):
        staff.get(f"/events/?customer_id={SEEN}&start={start}&end={end}&feature_id={name}&tz=UTC")
    client, share = made(late, "")
    assert share.features == sorted([*FEATURES, "api_calls", "CANARY_hidden_feature"])
    arrive(late)
    assert Page(client.get(f"{share.root}events/?feature_id=feature_00&tz=UTC")).rows
    assert client.get(f"{share.root}events/?feature_id=of_later&tz=UTC").status_code == 400


def test_missing_chart_of_a_snapshot_is_reported(late: CanarySite) -> None:
    """A part of the period and a filter have no stored figures; their rows are listed."""
    client, share = made(late, "")
    start, end = bounds()
    for query in (f"start={start + DAY}&end={end}", "filter=model:model-0"):
        page = client.get(f"{share.root}usage/?tz=UTC&{query}")
        assert page.status_code == 200
        shown_page = Page(page)
        assert share.root in shown_page.one(data_notice="not-in-snapshot").hrefs
        assert shown_page.rows


def test_snapshot_offers_only_stored_views(late: CanarySite) -> None:
    """The usage page has no dates, comparison, filters, other groupings or range selection."""
    client, share = made(late, "&group_by=properties.model&filter=model:model-0")
    page = Page(client.get(f"{share.root}usage/?{share.view}"))
    offered = {"start", "end", "range", "filter"}
    form = page.one("form", id="filters")
    assert not {name for name in offered if form.has(id=f"f-{name}")}
    assert not form.has("input", name="compare", type="checkbox")
    staff = Client()
    staff.force_login(late.owner)
    whole = Page(staff.get(f"/usage/?customer_id={SEEN}"))
    assert all(whole.has(id=f"f-{name}") for name in offered)
    assert whole.has("input", name="compare", type="checkbox")
    assert page.figure["range"] is None
    [chip] = form.all("span", class_="chip")
    assert chip.text == "model is model-0"
    assert not chip.hrefs
    assert "$plan_id" not in page.html


def test_snapshot_survives_an_empty_cache(late: CanarySite) -> None:
    """Figures are stored in the database: a new process shows the same ones."""
    client, share = made(late, "&group_by=properties.model")
    before = figures(Page(client.get(f"{share.root}usage/?{share.view}")))
    late.restart()
    assert figures(Page(client.get(f"{share.root}usage/?{share.view}"))) == before


def test_larger_bins_are_sums_of_stored_ones(late: CanarySite) -> None:
    """Weeks and months of a snapshot equal those of Autumn."""
    start, end = bounds()
    client, share = made(late, "", exports="on")
    staff = Client()
    staff.force_login(late.owner)
    for size in ("hour", "day", "week", "month"):
        view = f"start={start}&end={end}&bin_size={size}&tz=UTC"
        stored = body_of(client.get(f"{share.root}usage/export.csv?{view}"))
        live = body_of(staff.get(f"/usage/export.csv?customer_id={SEEN}&{view}"))
        assert stored.count(b"\n") > 10
        assert sorted(stored.splitlines()) == sorted(live.splitlines())


def test_stale_figures_are_not_stored_in_a_snapshot(late: CanarySite) -> None:
    """While Autumn does not answer, no snapshot is created, although a page would show cached figures."""
    start, end = bounds()
    view = f"customer_id={SEEN}&start={start}&end={end}&tz=UTC"
    staff = Client()
    staff.force_login(late.owner)
    assert staff.get(f"/usage/?{view}").status_code == 200
    late.wires[-1].down = True
    fixed = {"period": "fixed", "start": str(start), "end": str(end), "fresh": "snapshot", "view": view}
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        answer = staff.post("/shares/new", {**FORM, **fixed})
    assert answer.status_code == 503
    assert "not-created" in Page(answer).notices
    assert not Share.objects.exists()


def test_snapshot_of_an_empty_period_is_refused(late: CanarySite) -> None:
    """The error is beside the customer."""
    owner = Client()
    owner.force_login(late.owner)
    empty = {"period": "fixed", "start": "2026-01-01", "end": "2026-01-02", "fresh": "snapshot"}
    answer = owner.post("/shares/new", {**FORM, **empty})
    assert answer.status_code == 400
    assert Page(answer).errors == {"customer_id"}
