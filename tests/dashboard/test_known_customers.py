"""Sightings are stored: after a restart, for the customer field and for charts of all features."""

from __future__ import annotations

import pytest
from django.test import Client

from dashboard import services
from dashboard.known_customers import StoredKnownCustomers
from dashboard.models import Sighting
from tests.conftest import forget
from tests.page import Page
from usage.known_customers import Seen

pytestmark = pytest.mark.django_db


def test_customers_are_known_after_a_restart(page: Client) -> None:
    """A new process offers customers of earlier pages before its first call."""
    assert services.usage().customers() == []
    page.get("/events/?tz=UTC")
    features = services.usage().features("acme-robotics")
    assert features
    forget()
    offered = Page(page.get("/customers/?customer_id=ACME")).values("value", "option")
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


@pytest.mark.parametrize("name", ["x" * 5_000, "\u202e</script>", "=1+1", " "])
def test_any_name_can_be_stored(name: str) -> None:
    """Long, hostile and blank ids are stored unchanged."""
    known = StoredKnownCustomers("one")
    known.note([Seen(name, name, 1), Seen("with\0null", "calls", 1)])
    known.save()
    assert Sighting.objects.get().customer_id == name
