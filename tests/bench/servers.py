"""WSGI servers with the dashboard's own pages: speed and memory, and what slow clients cost."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import httpx

from tests.bench.processes import cpu_seconds, memory_mb
from tests.conftest import ROOT, FirstStart, copy_site, free_port
from tests.page import Page

PAGE = "/usage/?customer_id=acme-robotics&range=90d&group_by=properties.model&tz=UTC"
EXPORT = "/events/export.jsonl?range=90d&tz=UTC"
SHORT_EXPORT = f"{EXPORT}&customer_id=cyberdyne"
THREADS, CLIENTS, ROUNDS = 16, 8, 5
PAGES, SMALL_PAGES = 120, 800
SLOW_CLIENTS = THREADS + 4
PATIENCE_S = 5.0
HOST = b"Host: 127.0.0.1\r\n"
BIN = Path(sys.executable).parent
GUNICORN = (sys.executable, "-m", "gunicorn", "--threads", str(THREADS), "--log-level", "critical")
SERVERS: dict[str, Callable[[int], list[str | Path]]] = {
    "gunicorn's threads": lambda port: [
        *(*GUNICORN, "--worker-class", "gthread", "--bind", f"127.0.0.1:{port}", "dashboard.wsgi"),
    ],
    "waitress (the worker of `serve`)": lambda port: [
        *(*GUNICORN, "--worker-class", "dashboard.server.parent.WorkerProcess"),
        *("--bind", f"127.0.0.1:{port}", "dashboard.wsgi"),
    ],
    "granian": lambda port: [
        *(BIN / "granian", "--interface", "wsgi", "--port", str(port), "--no-ws"),
        *("--blocking-threads", str(THREADS), "--log-level", "critical", "dashboard.wsgi:application"),
    ],
}


class Server:
    """A site with sample data on a port."""

    def __init__(self, command: Callable[[int], list[str | Path]], folder: Path) -> None:
        self.port = free_port()
        script = next((folder / "static" / "plotly").glob("*.js"))
        self.large_file = f"/static/plotly/{script.name}"
        stored = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        chosen = {"DATA_DIR": str(folder), "ENV_FILE": os.devnull, "PORT": str(self.port)}
        python = {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command(self.port),
            cwd=ROOT,
            env=stored | chosen | python | {"WEB_THREADS": str(THREADS), "LOG_LEVEL": "CRITICAL"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.forget()
        while self.milliseconds("/healthz") is None:
            time.sleep(0.2)
        self.milliseconds(PAGE)
        self.memory_first = memory_mb(self.process.pid)

    def forget(self) -> None:
        """Begin to measure."""
        self.times: list[float] = []
        self.rates: list[float] = []
        self.small_rates: list[float] = []
        self.cpu: list[float] = []

    def load(self) -> None:
        """One round of both pages."""
        cpu = cpu_seconds(self.process.pid)
        rate, times = self.load_one(PAGE, PAGES)
        self.cpu.append((cpu_seconds(self.process.pid) - cpu) / PAGES * 1000)
        self.rates.append(rate)
        self.times += times
        self.small_rates.append(self.load_one("/healthz", SMALL_PAGES)[0])

    def load_one(self, path: str, number: int) -> tuple[float, list[float]]:
        """Requests a second, and the seconds of each, over kept connections."""

        def client(_: int) -> list[float]:
            with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
                return [fetch(connection, path) for _ in range(number // CLIENTS)]

        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            times = [seconds for of in pool.map(client, range(CLIENTS)) for seconds in of]
        return number / (time.perf_counter() - began), times

    def milliseconds(self, path: str) -> float | None:
        """The duration of a request, or None without an answer."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)) as connection:
            try:
                return fetch(connection, path) * 1000
            except (OSError, HTTPException):
                return None

    def beside(self, request: bytes) -> str:
        """How long the slowest of ten cached pages takes beside slow clients."""
        with ExitStack() as stack:
            for _ in range(SLOW_CLIENTS):
                stack.enter_context(slow_client(self.port, request))
            time.sleep(0.5)
            slowest = 0.0
            for path in ("/healthz", *[PAGE] * 10):
                if (duration := self.milliseconds(path)) is None:
                    return "no answer"
                slowest = max(slowest, duration)
            return f"{slowest:.0f} ms"

    @contextmanager
    def download(self, path: str = EXPORT) -> Iterator[socket.socket]:
        with closing(socket.create_connection(("127.0.0.1", self.port), timeout=30)) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"\r\n")
            client.recv(1000)
            yield client

    def stopped_export(self) -> str:
        """How an export ends that is stopped by another request."""
        with self.download() as client, httpx.Client(base_url=f"http://127.0.0.1:{self.port}") as http:
            form = Page(http.get("/events/export/").text)
            token = form.all("input", name="csrfmiddlewaretoken")[0]["value"]
            http.post(
                "/events/export/", data={"csrfmiddlewaretoken": token}, headers={"Origin": str(http.base_url)}
            )
            return "looks complete" if rest_of(client).endswith(b"0\r\n\r\n") else "is cut"

    def left_export(self) -> str:
        """How long an export goes on without its client."""
        with self.download():
            pass
        began = time.monotonic()
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}") as http:
            while not Page(http.get("/events/export/").text).values("data-ending")[0]:
                if time.monotonic() - began > 20:
                    return "> 20 s"
                time.sleep(0.05)
        return f"{time.monotonic() - began:.1f} s"

    def stop_during_export(self) -> str:
        with self.download(SHORT_EXPORT) as client:
            self.process.send_signal(signal.SIGTERM)
            try:
                return "finishes it" if rest_of(client).endswith(b"0\r\n\r\n") else "cuts it"
            except OSError:
                return "goes on"

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


