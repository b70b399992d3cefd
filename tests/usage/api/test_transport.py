"""The transport: deadlines, size limits, and no connection to other servers."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.usage.api.hostile_server import (
    always,
    answer,
    gzip_bomb,
    reset,
    serving,
    then_close,
)
from tests.usage.api.request import BODY, KEY, call, failure
from tests.usage.threads import no_threads
from usage.api.client import Client
from usage.api.deadline import Deadline
from usage.api.transport import DeadlineTransport, bounded_by
from usage.errors import (
    Unreachable,
)

BOMB_PROBE = """
import sys
from pathlib import Path
from usage.api.client import Client
from usage.api.deadline import Deadline
from usage.errors import Malformed
def peak():
    # ru_maxrss would begin with the parent's, and could hide any growth
    status = Path("/proc/self/status").read_text().split()
    return int(status[status.index("VmHWM:") + 1])
client = Client(url=sys.argv[1], key="k")
before = peak()
try:
    client.post("events.list", {}, Deadline.after(20))
except Malformed:
    print(peak() - before)
"""


def test_gzip_bomb_takes_at_most_64_mebibytes() -> None:
    """1 GiB of zeros in 1 MB is refused during decompression."""
    with serving(always(answer(200, gzip_bomb(1024), {"Content-Encoding": "gzip"}))) as server:
        probe = [sys.executable, "-c", BOMB_PROBE, server.url]
        root = Path(__file__).parents[3]
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
def test_connection_closed_at_any_point_is_unreachable(data: bytes) -> None:
    with serving(then_close(data)) as server:
        assert isinstance(failure(server), Unreachable)


def test_reset_is_unreachable() -> None:
    """Before the first byte of the response."""
    with serving(reset) as server:
        assert isinstance(failure(server), Unreachable)


def test_closed_port_is_unreachable() -> None:
    """The port was free a moment ago."""
    with serving(reset) as server:
        pass
    assert isinstance(failure(server), Unreachable)


def headers_without_end() -> bytes:
    return b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100_000


DRIPS = {"headers": headers_without_end(), "body": answer(200, b" " * 100_000)}


@pytest.mark.parametrize("part", DRIPS)
def test_slow_response_ends_at_the_deadline(part: str) -> None:
    """A byte every 50 ms would never reach a time limit of each read, of headers or of the body."""
    head, _, rest = DRIPS[part].partition(b"\r\n\r\n")

    def drip(connection: socket.socket, _number: int) -> None:
        if rest:
            connection.sendall(head + b"\r\n\r\n")
        server.drip(connection, rest or head)

    with serving(drip) as server:
        start = time.monotonic()
        assert isinstance(failure(server, seconds=0.7), Unreachable)
        assert time.monotonic() - start < 3


def test_endless_interim_responses_end_at_the_deadline() -> None:
    """A stream of 100 Continue is always readable, and never the response."""

    def flood(connection: socket.socket, _number: int) -> None:
        while not server.stopping.is_set():
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

    with serving(flood) as server:
        start = time.monotonic()
        assert isinstance(failure(server, seconds=0.5), Unreachable)
        assert time.monotonic() - start < 5


def test_silent_server_ends_at_the_read_limit() -> None:
    """With a deadline that is later."""
    with serving(lambda _connection, _number: None) as server:
        start = time.monotonic()
        with pytest.raises(Unreachable):
            call(server, seconds=60, read_s=0.2)
        assert time.monotonic() - start < 5


def test_passed_deadline_opens_no_connection() -> None:
    with serving(always(answer())) as server:
        assert isinstance(failure(server, seconds=0), Unreachable)
        assert server.connections == 0


def test_hanging_resolver_is_abandoned() -> None:
    """The system's resolver has no time limit."""
    woken = threading.Event()

    def hang(_host: str, _port: int) -> list[Any]:
        woken.wait(30)
        return []

    client = Client(url="http://autumn.test", key=KEY, transport=DeadlineTransport(resolve=hang))
    with pytest.raises(Unreachable):
        client.post("events.list", BODY, Deadline.after(0.3))
    woken.set()


def test_no_thread_to_resolve_a_name_is_unreachable() -> None:
    """And the next call works."""
    with serving(always(answer())) as server:
        client = Client(url=server.url, key=KEY)
        with no_threads("resolve"), pytest.raises(Unreachable):
            client.post("events.list", BODY, Deadline.after(5))
        assert client.post("events.list", BODY, Deadline.after(5)).body == b"{}"
        client.close()


def test_second_address_is_tried() -> None:
    """A name can have an address where no server listens."""
    with serving(always(answer())) as server:

        def two(_host: str, _port: int) -> list[Any]:
            return [(0, 0, 0, "", ("127.0.0.1", 1)), (0, 0, 0, "", ("127.0.0.1", server.port))]

        transport = DeadlineTransport(resolve=two)
        client = Client(url=f"http://autumn.test:{server.port}", key=KEY, transport=transport)
        assert client.post("events.list", BODY, Deadline.after(5)).body == b"{}"
        client.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a self-signed certificate for 127.0.0.1, in one file."""
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


def test_tls_has_the_same_deadline(tls: ssl.SSLContext, certificate: Path) -> None:
    """A response is received; slow headers end at the deadline."""

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


def test_self_signed_certificate_is_not_trusted(tls: ssl.SSLContext) -> None:
    """The key is not sent to an unverified server."""
    with serving(always(answer()), tls=tls) as server:
        assert isinstance(failure(server), Unreachable)
        assert server.requests == []


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key would pass through them."""
    with serving(always(answer())) as server, serving(always(answer(500))) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert call(server).body == b"{}"
    assert proxy.connections == 0


def test_forty_threads_share_the_pool() -> None:
    """There are more callers than connections, and each gets its own response."""

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


def test_transport_without_a_deadline_raises() -> None:
    """There is no read without a time limit."""
    with serving(always(answer())) as server:
        transport = DeadlineTransport()
        request = httpx.Request("POST", server.url)
        with pytest.raises(LookupError):
            transport.handle_request(request)
        with bounded_by(Deadline.after(5)):
            assert transport.handle_request(request).status_code == 200
        transport.close()
