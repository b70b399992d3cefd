"""The key is sent to Autumn only, and a request is never broader than intended."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator

import pytest

from tests.usage.api.hostile_server import (
    always,
    answer,
    reset,
    serving,
    then_close,
)
from tests.usage.api.request import BODY, KEY, failure, refusal
from usage.api.client import Client
from usage.api.deadline import Deadline
from usage.api.transport import DeadlineTransport
from usage.errors import (
    Refused,
    UsageError,
)


@pytest.mark.parametrize(
    ("status", "code"), [(401, "invalid_secret_key"), (403, "insufficient_scopes"), (400, KEY)]
)
def test_error_does_not_repeat_the_key(status: int, code: str) -> None:
    """Neither its sentence, its code nor its detail, even if the server repeats the key."""
    with serving(always(answer(status, refusal(f"wrong: {KEY}", code)))) as server:
        error = failure(server)
    assert isinstance(error, Refused)
    assert KEY not in error.sentence + error.code + error.detail


@pytest.mark.parametrize(
    "url",
    [
        "http://api.useautumn.com",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "ftp://127.0.0.1",
        "https://user:word@api.useautumn.com",
        "https://api.useautumn.com/?a=b",
        "https://",
        "api.useautumn.com",
        "",
    ],
)
def test_url_that_would_leak_the_key_is_refused(url: str) -> None:
    """Before anything is sent; the error does not repeat the URL."""
    with pytest.raises(ValueError, match="Autumn's URL") as caught:
        Client(url=url, key=KEY)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://localhost", "http://[::1]:8", "https://api.useautumn.com/"]
)
def test_https_and_loopback_urls_are_accepted(url: str) -> None:
    """A trailing slash does not matter."""
    Client(url=url, key=KEY).close()


@pytest.mark.parametrize("key", ["", " ", "two words", "line\nbreak", "schlüssel"])
def test_invalid_key_is_refused(key: str) -> None:
    """The sentence does not repeat it."""
    with pytest.raises(ValueError, match="secret key") as caught:
        Client(url="https://api.useautumn.com", key=key)
    assert key not in str(caught.value) or not key.strip()


@pytest.mark.parametrize("customer", ["", "  ", None, 7])
def test_blank_customer_is_never_sent(customer: object) -> None:
    """Autumn would read it as no filter and return the whole organization."""
    with serving(always(answer())) as server:
        client = Client(url=server.url, key=KEY)
        with pytest.raises(ValueError, match="customer_id"):
            client.post("events.list", {"customer_id": customer}, Deadline.after(5))
        client.close()
    assert server.connections == 0


def test_fingerprint_depends_on_key_and_server() -> None:
    """It contains neither."""

    def fingerprint(url: str, key: str) -> str:
        return Client(url=url, key=key, transport=DeadlineTransport()).fingerprint

    one = fingerprint("https://a.example", KEY)
    assert one == fingerprint("https://a.example/", KEY)
    assert len({one, fingerprint("https://b.example", KEY), fingerprint("https://a.example", "other")}) == 3
    assert KEY not in one


def test_fingerprint_of_the_previous_key_stays() -> None:
    """The previous key is in no request and in nothing that is kept."""
    with serving(always(answer())) as server:
        before = Client(url=server.url, key=f"{KEY}_before")
        client = Client(url=server.url, key=KEY, previous_key=f"{KEY}_before")
        client.post("events.list", BODY, Deadline.after(5))
        assert client.fingerprint == before.fingerprint
        assert f"{KEY}_before" not in repr(server.requests) + repr(vars(client)) + repr(client)
        assert KEY in repr(server.requests)
        before.close()
        client.close()


@pytest.fixture
def every_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def test_key_is_in_no_repr_error_trace_or_log(every_log: pytest.LogCaptureFixture) -> None:
    """Not even in the local variables of error reports."""
    handlers = [
        always(answer(401, refusal(KEY))),
        always(answer(500)),
        reset,
        then_close(b"x"),
        always(answer(302)),
    ]
    for handler in handlers:
        with serving(handler) as server:
            client = Client(url=server.url, key=KEY)
            with pytest.raises(UsageError) as caught:
                client.post("events.list", BODY, Deadline.after(5))
            # This test's own frame is excluded: it has the key, and the requests that the server received.
            error = caught.value.with_traceback(caught.tb.tb_next)
            report = traceback.TracebackException.from_exception(error, capture_locals=True)
            assert KEY not in "".join(report.format()) + repr(client) + repr(error.args)
            client.close()
    assert KEY not in every_log.text
