"""The wire: what is sent, what each answer becomes, and that nothing outlives its deadline or its size."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.usage.hostile import (
    Server,
    always,
    answer,
    gzip_bomb,
    in_turn,
    packed,
    reset,
    serving,
    then_close,
)
from usage.client import BODY_LIMIT, Client, Reply
from usage.deadline import Deadline
from usage.errors import (
    Malformed,
    RateLimited,
    Refused,
    UnknownCustomer,
    Unreachable,
    UsageError,
)
from usage.transport import DeadlineTransport, within

KEY = "am_sk_canary_5f0c1d"
BODY = {"customer_id": "cus_1"}


def ask(server: Server, *, seconds: float = 5.0, **settings: Any) -> Reply:
    client = Client(url=server.url, key=KEY, **settings)
    try:
        return client.post("events.list", BODY, Deadline.after(seconds))
    finally:
        client.close()


def failure(server: Server, *, seconds: float = 5.0) -> UsageError:
    with pytest.raises(UsageError) as caught:
        ask(server, seconds=seconds)
    assert KEY not in str(caught.value)
    return caught.value


def test_a_call_says_who_asks_what_and_in_which_version() -> None:
    """Both the key and the version go with each call; an Idempotency-Key never does."""
    with serving(always(answer())) as server:
        ask(server)
    (request,) = server.requests
    assert request.line == "POST /v1/events.list HTTP/1.1"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["x-api-version"] == "2.1"
    assert request.headers["accept-encoding"] == "gzip"
    assert "idempotency-key" not in request.headers
    assert json.loads(request.body) == BODY


def test_a_reply_carries_its_bytes_time_and_rate_limit() -> None:
    """The body is the wire's own, and the age of an answer counts from its question."""
    limits = {"RateLimit-Limit": "5", "RateLimit-Remaining": "3", "RateLimit-Reset": "1"}
    before = time.time()
    with serving(always(answer(200, b'{"list": []}', limits))) as server:
        reply = ask(server)
    assert reply.body == b'{"list": []}'
    assert before <= reply.fetched_at <= time.time()
    assert (reply.limit, reply.remaining, reply.reset_s) == (5, 3, 1.0)
    assert reply.ms > 0


@pytest.mark.parametrize("value", ["", "nan", "-1", "1e9", "9" * 5000, "²"])
def test_odd_rate_limit_headers_count_as_absent(value: str) -> None:
    """A header that is not a plain number is no reason to fail."""
    with serving(always(answer(headers={"RateLimit-Remaining": value}))) as server:
        assert ask(server).remaining is None


def test_connections_are_kept_and_used_again() -> None:
    """Three calls in a row, refusals among them, share one connection."""
    with serving(in_turn(answer(), answer(400), answer())) as server:
        client = Client(url=server.url, key=KEY)
        client.post("events.list", BODY, Deadline.after(5))
        with pytest.raises(Refused):
            client.post("events.list", BODY, Deadline.after(5))
        client.post("events.aggregate", BODY, Deadline.after(5))
        client.close()
    assert (server.connections, len(server.requests)) == (1, 3)


def test_a_kept_connection_takes_each_call_s_own_deadline() -> None:
    """A first call with little time does not shorten the second one on the same connection."""

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
    """The class tells what may help: another key, waiting, or nothing."""
    body = b"" if status == 204 else b"slow down"
    with serving(always(answer(status, body))) as server:
        assert type(failure(server)) is kind


def test_a_redirect_is_not_followed() -> None:
    """Not even to the same host: the key goes where it was told to go, once."""
    with serving(always(answer(307, b"", {"Location": "/elsewhere"}))) as server:
        assert isinstance(failure(server), Malformed)
        assert len(server.requests) == 1


def test_cookies_are_not_kept() -> None:
    """What a server sets is never sent back."""
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
def test_retry_after_is_told(status: int, header: dict[str, str], seconds: float | None) -> None:
    """Seconds where Autumn sends them, None where it does not or where they make no sense."""
    with serving(always(answer(status, b"Too many requests", header))) as server:
        assert failure(server).retry_after_s == seconds