def fetch(connection: HTTPConnection, path: str) -> float:
    began = time.perf_counter()
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    response = connection.getresponse()
    response.read()
    if response.status != 200:
        raise HTTPException(response.status)
    return time.perf_counter() - began


def rest_of(client: socket.socket) -> bytes:
    try:
        return b"".join(iter(lambda: client.recv(65536), b""))
    except ConnectionResetError:
        return b""


@contextmanager
def slow_client(port: int, request: bytes) -> Iterator[None]:
    """A client that sends something and reads nothing."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(request)
        yield


HALF_HEAD = b"GET / HTTP/1.1\r\n" + HOST
HALF_BODY = (
    b"POST /accounts/login/ HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Cookie: csrftoken=" + b"a" * 32 + b"\r\nContent-Length: 1000\r\n" + HOST + b"\r\nlogin="
)


def measure(folder: Path) -> list[tuple[str, ...]]:
    """A row for each server that is installed."""
    prepared = folder / "prepared"
    prepared.mkdir()
    FirstStart(prepared).stop()
    servers = {}
    for number, (name, command) in enumerate(SERVERS.items()):
        if shutil.which(str(command(0)[0])) is None:
            continue
        (place := folder / str(number)).mkdir()
        copy_site(prepared, place, without="")
        servers[name] = Server(command, place)
    for server in servers.values():
        server.load()
        server.forget()
    for _ in range(ROUNDS):
        for server in servers.values():
            server.load()
    return [row(name, server) for name, server in servers.items()]


def row(name: str, server: Server) -> tuple[str, ...]:
    cut = statistics.quantiles(server.times, n=100)
    unread = f"GET {server.large_file} HTTP/1.1\r\n".encode() + HOST + b"\r\n"
    cells = (
        name,
        f"{statistics.median(server.rates):.0f}",
        f"{cut[49] * 1000:.0f} / {cut[98] * 1000:.0f}",
        f"{statistics.median(server.cpu):.1f}",
        f"{statistics.median(server.small_rates):.0f}",
        f"{server.memory_first:.0f}",
        *map(server.beside, (HALF_HEAD, HALF_BODY, unread)),
        server.stopped_export(),
        server.left_export(),
        server.stop_during_export(),
    )
    server.end()
    return cells


HEADS = (
    "server",
    "pages a second",
    "p50 / p99, ms",
    "CPU a page, ms",
    "/healthz a second",
    "PSS after a page, MB",
    "beside half-sent heads",
    "beside half-sent bodies",
    "beside unread files",
    "a stopped export",
    "an abandoned export ends after",
    "SIGTERM during an export",
)


def report() -> str:
    """A table of the servers."""
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder))
    head, *others = (f"| {' | '.join(line)} |" for line in [HEADS, *rows])
    table = "\n".join([head, "|---" * len(HEADS) + "|", *others])
    return (
        f"{table}\n\nOne process with {THREADS} threads and a cached page of 90 days; {CLIENTS} clients on"
        f" the same machine; medians of {ROUNDS} interleaved rounds. Beside: the slowest of ten cached pages"
        f" while {SLOW_CLIENTS} slow clients are connected; no answer: none in {PATIENCE_S:.0f} seconds."
        " granian is measured if it is installed."
    )
