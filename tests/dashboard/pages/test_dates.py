"""Dates by the calendar: native fields, periods beside the one on display, and what is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.dashboard.events.event_site import EventSite, event, event_site
from tests.page import Page, parameters

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[EventSite]:
    """It is 12 November 2025, a Wednesday."""
    with event_site(monkeypatch) as made:
        made.autumn.add(event(1))
        yield made


def shown(at: EventSite, status: int = 200, **params: Any) -> Page:
    return at.get("/events/", status=status, customer_id="cus_1", **({"tz": "Europe/Berlin"} | params))


def fields(page: Page) -> dict[str, str]:
    names = ("f-start", "f-start_time", "f-end", "f-end_time")
    return {name.removeprefix("f-"): page.one(id=name)["value"] or "" for name in names}


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1000)


def bounds(href: str) -> tuple[int, int]:
    query = parameters(href)
    return int(query["start"][0]), int(query["end"][0])


def test_fields_have_the_window_on_display(at: EventSite) -> None:
    """Whole days without times, the last one included."""
    days = shown(at, start="2025-10-01", end="2025-10-31")
    assert fields(days) == {"start": "2025-10-01", "start_time": "", "end": "2025-10-31", "end_time": ""}
    hours = shown(at, start="2025-10-01T14:00", end="2025-10-01T16:30")
    assert fields(hours)["start_time"] == "14:00"
    assert fields(hours)["end_time"] == "16:30"


@pytest.mark.parametrize(
    ("sent", "window"),
    [
        (
            {"start": "2025-10-01", "end": "2025-10-31"},
            ("2025-10-01T00:00", "2025-11-01T00:00"),
        ),
        (
            {"start": "2025-10-01", "start_time": "14:00", "end": "2025-10-01", "end_time": "16:00"},
            ("2025-10-01T14:00", "2025-10-01T16:00"),
        ),
        (
            {"start": "2025-10-01", "start_time": "14:00", "end": "", "end_time": "16:00"},
            ("2025-10-01T14:00", "2025-10-01T16:00"),
        ),
    ],
)
def test_dates_and_times_are_one_window(at: EventSite, sent: dict[str, Any], window: tuple[str, str]) -> None:
    """An end that has only a time is on the day of the start."""
    address = shown(at, **sent).one(id="view")["data-address"] or ""
    assert bounds(address) == (ms(window[0]), ms(window[1]))


@pytest.mark.parametrize("sent", [{"start_time": "14:00"}, {"start": "2025-10-01", "start_time": "noon"}])
def test_time_that_makes_no_moment_is_named(at: EventSite, sent: dict[str, Any]) -> None:
    assert shown(at, 400, **sent).errors == {"start"}


@pytest.mark.parametrize(
    ("window", "earlier", "later"),
    [
        (("2025-09-01", "2025-09-30"), ("2025-08-01", "2025-09-01"), ("2025-10-01", "2025-11-01")),
        (("2025-10-01", "2025-10-31"), ("2025-09-01", "2025-10-01"), ("2025-11-01", "2025-12-01")),
        (("2025-11-03", "2025-11-09"), ("2025-10-27", "2025-11-03"), ("2025-11-10", "2025-11-17")),
        (("2025-10-21", "2025-10-27"), ("2025-10-14", "2025-10-21"), ("2025-10-28", "2025-11-04")),
        (("2025-11-04", "2025-11-10"), ("2025-10-28", "2025-11-04"), ("2025-11-11", "2025-11-13")),
    ],
    ids=["month", "month before the running one", "week", "dates over a clock change", "up to today"],
)
def test_periods_follow_the_calendar(
    at: EventSite,
    window: tuple[str, str],
    earlier: tuple[str, str],
    later: tuple[str, str],
) -> None:
    """A month leads to whole months, dates to as many; only a running week or month passes today."""
    listed = shown(at, start=window[0], end=window[1])
    for key, expected in (("[", earlier), ("]", later)):
        href = listed.one("a", data_key=key)["href"] or ""
        assert bounds(href) == (ms(expected[0]), ms(expected[1]))


def test_period_after_the_running_one_is_not_offered(at: EventSite) -> None:
    assert not shown(at, range="7d").has("a", data_key="]")


def test_compared_dates_are_beside_their_control(at: EventSite) -> None:
    october: dict[str, Any] = {"start": "2025-10-01", "end": "2025-10-31", "compare": "previous"}
    usage = at.get("/usage/", customer_id="cus_1", tz="UTC", **october)
    assert usage.one(data_compared=True).text == "1 Sep 2025 – 30 Sep 2025"
