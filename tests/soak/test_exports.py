"""An export of 100,000 events at Autumn's rate limit, while others arrive; and its memory."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from tests.conftest import ROOT, free_port
from tests.dashboard.live_site import Keyed
from tests.page import Page
from usage.sample import SAMPLE_KEY, Store

EVENTS = 100_000
MIB = 1024 * 1024


@contextmanager
def sample(path: Path) -> Iterator[str]:
    """The sample on a port, in its own process, so that caches are separate."""
    port = free_port()
    command = [sys.executable, "-m", "usage.sample", "--port", str(port), "--db", str(path)]
    process = subprocess.Popen(command, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    while not answers(url):
        assert process.poll() is None
        time.sleep(0.2)
    yield url
    process.terminate()
    process.wait(20)


def answers(url: str) -> bool:
    try:
        return httpx.post(f"{url}/v1/events.list", json={}).status_code == 401
    except httpx.TransportError:
        return False


def resident(master: int) -> int:
    """The memory of the server's worker, in bytes."""
    (worker,) = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    lines = Path(f"/proc/{worker}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def arrive(store: Store, done: threading.Event) -> None:
    """Add current events, and late ones at any time in the window, until the export is complete."""
    while not done.wait(0.02):
        now = int(time.time() * 1000)
        store.add(
            {"customer_id": "late", "feature_id": "calls", "timestamp": now - at * 7_000_000}
            for at in range(5)
        )


def test_export_of_100000_events_is_complete_and_in_order(tmp_path: Path) -> None:
    """Memory does not grow, and the rate is the limiter's."""
    path = tmp_path / "autumn.sqlite3"
    with sample(path) as url, closing(Store(path)) as store:
        there, oldest = newest(store)
        site = Keyed(tmp_path, url, key=SAMPLE_KEY)
        try:
            found, growth, seconds = exported(site, store, f"/events/export.jsonl?start={oldest}&tz=UTC")
        finally:
            site.stop()
    print(
        f"{len(found):,} rows, {len(found) / seconds:,.0f} a second, resident memory +{growth / MIB:.1f} MiB"
    )
    known = set(there)
    assert [event for event in found if event in known] == there
    assert len(found) == len(set(found))
    assert growth <= 30 * MIB
    assert len(found) / seconds > 2500  # the limiter allows 3,636


def test_stalled_client_is_disconnected_after_a_minute(tmp_path: Path) -> None:
    """Its thread and its lease are released."""
    with sample(tmp_path / "autumn.sqlite3") as url:
        site = Keyed(tmp_path, url, key=SAMPLE_KEY)
        try:
            began = time.monotonic()
            with site.download("/events/export.jsonl?range=90d&tz=UTC"):
                while not (ending := Page(site.http.get("/events/export/")).values("data-ending")[0]):
                    assert time.monotonic() - began < 120
                    time.sleep(1)
            assert ending == "left"
            assert time.monotonic() - began > 60
        finally:
            site.stop()


def newest(store: Store) -> tuple[list[str], int]:
    """The ids of the newest events, and the time of the oldest of them."""
    with closing(store.connection()) as connection:
        # Some of the sample's are in the future, and an export ends with the running hour.
        now, order = int(time.time() * 1000), "ORDER BY timestamp DESC, micros DESC, id DESC"
        newest = f"SELECT id, timestamp FROM events WHERE timestamp <= ? {order} LIMIT ?"
        oldest = connection.execute(newest, [now, EVENTS]).fetchall()[-1][1]
        same = f"SELECT id FROM events WHERE timestamp BETWEEN ? AND ? {order}"
        return [row[0] for row in connection.execute(same, [oldest, now])], oldest


def exported(site: Keyed, store: Store, path: str) -> tuple[list[str], int, float]:
    """The ids of a file, the largest growth of the server's memory, and the duration."""
    site.http.get("/events/?range=7d")
    with site.download("/events/export.jsonl?range=24h") as warm:
        warm.read()
    before, done = resident(site.served.process.pid), threading.Event()
    arriving = threading.Thread(target=arrive, args=(store, done))
    arriving.start()
    began, found, most = time.monotonic(), [], before
    try:
        with site.download(path) as response:
            for line in response:
                found.append(json.loads(line)["id"])
                if len(found) % 5000 == 0:
                    most = max(most, resident(site.served.process.pid))
    finally:
        done.set()
        arriving.join()
    return found, most - before, time.monotonic() - began