def test_retry_after_may_be_a_date() -> None:
    """A date is turned into seconds from now, never below zero."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    with serving(
        in_turn(*(answer(429, b"", {"Retry-After": at}) for at in (soon, "Thu, 01 Jan 1970 00:00:00 GMT")))
    ) as s:
        assert 0 < (failure(s).retry_after_s or 0) <= 60
        assert failure(s).retry_after_s == 0


def refusal(message: object, code: object = "invalid_inputs") -> bytes:
    return json.dumps({"message": message, "code": code, "env": "live"}).encode()


def test_a_refusal_repeats_autumn_s_words_as_plain_text() -> None:
    """Control and bidi characters become spaces, and a long message is cut."""
    with serving(always(answer(400, refusal("limit: too \u202elong\x1b[31m " + "x" * 999)))) as server:
        error = failure(server)
    assert isinstance(error, Refused)
    assert error.sentence.startswith("Autumn refused the call (status 400): limit: too  long [31m xxx")
    assert len(error.sentence) < 300
    assert (error.status, error.code) == (400, "invalid_inputs")


def test_an_unknown_customer_has_an_error_of_its_own() -> None:
    """404 alone is not enough: a wrong URL is a 404 too."""
    with serving(always(answer(404, refusal("no", "customer_not_found")))) as server:
        assert type(failure(server)) is UnknownCustomer


@pytest.mark.parametrize(
    ("status", "code"), [(401, "invalid_secret_key"), (403, "insufficient_scopes"), (400, KEY)]
)
def test_a_server_that_repeats_the_key_is_not_repeated(status: int, code: str) -> None:
    """Neither in the sentence nor in the code."""
    with serving(always(answer(status, refusal(f"wrong: {KEY}", code)))) as server:
        error = failure(server)
    assert isinstance(error, Refused)
    assert KEY not in error.sentence + error.code


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[" * 50_000, b'{"message": 1}', b'{"message": "\xff"}', b"x" * 70_000]
)
def test_a_refusal_without_a_readable_reason_is_still_one(body: bytes) -> None:
    """Whatever its body looks like."""
    with serving(always(answer(400, body))) as server:
        assert failure(server).sentence == "Autumn refused the call (status 400)."


@pytest.mark.parametrize("body", [b"", b"<html>oops</html>", b"[1]"])
def test_bytes_are_handed_on_unread(body: bytes) -> None:
    """What they mean is decided a floor above."""
    with serving(always(answer(200, body))) as server:
        assert ask(server).body == body


def test_gzip_is_unpacked() -> None:
    """Over many chunks, byte for byte."""
    body = json.dumps(list(range(200_000))).encode()
    with serving(always(answer(200, packed(body), {"Content-Encoding": "gzip"}))) as server:
        assert ask(server).body == body


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
    """One gzip member, whole, is what was asked for; a cut one is a connection that broke."""
    with serving(always(answer(200, body, {"Content-Encoding": encoding}))) as server:
        assert type(failure(server)) is kind


def test_a_body_at_the_limit_is_read_and_one_above_is_not() -> None:
    """16 MiB on the wire."""
    with serving(in_turn(answer(200, b"x" * BODY_LIMIT), answer(200, b"x" * (BODY_LIMIT + 1)))) as server:
        assert len(ask(server, seconds=30).body) == BODY_LIMIT
        assert isinstance(failure(server, seconds=30), Malformed)


BOMB_PROBE = """
import resource, sys
from usage.client import Client
from usage.deadline import Deadline
from usage.errors import Malformed
client = Client(url=sys.argv[1], key="k")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    client.post("events.list", {}, Deadline.after(20))
except Malformed:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_gzip_bomb_costs_at_most_64_mebibytes() -> None:
    """1 GiB of zeros in 1 MB is refused while it is being unpacked."""
    with serving(always(answer(200, gzip_bomb(1024), {"Content-Encoding": "gzip"}))) as server:
        probe = [sys.executable, "-c", BOMB_PROBE, server.url]
        root = Path(__file__).parents[2]
        grown = subprocess.run(probe, check=True, capture_output=True, text=True, timeout=60, cwd=root).stdout
    assert int(grown) <= 64 * 1024


@pytest.mark.parametrize(
    "data",
    [
        answer(200, b"{}", {"Content-Length": "10"}),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"",
        b"this is not HTTP\r\n\r\n",
    ],
)
def test_a_connection_that_breaks_off_is_unreachable(data: bytes) -> None:
    """At whatever point it does."""
    with serving(then_close(data)) as server:
        assert isinstance(failure(server), Unreachable)


