"""Lists have each event once, even if events arrive in between or share a millisecond."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.usage.sample_service import HOUR, NOW, Autumn, autumn, later
from usage.errors import Malformed
from usage.query import PropertyFilter, Query
from usage.results import Event
from usage.window import hour_end

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MINE = Query(customer_id="cus_1", feature_id=("messages",))


def pages(service: Autumn, query: Query, most: int = 1000) -> list[list[str]]:
    """The ids of each page, following the links to the next page."""
    found, page = [], service.usage.page(query)
    while True:
        found.append([event.id for event in page.events])
        if page.next is None or len(found) == most:
            return found
        query = query.having(until=page.until, before=page.next)
        page = service.usage.page(query)


def newest_first(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in sorted(rows, key=lambda row: (row["timestamp"], row["id"]), reverse=True)]


@given(st.lists(st.integers(0, 3000), max_size=130), st.sampled_from([50, 100]))
@settings(max_examples=60)
def test_pages_together_are_the_list(ages: list[int], per_page: Any) -> None:
    """With ties at their edges, and with seconds that have many rows."""
    rows = [
        {"timestamp": NOW - HOUR - age // 20 * 20, "id": f"evt_{number:04}"}
        for number, age in enumerate(ages)
    ]
    with autumn() as service:
        service.add({"timestamp": NOW - 50 * 24 * HOUR}, *rows)
        found = pages(service, MINE.having(per_page=per_page))
    assert [event_id for page in found for event_id in page] == newest_first(rows)
    assert all(len(page) == per_page for page in found[:-1])


def test_full_last_page_has_no_next_one() -> None:
    with autumn() as service:
        service.add(*({"timestamp": NOW - HOUR - number} for number in range(100)))
        first = service.usage.page(MINE.having(per_page=50))
        last = service.usage.page(MINE.having(per_page=50, until=first.until, before=first.next))
        assert [len(page.events) for page in (first, last)] == [50, 50]
        assert (last.next, last.unfinished) == (None, False)


def test_2500_events_of_one_millisecond_are_listed_once() -> None:
    """In pages and exports; offsets do not exceed the number of events."""
    rows = [{"timestamp": NOW - HOUR, "id": f"evt_{number:04}"} for number in range(2500)]
    rows += [{"timestamp": NOW - HOUR + side, "id": f"evt_x{side}"} for side in (-2000, -1, 1, 2000)]
    with autumn() as service:
        service.add(*rows)
        exported = [event.id for event in service.usage.iterate(MINE)]
        assert exported == newest_first(rows)
        found = pages(service, MINE.having(per_page=500))
        assert [event_id for page in found for event_id in page] == newest_first(rows)
        assert max(body["offset"] for endpoint, body in service.sent if endpoint == "list") <= 3000


def test_export_continues_from_its_last_row() -> None:
    """Offsets count within one second only."""
    with autumn() as service:
        service.add(
            *({"timestamp": NOW - HOUR - number * 100, "id": f"evt_{number:05}"} for number in range(5500))
        )
        assert len({event.id for event in service.usage.iterate(MINE)}) == 5500
        assert max(body["offset"] for call, body in service.sent if call == "list") == 0


def test_arrivals_between_pages_do_not_repeat_or_hide_events() -> None:
    """New events, late ones and ties arrive between all pages of an export."""
    with autumn() as service:
        rows = [{"timestamp": NOW - HOUR - number // 7, "id": f"evt_{number:05}"} for number in range(6000)]
        service.add(*rows)
        found = list[Event]()
        for event in service.usage.iterate(MINE):
            if len(found) % 500 == 0:
                count = len(found)
                service.add(
                    {"timestamp": NOW, "id": f"new_{count}"},
                    {"timestamp": event.timestamp + 5, "id": f"late_{count}"},
                    {"timestamp": event.timestamp, "id": f"zzz_{count}"},
                )
            found.append(event)
        ids = [event.id for event in found]
        assert len(ids) == len(set(ids))
        assert set(newest_first(rows)) <= set(ids)
        assert not any(event_id.startswith("new_") for event_id in ids)


def test_list_ends_with_the_running_hour() -> None:
    """Its viewers share one call, and see the same list."""
    with autumn() as service:
        service.add(*({"timestamp": NOW - number * 1000} for number in range(5, 300)))
        first = service.usage.page(MINE)
        assert first.until == hour_end(NOW)
        assert all(event.timestamp < first.until for event in first.events)
        service.calls()
        with later(4_000):
            assert service.usage.page(MINE).until == first.until
        assert service.calls() == 0


def test_full_pages_need_one_call() -> None:
    """Even the largest page; facets take one call too."""
    with autumn() as service:
        service.add(*({"timestamp": NOW - HOUR - number} for number in range(2500)))
        for per_page in (50, 100, 500, 1000):
            assert len(service.usage.page(Query(customer_id="cus_1", per_page=per_page)).events) == per_page
            assert service.calls() == 1
        assert service.usage.facets(Query(customer_id="cus_1")).rows == 1000
        assert service.calls() <= 1


def test_property_filter_scans_in_bounded_steps() -> None:
    """Each step reports the number of rows searched, and the next one continues there."""
    with autumn() as service:
        service.add(
            *(
                {
                    "timestamp": NOW - HOUR - number * 10,
                    "id": f"evt_{number:05}",
                    "properties": {"kind": "rare" if number % 4001 == 4000 else "common"},
                }
                for number in range(9_000)
            )
        )
        query = MINE.having(filter=(PropertyFilter("kind", "rare"),))
        first = service.usage.page(query)
        assert (first.unfinished, len(first.events), service.calls()) == (True, 0, 4)
        assert 3900 < first.scanned <= 4000
        assert first.next is not None
        found = pages(service, query)
        assert [event_id for page in found for event_id in page] == ["evt_04000", "evt_08001"]
        assert [event.id for event in service.usage.iterate(query)] == ["evt_04000", "evt_08001"]


def test_scan_of_all_rows_is_finished() -> None:
    with autumn() as service:
        service.add(*({"timestamp": NOW - HOUR, "value": number} for number in range(20)))
        page = service.usage.page(MINE.having(value_min=5, value_max=7))
        assert (sorted(event.value for event in page.events), page.unfinished, page.next) == (
            [5, 6, 7],
            False,
            None,
        )
        assert page.scanned == 20


class Endless:
    """A server whose list never ends: always the same row, and always more."""

    def __init__(self, _app: WSGIApplication) -> None:
        row = {
            "id": "e",
            "timestamp": NOW - HOUR,
            "feature_id": "messages",
            "customer_id": "cus_1",
            "value": 1,
        }
        rows = [row | {"id": f"evt_{number}"} for number in range(1000)]
        self.body = json.dumps({"list": rows, "has_more": True}).encode()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [self.body]


def test_endless_list_is_malformed() -> None:
    """An export raises Malformed; a page makes a bounded number of calls."""
    with autumn(wrap=Endless) as service:
        page = service.usage.page(MINE.having(value_min=5))
        assert (page.events, service.calls()) == ((), 50)
        with pytest.raises(Malformed):
            list(service.usage.iterate(MINE))


def test_exports_are_not_cached() -> None:
    """An export fetches each page itself, and writes nothing to the cache."""
    with autumn() as service:
        service.add(*({"timestamp": NOW - HOUR} for _ in range(10)))
        assert len(list(service.usage.iterate(MINE))) == len(list(service.usage.iterate(MINE))) == 10
        assert (service.calls(), service.cached()) == (2, b"")
