"""The client: the requests that it sends, and the result of each kind of response."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from tests.usage.api.hostile_server import (
    always,
    answer,
    one_by_one,
    packed,
    serving,
)
from tests.usage.api.request import BODY, KEY, call, failure, refusal
from usage.api.client import BODY_LIMIT, Client
from usage.api.deadline import Deadline
from usage.errors import (
    Disabled,
    KeyRefused,
    Malformed,
    MissingCall,
    RateLimited,
    Refused,
    UnknownCustomer,
    Unreachable,
    UsageError,
)


def test_call_has_key_and_version() -> None:
    """An Idempotency-Key is never sent."""
    with serving(always(answer())) as server:
        call(server)
    (request,) = server.requests
    assert request.line == "POST /v1/events.list HTTP/1.1"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["x-api-version"] == "2.1"
    assert request.headers["accept-encoding"] == "gzip"
    assert "idempotency-key" not in request.headers
    assert json.loads(request.body) == BODY


def test_reply_has_body_time_and_rate_limit() -> None:
    """The body is unchanged, and the age of an answer counts from its request."""
    limits = {"RateLimit-Limit": "5", "RateLimit-Remaining": "3", "RateLimit-Reset": "1"}
    before = time.time()
    with serving(always(answer(200, b'{"list": []}', limits))) as server:
        reply = call(server)
    assert reply.body == b'{"list": []}'
    assert before <= reply.fetched_at <= time.time()
    assert (reply.limit, reply.remaining, reply.reset_s) == (5, 3, 1.0)
    assert reply.ms > 0


@pytest.mark.parametrize("value", ["", "nan", "-1", "1e9", "9" * 5000, "²"])
def test_invalid_rate_limit_headers_are_ignored(value: str) -> None:
    with serving(always(answer(headers={"RateLimit-Remaining": value}))) as server:
        assert call(server).remaining is None


def test_connections_are_reused() -> None:
    """Three calls in a row, refusals among them, share one connection."""
    with serving(one_by_one(answer(), answer(400), answer())) as server:
        client = Client(url=server.url, key=KEY)
        client.post("events.list", BODY, Deadline.after(5))
        with pytest.raises(Refused):
            client.post("events.list", BODY, Deadline.after(5))
        client.post("events.aggregate", BODY, Deadline.after(5))
        client.close()
    assert (server.connections, len(server.requests)) == (1, 3)


def test_reused_connection_has_the_deadline_of_each_call() -> None:
    """A short deadline of the first call does not apply to the second one on the same connection."""

    def slowly(connection: socket.socket, number: int) -> None:
        server.stopping.wait(0.4 * number)
        connection.sendall(answer())

    with serving(slowly) as server:
        client = Client(url=server.url, key=KEY)
        client.post("events.list", BODY, Deadline.after(0.3))
        assert client.post("events.list", BODY, Deadline.after(10)).body == b"{}"
        client.close()
    assert server.connections == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, Refused),
        (403, Refused),
        (404, Refused),
        (409, Refused),
        (429, RateLimited),
        (500, Unreachable),
        (503, Unreachable),
        (599, Unreachable),
        (204, Malformed),
        (301, Malformed),
        (307, Malformed),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[UsageError]) -> None:
    """The class says what can help: another key, waiting, or nothing."""
    body = b"" if status == 204 else b"slow down"
    with serving(always(answer(status, body))) as server:
        assert type(failure(server)) is kind


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "invalid_secret_key", KeyRefused),
        (401, "no_secret_key", KeyRefused),
        (403, "insufficient_scopes", KeyRefused),
        (401, "no_auth_header", MissingCall),
        (403, "request_temporarily_disabled", Disabled),
        (403, "something_else", Refused),
        (401, "something_else", Refused),
        (403, "invalid_secret_key", Refused),
        (400, "insufficient_scopes", Refused),
    ],
)
def test_only_refusals_about_the_key_blame_it(status: int, code: str, kind: type[Refused]) -> None:
    with serving(always(answer(status, refusal("No.", code)))) as server:
        error = failure(server)
    assert type(error) is kind
    assert isinstance(error, Refused)
    assert (error.status, error.code) == (status, code)
    assert ("secret key" in error.sentence) == (kind is KeyRefused)


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("Insufficient scopes. Missing: analytics:read", "analytics:read"),
        ("Insufficient scopes. Missing: analytics:read, customers:read", "analytics:read, customers:read"),
        ("Insufficient scopes. Missing: <b>everything</b>", ""),
        ("Insufficient scopes.", ""),
    ],
)
def test_missing_scope_is_named(message: str, named: str) -> None:
    with serving(always(answer(403, refusal(message, "insufficient_scopes")))) as server:
        sentence = failure(server).sentence
    assert named in sentence
    assert "<b>" not in sentence


def test_disabled_request_says_when_to_try_again() -> None:
    body = refusal("Disabled.", "request_temporarily_disabled")
    with serving(one_by_one(answer(403, body, {"Retry-After": "40"}), answer(403, body))) as server:
        assert [failure(server).retry_after_s for _ in range(2)] == [40.0, None]


def test_redirect_is_not_followed() -> None:
    """Not even to the same host: the key is sent to the configured URL only."""
    with serving(always(answer(307, b"", {"Location": "/elsewhere"}))) as server:
        assert isinstance(failure(server), Malformed)
        assert len(server.requests) == 1


def test_cookies_are_not_stored() -> None:
    with serving(always(answer(headers={"Set-Cookie": "id=1"}))) as server:
        client = Client(url=server.url, key=KEY)
        for _ in range(2):
            client.post("events.list", BODY, Deadline.after(5))
        client.close()
    assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize(
    ("header", "seconds"), [({}, None), ({"Retry-After": "2"}, 2.0), ({"Retry-After": "soon"}, None)]
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_reported(status: int, header: dict[str, str], seconds: float | None) -> None:
    """Seconds if Autumn sends valid ones, otherwise None."""
    with serving(always(answer(status, b"Too many requests", header))) as server:
        assert failure(server).retry_after_s == seconds


def test_retry_after_may_be_a_date() -> None:
    """A date is converted to seconds from now, never below zero."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    with serving(
        one_by_one(*(answer(429, b"", {"Retry-After": at}) for at in (soon, "Thu, 01 Jan 1970 00:00:00 GMT")))
    ) as s:
        assert 0 < (failure(s).retry_after_s or 0) <= 60
        assert failure(s).retry_after_s == 0


