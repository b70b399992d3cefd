"""What each key may read, and the rate limits of each call."""

import pytest

from .conftest import NAME_CALLS, MakeOrg, Organization, call, described


@pytest.mark.parametrize("name", ["events.list", *NAME_CALLS])
def test_key_reads_everything(org: Organization, name: str) -> None:
    org.store.put_customer(described("cus_1"))
    assert call(org, name, "am_sk_sample", customer_id="cus_1").status_code == 200


@pytest.mark.parametrize("name", NAME_CALLS)
def test_analytics_key_reads_events_only(org: Organization, name: str) -> None:
    """The scope is checked before the body."""
    key = "am_sk_sample_analytics"
    answer = call(org, name, key, limit=0)
    scope = "features:read" if name == "features.list" else "customers:read"
    assert answer.status_code == 403
    assert answer.json() == {
        "message": f"Insufficient scopes. Missing: {scope}",
        "code": "insufficient_scopes",
        "env": "sandbox",
    }
    assert call(org, "events.list", key).status_code == 200


@pytest.mark.parametrize("name", NAME_CALLS)
def test_old_key_finds_no_such_call(org: Organization, name: str) -> None:
    """The response is that of an unknown path; the key itself is valid."""
    key = "am_sk_sample_old"
    answer = call(org, name, key)
    assert answer.status_code == 401
    assert answer.json() == {
        "message": "Unauthorized - no session found",
        "code": "no_auth_header",
        "env": "sandbox",
    }
    assert call(org, "events.list", key).status_code == 200


@pytest.mark.parametrize("name", NAME_CALLS)
def test_unknown_key_returns_invalid_secret_key(org: Organization, name: str) -> None:
    answer = call(org, name, "am_sk_other")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_secret_key")


def test_each_call_has_its_own_limit(make_org: MakeOrg) -> None:
    """Five lists of customers and 25 of features per second, in addition to five calls for events."""
    org = make_org(limit_per_second=5)
    org.store.put_customer(described("cus_1"))
    answers = {
        name: [call(org, name, customer_id="cus_1").status_code for _ in range(27)]
        for name in ("events.list", *NAME_CALLS)
    }
    assert {name: answer.count(200) for name, answer in answers.items()} == {
        "events.list": 5,
        "customers.get": 27,
        "customers.list": 5,
        "features.list": 25,
    }
    assert set(answers["customers.list"][5:]) == {429}
    refused = call(org, "customers.list")
    assert (refused.headers["RateLimit-Policy"], refused.headers["Retry-After"]) == ("5;w=1", "1")
    assert refused.headers["Content-Type"].startswith("text/plain")
    assert call(org, "events.list", customer_id="cus_2").status_code == 200


def test_calls_for_names_are_counted(org: Organization) -> None:
    call(org, "features.list")
    call(org, "customers.get", customer_id="cus_1")
    assert [*org.app.calls] == [("features.list", None), ("customers.get", "cus_1")]
