"""Keys, versions, errors and rate limits."""

import httpx
import pytest

from .conftest import MakeOrg, Organization

NOON = "2025-11-10T12:00"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": ""}, 401, "no_secret_key"),
        ({"Authorization": "Bearer "}, 401, "no_secret_key"),
        ({"Authorization": "Bearer am_sk_other"}, 401, "invalid_secret_key"),
    ],
)
def test_invalid_key(org: Organization, headers: dict[str, str], status: int, code: str) -> None:
    answer = org.client.post("/v1/events.list", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["env"] == "sandbox"


@pytest.mark.parametrize("version", ["2.1", "2.1.0", "2026-03-17", "2026-03-17.clover"])
def test_aliases_of_version_2_1(org: Organization, version: str) -> None:
    answer = org.client.post("/v1/events.list", json={}, headers={"x-api-version": version})
    assert answer.raise_for_status().json()["total"] == 0


@pytest.mark.parametrize("version", ["2.1.7", "2.2", "2.3", "2.4", "2.9", "9.9", "2026-03-18", "latest"])
def test_other_versions_are_invalid(org: Organization, version: str) -> None:
    answer = org.client.post("/v1/events.list", json={}, headers={"x-api-version": version})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_api_version")
    assert answer.json()["message"] == f'"{version}" is not a valid API version'


def test_missing_version_returns_cursor_pages(org: Organization) -> None:
    """Cursor paging, the default of this new organization, has another shape."""
    org.track(NOON)
    del org.client.headers["x-api-version"]
    answer = org.listing(limit=1).json()
    assert set(answer) == {"list", "next_cursor"}
    assert len(answer["list"]) == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("insufficient_scopes", 403),
        ("request_temporarily_disabled", 403),
        ("internal_error", 500),
        ("stripe_error", 500),
        ("service_unavailable", 503),
    ],
)
def test_fail_next_returns_an_error(org: Organization, code: str, status: int) -> None:
    """`fail_next` returns errors that the sample never returns by itself."""
    org.app.fail_next(code)
    answer = org.listing()
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers.get("Retry-After") == ("1" if status == 503 else None)
    assert org.listing().status_code == 200


def test_repeated_idempotency_key_returns_409(org: Organization) -> None:
    org.client.headers["Idempotency-Key"] = "k1"
    assert [org.listing().status_code for _ in range(2)] == [200, 409]
    org.client.headers["Idempotency-Key"] = "k2"
    assert org.listing().status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/events.list"), ("POST", "/v1/plans.list"), ("POST", "/")]
)
def test_unknown_path_returns_no_auth_header(org: Organization, method: str, path: str) -> None:
    """The 401 does not depend on the key."""
    answer = org.client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (401, "no_auth_header")


def test_sixth_call_of_a_second_returns_429(make_org: MakeOrg) -> None:
    """List and aggregate share the limit; the 429 is plain text."""
    org = make_org(limit_per_second=5)
    org.store.add_customer("cus_1")
    answers = [org.listing(customer_id="cus_1") for _ in range(3)]
    answers += [org.aggregate(customer_id="cus_1", range="24h") for _ in range(2)]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0"]
    refused = org.listing(customer_id="cus_1")
    assert refused.status_code == 429
    assert refused.headers["Content-Type"].startswith("text/plain")
    assert not refused.text.startswith("{")
    reported = {name: refused.headers[name] for name in ("Retry-After", "RateLimit-Limit", "RateLimit-Reset")}
    assert reported == {"Retry-After": "1", "RateLimit-Limit": "5", "RateLimit-Reset": "1"}
    assert refused.headers["RateLimit-Policy"] == "5;w=1"
    assert refused.headers["RateLimit-Remaining"] == "0"
    org.clock.now = int(org.clock.now) + 0.999
    assert org.listing(customer_id="cus_1").status_code == 429
    org.clock.now += 0.001
    assert org.listing(customer_id="cus_1").headers["RateLimit-Remaining"] == "4"


def test_each_customer_has_a_bucket_and_all_without_share_one(make_org: MakeOrg) -> None:
    """Blank and missing customers share a bucket, other customers have their own."""
    org = make_org(limit_per_second=2)
    calls = [{"customer_id": "a"}, {"customer_id": "a"}, {"customer_id": "b"}, {}, {"customer_id": ""}]
    assert [org.listing(**body).status_code for body in calls] == [200] * 5
    assert [org.listing(**body).status_code for body in calls] == [429, 429, 200, 429, 429]


def test_wrong_key_does_not_count_and_bad_body_does(make_org: MakeOrg) -> None:
    """Calls are counted after the key is checked and before the body is."""
    org = make_org(limit_per_second=1)
    wrong = org.client.post("/v1/events.list", json={}, headers={"Authorization": "Bearer no"})
    assert "RateLimit-Limit" not in wrong.headers
    assert [org.listing(limit=0).status_code, org.listing().status_code] == [400, 429]


def test_headers_are_absent_without_a_limit(org: Organization) -> None:
    assert not [name for name in org.listing().headers if name.startswith("ratelimit")]


def test_calls_are_recorded(org: Organization) -> None:
    """The app stores the calls that it received, including refused ones."""
    org.listing(customer_id="cus_1")
    org.listing(limit=0)
    org.aggregate(customer_id="nobody")
    assert [*org.app.calls] == [("list", "cus_1"), ("list", None), ("aggregate", "nobody")]


def test_answers_are_json_with_a_length(org: Organization) -> None:
    """Content-Length lets clients reuse connections."""
    answer: httpx.Response = org.listing()
    assert answer.headers["Content-Type"] == "application/json"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
