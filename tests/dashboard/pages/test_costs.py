"""What pages cost, in numbers that are the same on every machine: calls, SQL, bytes, requests."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dashboard import services
from tests.page import Page

ACME, GLOBEX = "acme-robotics", "globex"


@dataclass(frozen=True)
class Cost:
    """`first` and `cold`: calls to Autumn of the first view since the start, and of the first view of this
    page after others, at most: a few names may be known by then. `sql`: queries of a view, `lookups`: of
    answers in the cache, which may be Redis, at most. `kilobytes`: at most, compressed.
    """

    first: int
    cold: int
    sql: int
    lookups: int
    kilobytes: int


DAYS = "range=90d&feature_id=ai_tokens&tz=UTC"
COSTS = {
    "/?range=7d&tz=UTC": Cost(first=9, cold=7, sql=2, lookups=6, kilobytes=23),
    f"/events/?customer_id={ACME}&range=7d&tz=UTC": Cost(first=3, cold=2, sql=1, lookups=2, kilobytes=24),
    f"/usage/?customer_id={ACME}&range=30d&tz=UTC": Cost(first=6, cold=4, sql=1, lookups=4, kilobytes=26),
    f"/usage/?customer_id={ACME}&{DAYS}&group_by=properties.model": Cost(
        first=8, cold=6, sql=1, lookups=6, kilobytes=41
    ),
    f"/usage/?customer_id={ACME}&{DAYS}&group_by=properties.model&compare=previous": Cost(
        first=9, cold=7, sql=1, lookups=7, kilobytes=42
    ),
}
STORED_AFTERWARDS = ("dashboard_customername", "dashboard_sighting")
"""What was seen and named, stored after the response, when it comes."""
REQUESTS = 12
"""Scripts and style sheets of a page, without plotly.js."""


def calls() -> int:
    return services.gateway().counts()["calls"]


def viewed(page: Client, address: str) -> bytes:
    """The page as it is sent, after everything that was requested for it has come."""
    response = page.get(address, headers={"Accept-Encoding": "gzip"})
    assert response.status_code == 200
    services.customer_names().finish()
    return response.content


@pytest.mark.parametrize("address", COSTS)
def test_calls_of_a_first_visit(page: Client, address: str) -> None:
    viewed(page, address)
    assert calls() <= COSTS[address].first


@pytest.mark.parametrize("address", COSTS)
def test_costs_of_a_page(page: Client, address: str) -> None:
    """A view after others, and the same one again, which makes no call."""
    cost = COSTS[address]
    viewed(page, f"/usage/?customer_id={GLOBEX}&range=7d&tz=UTC")
    before = calls()
    viewed(page, address)
    viewed(page, address)  # names of customers that it showed have been asked for by then
    cold = calls()
    assert cold - before <= cost.cold
    looked_up = services.gateway().counts()["cache"]
    with CaptureQueriesContext(connection) as queries:
        sent = viewed(page, address)
    assert calls() == cold
    assert services.gateway().counts()["cache"] - looked_up <= cost.lookups
    own = [each["sql"] for each in queries if not any(table in each["sql"] for table in STORED_AFTERWARDS)]
    assert len(own) == cost.sql, own
    assert len(sent) <= cost.kilobytes * 1000
    shown = Page(gzip.decompress(sent))
    assert len(shown.all("script", src=True)) + len(shown.all("link", rel="stylesheet")) <= REQUESTS
