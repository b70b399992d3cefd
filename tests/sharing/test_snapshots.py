"""Snapshots: figures stay what they were, wherever the link's own pages lead."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from dashboard.sharing.models import Share
from dashboard.sharing.snapshots import NOT_KEPT, Noted
from tests.sharing.house import DAY, HOUR, SEEN, House, bounds
from tests.sharing.test_making import FORM, NO_PASSWORD_READ, shown

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
    return page[page.index('<div class="tiles"') : page.index('id="events-in-view"')]


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
            assert NOT_KEPT not in page, href
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
    assert "The <b>3</b> events listed here sum to <b>10,000,045</b>" in opened
    assert NOT_KEPT in opened


def test_all_features_are_kept(late: House) -> None:
    """Also those beyond the largest dozen; what is tracked under a new name later is no part of it."""
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
        assert NOT_KEPT in page.content.decode()
        assert re.search(r"event=\d+", page.content.decode())


def test_nobody_is_offered_what_was_not_kept(late: House) -> None:
    """No dates, comparison, filters, other grouping, or range to draw with the mouse stand on the usage page."""
    client, share = made(late, "&group_by=properties.model&filter=model:model-0")
    page = client.get(f"{share.root}usage/?{share.view}").content.decode()
    for name in ("start", "end", "range", "compare"):
        assert f'id="f-{name}"' not in page
        assert f'name="{name}" type="checkbox"' not in page
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


SIZES = st.sampled_from(["hour", "day", "week", "month"])
NAMES = st.lists(st.sampled_from(FEATURES), min_size=1, max_size=4, unique=True)


@given(SIZES, SIZES, NAMES, NAMES, st.booleans())
def test_an_answer_serves_smaller_questions(
    size: str, other: str, names: list[str], others: list[str], same: bool
) -> None:
    """It serves those for some of its features, in bins that its own sum to, about the same time; and no others."""
    asked = {
        "customer_id": SEEN,
        "bin_size": size,
        "feature_id": names,
        "custom_range": {"start": 0, "end": 9},
    }
    question = {**asked, "bin_size": other, "feature_id": others}
    if not same:
        question["custom_range"] = {"start": 1, "end": 9}
    sums = size == other or size == "hour" or (size == "day" and other in ("week", "month"))
    assert Noted(asked, None, "").has(question) == (same and sums and set(others) <= set(names))
