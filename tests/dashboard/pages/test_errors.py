"""Pages when Autumn does not answer, or sends an invalid response."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.conftest import forget
from tests.page import Page
from usage.sample import SAMPLE_KEY

KEY = "am_sk_test_canary_7f3a9c"
ROW = {
    "id": "evt_1",
    "timestamp": 1_795_000_000_000,
    "feature_id": "calls",
    "customer_id": "cus_1",
    "value": 3,
}


@pytest.fixture
def autumn(settings: Settings, httpserver: HTTPServer) -> Iterator[HTTPServer]:
    """The site with a key, and a server that answers as the test says."""
    settings.AUTUMN_SECRET_KEY = KEY
    settings.AUTUMN_MODE = "test"
    settings.AUTUMN_API_URL = httpserver.url_for("").rstrip("/")
    settings.AUTUMN_PACE = 1000
    forget()
    yield httpserver
    forget()


def every_call(server: HTTPServer, answer: Callable[[Request], Response]) -> None:
    for endpoint in ("events.list", "events.aggregate"):
        server.expect_request(f"/v1/{endpoint}", method="POST").respond_with_handler(answer)


def calls_about(server: HTTPServer, customer: str) -> int:
    """Calls for the events of a customer."""
    requests = (request for request, _ in server.log if request.path.startswith("/v1/events."))
    return sum((request.get_json() or {}).get("customer_id") == customer for request in requests)


def error(status: int, code: str, message: str = "No.") -> Callable[[Request], Response]:
    body = json.dumps({"message": message, "code": code, "env": "sandbox"})
    return lambda request: Response(body, status, content_type="application/json")


@pytest.mark.parametrize("address", ["/", "/events/", "/usage/?customer_id=cus_1"])
@pytest.mark.parametrize(
    ("answer", "status", "notice"),
    [
        (error(401, "invalid_secret_key"), 502, "key-refused"),
        (error(401, "no_secret_key"), 502, "key-refused"),
        (error(403, "insufficient_scopes"), 502, "key-refused"),
        (error(403, "request_temporarily_disabled"), 503, "disabled"),
        (error(403, "another_reason"), 502, "refused"),
        (error(401, "another_reason"), 502, "refused"),
        (error(401, "no_auth_header"), 502, "missing-call"),
        (error(500, "internal_error"), 503, "offline"),
        (lambda request: Response("<html>busy</html>", 200), 502, "invalid-response"),
        (lambda request: Response("slow down", 429, headers={"Retry-After": "60"}), 503, "rate-limited"),
        (
            lambda request: Response("", 302, headers={"Location": "/elsewhere"}),
            502,
            "invalid-response",
        ),
    ],
    ids=[
        "invalid key",
        "no key",
        "scopes",
        "disabled",
        "403",
        "401",
        "no such call",
        "500",
        "html",
        "429",
        "redirect",
    ],
)
def test_each_failure_has_its_notice_and_status(
    autumn: HTTPServer,
    signed_in: Callable[..., Client],
    address: str,
    answer: Callable[[Request], Response],
    status: int,
    notice: str,
) -> None:
    """The page has a title and a way to try again; the key is on none."""
    every_call(autumn, answer)
    page = signed_in().get(address)
    shown = Page(page)
    assert page.status_code == status
    assert shown.one(data_notice=notice).has("a", data_retry=True)
    assert ("Retry-After" in page.headers) == (status == 503)
    assert KEY not in shown.html


@pytest.mark.parametrize("address", ["/", "/events/", "/usage/?customer_id=cus_1"])
@pytest.mark.parametrize(
    ("status", "code"), [(429, "rate_limited"), (403, "request_temporarily_disabled"), (503, "unavailable")]
)
def test_wait_that_autumn_asks_for_is_on_the_page_and_in_the_header(
    autumn: HTTPServer, signed_in: Callable[..., Client], address: str, status: int, code: str
) -> None:
    body = json.dumps({"message": "No.", "code": code, "env": "sandbox"})
    every_call(autumn, lambda request: Response(body, status, headers={"Retry-After": "40"}))
    page = signed_in().get(address)
    assert (page.status_code, page.headers["Retry-After"]) == (503, "40")
    assert "40 seconds" in Page(page).one(role="alert").text


def test_waiting_page_counts_down_and_makes_no_call(
    autumn: HTTPServer, signed_in: Callable[..., Client]
) -> None:
    """Another page of the same customer waits for the rest of Autumn's own time."""
    every_call(autumn, lambda request: Response("slow down", 429, headers={"Retry-After": "400"}))
    person = signed_in()
    person.get("/events/?customer_id=cus_1")
    calls = calls_about(autumn, "cus_1")
    for address in ("/events/?customer_id=cus_1&per_page=50", "/usage/?customer_id=cus_1&range=7d"):
        page = person.get(address)
        assert page.status_code == 503
        assert 10 < int(page.headers["Retry-After"]) <= 400
        assert f"{page.headers['Retry-After']} seconds" in Page(page).one(role="alert").text
    assert calls_about(autumn, "cus_1") == calls


