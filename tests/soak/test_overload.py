"""Everything at once that a few visitors can do to a site, for SOAK_MINUTES, by default two."""

from __future__ import annotations

import os
import random
import re
import socket
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from tests.dashboard.live_site import Keyed
from tests.page import Page
from tests.soak.test_viewers import MIB, autumn
from usage.sample import SAMPLE_KEY

__all__ = ["autumn"]

MINUTES = float(os.environ.get("SOAK_MINUTES", "2"))
LOOPS, SIGN_INS, HALF_SENT, POLLS = 90, 40, 20, 16
CACHED = "/usage/?customer_id=globex&range=30d&tz=UTC"
DEADLINE_S = 15.0


@pytest.fixture
def site(tmp_path: Path, autumn: str) -> Iterator[Keyed]:
    """One process with the threads that it has by default."""
    site = Keyed(tmp_path, autumn, key=SAMPLE_KEY, LOG_LEVEL="INFO")
    yield site
    site.stop()


class Crowd:
    """Visitors in threads of their own, each with an address, and what they were answered."""

    def __init__(self, site: Keyed) -> None:
        self.port = site.served.port
        self.over = threading.Event()
        self.statuses: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self._threads: list[threading.Thread] = []

    def start(self, count: int, act: Callable[[int], object], pause_s: float = 0) -> None:
        """Starts `count` visitors that repeat `act(number)` until the time is over."""

        def repeat(number: int) -> None:
            while not self.over.wait(pause_s):
                with suppress(OSError, HTTPException):
                    act(number)

        for number in range(count):
            self._threads.append(threading.Thread(target=repeat, args=(number,), daemon=True))
            self._threads[-1].start()

    def request(
        self,
        name: str,
        path: str,
        cookies: str = "",
        address: str = "127.0.0.1",
        form: dict[str, str] | None = None,
    ) -> None:
        started = time.monotonic()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60, source_address=(address, 0))
        with closing(connection):
            headers = {"Cookie": cookies, "HX-Request": "true"} if "live" in path else {"Cookie": cookies}
            if form is None:
                connection.request("GET", path, headers=headers)
            else:
                headers |= {
                    "Content-Type": "application/x-www-form-urlencoded",
                    "Origin": f"http://127.0.0.1:{self.port}",
                }
                connection.request("POST", path, urlencode(form), headers)
            answer = connection.getresponse()
            answer.read()
        self.seconds[name].append(time.monotonic() - started)
        self.statuses[name][answer.status] += 1

    def end(self) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()


def measured(
    port: int, path: str, cookies: str, pause_s: float, seconds: float
) -> tuple[Counter[int], list[float]]:
    """The statuses and durations of one request after the other, in a process of its own."""
    statuses, durations, end = Counter[int](), list[float](), time.monotonic() + seconds
    while time.monotonic() < end:
        started = time.monotonic()
        with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request("GET", path, headers={"Cookie": cookies})
            answer = connection.getresponse()
            answer.read()
        durations.append(time.monotonic() - started)
        statuses[answer.status] += 1
        time.sleep(pause_s)
    return statuses, durations


def percentile(seconds: list[float], share: float) -> float:
    return statistics.quantiles(seconds, n=1000)[round(share * 1000) - 1]


