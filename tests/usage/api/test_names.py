"""The optional calls for names: used if they are allowed, and absent without an error if not."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.usage.api.name_service import ENDPOINTS, OpenWindow, name_service, options
from tests.usage.catalog_bodies import ADA, CREDITS, encoded
from tests.usage.sample_service import HOUR, later
from usage.api.limiter import MemoryWindow
from usage.api.names import LARGEST_PAGE, SCOPES, SEARCH_LIMIT
from usage.catalog import Customer, FeatureName
from usage.errors import Disabled, Malformed, RateLimited, Refused, UnknownCustomer, Unreachable
from usage.query import BadQuery
from usage.sample import SAMPLE_KEY
from usage.scope import Scope


@pytest.mark.parametrize("age", ["current", "newest"])
def test_key_with_all_scopes_reads_names(age: str) -> None:
    with name_service(age=age) as service:
        service.store.put_feature({**CREDITS, "display": {"singular": "credit", "plural": "credits"}})
        customer = service.names.customer("cus_1", options())
        page = service.names.customers("ADA", options())
        features = service.names.features(options())
    assert customer == Customer("cus_1", "Ada Ltd", "ada@ada.test", (), ())
    assert page is not None
    assert (page.customers, page.matches, page.next_offset, page.bad_rows) == ((customer,), 1, None, 0)
    assert features == (
        FeatureName(
            "credits", "Credits", "credit_system", True, (), None, "credit", "credits", archived=False
        ),
    )


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("key", "age"),
    [
        (f"{SAMPLE_KEY}_analytics", "current"),
        (f"{SAMPLE_KEY}_analytics", "newest"),
        (f"{SAMPLE_KEY}_old", "current"),
        (SAMPLE_KEY, "older"),
        (f"{SAMPLE_KEY}_analytics", "older"),
    ],
)
def test_unavailable_call_is_switched_off_for_an_hour(endpoint: str, key: str, age: str) -> None:
    """There is no error and no warning, and calls that need another scope stay on."""
    with capture_logs() as logs, name_service(key=key, age=age) as service:
        assert [service.call(endpoint) for _ in range(3)] == [None] * 3
        with later(HOUR - 1000):
            assert service.call(endpoint, refresh=True) is None
        assert service.sent() == [endpoint]
        with later(HOUR + 1000):
            assert service.call(endpoint) is None
        assert service.sent() == [endpoint]
        others = [other for other in ENDPOINTS if other != endpoint]
        assert [service.call(other) for other in others] == [None, None]
        # Of the calls that need one scope, one is refused.
        is_about_scope = key.endswith("_analytics") and age != "older"
        scopes: dict[str, str] = dict(SCOPES.items())
        tried = {scopes[other] if is_about_scope else other for other in (endpoint, *service.sent())}
        assert len(tried) == (2 if is_about_scope else 3)
    assert {entry["log_level"] for entry in logs} == {"info"}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_call_works_again_once_the_key_may_make_it(endpoint: str) -> None:
    with name_service() as service:
        service.answers[endpoint] = ("403 Forbidden", encoded({"code": "insufficient_scopes"}))
        assert service.call(endpoint) is None
        service.answers.clear()
        assert service.call(endpoint) is None
        with later(HOUR + 1000):
            assert service.call(endpoint) is not None


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("403 Forbidden", "request_temporarily_disabled", Disabled),
        ("403 Forbidden", "something_else", Refused),
        ("400 Bad Request", "invalid_api_version", Refused),
    ],
)
def test_other_refusal_is_an_error_and_switches_nothing_off(
    endpoint: str, status: str, code: str, kind: type[Refused]
) -> None:
    with name_service() as service:
        service.answers[endpoint] = (status, encoded({"message": "No.", "code": code}))
        with pytest.raises(Refused) as caught:
            service.call(endpoint)
        assert caught.type is kind
        assert endpoint not in service.unavailable


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_bad_key_is_an_error(endpoint: str) -> None:
    with name_service(key="am_sk_other") as service:
        with pytest.raises(Refused, match="secret key") as caught:
            service.call(endpoint)
        assert (caught.value.status, caught.value.code) == (401, "invalid_secret_key")
        assert endpoint not in service.unavailable


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_names_that_the_key_may_no_longer_read_are_not_served_stale(endpoint: str) -> None:
    """They are served stale while Autumn fails."""
    with name_service() as service:
        service.store.put_feature(CREDITS)
        before = service.call(endpoint)
        with later(HOUR):
            service.answers[endpoint] = ("500 Internal Server Error", b"")
            assert service.call(endpoint) == before
        with later(2 * HOUR):
            service.answers[endpoint] = ("403 Forbidden", encoded({"code": "insufficient_scopes"}))
            assert service.call(endpoint) is None
            assert endpoint in service.unavailable


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_second_request_is_answered_from_the_cache(endpoint: str) -> None:
    with name_service() as service:
        assert service.call(endpoint) == service.call(endpoint)
        assert service.sent() == [endpoint]
        service.call(endpoint, refresh=True)
        service.call(endpoint, use_cache=False)
        assert service.sent() == [endpoint, endpoint]


def test_only_what_is_needed_is_cached() -> None:
    with name_service() as service:
        service.store.put_customer(ADA)
        service.names.customer("cus_2", options())
        service.names.customers("cus_2", options())
        assert len(service.written) == 2
        assert b"s3cret-canary" not in b"".join(service.written)


def test_each_call_has_a_bucket_and_a_pace_of_its_own() -> None:
    window = OpenWindow()
    with name_service(window=window) as service:
        for endpoint in ENDPOINTS:
            service.call(endpoint)
    assert window.taken == [("customers.get", 100), ("customers.list", 4), ("features.list", 5)]


def test_full_bucket_does_not_delay_other_calls() -> None:
    with name_service(window=MemoryWindow()) as service:
        for number in range(4):
            service.names.customers(str(number), options())
        with pytest.raises(RateLimited):
            service.names.customers("4", options(seconds=0.1))
        assert service.names.features(options(seconds=0.1)) == ()
        assert service.names.customer("cus_1", options(seconds=0.1)) is not None


def test_429_pauses_only_its_own_bucket() -> None:
    window = OpenWindow()
    with name_service(window=window, limit_per_second=1) as service:
        service.names.customers("1", options())
        window.held.clear()
        with pytest.raises(RateLimited, match="rate limit was reached"):
            service.names.customers("2", options(seconds=0.5))
        assert window.held == ["customers.list"]
        assert service.names.features(options()) == ()


def test_unknown_customer_is_an_error() -> None:
    with name_service() as service, pytest.raises(UnknownCustomer):
        service.names.customer("cus_9", options())


@pytest.mark.parametrize("customer_id", ["a b", "a/b", "é", "", "cus_1\n"])
def test_id_that_autumn_refuses_is_never_sent(customer_id: str) -> None:
    with name_service() as service:
        assert service.names.customer(customer_id, options()) is None
        assert service.sent() == []


def test_customer_whose_id_the_server_refuses_has_no_name() -> None:
    """A server older than 2026-06-22 refuses a colon. The call stays on."""
    with name_service() as service:
        service.answers["customers.get"] = ("400 Bad Request", encoded({"code": "invalid_inputs"}))
        assert service.names.customer("team:1", options()) is None
        service.answers.clear()
        assert service.names.customer("cus_1", options()) is not None


def test_another_customer_than_the_requested_one_is_discarded() -> None:
    with capture_logs() as logs, name_service() as service:
        service.answers["customers.get"] = ("200 OK", encoded(ADA))
        with pytest.raises(Malformed):
            service.names.customer("cus_1", options())
        assert not [entry for entry in service.written if b"Ada" in entry]
    assert [entry["event"] for entry in logs if entry.get("security")] == ["foreign_customer"]


def test_scope_reads_its_own_customer_without_email_plans_or_hidden_features() -> None:
    with name_service() as service:
        service.store.put_customer(ADA)
        scope = Scope(customer_id="cus_2", features=frozenset({"messages"}), balances=True)
        customer = service.within(scope).customer("cus_2", options())
        cached = b"".join(service.written)
        staff = service.names.customer("cus_2", options())
    assert customer is not None
    assert (customer.name, customer.email) == (None, None)
    assert [item.feature_id for item in customer.balances] == ["messages"]
    assert [part.plan_id for item in customer.balances for part in item.grants] == [None]
    assert [item.plan_id for item in customer.subscriptions] == [None]
    assert not [word for word in (b"Ada", b"ada.test", b"seats", b"pro") if word in cached]
    assert staff is not None
    assert (staff.email, len(staff.balances)) == ("ada@ada.test", 2)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("balances", [False, True])
def test_scope_has_name_and_balances_where_allowed(named: bool, balances: bool) -> None:
    """Nothing else is cached."""
    with name_service() as service:
        service.store.put_customer(ADA)
        scope = Scope(customer_id="cus_2", customer_name=named, balances=balances)
        customer = service.within(scope).customer("cus_2", options())
        cached = b"".join(service.written)
    assert customer is not None
    assert customer.name == ("Ada Ltd" if named else None)
    assert bool(customer.balances) == balances
    assert ((b"Ada Ltd" in cached), (b"granted" in cached)) == (named, balances)
    assert b"ada.test" not in cached


def test_scope_that_allows_plans_has_them() -> None:
    with name_service() as service:
        service.store.put_customer(ADA)
        customer = service.within(Scope(customer_id="cus_2", plans=True)).customer("cus_2", options())
    assert customer is not None
    assert [item.plan_id for item in customer.subscriptions] == ["pro"]


def test_scope_refuses_other_customers_and_lists() -> None:
    """No call is sent."""
    with capture_logs() as logs, name_service() as service:
        names = service.within(Scope(customer_id="cus_2"))
        with pytest.raises(ValueError, match="scope"):
            names.customer("cus_1", options())
        with pytest.raises(ValueError, match="scope"):
            names.customers("cus", options())
        with pytest.raises(ValueError, match="scope"):
            names.features(options())
        assert service.sent() == []
    assert [entry["event"] for entry in logs if entry.get("security")] == ["scope_escape"] * 3


def test_search_matches_literally_and_pages_by_offset() -> None:
    """For Autumn an underscore is any character: `ab9` matches there. Rows without an ID are discarded."""
    with name_service() as service:
        for number in range(7):
            service.store.put_customer(
                {"id": f"a_{number}", "name": None, "email": None, "created_at": number}
            )
        service.store.put_customer({"id": "ab9", "name": None, "email": None, "created_at": 10})
        service.store.put_customer({"id": None, "name": "a_x", "email": None, "created_at": 11})
        pages = [service.names.customers(" A_ ", options(), offset=offset, limit=5) for offset in (0, 5)]
    first, second = [page for page in pages if page is not None]
    assert [item.id for item in first.customers] == ["a_6", "a_5"]
    assert [item.id for item in second.customers] == ["a_4", "a_3", "a_2", "a_1", "a_0"]
    assert (first.next_offset, second.next_offset, first.matches) == (5, None, 10)


def test_blank_search_lists_all_customers() -> None:
    with name_service() as service:
        page = service.names.customers("  ", options())
        assert service.wire.bodies == [("/v1/customers.list", {"offset": 0, "limit": 50})]
    assert page is not None
    assert [item.id for item in page.customers] == ["cus_1"]


def test_bounds_of_a_search() -> None:
    with name_service() as service:
        assert service.names.customers("x" * SEARCH_LIMIT, options(), limit=LARGEST_PAGE) is not None
        with pytest.raises(BadQuery, match="200"):
            service.names.customers("x" * (SEARCH_LIMIT + 1), options())
        for offset, limit in ((-1, 10), (0, 0), (0, LARGEST_PAGE + 1), (1_000_001, 10)):
            with pytest.raises(ValueError, match="limit"):
                service.names.customers("x", options(), offset=offset, limit=limit)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{}", b'{"list": null}', b"\xff", b"[" * 5000, b'{"list": {}}']
)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_unreadable_answer_is_malformed(endpoint: str, body: bytes) -> None:
    with name_service() as service:
        service.answers[endpoint] = ("200 OK", body)
        with pytest.raises(Malformed):
            service.call(endpoint)
        assert endpoint not in service.unavailable


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_failing_server_is_an_error(endpoint: str) -> None:
    with name_service() as service:
        service.answers[endpoint] = ("503 Service Unavailable", b"")
        with pytest.raises(Unreachable):
            service.call(endpoint)
