"""Metrics of two processes: whichever answers, the counts are the sum of both, and outlive a process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import Served
from tests.dashboard.metrics.scrape import AUTHORIZATION, TOKEN, parsed
from tests.usage.api.origin import eventually

pytestmark = pytest.mark.slow

PROBES = ("request_duration_seconds_count", "healthz", "2xx")


@pytest.fixture
def site(tmp_path: Path, redis_url: str) -> Iterator[Served]:
    """A site whose processes have answered a request each. Its folder was used before, and open to others."""
    left = tmp_path / "metrics" / "0" / "counter_9.db"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"of an earlier start")
    tmp_path.chmod(0o755)
    chosen = {"REDIS_URL": redis_url, "WEB_CONCURRENCY": "2", "METRICS_TOKEN": TOKEN, "TRUSTED_PROXIES": "1"}
    site = Served(tmp_path, **chosen)
    assert site.first_line.endswith(f"{site.url}\n"), site.stderr
    eventually(lambda: len(site.workers) == 2)
    for worker in site.workers:
        with only(site, worker):
            get(site, "/healthz")
    yield site
    site.stop()


@contextmanager
def only(site: Served, worker: int) -> Iterator[None]:
    """All others stand still in the block."""
    others = [pid for pid in site.workers if pid != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


def get(site: Served, path: str) -> str:
    """Over a connection of its own."""
    response = httpx.get(f"{site.url}{path}", headers={"Authorization": AUTHORIZATION}, timeout=60)
    assert response.status_code == 200
    return response.text


def probes_counted(site: Served) -> int:
    return parsed(get(site, "/metrics"))[PROBES]


def test_each_process_reports_the_sum(site: Served) -> None:
    first, second = site.workers
    for worker, requests in ((first, 3), (second, 4)):
        with only(site, worker):
            for _ in range(requests):
                get(site, "/healthz")
    for worker in (first, second):
        with only(site, worker):
            assert probes_counted(site) == 2 + 3 + 4


def test_counts_outlive_a_process(site: Served) -> None:
    """The one that replaces it counts on in its files, so that there are never more."""
    before = set((site.folder / "metrics").rglob("*.db"))
    for killed in range(1, 4):
        dead, other = site.workers
        os.kill(dead, signal.SIGKILL)
        eventually(lambda dead=dead: dead not in site.workers and len(site.workers) == 2)  # type: ignore[misc]
        new = next(pid for pid in site.workers if pid != other)
        with only(site, new):
            get(site, "/healthz")
            assert probes_counted(site) == 2 + killed
        with only(site, other):
            assert probes_counted(site) == 2 + killed
    assert set((site.folder / "metrics").rglob("*.db")) == before
    assert len(before) == 2 * 3


def test_metrics_are_answered_without_https(site: Served) -> None:
    """Prometheus need not come through the proxy."""
    assert httpx.get(f"{site.url}/unknown").status_code == 301
    assert probes_counted(site) == 2


def test_folder_is_emptied_at_the_start_and_private(site: Served) -> None:
    assert not list(site.folder.rglob("counter_9.db"))
    for path in (site.folder, *(site.folder / "metrics").rglob("*")):
        assert not path.stat().st_mode & 0o077
