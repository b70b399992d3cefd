"""Answers of more than is read: fewer rows are requested, at most three times, and no event is lost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from tests.usage.sample_service import HOUR, NOW, Autumn, autumn
from usage.api.client import BODY_LIMIT
from usage.errors import TooLarge
from usage.query import PropertyFilter, Query
from usage.scope import Scope

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from tests.usage.sample_service import Wrap

MINE = Query(customer_id="cus_1")
LINK = Scope(customer_id="cus_1", properties=frozenset({"number"}))


def fits(most: int) -> Wrap:
    """Lists of more than `most` rows are larger than what is read."""

    def wrap(app: WSGIApplication) -> WSGIApplication:
        def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            body = b"".join(app(environ, start_response))
            is_list = environ["PATH_INFO"].endswith("events.list")
            is_large = is_list and len(json.loads(body)["list"]) > most
            return [body + b" " * BODY_LIMIT if is_large else body]

        return wrapped

    return wrap


def limits(service: Autumn) -> list[int]:
    """The limits of the lists that were requested since the last call."""
    found = [body["limit"] for call, body in service.sent if call == "list"]
    service.sent.clear()
    return found


def add_rows(service: Autumn, count: int) -> None:
    service.add(
        *(
            {"timestamp": NOW - HOUR - number, "id": f"evt_{number:04}", "properties": {"number": number}}
            for number in range(count)
        )
    )


def test_a_quarter_of_the_rows_is_requested() -> None:
    """And remembered: the next answer fits at once."""
    with autumn(wrap=fits(15)) as service:
        add_rows(service, 40)
        page = service.usage.page(MINE.having(per_page=1000))
        assert limits(service) == [1000, 250, 62, 15]
        assert len(page.events) == 15
        assert len(service.usage.newest(MINE).events) == 15
        assert limits(service) in ([15], [])


def test_after_three_times_the_answer_is_too_large() -> None:
    with autumn(wrap=fits(14)) as service:
        add_rows(service, 40)
        with pytest.raises(TooLarge) as raised:
            service.usage.page(MINE.having(per_page=1000))
        assert limits(service) == [1000, 250, 62, 15]
        assert "15" in raised.value.sentence


@pytest.mark.parametrize("scope", [None, LINK], ids=["staff", "link"])
def test_every_event_is_listed_and_exported_once(scope: Scope | None) -> None:
    """Page by page, each as far as its calls allow, and in a file."""
    with autumn(wrap=fits(31)) as service:
        add_rows(service, 300)
        usage = service.usage if scope is None else service.usage.within(scope)
        names = [f"evt_{number:04}" for number in range(300)]
        assert [event.id for event in usage.iterate(MINE)] == names
        query, found = MINE.having(per_page=100), list[str]()
        while True:
            page = usage.page(query)
            found += [event.id for event in page.events]
            if page.next is None:
                break
            query = query.having(until=page.until, before=page.next)
        assert found == names


def test_rows_of_one_second_are_searched() -> None:
    """By offset, where no answer has all of them."""
    with autumn(wrap=fits(31)) as service:
        add_rows(service, 150)
        page = service.usage.page(MINE.having(filter=(PropertyFilter("number", "149"),)))
        found = list(page.events)
        while page.next is not None:
            page = service.usage.page(
                MINE.having(filter=(PropertyFilter("number", "149"),), until=page.until, before=page.next)
            )
            found += page.events
        assert [event.id for event in found] == ["evt_0149"]
