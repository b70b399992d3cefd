"""customers.get, customers.list and features.list: shapes, scopes, errors, paging, search and limits."""

from typing import Any

import httpx
import pytest

from usage.sample import SAMPLE_KEY

from .conftest import Organization

CALLS = ("customers.get", "customers.list", "features.list")


def call(org: Organization, name: str, key: str = SAMPLE_KEY, **body: Any) -> httpx.Response:
    return org.client.post(f"/v1/{name}", json=body, headers={"Authorization": f"Bearer {key}"})


def described(customer_id: str | None, **more: object) -> dict[str, Any]:
    """A customer's body for `Store.put_customer`."""
    empty: dict[str, Any] = {"subscriptions": [], "balances": {}, "billing_controls": {}, "stripe_id": None}
    return {"id": customer_id, "name": None, "email": None, "created_at": 1_771_409_161_016} | empty | more


def plan(plan_id: str, status: str = "active") -> dict[str, str]:
    return {"plan_id": plan_id, "status": status}


def listed(org: Organization, **body: Any) -> list[str]:
    """The ids of a page of customers."""
    answer = call(org, "customers.list", **body).raise_for_status()
    return [each["id"] for each in answer.json()["list"]]


@pytest.fixture
def named(org: Organization) -> Organization:
    """Four customers, the newest first in the answers: d, c, b, a."""
    customers: dict[str, dict[str, Any]] = {
        "a_1": {"name": "Lumen Optics", "email": "a@lumen.example", "subscriptions": [plan("pro")]},
        "b-1": {"name": "Café MÜLLER", "stripe_id": "cus_U0"},
        "c": {"email": "50%@c.example", "subscriptions": [plan("pro", "scheduled"), plan("free")]},
        "d": {"name": "lumen"},
    }
    for age, (customer_id, more) in enumerate(customers.items()):
        org.store.put_customer(described(customer_id, created_at=age, **more))
    return org


def test_get_returns_the_body_that_was_stored(org: Organization) -> None:
    body = described("cus:1", metadata={"tier": "gold"}, balances={"x": {"feature_id": "x", "granted": 5}})
    org.store.put_customer(body)
    assert call(org, "customers.get", customer_id="cus:1").json() == body
    org.store.put_customer(body | {"name": "Renamed"})
    assert call(org, "customers.get", customer_id="cus:1", expand=["invoices"]).json()["name"] == "Renamed"


def test_customer_with_events_alone_has_no_name(org: Organization) -> None:
    org.track("2025-11-10T12:34", customer_id="tracked")
    answer = call(org, "customers.get", customer_id="tracked").json()
    assert (answer["id"], answer["name"], answer["email"], answer["subscriptions"]) == (
        "tracked",
        None,
        None,
        [],
    )
    assert listed(org) == ["tracked"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "customer_id: Required"),
        ({"customer_id": ""}, 400, "customer_id: "),
        ({"customer_id": "café"}, 400, "customer_id: "),
        ({"customer_id": "a b"}, 400, "customer_id: "),
        ({"customer_id": "a\n"}, 400, "customer_id: "),
        ({"customer_id": 5}, 400, "customer_id: "),
        ({"customer_id": "a", "expand": ["everything"]}, 400, "expand"),
        ({"customer_id": "nobody"}, 404, "Customer nobody not found"),
    ],
)
def test_get_refuses_invalid_and_unknown_ids(
    org: Organization, body: dict[str, Any], status: int, message: str
) -> None:
    """An id with other characters is refused even for a customer that exists."""
    org.store.put_customer(described("café"))
    answer = call(org, "customers.get", **body)
    assert answer.status_code == status
    assert answer.json()["code"] == ("customer_not_found" if status == 404 else "invalid_inputs")
    assert answer.json()["message"].startswith(message)


