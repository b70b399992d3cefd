"""A search through a hundred thousand events, at the pace that Autumn allows."""

from __future__ import annotations

import time

import httpx

from usage.api.gateway import open_gateway
from usage.known_customers import InMemoryKnownCustomers
from usage.query import PropertyFilter, Query
from usage.sample import SAMPLE_KEY, SampleApp, Store
from usage.service import open_usage

EVENTS, MATCHES, STEP_MS = 100_000, 37, 20_000


def test_the_37_among_a_hundred_thousand() -> None:
    """Going on from step to step finds each of the 37 once, within 120 calls, and no 429 on the way is
    anybody's.
    """
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