@pytest.mark.parametrize("ahead_s", [-7200, 0, 7200])
def test_retry_after_date_is_read_by_the_clock_of_the_server(ahead_s: int) -> None:
    now = datetime.now(UTC) + timedelta(seconds=ahead_s)
    dates = {"Date": now, "Retry-After": now + timedelta(seconds=40)}
    headers = {name: format_datetime(at, usegmt=True) for name, at in dates.items()}
    with serving(always(answer(429, b"", headers))) as server:
        assert failure(server).retry_after_s == 40


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("600", 600.0),
        ("601", 600.0),
        ("1000000000", 600.0),
        ("9" * 5000, 600.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 600.0),
        ("-40", None),
        ("1e9", None),
        ("nan", None),
        ("40 seconds", None),
        ("", None),
        ("Thu, 32 Jan 2026 00:00:00 GMT", None),
        ("Thu, 01 Jan 2026 00:00:00 +99999999999999", None),
    ],
)
def test_absurd_retry_after_is_cut_or_counts_as_absent(header: str, seconds: float | None) -> None:
    with serving(always(answer(429, b"", {"Retry-After": header}))) as server:
        assert failure(server).retry_after_s == seconds


def test_refusal_has_autumns_message_as_plain_text() -> None:
    """Control and bidi characters become spaces, and a long message is cut."""
    with serving(always(answer(400, refusal("limit: too \u202elong\x1b[31m " + "x" * 999)))) as server:
        error = failure(server)
    assert isinstance(error, Refused)
    assert error.sentence.startswith("Autumn refused the request (status 400): limit: too  long [31m xxx")
    assert len(error.sentence) < 300
    assert (error.status, error.code) == (400, "invalid_inputs")


def test_refusal_has_autumns_whole_message_as_detail() -> None:
    """It is for code to parse, and has at most 4 KiB."""
    message = f"max_groups: {'x' * 999} customer_id: is required"
    with serving(one_by_one(*(answer(400, refusal(text)) for text in (message, "y" * 9999)))) as server:
        first, second = failure(server), failure(server)
    assert isinstance(first, Refused)
    assert isinstance(second, Refused)
    assert first.detail == message
    assert second.detail == "y" * 4096


def test_unknown_customer_has_its_own_error() -> None:
    """The status 404 is not enough: a wrong URL is a 404 too."""
    with serving(always(answer(404, refusal("no", "customer_not_found")))) as server:
        assert type(failure(server)) is UnknownCustomer


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[" * 50_000, b'{"message": 1}', b'{"message": "\xff"}', b"x" * 70_000]
)
def test_refusal_without_a_readable_message_is_a_refusal(body: bytes) -> None:
    with serving(always(answer(400, body))) as server:
        error = failure(server)
        assert isinstance(error, Refused)
        assert error.status == 400
        assert "400" in error.sentence


@pytest.mark.parametrize("body", [b"", b"<html>oops</html>", b"[1]"])
def test_body_is_returned_unparsed(body: bytes) -> None:
    """Parsing is the task of a higher layer."""
    with serving(always(answer(200, body))) as server:
        assert call(server).body == body


def test_gzip_is_unpacked() -> None:
    """Over many chunks, byte for byte."""
    body = json.dumps(list(range(200_000))).encode()
    with serving(always(answer(200, packed(body), {"Content-Encoding": "gzip"}))) as server:
        assert call(server).body == body


@pytest.mark.parametrize(
    ("encoding", "body", "kind"),
    [
        ("br", b"{}", Malformed),
        ("gzip, gzip", packed(packed(b"{}")), Malformed),
        ("gzip", b"not gzip at all", Malformed),
        ("gzip", packed(b"{}") + b"more", Malformed),
        ("gzip", packed(b"{}")[:-4], Unreachable),
        ("gzip", b"", Unreachable),
    ],
)
def test_other_encodings_are_not_unpacked(encoding: str, body: bytes, kind: type[UsageError]) -> None:
    """The client accepts one complete gzip member; an incomplete one is a broken connection."""
    with serving(always(answer(200, body, {"Content-Encoding": encoding}))) as server:
        assert type(failure(server)) is kind


def test_body_above_16_mebibytes_is_malformed() -> None:
    """A body at the limit is read."""
    with serving(one_by_one(answer(200, b"x" * BODY_LIMIT), answer(200, b"x" * (BODY_LIMIT + 1)))) as server:
        assert len(call(server, seconds=30).body) == BODY_LIMIT
        assert isinstance(failure(server, seconds=30), Malformed)


def test_client_can_call_a_wsgi_app() -> None:
    """It uses httpx's own transport, with any host name."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/json"), ("RateLimit-Remaining", "0")])
        return [environ["PATH_INFO"].encode()]

    client = Client(url="http://sample.example", key=KEY, transport=httpx.WSGITransport(app=app))
    reply = client.post("events.aggregate", {}, Deadline.after(5))
    assert (reply.body, reply.remaining) == (b"/v1/events.aggregate", 0)