@pytest.mark.parametrize(
    "body",
    [
        {"offset": -1},
        {"limit": 0},
        {"limit": 1001},
        {"search": 5},
        {"plans": ["pro"]},
        {"subscription_status": "past_due"},
        {"processors": ["paddle"]},
    ],
)
def test_list_refuses_invalid_fields(org: Organization, body: dict[str, Any]) -> None:
    answer = call(org, "customers.list", **body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_inputs")
    assert answer.json()["message"].startswith(next(iter(body)))


def test_list_is_newest_first_in_pages(named: Organization) -> None:
    """A full page has `has_more`, even the last one; `total` is the page's own count."""
    pages = [call(named, "customers.list", limit=2, offset=offset).json() for offset in (0, 2, 4)]
    assert [[each["id"] for each in page["list"]] for page in pages] == [["d", "c"], ["b-1", "a_1"], []]
    assert [page["has_more"] for page in pages] == [True, True, False]
    assert [page["total"] for page in pages] == [2, 2, 0]
    assert {(page["total_count"], page["total_filtered_count"], page["limit"]) for page in pages} == {
        (4, 4, 2)
    }
    assert call(named, "customers.list").json()["limit"] == 10


def test_customers_of_one_millisecond_repeat_between_pages(org: Organization) -> None:
    """The order has no second key: one customer is on both pages, the other on none."""
    for customer_id in ("x", "y"):
        org.store.put_customer(described(customer_id))
    assert listed(org, limit=1) == listed(org, limit=1, offset=1)
    assert sorted(listed(org)) == ["x", "y"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("lumen", ["d", "a_1"]),
        ("  LUMEN  ", ["d", "a_1"]),
        ("müller", ["b-1"]),
        ("C.EXAMPLE", ["c"]),
        ("a_1", ["a_1"]),
        ("_-1", ["b-1"]),
        ("_1", ["b-1", "a_1"]),
        ("l%n", ["d", "a_1"]),
        (r"a\_", ["a_1"]),
        (r"50\%", ["c"]),
        ("   ", ["d", "c", "b-1", "a_1"]),
        ("cus_U0", []),
        ("nobody", []),
    ],
)
def test_search_supports_wildcards(named: Organization, search: str, found: list[str]) -> None:
    """A text within id, name or address, in any case; % and _ are patterns. Stripe ids are not searched."""
    answer = call(named, "customers.list", search=search).json()
    assert [each["id"] for each in answer["list"]] == found
    assert (answer["total_filtered_count"], answer["total_count"]) == (len(found), 4)


def test_list_by_plan_counts_active_ones_only(named: Organization) -> None:
    """Customers with a scheduled plan are on the page and not in the count."""
    answer = call(named, "customers.list", plans=[{"id": "pro"}]).json()
    assert [each["id"] for each in answer["list"]] == ["c", "a_1"]
    assert answer["total_filtered_count"] == 1
    assert listed(named, plans=[{"id": "pro", "versions": [2]}]) == []
    assert listed(named, plans=[{"id": "pro", "versions": [1]}]) == ["c", "a_1"]


def test_status_alone_drops_subscriptions_only(named: Organization) -> None:
    answer = call(named, "customers.list", subscription_status="scheduled").json()
    assert [(each["id"], len(each["subscriptions"])) for each in answer["list"]] == [
        ("d", 0),
        ("c", 1),
        ("b-1", 0),
        ("a_1", 0),
    ]
    assert listed(named, subscription_status="scheduled", plans=[{"id": "free"}]) == []


def test_list_by_processor(named: Organization) -> None:
    assert listed(named, processors=["stripe", "vercel"]) == ["b-1"]
    assert listed(named, processors=["vercel"]) == []


def test_rows_of_a_list_have_fifteen_subscriptions_at_most(org: Organization) -> None:
    org.store.put_customer(described("many", subscriptions=[plan(str(number)) for number in range(20)]))
    assert len(call(org, "customers.list").json()["list"][0]["subscriptions"]) == 15
    assert len(call(org, "customers.get", customer_id="many").json()["subscriptions"]) == 20


def test_customer_without_an_id_is_listed(org: Organization) -> None:
    org.store.put_customer(described(None, email="invited@x.example"))
    assert listed(org, search="invited") == [None]


def test_features_are_listed_archived_ones_last(org: Organization) -> None:
    """The whole list is one response, for any request body."""
    features = [
        {"id": name, "name": name.upper(), "type": "metered", "consumable": True, "archived": name == "old"}
        for name in ("old", "b", "a")
    ]
    for feature in features:
        org.store.put_feature(feature)
    expected = [features[1], features[2], features[0]]
    assert call(org, "features.list", limit=1).json() == {"list": expected}
    assert org.client.post("/v1/features.list", content=b"nonsense").json() == {"list": expected}
    org.store.put_feature(features[1] | {"name": "New"})
    assert call(org, "features.list").json()["list"][0]["name"] == "New"
