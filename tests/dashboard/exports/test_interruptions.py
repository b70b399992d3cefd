"""Exports by the real server: a complete file ends normally, and every other one ends with an error."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from http.client import HTTPResponse, IncompleteRead
from pathlib import Path

import pytest

from tests.dashboard.live_site import KEY, Keyed, Switch, listening
from tests.page import Element, Page
from usage.sample import SampleApp, Store

pytestmark = pytest.mark.slow

EVENTS = 14_000
FILE = "/events/export.jsonl?range=90d&tz=UTC"


@pytest.fixture(scope="module")
def autumn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Switch, str, Store]]:
    """An Autumn with thousands of events that can be set to fail, its address, and its store."""
    store = Store(tmp_path_factory.mktemp("autumn") / "autumn.sqlite3")
    newest = int(time.time() * 1000) - 60_000
    store.add(
        {
            "id": f"evt_{n:05}",
            "customer_id": "cus_1",
            "feature_id": "calls",
            "timestamp": newest - n * 977,
            "value": n,
        }
        for n in range(EVENTS)
    )
    switch = Switch(SampleApp(store, key=KEY))
    with listening(switch) as url:
        yield switch, url, store
    store.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, autumn: tuple[Switch, str, Store]) -> Iterator[Keyed]:
    """The dashboard in front of it."""
    site = Keyed(tmp_path_factory.mktemp("site"), autumn[1])
    yield site
    site.stop()


@pytest.fixture
def switch(autumn: tuple[Switch, str, Store], site: Keyed) -> Iterator[Switch]:
    """The switch that makes Autumn fail; afterwards it works again, and the lease is free."""
    switch = autumn[0]
    yield switch
    switch.fails, switch.loses = lambda _: False, 0
    eventually(lambda: line_of(site)["data-ending"] != "")


def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "the condition is not true in time"
        time.sleep(0.05)


def rest_of(response: HTTPResponse) -> bytes:
    """The remaining bytes of a download that ends with an error."""
    with pytest.raises(IncompleteRead) as caught:
        response.read()
    return caught.value.partial


def line_of(site: Keyed) -> Element:
    """The status line of the export: `data-ending` is empty while it runs."""
    return Page(site.http.get("/events/export/")).one(data_ending=True)


def after(calls: int) -> Callable[[int], bool]:
    """Fail from a call on."""
    return lambda number: number > calls


@pytest.mark.slow
def test_complete_file_ends_normally(site: Keyed, switch: Switch) -> None:
    """It has all rows, and the last chunk."""
    with site.download(FILE) as response:
        ids = [json.loads(line)["id"] for line in response.read().splitlines()]
    assert ids == [f"evt_{n:05}" for n in range(EVENTS)]
    line = line_of(site)
    assert (line["data-ending"], line["data-rows"]) == ("whole", str(EVENTS))


def test_failure_during_an_export_cuts_the_connection(site: Keyed, switch: Switch) -> None:
    """The log has the sentence, without a traceback."""
    switch.lists, switch.fails = 0, after(5)
    with site.download(FILE) as response:
        rows = rest_of(response).count(b"\n")
    assert 1000 <= rows < EVENTS
    assert line_of(site)["data-ending"] == "failed"
    assert '"event": "export.ended"' in site.served.stderr
    assert "Traceback" not in site.served.stderr


def test_interrupted_file_has_no_last_chunk(site: Keyed, switch: Switch) -> None:
    """The connection is closed instead."""
    switch.lists, switch.fails = 0, after(3)
    with socket.create_connection(("127.0.0.1", site.served.port), timeout=60) as raw:
        raw.sendall(f"GET {FILE} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {site.cookies}\r\n\r\n".encode())
        received = b"".join(iter(lambda: raw.recv(65536), b""))
    assert b"Transfer-Encoding: chunked" in received
    assert b"evt_00000" in received
    assert not received.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(("loses", "ending"), [(0, "whole"), (1, "failed")])
def test_file_with_fewer_rows_than_autumn_counts_is_cut(
    site: Keyed, switch: Switch, loses: int, ending: str
) -> None:
    """In a window of whole hours that has ended, where Autumn's count tells."""
    switch.loses = loses
    hour = 3_600_000
    end = int(time.time() * 1000) // hour * hour - hour
    with site.download(f"/events/export.jsonl?start={end - 2 * hour}&end={end}&tz=UTC") as response:
        rows = (response.read() if ending == "whole" else rest_of(response)).count(b"\n")
    line = line_of(site)
    assert (line["data-ending"], line["data-rows"]) == (ending, str(rows))
    assert rows > 1000


def test_stop_cuts_the_connection(site: Keyed, switch: Switch) -> None:
    """Stop on the page ends the download within moments, with an error."""
    with site.download(FILE) as response:
        response.read(100_000)
        answer = site.post("/events/export/", site.http.get("/events/export/").text)
        assert answer.status_code == 302
        pressed = time.monotonic()
        rest_of(response)
    assert time.monotonic() - pressed < 3
    assert line_of(site)["data-ending"] == "stopped"


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [FILE, f"{FILE}&filter=nothing:like-this"], ids=["rows", "scan without a match"]
)
def test_disconnected_client_ends_the_calls(site: Keyed, switch: Switch, path: str) -> None:
    """Even while there is no data to send."""
    switch.lists = 0
    with site.download(path):
        pass
    eventually(lambda: line_of(site)["data-ending"] == "left", 10)
    calls = switch.lists
    time.sleep(1.5)
    assert switch.lists == calls < EVENTS // 1000


def test_pages_do_not_wait_for_an_export(site: Keyed, switch: Switch) -> None:
    """A second export is refused at once, and pages are fast."""
    with site.download(FILE):
        assert site.http.get(FILE, headers={"Accept": "text/html"}).status_code == 409
        assert site.http.get("/healthz").elapsed.total_seconds() < 1


@pytest.mark.slow
def test_killed_server_cuts_the_connection(tmp_path: Path, autumn: tuple[Switch, str, Store]) -> None:
    site = Keyed(tmp_path, autumn[1])
    with site.download(FILE) as response:
        response.read(100_000)
        master = site.served.process.pid
        (worker,) = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        os.kill(int(worker), signal.SIGKILL)
        with pytest.raises((IncompleteRead, ConnectionResetError)):
            response.read()
    site.stop()
