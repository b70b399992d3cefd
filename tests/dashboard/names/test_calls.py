"""Calls for names: few, side by side, and none again for an hour that was refused."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from dashboard import services
from dashboard.models import CustomerName
from dashboard.names import stored
from tests.conftest import forget
from tests.dashboard.names.conftest import AGES, KEYS, LUMEN, OpenSite, settle
from tests.page import Page
from usage.catalog import Customer
from usage.sample import SAMPLE_KEY

PAGES = (
    "/",
    f"/usage/?customer_id={LUMEN}&range=7d&tz=UTC",
    f"/usage/?customer_id={LUMEN}&range=1bc&chart=cumulative&tz=UTC",
    f"/usage/?customer_id={LUMEN}&range=7d&chart=panels&compare=previous&tz=UTC",
    f"/usage/?customer_id={LUMEN}&range=7d&measure=count&tz=UTC",
    f"/usage/?customer_id={LUMEN}&range=7d&measure=deducted&tz=UTC",
    "/usage/?group_by=$customer_id&focus=ai_tokens&range=7d&tz=UTC",
    f"/events/?customer_id={LUMEN}&tz=UTC",
    "/events/?tz=UTC",
    "/events/facets/?tz=UTC",
    "/events/histogram/?tz=UTC",
    "/customers/?q=lum",
    "/shares/",
    f"/shares/new?customer_id={LUMEN}",
    "/views/",
    f"/views/new/usage/?customer_id={LUMEN}&range=7d&tz=UTC",
    f"/usage/export.csv?customer_id={LUMEN}&range=7d&tz=UTC",
)


@pytest.mark.slow
@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("key", KEYS)
def test_every_page_works_at_each_age_with_each_key(open_site: OpenSite, age: str, key: str) -> None:
    """No refused call is repeated, and where names cannot be read nothing is made up."""
    site = open_site(age, key)
    may_read = key == SAMPLE_KEY and age != "older"
    for address in (*PAGES, *PAGES):
        page = site.client.get(address, follow=True)
        assert page.status_code == 200 or (age == "older" and "$customer_id" in address), address
        settle()
        assert may_read or b"Lumen" not in page.content
    calls = Counter(site.name_calls())
    assert may_read or set(calls.values()) == {1}
    assert bool(CustomerName.objects.count()) == may_read


@pytest.mark.parametrize("address", PAGES)
def test_cold_page_makes_two_calls_for_names_and_a_warm_one_none(open_site: OpenSite, address: str) -> None:
    site = open_site()
    site.client.get(address)
    assert len(site.name_calls()) <= 2
    site.client.get(address)
    assert site.name_calls() == []


def test_cold_page_requests_names_side_by_side(open_site: OpenSite) -> None:
    """At most two at once."""
    site = open_site()
    lock, running, most = threading.Lock(), [0], [0]
    both = threading.Event()
    answer = site.autumn.app._named

    def counted(endpoint: str, given: object) -> object:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            if running[0] == 2:
                both.set()
        both.wait(5)
        try:
            return answer(endpoint, given)  # type: ignore[arg-type]
        finally:
            with lock:
                running[0] -= 1

    site.autumn.app._named = counted  # type: ignore[method-assign]
    site.client.get(f"/events/?customer_id={LUMEN}&tz=UTC")
    settle()
    assert most == [2]


def test_names_are_known_after_a_restart(open_site: OpenSite) -> None:
    site = open_site()
    address = f"/events/?customer_id={LUMEN}&range=7d&tz=UTC"  # without balances, which are always read
    site.client.get(address)
    settle()
    site.client.get(address)  # stores what was read
    forget()
    site.name_calls()
    page = Page(site.client.get(address))
    assert page.one("h1").text.startswith("Lumen Optics")
    assert "customers.get" not in site.name_calls()


def test_names_off_makes_no_call(open_site: OpenSite) -> None:
    site = open_site(AUTUMN_NAMES="off")
    for address in PAGES:
        assert site.client.get(address, follow=True).status_code == 200
    assert site.name_calls() == []
    assert "names-off" in Page(site.search("lum")).notices


def test_stored_names_are_bounded(open_site: OpenSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database and memory hold the newest."""
    monkeypatch.setattr(stored, "MOST", 10)
    site = open_site()
    site.search("a")
    services.customer_names().finish()
    assert 0 < len(services.customer_names().all()) <= 10
    assert CustomerName.objects.count() <= 10


@pytest.mark.parametrize("customer_id", ["nul\0", "\ud800alone"])
def test_id_that_no_database_takes_is_not_stored(open_site: OpenSite, customer_id: str) -> None:
    open_site()
    names = services.customer_names()
    names.note([Customer(customer_id, "Ada", None, (), ()), Customer("cus_1", "Ada", None, (), ())])
    names.finish()
    assert [row.customer_id for row in CustomerName.objects.all()] == ["cus_1"]