def test_missing_scope_is_named_on_the_page(autumn: HTTPServer, signed_in: Callable[..., Client]) -> None:
    every_call(autumn, error(403, "insufficient_scopes", "Insufficient scopes. Missing: analytics:read"))
    assert "analytics:read" in Page(signed_in().get("/events/")).one(data_notice="key-refused").text


def test_cached_page_is_served_during_an_outage(autumn: HTTPServer, signed_in: Callable[..., Client]) -> None:
    """With its figures, their age and the reason."""
    rows = {"list": [ROW], "has_more": False, "offset": 0, "limit": 100, "total": 1}
    autumn.expect_request("/v1/events.list").respond_with_json(rows)
    person = signed_in()
    address = "/events/?customer_id=cus_1&start=1794999999000&end=1795000001000&tz=UTC"
    assert Page(person.get(address)).rows == ["evt_1"]
    autumn.clear()
    every_call(autumn, error(500, "internal_error"))
    again = person.get(address, headers={"Cache-Control": "no-cache"})
    shown = Page(again)
    assert again.status_code == 200
    assert shown.rows == ["evt_1"]
    assert shown.has(data_source="stale")
    assert "500" in shown.one(data_notice="stale").text


def test_rows_of_another_customer_are_discarded_and_reported(
    autumn: HTTPServer, signed_in: Callable[..., Client]
) -> None:
    """The page says how many rows were discarded."""
    other = {**ROW, "id": "evt_foreign", "customer_id": "cus_2"}
    rows = {"list": [ROW, other, {"id": 5}], "has_more": False, "offset": 0, "limit": 100, "total": 3}
    autumn.expect_request("/v1/events.list").respond_with_json(rows)
    address = "/events/?customer_id=cus_1&start=1794999999000&end=1795000001000&tz=UTC"
    shown = Page(signed_in().get(address))
    assert shown.rows == ["evt_1"]
    assert "evt_foreign" not in shown.html
    left_out = shown.one(data_notice="unreadable-rows")
    assert (left_out["data-unreadable"], left_out["data-foreign"]) == ("1", "1")


def test_test_and_live_keys_are_distinguished(
    autumn: HTTPServer, settings: Settings, signed_in: Callable[..., Client]
) -> None:
    every_call(autumn, error(500, "internal_error"))
    person = signed_in()
    modes, texts = [], set()
    for settings.AUTUMN_MODE in ("test", "live"):
        shown = Page(person.get("/")).one(data_mode=True)
        modes.append(shown["data-mode"])
        texts.add(shown.text)
    assert (modes, len(texts)) == (["test", "live"], 2)


def test_sign_in_is_required(autumn: HTTPServer, db: None) -> None:
    """With a key, visitors are redirected to the sign-in page, and no call is sent."""
    answer = Client().get("/usage/?customer_id=cus_1")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login/")
    assert not autumn.log


def test_sample_key_is_not_a_secret(settings: Settings) -> None:
    """The embedded sample has its own key, so that pages can be viewed without a real one."""
    assert settings.AUTUMN_SECRET_KEY is None
    assert SAMPLE_KEY == "am_sk_sample"
