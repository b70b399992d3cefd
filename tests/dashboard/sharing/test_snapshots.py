"""Snapshots: figures stay what they were, wherever the link's own pages lead."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from dashboard.sharing.models import Share
from dashboard.sharing.snapshots import NOT_RECORDED
from tests.dashboard.sharing.canary_organization import DAY, HOUR, SEEN, House, bounds
from tests.dashboard.sharing.manage.test_create import FORM, NO_PASSWORD_READ, shown
from tests.dashboard.sharing.test_attack import body_of

pytestmark = pytest.mark.django_db

FEATURES = [f"feature_{number:02}" for number in range(14)]
MODELS = ("model-0", "model-1", "late")


def track(house: House, at: int, feature: str, value: float, model: str) -> None:
    event = {"timestamp": at, "customer_id": SEEN, "feature_id": feature, "value": value}
    house.store.add([{**event, "properties": {"model": model}}])


def made(house: House, view: str, **changes: Any) -> tuple[Client, Share]:
    """A snapshot of the period, and somebody who has it open."""
    start, end = bounds()
    fixed = {"period": "fixed", "start": str(start), "end": str(end), "fresh": "snapshot"}
    open_to_all = {"password": "none", "accepted": NO_PASSWORD_READ, "properties": ["model"]}
    maker = Client()
    maker.force_login(house.maker)
    view = f"customer_id={SEEN}&start={start}&end={end}&tz=UTC{view}"
    response = maker.post("/shares/new", {**FORM, **fixed, **open_to_all, "view": view, **changes})
    assert "is shown this once" in response.content.decode(), response.content.decode()[-3000:]
    share = Share.objects.get()
    return house.holder(share, shown(response, "link").rpartition("/")[2]), share


@pytest.fixture
def late(house: House) -> House:
    """The organisation with a dozen more features, to which `arrive` adds what comes too late for a snapshot."""
    start, _ = bounds()
    for number, feature in enumerate(FEATURES):
        track(house, start + number * HOUR, feature, 20 + number, MODELS[number % 2])
        track(house, start + number * HOUR + 5, feature, 20 + number, MODELS[1 - number % 2])
    return house


def arrive(house: House) -> None:
    """Events of each feature, for the period that is over, under a value that was not there before."""
    start, _ = bounds()
    for number, feature in enumerate((*FEATURES, "api_calls", "of_later")):
        track(house, start + number * HOUR + 9, feature, 9_999_999, "late")
    house.renew()


def figures(page: str) -> str:
    """The chart, its tiles and its legend: all but the rows below."""
    return page[page.index('<div class="feature-cards"') : page.index('id="events-in-view"')]


def leads(page: str) -> set[str]:
    """Where the tiles, the legend and the shapes of a chart lead, and the choices of its form."""
    links = {html.unescape(href) for href in re.findall(r'href="(/shared/\w+/usage/\?[^"]*)"', page)}
    choices = re.findall(r'<select id="f-(bin_size|group_by)".*?</select>', page, flags=re.DOTALL)
    assert set(choices) == {"bin_size", "group_by"}
    for name in ("bin_size", "group_by"):
        select = re.findall(rf'<select id="f-{name}".*?</select>', page, flags=re.DOTALL)[0]
        links |= {f"?tz=UTC&{name}={value}" for value in re.findall(r'<option value="([^"]+)"', select)}
    ticks = re.findall(r'name="feature_id" value="([^"]+)"', page)
    return links | {f"?tz=UTC&feature_id={name}" for name in ticks}


@pytest.mark.parametrize(
    "view", ["", "&group_by=properties.model", "&group_by=properties.model&bin_size=week"]
)
def test_everything_that_a_snapshot_offers_is_kept(late: House, view: str) -> None:
    """Each tile, line, shape, size of bins, group and feature shows figures as they were; so do those they lead to."""
    client, share = made(late, view)
    arrive(late)
    usage = f"{share.root}usage/"
    first = client.get(f"{usage}?{share.view}").content.decode()
    seen, todo = {f"{usage}?{share.view}"}, leads(first)
    for _ in range(2):
        found: set[str] = set()
        for href in sorted(todo - seen):
            seen.add(href)
            page = client.get(href if href.startswith("/") else f"{usage}{href}").content.decode()
            assert NOT_RECORDED not in page, href
            assert "9,999,999" not in figures(page), href
            assert "of_later" not in figures(page), href
            found |= leads(page)
        todo = set(sorted(found - seen)[:40])
    assert len(seen) > 20


def test_a_bar_of_a_snapshot_opens_its_rows(late: House) -> None:
    """The rows of now, late ones among them, with a sentence on why they need not add up to the bar."""
    client, share = made(late, "")
    arrive(late)
    start, _ = bounds()
    bar = f"{share.root}events/?feature_id=feature_03&start={start}&end={start + DAY}&tz=UTC"
    opened = client.get(bar, headers={"HX-Request": "true", "HX-Target": "events-in-view"}).content.decode()
    assert f"The <b>3</b> events listed here sum to <b>10,000,045</b>. {NOT_RECORDED}" in opened


def test_all_features_are_kept(late: House) -> None:
    """Also those beyond the largest dozen; what is tracked under a new name later is no part of it."""
    start, end = bounds()
    for at in range(end - 2000, end - 900):
        track(late, at, "api_calls", 1, "model-0")  # more rows than are read to see which features there are
    staff = Client()
    staff.force_login(late.maker)
    for name in (*FEATURES, "CANARY_hidden_feature"):
        staff.get(f"/events/?customer_id={SEEN}&start={start}&end={end}&feature_id={name}&tz=UTC")
    client, share = made(late, "")
    assert share.features == sorted([*FEATURES, "api_calls", "CANARY_hidden_feature"])
    arrive(late)
    listed = client.get(f"{share.root}events/?feature_id=feature_00&tz=UTC").content.decode()
    assert "feature_00" in listed
    assert client.get(f"{share.root}events/?feature_id=of_later&tz=UTC").status_code == 400


def test_what_was_not_kept_is_said(late: House) -> None:
    """A part of the period and a filter have no figures of their own; their rows are there all the same."""
    client, share = made(late, "")
    start, end = bounds()
    for query in (f"start={start + DAY}&end={end}", "filter=model:model-0"):
        page = client.get(f"{share.root}usage/?tz=UTC&{query}")
        assert page.status_code == 200
        assert NOT_RECORDED in page.content.decode()
        assert f'href="{share.root}">Show the view that was kept' in page.content.decode()
        assert re.search(r"event=\d+", page.content.decode())


def test_nobody_is_offered_what_was_not_kept(late: House) -> None:
    """No dates, comparison, filters, other grouping, or range to draw with the mouse stand on the usage page."""
    client, share = made(late, "&group_by=properties.model&filter=model:model-0")
    page = client.get(f"{share.root}usage/?{share.view}").content.decode()
    offered = ('id="f-start"', 'id="f-end"', 'id="f-range"', 'type="checkbox" name="compare"')
    for field in offered:
        assert field not in page
    staff = Client()
    staff.force_login(late.maker)
    whole = staff.get(f"/usage/?customer_id={SEEN}").content.decode()
    for field in offered:
        assert field in whole
    assert '"range":null' in page
    assert 'id="f-filter"' not in page
    assert "model:model-0" in page
    assert 'aria-label="Drop' not in page
    assert "$plan_id" not in page


def test_a_snapshot_outlives_its_kept_answers(late: House) -> None:
    """What is kept is kept in the database: another process, that has asked nothing yet, shows the same figures."""
    client, share = made(late, "&group_by=properties.model")
    before = figures(client.get(f"{share.root}usage/?{share.view}").content.decode())
    late.renew()
    assert figures(client.get(f"{share.root}usage/?{share.view}").content.decode()) == before


def test_larger_bins_are_sums_of_kept_ones(late: House) -> None:
    """Weeks and months of a snapshot are those that Autumn itself would have said, to the figure."""
    start, end = bounds()
    client, share = made(late, "", exports="on")
    staff = Client()
    staff.force_login(late.maker)
    for size in ("hour", "day", "week", "month"):
        view = f"start={start}&end={end}&bin_size={size}&tz=UTC"
        kept = body_of(client.get(f"{share.root}usage/export.csv?{view}"))
        live = body_of(staff.get(f"/usage/export.csv?customer_id={SEEN}&{view}"))
        assert kept.count(b"\n") > 10
        assert sorted(kept.splitlines()) == sorted(live.splitlines())


def test_old_figures_are_not_kept_as_those_of_now(late: House) -> None:
    """While Autumn does not answer there is no snapshot to make, though older answers would serve a page."""
    start, end = bounds()
    view = f"customer_id={SEEN}&start={start}&end={end}&tz=UTC"
    staff = Client()
    staff.force_login(late.maker)
    assert staff.get(f"/usage/?{view}").status_code == 200
    late.wires[-1].down = True
    fixed = {"period": "fixed", "start": str(start), "end": str(end), "fresh": "snapshot", "view": view}
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        answer = staff.post("/shares/new", {**FORM, **fixed})
    assert answer.status_code == 503
    assert "The figures could not be kept" in answer.content.decode()
    assert not Share.objects.exists()


def test_a_snapshot_of_nothing(late: House) -> None:
    """A period without usage has no figures to keep: the sentence stands beside the customer."""
    maker = Client()
    maker.force_login(late.maker)
    empty = {"period": "fixed", "start": "2026-01-01", "end": "2026-01-02", "fresh": "snapshot"}
    answer = maker.post("/shares/new", {**FORM, **empty})
    assert answer.status_code == 400
    assert 'id="customer_id-error"' in answer.content.decode()
    assert "no figures to keep" in answer.content.decode()