def test_a_reset_is_unreachable() -> None:
    """Before a byte of the answer."""
    with serving(reset) as server:
        assert isinstance(failure(server), Unreachable)


def test_nobody_listening_is_unreachable() -> None:
    """The port was free a moment ago."""
    with serving(reset) as server:
        pass
    assert isinstance(failure(server), Unreachable)


def headers_without_end() -> bytes:
    return b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100_000


DRIPS = {"headers": headers_without_end(), "body": answer(200, b" " * 100_000)}


@pytest.mark.parametrize("part", DRIPS)
def test_a_slow_drip_ends_with_the_deadline(part: str) -> None:
    """A byte every 50 ms would never trip a limit on each read, of headers or of the body."""
    head, _, rest = DRIPS[part].partition(b"\r\n\r\n")

    def drip(connection: socket.socket, _number: int) -> None:
        if rest:
            connection.sendall(head + b"\r\n\r\n")
        server.drip(connection, rest or head)

    with serving(drip) as server:
        start = time.monotonic()
        assert isinstance(failure(server, seconds=0.7), Unreachable)
        assert time.monotonic() - start < 3


def test_interim_answers_without_end_stop_at_the_deadline() -> None:
    """A flood of 100 Continue is always readable, and never the answer."""

    def flood(connection: socket.socket, _number: int) -> None:
        while not server.stopping.is_set():
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

    with serving(flood) as server:
        start = time.monotonic()
        assert isinstance(failure(server, seconds=0.5), Unreachable)
        assert time.monotonic() - start < 5


def test_silence_ends_with_the_read_limit() -> None:
    """Where the deadline is far away."""
    with serving(lambda _connection, _number: None) as server:
        start = time.monotonic()
        with pytest.raises(Unreachable):
            ask(server, seconds=60, read_s=0.2)
        assert time.monotonic() - start < 5


def test_a_deadline_that_has_passed_asks_nothing() -> None:
    """No connection is opened for it."""
    with serving(always(answer())) as server:
        assert isinstance(failure(server, seconds=0), Unreachable)
        assert server.connections == 0


def test_a_resolver_that_hangs_is_left_behind() -> None:
    """The system's own takes no time limit."""
    woken = threading.Event()

    def hang(_host: str, _port: int) -> list[Any]:
        woken.wait(30)
        return []

    client = Client(url="http://autumn.test", key=KEY, transport=DeadlineTransport(resolve=hang))
    with pytest.raises(Unreachable):
        client.post("events.list", BODY, Deadline.after(0.3))
    woken.set()


def test_the_second_address_is_tried() -> None:
    """A name may have an address where nobody listens."""
    with serving(always(answer())) as server:

        def two(_host: str, _port: int) -> list[Any]:
            return [(0, 0, 0, "", ("127.0.0.1", 1)), (0, 0, 0, "", ("127.0.0.1", server.port))]

        transport = DeadlineTransport(resolve=two)
        client = Client(url=f"http://autumn.test:{server.port}", key=KEY, transport=transport)
        assert client.post("events.list", BODY, Deadline.after(5)).body == b"{}"
        client.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and certificate for 127.0.0.1, signed by itself, in one file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    options = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    files = ["-keyout", str(path), "-out", str(path.with_suffix(".crt"))]
    subprocess.run(["openssl", *options.split(), *files], check=True, capture_output=True)
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_tls_is_spoken_and_bounded_too(tls: ssl.SSLContext, certificate: Path) -> None:
    """An answer comes through; a slow drip of its headers ends with the deadline."""

    def handle(connection: socket.socket, number: int) -> None:
        if number == 0:
            connection.sendall(answer())
        else:
            server.drip(connection, headers_without_end())

    with serving(handle, tls=tls) as server:
        trusting = ssl.create_default_context(cafile=certificate)
        client = Client(url=server.url, key=KEY, transport=DeadlineTransport(tls=trusting))
        assert client.post("events.list", BODY, Deadline.after(10)).body == b"{}"
        start = time.monotonic()
        with pytest.raises(Unreachable):
            client.post("events.list", BODY, Deadline.after(0.7))
        assert time.monotonic() - start < 3
        client.close()


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tls: ssl.SSLContext) -> None:
    """The key is never sent to whoever answers."""
    with serving(always(answer()), tls=tls) as server:
        assert isinstance(failure(server), Unreachable)
        assert server.requests == []


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key would go through them."""
    with serving(always(answer())) as server, serving(always(answer(500))) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert ask(server).body == b"{}"
    assert proxy.connections == 0


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
def test_a_url_that_would_leak_the_key_is_refused(url: str) -> None:
    """Before anything is sent, and without repeating what was given."""
    with pytest.raises(ValueError, match="Autumn's URL") as caught:
        Client(url=url, key=KEY)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://localhost", "http://[::1]:8", "https://api.useautumn.com/"]
)
def test_https_or_this_machine_is_fine(url: str) -> None:
    """A path's last slash does not matter."""
    Client(url=url, key=KEY).close()


