"""The server over real sockets: slow clients, large requests, requests in a row, and its stop."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from dashboard.server.worker import BODY_BYTES, CONNECTIONS, HEAD_BYTES, REQUEST_S
from tests.conftest import Served

pytestmark = pytest.mark.slow

THREADS = 2
SLOW_CLIENTS = THREADS + 4
PAGE = "/usage/?customer_id=acme-robotics&range=90d&group_by=properties.model&tz=UTC"
EXPORT = "/events/export.jsonl?range=90d&tz=UTC"
HOST = "Host: 127.0.0.1\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
POST = f"POST /accounts/login/ HTTP/1.1\r\n{HOST}{FORM}Cookie: csrftoken={'a' * 32}\r\n"
"""With its cookie, Django reads the body."""
SLOW = {
    "half a head": f"GET / HTTP/1.1\r\n{HOST}",
    "half a body": f"{POST}Content-Length: 1000\r\n\r\nlogin=",
    "half a chunk": f"{POST}Transfer-Encoding: chunked\r\n\r\n100\r\nlogin=",
    "an unread page": f"GET {PAGE} HTTP/1.1\r\n{HOST}\r\n",
    "an unread file": f"GET {{large_file}} HTTP/1.1\r\n{HOST}\r\n",
    "two unread pages": f"GET {PAGE} HTTP/1.1\r\n{HOST}\r\n" * 2,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A site with two threads."""
    site = start(tmp_path_factory.mktemp("site"))
    yield site
    site.stop()


def start(folder: Path) -> Served:
    site = Served(folder, WEB_THREADS=str(THREADS))
    assert site.first_line.endswith(f"{site.url}\n"), site.stderr
    assert get(site, PAGE).status == 200  # it is cached from now on
    return site


@contextmanager
def connected(site: Served, receive_buffer: int = 4096) -> Iterator[socket.socket]:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(30)
        client.connect(("127.0.0.1", site.port))
        yield client


