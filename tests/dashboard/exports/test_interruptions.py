"""Exports over the real server: a file that ended cleanly is whole, and every other one is seen not to be."""

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

EVENTS = 14_000
FILE = "/events/export.jsonl?range=90d&tz=UTC"


@pytest.fixture(scope="module")
def autumn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Switch, str, Store]]:
    """An Autumn with some thousand events that can be told to fail, its address, and its store."""
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
    """What Autumn is told to do; afterwards it works again, and the turn is free."""
    switch = autumn[0]
    yield switch
    switch.fails = lambda _: False
    eventually(lambda: line_of(site)["data-ending"] != "")


def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.05)


def rest_of(response: HTTPResponse) -> bytes:
    """What still came of a download that does not end well."""
    with pytest.raises(IncompleteRead) as caught:
        response.read()
    return caught.value.partial


def line_of(site: Keyed) -> Element:
    """The page's line about the export: `data-ending` is empty while it runs."""
    return Page(site.http.get("/events/export/")).one(data_ending=True)


def after(calls: int) -> Callable[[int], bool]:
    """Fails from the call after so many."""
    return lambda number: number > calls


@pytest.mark.slow
def test_a_whole_file_ends_cleanly(site: Keyed, switch: Switch) -> None:
    """All rows, and then the end that HTTP has for an answer that is complete."""
    with site.begun(FILE) as response:
        ids = [json.loads(line)["id"] for line in response.read().splitlines()]
    assert ids == [f"evt_{n:05}" for n in range(EVENTS)]
    line = line_of(site)
    assert (line["data-ending"], line["data-rows"]) == ("whole", str(EVENTS))


def test_an_autumn_that_fails_midway(site: Keyed, switch: Switch) -> None:
    """When Autumn fails after some thousand rows, the connection is cut, and the log has a sentence."""
    switch.lists, switch.fails = 0, after(5)
    with site.begun(FILE) as response:
        rows = rest_of(response).count(b"\n")
    assert 1000 <= rows < EVENTS
    assert line_of(site)["data-ending"] == "failed"
    assert '"event": "export.ended"' in site.served.stderr
    assert "Traceback" not in site.served.stderr


def test_the_last_chunk_is_never_sent(site: Keyed, switch: Switch) -> None:
    """The bytes themselves: a file that broke off lacks the empty chunk, and the connection is closed."""
    switch.lists, switch.fails = 0, after(3)
    with socket.create_connection(("127.0.0.1", site.served.port), timeout=60) as raw:
        raw.sendall(f"GET {FILE} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {site.cookies}\r\n\r\n".encode())
        received = b"".join(iter(lambda: raw.recv(65536), b""))
    assert b"Transfer-Encoding: chunked" in received
    assert b"evt_00000" in received
    assert not received.endswith(b"0\r\n\r\n")


def test_stop_cuts_the_connection(site: Keyed, switch: Switch) -> None:
    """Stop, pressed in the page, ends the download within moments, and it is seen not to be whole."""
    with site.begun(FILE) as response:
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
def test_autumn_is_left_alone_when_the_client_goes(site: Keyed, switch: Switch, path: str) -> None:
    """A client that hangs up ends the calls to Autumn, also where there is nothing to send to it."""
    switch.lists = 0
    with site.begun(path):
        pass
    eventually(lambda: line_of(site)["data-ending"] == "left", 10)
    calls = switch.lists
    time.sleep(1.5)
    assert switch.lists == calls < EVENTS // 1000


def test_pages_do_not_wait_for_an_export(site: Keyed, switch: Switch) -> None:
    """While one runs, others are refused at once and pages are quick."""
    with site.begun(FILE):
        assert site.http.get(FILE, headers={"Accept": "text/html"}).status_code == 409
        assert site.http.get("/healthz").elapsed.total_seconds() < 1


@pytest.mark.slow
def test_a_server_that_is_killed(tmp_path: Path, autumn: tuple[Switch, str, Store]) -> None:
    """kill -9 in the middle of a file is a broken connection too."""
    site = Keyed(tmp_path, autumn[1])
    with site.begun(FILE) as response:
        response.read(100_000)
        master = site.served.process.pid
        (worker,) = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        os.kill(int(worker), signal.SIGKILL)
        with pytest.raises((IncompleteRead, ConnectionResetError)):
            response.read()
    site.stop()