@pytest.mark.parametrize("key", ["", " ", "two words", "line\nbreak", "schlüssel"])
def test_a_key_that_cannot_be_one_is_refused(key: str) -> None:
    """In a sentence that does not repeat it."""
    with pytest.raises(ValueError, match="secret key") as caught:
        Client(url="https://api.useautumn.com", key=key)
    assert key not in str(caught.value) or not key.strip()


@pytest.mark.parametrize("customer", ["", "  ", None, 7])
def test_a_blank_customer_never_leaves_the_house(customer: object) -> None:
    """To Autumn it would be no filter: the answer were the whole organisation."""
    with serving(always(answer())) as server:
        client = Client(url=server.url, key=KEY)
        with pytest.raises(ValueError, match="customer_id"):
            client.post("events.list", {"customer_id": customer}, Deadline.after(5))
        client.close()
    assert server.connections == 0


def test_the_fingerprint_tells_keys_and_servers_apart() -> None:
    """And says nothing about either."""

    def fingerprint(url: str, key: str) -> str:
        return Client(url=url, key=key, transport=DeadlineTransport()).fingerprint

    one = fingerprint("https://a.example", KEY)
    assert one == fingerprint("https://a.example/", KEY)
    assert len({one, fingerprint("https://b.example", KEY), fingerprint("https://a.example", "other")}) == 3
    assert KEY not in one


@pytest.fixture
def every_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def test_the_key_is_in_no_repr_error_trace_or_log(every_log: pytest.LogCaptureFixture) -> None:
    """Not even in the local variables that error reports print."""
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
            # This test's own frame is left out: it knows the key, and what the server received.
            error = caught.value.with_traceback(caught.tb.tb_next)
            report = traceback.TracebackException.from_exception(error, capture_locals=True)
            assert KEY not in "".join(report.format()) + repr(client) + repr(error.args)
            client.close()
    assert KEY not in every_log.text


def test_a_wsgi_app_can_be_the_other_side() -> None:
    """Through httpx's own transport, on any host name."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/json"), ("RateLimit-Remaining", "0")])
        return [environ["PATH_INFO"].encode()]

    client = Client(url="http://sample.example", key=KEY, transport=httpx.WSGITransport(app=app))
    reply = client.post("events.aggregate", {}, Deadline.after(5))
    assert (reply.body, reply.remaining) == (b"/v1/events.aggregate", 0)


def test_forty_threads_share_the_pool() -> None:
    """More callers than connections: all get their own answer."""

    def echo(connection: socket.socket, number: int) -> None:
        connection.sendall(answer(200, server.requests[number].body))

    with serving(echo) as server:
        client = Client(url=server.url, key=KEY)
        answers: dict[int, bytes] = {}

        def call(number: int) -> None:
            answers[number] = client.post("events.list", {"offset": number}, Deadline.after(20)).body

        threads = [threading.Thread(target=call, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()
    assert {number: json.loads(body)["offset"] for number, body in answers.items()} == {
        n: n for n in range(40)
    }


def test_a_transport_used_outside_a_deadline_is_a_mistake_that_shows() -> None:
    """There is no unbounded read."""
    with serving(always(answer())) as server:
        transport = DeadlineTransport()
        request = httpx.Request("POST", server.url)
        with pytest.raises(LookupError):
            transport.handle_request(request)
        with within(Deadline.after(5)):
            assert transport.handle_request(request).status_code == 200
        transport.close()
