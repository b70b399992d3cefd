"""Viewers of a real site in front of a strict Autumn, for SOAK_MINUTES, by default ten."""

from __future__ import annotations

import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, Served, free_port
from tests.dashboard.sharing.test_secrets import Visitor

MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))
VIEWERS = 50
CUSTOMERS = ("acme-robotics", "globex", "initech", "hooli", "umbrella-health")
PAGES = (
    "/?range={range}",
    "/events/?customer_id={customer}&range={range}",
    "/usage/?customer_id={customer}&range={range}&group_by=properties.model&compare=previous",
    "/usage/?customer_id={customer}&range={range}&bin_size=day",
)
MIB = 1024 * 1024


@pytest.fixture
def autumn() -> Iterator[str]:
    """The sample backend with its limits, in its own process."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "usage.sample", "--port", str(port)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    # It answers once it has its story: until then, calls for names would fail and be made again.
    with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=120) as client:
        client.get(address)
    yield address
    process.terminate()
    process.wait(20)


@pytest.fixture
def site(tmp_path: Path, redis_url: str, autumn: str) -> Iterator[Served]:
    """Two processes behind sign-in, which log each call to Autumn."""
    made = Served(
        tmp_path,
        WEB_CONCURRENCY="2",
        REDIS_URL=redis_url,
        AUTUMN_SECRET_KEY="am_sk_sample",
        AUTUMN_API_URL=autumn,
        SECRET_KEY="only-for-this-test-and-long-enough-for-django-to-like-it-0123456789",
        LOG_LEVEL="INFO",
    )
    yield made
    made.stop()


def signed_in(site: Served) -> str:
    """The cookies of a user who may view pages."""
    secret = "correct horse battery"
    made = site.manage(
        "createsuperuser", "--noinput", "--username", "ann", "--email", "", DJANGO_SUPERUSER_PASSWORD=secret
    )
    assert made.returncode == 0, made.stderr
    ann = Visitor(site)
    _, form = ann.request("/accounts/login/")
    [csrf] = re.findall(r'name="csrfmiddlewaretoken" value="([^"]*)"', form)
    assert ann.request("/accounts/login/", login="ann", password=secret, csrfmiddlewaretoken=csrf)[0] == 200
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in ann.jar)


class Viewers:
    """Users who open pages until the time is up, with the status and duration of each."""

    def __init__(self, url: str, cookies: str) -> None:
        self.url = url
        self.cookies = cookies
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []
        self.over = threading.Event()

    def open(self, path: str) -> None:
        started = time.monotonic()
        request = urllib.request.Request(self.url + path, headers={"Cookie": self.cookies})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        self.statuses[status] += 1
        self.seconds.append(time.monotonic() - started)

    def run(self, users: int, live: Callable[[], None], minutes: float) -> None:
        viewers = [threading.Thread(target=live) for _ in range(users)]
        for one in viewers:
            one.start()
        self.over.wait(minutes * 60)
        self.over.set()
        for one in viewers:
            one.join()


def test_fifty_viewers_see_no_429(site: Served) -> None:
    """Every page is served for minutes, and few calls get a 429."""
    viewers = Viewers(site.url, signed_in(site))

    def browse() -> None:
        chance = random.Random()
        while not viewers.over.wait(chance.uniform(1, 5)):
            page = chance.choice(PAGES)
            viewers.open(
                page.format(customer=chance.choice(CUSTOMERS), range=chance.choice(("24h", "7d", "30d")))
            )

    viewers.run(VIEWERS, browse, MINUTES)
    calls = [
        reported
        for reported in map(json.loads, site.stderr.splitlines())
        if reported["event"] == "autumn.call"
    ]
    drawn = sum(reported.get("error") == "RateLimited" for reported in calls)
    print(
        f"{sum(viewers.statuses.values())} pages, {dict(viewers.statuses)};"
        f" {len(calls)} calls, {drawn} drew a 429"
    )
    assert set(viewers.statuses) == {200}
    assert len(calls) > 50
    assert drawn <= len(calls) / 200


def test_cached_pages_take_no_more_memory(site: Served) -> None:
    """Fifty a second for minutes, without an error. Before that, as many as the site can serve: a thread
    takes memory when it first has work, and how many do at fifty a second is a matter of chance.
    """
    viewers = Viewers(site.url, signed_in(site))
    path = f"/usage/?customer_id={CUSTOMERS[0]}&start=2026-10-01&end=2026-11-01&tz=UTC"
    viewers.open(path)

    def request_at_once() -> None:
        while not viewers.over.is_set():
            viewers.open(path)

    viewers.run(VIEWERS, request_at_once, MINUTES / 5)
    most = sum(viewers.statuses.values()) / (MINUTES / 5 * 60)
    before = memory_of(site)
    viewers.seconds.clear()
    viewers.over.clear()
    at = iter(range(10**9))
    start, lock = time.monotonic(), threading.Lock()

    def request() -> None:
        while True:
            with lock:
                moment = next(at) / 50
            if viewers.over.wait(max(0.0, start + moment - time.monotonic())):
                return
            viewers.open(path)

    viewers.run(VIEWERS, request, MINUTES)
    grown = memory_of(site) - before
    slowest = statistics.quantiles(viewers.seconds, n=20)[-1]
    print(
        f"{sum(viewers.statuses.values())} pages, {dict(viewers.statuses)}; at fifty a second p95"
        f" {slowest * 1000:.0f} ms, at most {most:.0f} a second;"
        f" {before / MIB:.0f} MiB and {grown / MIB:+.1f}"
    )
    assert set(viewers.statuses) == {200}
    assert grown < before * 0.05


def memory_of(site: Served) -> int:
    """The memory of the site's processes, in bytes."""
    pids, found = [site.process.pid], 0
    for pid in pids:
        pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        found += int(re.findall(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[0])
    return found * 1024
