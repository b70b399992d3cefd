"""A search through 100,000 events, at Autumn's rate limit."""

from __future__ import annotations

import time

import httpx

from usage.api.gateway import open_gateway
from usage.known_customers import InMemoryKnownCustomers
from usage.query import PropertyFilter, Query
from usage.sample import SAMPLE_KEY, SampleApp, Store
from usage.service import open_usage

EVENTS, MATCHES, STEP_MS = 100_000, 37, 20_000


def test_search_finds_37_among_100000_events() -> None:
    """Each once, within 120 calls, and without a 429 for the user."""
    store = Store()
    end = int(time.time() // 3600 * 3_600_000)
    store.add(
        {
            "id": f"evt_{at:06}",
            "customer_id": "cus_1",
            "feature_id": "calls",
            "timestamp": end - 1 - at * STEP_MS,
            "properties": {
                "mark": "yes"
                if at % (EVENTS // MATCHES) == 0 and at // (EVENTS // MATCHES) < MATCHES
                else "no"
            },
        }
        for at in range(EVENTS)
    )
    app = SampleApp(store)
    gateway = open_gateway(
        url="https://sample.invalid", key=SAMPLE_KEY, transport=httpx.WSGITransport(app=app)
    )
    usage = open_usage(gateway, InMemoryKnownCustomers())
    query = Query(
        customer_id="cus_1",
        start=end - EVENTS * STEP_MS,
        end=end,
        filter=(PropertyFilter("mark", "yes"),),
        until=end,
    )
    found, steps, scanned = list[str](), 0, 0
    while True:
        page = usage.page(query)
        found += [event.id for event in page.events]
        steps, scanned = steps + 1, scanned + page.scanned
        if page.next is None:
            break
        query = query.having(until=end, before=page.next)
    assert len(found) == len(set(found)) == MATCHES
    assert len(app.calls) <= 120
    assert steps > 10
    assert scanned >= EVENTS
    assert gateway.counts()["failures"] == 0
