"""The event browser in a tab: how tests open it and find its rows and columns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Served
from usage.sample import Store

ACME = "acme-robotics"

ROWS = "#found > tr:not(.detail)"
IDS = """rows => rows.map(
    row => new URL(row.querySelector("a").href).searchParams.get("event").split(",")[1])"""


def events_of(customer: str, tab: Page, served: Served, more: str = "") -> Page:
    """The event browser of one customer with all its parts loaded."""
    tab.goto(f"{served.url}/events/?customer_id={customer}&range=7d&tz=UTC{more}")
    expect(tab.locator(".facets li").first).to_be_visible()
    expect(tab.locator(".histogram .marks path").first).to_be_attached()
    return tab


def arrival(mark: str, customer: str) -> dict[str, object]:
    """An event of now, with properties as the sample's: tests look at the newest rows of a customer."""
    known = {"user": "ana@acme-robotics.example", "endpoint": "/v1/items", "status": 200, "trial": False}
    moment = int(time.time() * 1000)
    return {
        "customer_id": customer,
        "feature_id": "api_calls",
        "timestamp": moment,
        "properties": {**known, "mark": mark},
    }


def row_of(event: str) -> str:
    """Selects the link of a closed row, whose event is in its address."""
    return f"{ROWS} td:first-child a[href*='event={quote_plus(event)}']"


def column(tab: Page, name: str) -> int:
    """The number of the column with this header, from 1."""
    return tab.locator("table.rows th").all_inner_texts().index(name) + 1


@pytest.fixture
def store(served: Served) -> Iterator[Store]:
    """The store of the site, for events that arrive during a test."""
    with closing(Store(served.folder / "sample.sqlite3")) as opened:
        yield opened


@pytest.fixture
def events(tab: Page, served: Served) -> Page:
    """The event browser of a customer with many events."""
    return events_of(ACME, tab, served)
