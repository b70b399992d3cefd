"""The search for a customer: by name, email address or ID, stored names first, near ones for unknown ones."""

from __future__ import annotations

import pytest
from django.test import Client

from dashboard import services
from dashboard.names.search import MOST_OPTIONS, MOST_RANKED, CustomerSearch
from tests.dashboard.names.conftest import KEYS, LUMEN, TWINS, OpenSite
from tests.page import Page
from tests.usage.sample.conftest import described
from usage.catalog import Customer
from usage.known_customers import Seen
from usage.sample import Store


def ids(content: bytes) -> list[str]:
    return Page(content).values("data-customer-id", "li", role="option")


@pytest.mark.parametrize("text", ["lum", "LUMEN OPT", "studio@lumen", LUMEN, "7f3a", " lumen "])
def test_customer_is_found_by_name_email_and_id(open_site: OpenSite, text: str) -> None:
    assert ids(open_site().search(text))[0] == LUMEN


def test_stored_search_makes_no_call(open_site: OpenSite) -> None:
    """It has what earlier searches found."""
    site = open_site()
    assert ids(site.search("lum", stored="1")) == []
    assert LUMEN in ids(site.search("lum"))
    site.autumn.paths.clear()
    assert LUMEN in ids(site.search("lum", stored="1"))
    assert site.autumn.paths == []


def test_customers_of_one_name_are_told_apart(open_site: OpenSite) -> None:
    options = Page(open_site().search("brightside")).all("li", role="option")
    assert {option["data-customer-id"] for option in options} == set(TWINS)
    assert len({option.text for option in options}) == 2


def test_recent_customers_are_first(open_site: OpenSite) -> None:
    """Without a text, those with the newest events."""
    site = open_site()
    site.client.get("/events/?tz=UTC")
    newest = [customer for customer, _ in services.usage().customers(limit=5)]
    assert ids(site.search(""))[:5] == newest


def test_exact_id_is_first_however_many_newer_ones_begin_with_it(open_site: OpenSite) -> None:
    site = open_site()
    known = services.known_customers()
    known.note([Seen("cus_1", "tokens", 1)])
    known.note(Seen(f"cus_1{number}", "tokens", 1000 + number) for number in range(MOST_RANKED + 1))
    assert ids(site.search("cus_1", stored="1"))[0] == "cus_1"


@pytest.mark.parametrize("text", ["hoooli", "acme-robotcs", "Lumn"])
def test_unknown_customer_has_similar_ones(open_site: OpenSite, text: str) -> None:
    site = open_site()
    site.search("o")
    page = Page(site.search(text))
    assert "similar" in page.notices
    assert set(page.values("data-customer-id")) & {"hooli", "acme-robotics", LUMEN}


def test_unknown_id_in_the_address_has_similar_ones(open_site: OpenSite) -> None:
    site = open_site()
    site.search("acme")
    answer = site.client.get("/usage/?customer_id=acme-robotcs&tz=UTC")
    page = Page(answer)
    assert answer.status_code == 404
    assert "acme-robotics" in page.one(data_notice="unknown-customer").values("data-customer-id")
    again = Page(site.client.get("/usage/?customer_id=acme-robotcs&tz=UTC"))
    assert "acme-robotcs" not in again.one(data_notice="unknown-customer").values("data-customer-id")


@pytest.mark.parametrize("text", ["%", "_", "50% &", "<script>", '=HYPER"', "\u202e", "'; DROP", "\\"])
def test_search_takes_any_text_literally(open_site: OpenSite, text: str) -> None:
    """Autumn reads `%` and `_` as patterns; only customers that contain them are found."""
    page = Page(open_site().search(text))
    if "similar" in page.notices:
        return
    for option in page.all("li", role="option"):
        found = services.customer_names().all()[option["data-customer-id"] or ""]
        whole = " ".join((option["data-customer-id"] or "", found.name, found.email))
        assert text.casefold() in whole.casefold()
    assert not page.all("script")


def test_literal_match_is_found_behind_pages_that_match_as_patterns(open_site: OpenSite) -> None:
    """`a_z` also matches 100 newer customers that are called `abz`."""
    store = Store()
    store.put_customer(described("cus_wild", name="Needle qa_z", created_at=1_700_000_000_000))
    for number in range(100):
        created_at = 1_800_000_000_000 + number
        store.put_customer(described(f"tame_{number}", name=f"qabz {number}", created_at=created_at))
    assert ids(open_site(store=store).search("qa_z")) == ["cus_wild"]


def test_options_are_bounded(open_site: OpenSite) -> None:
    page = Page(open_site().search("e"))
    assert len(page.values("data-customer-id")) == MOST_OPTIONS
    assert "more" in page.notices


@pytest.mark.parametrize(("key", "notice"), [(KEYS[1], "missing-scope"), (KEYS[2], "no-names")])
def test_without_names_customers_are_found_by_id(open_site: OpenSite, key: str, notice: str) -> None:
    """The search says what is missing, and for a scope which one."""
    site = open_site(key=key)
    page = Page(site.search("acme"))
    assert ids(site.search("acme")) == ["acme-robotics"]
    assert notice in page.notices
    assert ("customers:read" in page.text) == (notice == "missing-scope")
    assert ids(site.search("lum")) == []


def test_search_without_script_is_a_page_of_links(open_site: OpenSite) -> None:
    """An only match, and an ID typed in full, lead to the customer's usage."""
    site = open_site()
    several = Page(site.client.get("/customers/", {"q": "brightside"}))
    assert {"customer_id=brightside-eu" in href for href in several.hrefs} == {True, False}
    only = site.client.get("/customers/", {"q": "lumen optics"})
    assert (only.status_code, only["Location"]) == (302, f"/usage/?customer_id={LUMEN}")
    exact = site.client.get("/customers/", {"q": "hooli"})
    assert exact["Location"].startswith("/usage/?customer_id=hooli")


@pytest.mark.parametrize("params", [{"q": "a" * 201}, {"q": "a", "junk": "1"}, {"q": "\0"}, {"stored": "2"}])
def test_invalid_search_is_a_bad_request(open_site: OpenSite, params: dict[str, str]) -> None:
    assert open_site().client.get("/customers/", params).status_code == 400


def test_search_of_the_longest_text_is_answered(open_site: OpenSite) -> None:
    assert open_site().client.get("/customers/", {"q": "a" * 200}).status_code == 200


def test_visitor_cannot_search(open_site: OpenSite) -> None:
    open_site()
    assert Client().get("/customers/", {"q": "lum"}).status_code == 302


def test_failed_call_leaves_stored_customers(open_site: OpenSite) -> None:
    site = open_site()
    site.search("lum")
    site.autumn.app.fail_next("internal_error", 10)
    page = Page(site.search("lume"))
    assert "stored-only" in page.notices
    assert page.values("data-customer-id") == [LUMEN]


def test_large_organization_is_searched_within_bounds(open_site: OpenSite) -> None:
    """Similar ones are looked for among a limited number of customers."""
    open_site()
    names = services.customer_names()
    names.note(Customer(f"cus_{number}", f"Company {number}", None, (), ()) for number in range(3_000))
    search = CustomerSearch(services.usage(), names, is_off=False)
    assert search.stored("Company 2999").options[0].id == "cus_2999"
    assert search.stored("Compony 2999").similar
