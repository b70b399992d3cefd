"""Sightings are stored: after a restart, for the customer field and for charts of all features."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client

from dashboard import services
from dashboard.forms import MAX_TEXT_LENGTH
from dashboard.known_customers import StoredKnownCustomers
from dashboard.models import Sighting
from tests.conftest import forget
from tests.page import Page
from usage.known_customers import Seen

HTMX = {"HX-Request": "true"}

pytestmark = pytest.mark.django_db


def test_customers_are_known_after_a_restart(page: Client) -> None:
    """A new process offers customers of earlier pages before its first call."""
    assert services.usage().customers() == []
    page.get("/events/?tz=UTC")
    features = services.usage().features("acme-robotics")
    assert features
    forget()
    offered = Page(page.get("/customers/?q=ACME&stored=1", headers=HTMX)).values("data-customer-id")
    assert "acme-robotics" in offered
    assert services.usage().features("acme-robotics") == features
    assert services.gateway().counts()["calls"] == 0


def test_sources_do_not_share_sightings() -> None:
    """Sample, test and live data never mix."""
    first = StoredKnownCustomers("one")
    first.note([Seen("cus_1", "calls", 5)])
    first.save()
    assert StoredKnownCustomers("one").customers() == [("cus_1", 5)]
    assert StoredKnownCustomers("two").customers() == []


def test_sighting_is_written_at_most_once_an_hour() -> None:
    """A pair is written when it is new, and when its newest event is an hour newer."""
    known = StoredKnownCustomers("one")
    for moment in (0, 10, 3_599_999):
        known.note([Seen("cus_1", "calls", moment)])
        known.save()
    assert Sighting.objects.get().last_seen == 0
    known.note([Seen("cus_1", "calls", 3_600_000)])
    known.save()
    assert Sighting.objects.get().last_seen == 3_600_000
    assert known.customers() == [("cus_1", 3_600_000)]


HOUR = 3_600_000


def last_seen() -> int:
    return Sighting.objects.get(customer_id="cus_1").last_seen


@pytest.mark.parametrize("older", [0, 1, HOUR, 9 * HOUR])
def test_newest_sighting_of_two_processes_is_stored(older: int) -> None:
    """Whichever writes last, and although neither knows of the other's."""
    first, second = StoredKnownCustomers("one"), StoredKnownCustomers("one")
    first.note([Seen("cus_1", "calls", 10 * HOUR)])
    second.note([Seen("cus_1", "calls", older), Seen("cus_2", "calls", 1)])
    first.save()
    second.save()
    assert last_seen() == 10 * HOUR
    second.note([Seen("cus_1", "calls", 12 * HOUR)])
    second.save()
    assert last_seen() == 12 * HOUR
    first.note([Seen("cus_1", "calls", 11 * HOUR)])
    first.save()
    assert last_seen() == 12 * HOUR
    assert StoredKnownCustomers("one").customers() == [("cus_1", 12 * HOUR), ("cus_2", 1)]


class Overtaken:
    """A database in which another process writes a newer sighting just before each update."""

    def __init__(self) -> None:
        self.newer = iter([10 * HOUR])

    def __call__(self, execute: Any, sql: str, *rest: Any) -> object:
        newer = next(self.newer, None) if sql.startswith("UPDATE") else None
        if newer is not None:
            Sighting.objects.update(last_seen=newer)
        return execute(sql, *rest)


def test_newer_sighting_of_the_same_moment_stays() -> None:
    for moment in (HOUR, 5 * HOUR):
        known = StoredKnownCustomers("one")
        known.note([Seen("cus_1", "calls", moment)])
        with connection.execute_wrapper(Overtaken()):
            known.save()
    assert last_seen() == 10 * HOUR


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_sighting_that_was_not_saved_is_not_replaced_by_an_older_one(error: type[Exception]) -> None:
    """The database refuses for a while."""
    known = StoredKnownCustomers("one")
    known.note([Seen("cus_1", "calls", 10 * HOUR)])
    with connection.execute_wrapper(Interrupting(known, error)):
        known.save()
    assert not Sighting.objects.exists()
    known.save()
    assert last_seen() == 10 * HOUR


class Interrupting:
    """A database that refuses, while another request sees an older event."""

    def __init__(self, known: StoredKnownCustomers, error: type[Exception]) -> None:
        self.known = known
        self.error = error

    def __call__(self, *_: object) -> object:
        self.known.note([Seen("cus_1", "calls", 5 * HOUR)])
        raise self.error


@pytest.mark.parametrize("name", ["x" * MAX_TEXT_LENGTH, "\u202e</script>", "=1+1", " "])
def test_any_name_can_be_stored(name: str) -> None:
    """Long, hostile and blank ids are stored unchanged; not those that no page accepts."""
    known = StoredKnownCustomers("one")
    unusable = ("with\0null", "x" * (MAX_TEXT_LENGTH + 1))
    known.note([Seen(name, name, 1), *(Seen(each, "calls", 1) for each in unusable)])
    known.save()
    assert Sighting.objects.get().customer_id == name