def resident(pid: int) -> int:
    """Bytes of the process's children together, which serve."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = sum(int(Path(f"/proc/{child}/statm").read_text().split()[1]) for child in children)
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_one_visitor_stalls_nobody(site: Keyed) -> None:
    """A link in 90 loops of new windows, 40 sign-ins, 20 half-sent requests, 16 live polls, all at once."""
    link = site.manage("share", "create", "--customer", "acme-robotics").split()[-1]
    opened = site.http.get(urlsplit(link).path, follow_redirects=True)
    root = "/".join(opened.url.path.split("/")[:3])
    cookies = site.cookies
    login = httpx.get(f"{site.served.url}/accounts/login/")
    token = Page(login.text).all("input", name="csrfmiddlewaretoken")[0]["value"] or ""
    csrf = f"csrftoken={login.cookies['csrftoken']}"
    assert site.http.get(CACHED).status_code == 200
    crowd = Crowd(site)

    def new_window(_: int) -> None:
        start = random.randrange(1_500_000_000_000, 1_780_000_000_000)
        crowd.request("link", f"{root}/usage/?start={start}&end={start + 86_400_000 * 3}", cookies)

    def sign_in(number: int) -> None:
        form = {"login": f"user{number}", "password": "wrong", "csrfmiddlewaretoken": token}
        crowd.request("sign-in", "/accounts/login/", csrf, f"127.0.1.{number + 1}", form)

    def half_sent(_: int) -> None:
        with closing(socket.create_connection(("127.0.0.1", crowd.port))) as half:
            half.sendall(
                b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nlogin="
            )
            half.settimeout(60)
            half.recv(1000)

    def poll(_: int) -> None:
        crowd.request("poll", "/events/live/?customer_id=hooli&tz=UTC", cookies)

    def fresh(_: int) -> None:
        start = random.randrange(1_500_000_000_000, 1_780_000_000_000)
        address = f"/usage/?customer_id=initech&tz=UTC&start={start}&end={start + 86_400_000 * 3}"
        crowd.request("fresh", address, cookies)

    crowd.start(LOOPS, new_window)
    crowd.start(SIGN_INS, sign_in)
    crowd.start(HALF_SENT, half_sent)
    crowd.start(POLLS, poll, pause_s=2)
    crowd.start(1, fresh, pause_s=3)
    # Measured by processes of their own: the crowd's threads would delay each other here.
    with get_context("spawn").Pool(2) as apart:
        probes = apart.apply_async(measured, (crowd.port, "/healthz", "", 0.1, MINUTES * 60))
        cached = apart.apply_async(measured, (crowd.port, CACHED, cookies, 0.25, MINUTES * 60))
        crowd.over.wait(MINUTES * 15)
        early = resident(site.served.process.pid)
        crowd.over.wait(MINUTES * 45)
        late = resident(site.served.process.pid)
        crowd.statuses["healthz"], crowd.seconds["healthz"] = probes.get()
        crowd.statuses["cached"], crowd.seconds["cached"] = cached.get()
    crowd.end()
    p99, p95 = percentile(crowd.seconds["healthz"], 0.99), percentile(crowd.seconds["cached"], 0.95)
    print({name: dict(counts) for name, counts in crowd.statuses.items()})
    print(f"healthz p99 {p99:.3f} s, cached page p95 {p95:.3f} s, fresh {max(crowd.seconds['fresh']):.1f} s")
    print(f"memory {early / MIB:.0f} MiB, then {late / MIB:.0f} MiB")
    for name in ("healthz", "cached", "fresh"):
        assert set(crowd.statuses[name]) == {200}, (name, crowd.statuses[name])
    assert set(crowd.statuses["link"]) <= {200, 503}
    assert crowd.statuses["link"][200]
    assert p99 <= 0.25
    assert p95 <= 0.5
    assert max(crowd.seconds["fresh"]) <= DEADLINE_S
    assert late - early <= max(0.1 * early, 20 * MIB)


def test_two_hundred_viewers_of_one_cold_page(site: Keyed) -> None:
    """All get the page, with one set of calls."""
    cookies, crowd = site.cookies, Crowd(site)
    address = "/usage/?customer_id=globex&range=90d&tz=UTC&group_by=properties.model"
    seen: list[int] = []

    def until_it_is_there() -> None:
        for _ in range(30):
            with closing(HTTPConnection("127.0.0.1", crowd.port, timeout=60)) as connection:
                connection.request("GET", address, headers={"Cookie": cookies})
                answer = connection.getresponse()
                page = answer.read().decode()
            again = re.search(r"delay:([0-9.]+)s", page) if "data-asks-again" in page else None
            if again is None:
                seen.append(answer.status)
                return
            time.sleep(float(again[1]))

    viewers = [threading.Thread(target=until_it_is_there) for _ in range(200)]
    for viewer in viewers:
        viewer.start()
    for viewer in viewers:
        viewer.join()
    assert seen == [200] * 200
    calls = [line for line in site.served.stderr.splitlines() if '"autumn.call"' in line]
    assert 1 <= len(calls) <= 10, calls