def get(site: Served, path: str, timeout: float = 30) -> HTTPResponse:
    with closing(HTTPConnection("127.0.0.1", site.port, timeout=timeout)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return response


def answer_to(site: Served, request: bytes) -> bytes:
    """All bytes of the answer to a request, after which the connection is closed."""
    with connected(site) as client:
        client.sendall(request)
        return everything(client)


def everything(client: socket.socket) -> bytes:
    received = b""
    try:
        while data := client.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


def serves_others(site: Served) -> bool:
    """Whether liveness and a cached page are answered at once."""
    return all(get(site, path, timeout=5).status == 200 for path in ("/healthz", PAGE, "/healthz"))


@pytest.mark.parametrize("request_text", SLOW.values(), ids=SLOW)
def test_slow_clients_hold_no_thread(site: Served, request_text: str) -> None:
    """With more of them than threads, others are served."""
    script = next((site.folder / "static" / "plotly").glob("*.js"))
    request = request_text.format(large_file=f"/static/plotly/{script.name}").encode()
    with ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            stack.enter_context(connected(site)).sendall(request)
        time.sleep(0.5)
        assert serves_others(site)


def test_dripped_heads_hold_no_thread(site: Served) -> None:
    """A byte at a time."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(site)) for _ in range(SLOW_CLIENTS)]
        for byte in f"GET / HTTP/1.1\r\n{HOST}X-Long: aaaaaaaa".encode():
            for client in clients:
                client.sendall(bytes([byte]))
            time.sleep(0.01)
        assert serves_others(site)


def test_slow_body_is_answered_when_it_is_complete(site: Served) -> None:
    """Slow is not wrong."""
    with connected(site) as client:
        client.sendall(f"{POST}Connection: close\r\nContent-Length: 12\r\n\r\n".encode())
        for part in (b"login", b"=", b"nobody"):
            time.sleep(0.1)
            client.sendall(part)
        assert everything(client).startswith(b"HTTP/1.1 403 ")  # no CSRF token


@pytest.mark.slow
@pytest.mark.parametrize("request_text", [SLOW["half a head"], SLOW["half a body"]], ids=["head", "body"])
def test_request_that_never_ends_is_disconnected(site: Served, request_text: str) -> None:
    """Also when a byte arrives each second."""
    began = time.monotonic()
    with connected(site) as client:
        client.sendall(request_text.encode())
        client.settimeout(1)
        while time.monotonic() - began < REQUEST_S + 20:
            try:
                client.sendall(b"a")
                if client.recv(100) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
    assert REQUEST_S - 1 < time.monotonic() - began < REQUEST_S + 5


@pytest.mark.parametrize("ending", [b"", b"\r\n\r\n"], ids=["endless", "complete"])
def test_large_head_is_refused(site: Served, ending: bytes) -> None:
    head = b"GET / HTTP/1.1\r\nX-Large: " + b"a" * HEAD_BYTES + ending
    assert answer_to(site, head).startswith(b"HTTP/1.0 431 ")


def test_large_body_is_refused(site: Served) -> None:
    """Before it is sent."""
    head = f"{POST}Content-Length: {BODY_BYTES + 1}\r\n\r\n"
    assert answer_to(site, head.encode()).startswith(b"HTTP/1.1 413 ")


def test_large_body_of_unknown_length_is_refused(site: Served) -> None:
    """As soon as it is too large."""
    chunk = b"8000\r\n" + b"a" * 0x8000 + b"\r\n"
    body = chunk * (BODY_BYTES // 0x8000 + 1)
    assert answer_to(site, f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode() + body).startswith(
        b"HTTP/1.1 413 "
    )


def test_requests_of_two_lengths_are_refused(site: Served) -> None:
    head = f"{POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"
    assert answer_to(site, head.encode()).startswith(b"HTTP/1.1 400 ")


def test_connection_serves_one_request_after_the_other(site: Served) -> None:
    """HEAD requests too, which have the length of the page and no body."""
    with closing(HTTPConnection("127.0.0.1", site.port, timeout=30)) as connection:
        lengths = []
        for method in ("GET", "HEAD", "HEAD", "GET"):
            connection.request(method, "/healthz")
            response = connection.getresponse()
            lengths.append((response.headers["Content-Length"], len(response.read())))
    assert lengths == [("3", 3), ("3", 0), ("3", 0), ("3", 3)]


def test_head_of_an_export_has_no_body(site: Served) -> None:
    received = answer_to(site, f"HEAD {EXPORT} HTTP/1.1\r\n{HOST}\r\n".encode())
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"\r\n\r\n")
    assert received.count(b"\r\n\r\n") == 1


def test_requests_sent_at_once_are_answered_by_one(site: Served) -> None:
    """The others must be sent again: the connection is closed, and says so."""
    received = answer_to(site, f"GET /healthz HTTP/1.1\r\n{HOST}\r\n".encode() * 20)
    assert received.count(b"HTTP/1.1 200 ") == 1
    assert b"Connection: close\r\n" in received


def test_idle_connections_do_not_exclude_others(site: Served) -> None:
    """The ones that are inactive for the longest time are closed."""
    with ExitStack() as stack:
        for number in range(CONNECTIONS + 20):
            client = stack.enter_context(connected(site))
            if number % 2:
                client.sendall(b"GET / HTTP/1.1\r\n")
        assert serves_others(site)


def test_stopped_export_drops_what_was_not_read(site: Served) -> None:
    """A client that reads nothing gets no more than was on its way, without the last chunk."""
    with connected(site) as client:
        client.sendall(f"GET {EXPORT} HTTP/1.1\r\n{HOST}\r\n".encode())
        time.sleep(1)
        stop_export(site)
        time.sleep(1)
        received = everything(client)
    assert b"HTTP/1.1 200 " in received
    assert not received.endswith(b"0\r\n\r\n")


def stop_export(site: Served) -> None:
    with closing(HTTPConnection("127.0.0.1", site.port, timeout=30)) as connection:
        connection.request("GET", "/events/export/")
        response = connection.getresponse()
        form, cookie = response.read().decode(), response.headers["Set-Cookie"].partition(";")[0]
        token = form.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        headers = {
            "Cookie": cookie,
            "Origin": site.url,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        connection.request("POST", "/events/export/", f"csrfmiddlewaretoken={token}", headers)
        assert connection.getresponse().status == 302


def test_stop_finishes_what_runs(tmp_path: Path) -> None:
    """A running export is complete; half-sent requests and idle connections do not delay the end."""
    site = start(tmp_path)
    codes: list[int] = []
    with ExitStack() as stack:
        stack.enter_context(connected(site)).sendall(SLOW["half a body"].encode())
        stack.enter_context(connected(site))
        client = stack.enter_context(connected(site, receive_buffer=1_000_000))
        client.sendall(f"GET {EXPORT}&customer_id=cyberdyne HTTP/1.1\r\n{HOST}\r\n".encode())
        received = client.recv(1000)
        stopping = threading.Thread(target=lambda: codes.append(site.stop()))
        stopping.start()
        received += everything(client)
        stopping.join()
    assert received.endswith(b"\r\n0\r\n\r\n")
    assert codes == [0]


@pytest.mark.slow
def test_stop_interrupts_a_long_export(tmp_path: Path) -> None:
    """It is cut, and its lease is released."""
    site = start(tmp_path)
    with connected(site) as client:
        client.sendall(f"GET {EXPORT} HTTP/1.1\r\n{HOST}\r\n".encode())
        client.recv(1000)
        assert site.stop() == 0
        assert not everything(client).endswith(b"0\r\n\r\n")
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as database:
        assert database.execute("SELECT ending FROM dashboard_exportrecord").fetchall() == [("left",)]
