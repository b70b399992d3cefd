"""Live tail: what arrived above the rows on display, and how much of it the page does not get."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.dashboard.events.event_site import MINUTE, EventSite, event, event_site
from tests.usage.sample_service import NOW, later

WEEK: dict[str, Any] = {"range": "7d", "tz": "UTC"}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[EventSite]:
    with event_site(monkeypatch) as site:
        yield site


def test_live_tail_returns_newer_and_late_rows(at: EventSite) -> None:
    """Rows above the one in the header, those that may have come late, and the age of the data."""
    at.autumn.add(*(event(number) for number in range(8)))
    params: dict[str, Any] = {"range": "7d", "tz": "UTC"}
    page = at.get("/events/", **params)
    assert page.values("data-live") == ["/events/live/?range=7d&tz=UTC"]
    top = f"{NOW - 4 * MINUTE},evt_00003"
    part = at.get("/events/live/", part=True, headers={"Live-After": top}, **params)
    assert part.rows == [f"evt_0000{number}" for number in range(6)]
    assert part.one(id="behind")["data-behind"] == "0"
    newest = {"Live-After": f"{NOW - MINUTE},evt_00000"}
    at.autumn.add(event(0, id="late", timestamp=NOW - MINUTE - 2000))
    with later(5000):
        quiet = at.get("/events/live/", part=True, headers=newest, **params)
    assert quiet.rows == ["evt_00000", "late", "evt_00001", "evt_00002"]


def test_live_tail_applies_property_filters(at: EventSite) -> None:
    """It does not search the whole window."""
    at.autumn.add(*(event(number, properties={"mark": number % 2}) for number in range(3000)))
    params: dict[str, Any] = {"range": "7d", "tz": "UTC", "filter": "mark:1"}
    part = at.get(
        "/events/live/", part=True, headers={"Live-After": f"{NOW - 7 * MINUTE},evt_00006"}, **params
    )
    assert part.rows == ["evt_00001", "evt_00003", "evt_00005", "evt_00007"]
    assert at.autumn.calls() <= 2


def test_live_tail_counts_missed_rows(at: EventSite) -> None:
    """More rows than an answer has are counted, with those missed before; their link lists them."""
    at.autumn.add(*(event(number) for number in range(300)))
    top = {"Live-After": f"{NOW - 299 * MINUTE},evt_00298"}
    part = at.get("/events/live/", part=True, headers=top, **WEEK)
    assert part.rows == [f"evt_{number:05}" for number in range(100)]
    missed = part.one(data_notice="missed-rows")
    assert (missed["data-missed"], "data-more" in missed) == ("198", False)
    below = at.get(str(missed.one("a")["href"]))
    assert below.rows == [f"evt_{number:05}" for number in range(100, 200)]
    again = at.get("/events/live/", part=True, headers={**top, "Live-Missed": "7+"}, **WEEK)
    missed = again.one(data_notice="missed-rows")
    assert (missed["data-missed"], "data-more" in missed) == ("205", True)


def test_live_tail_tells_a_lower_bound(at: EventSite) -> None:
    """Where more have arrived than one call returns; nothing is missed where all fit."""
    at.autumn.add(*(event(number) for number in range(1200)))
    top = f"{NOW - 1151 * MINUTE},evt_01150"
    part = at.get("/events/live/", part=True, headers={"Live-After": top, "Columns": "user"}, **WEEK)
    missed = part.one(data_notice="missed-rows")
    assert (missed["data-missed"], "data-more" in missed) == ("900", True)
    assert "columns=user" in str(missed.one("a")["href"])
    top = f"{NOW - 60 * MINUTE},evt_00059"
    part = at.get("/events/live/", part=True, headers={"Live-After": top}, **WEEK)
    assert not part.has(data_notice="missed-rows")
