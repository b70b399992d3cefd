"""`make bench-peers` writes a section of BENCHMARKS.md; `--rounds 2 --views 20` does so quickly."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

from tests.bench.peers.apps import KEY, OUR_PAGE, OURS, PEERS_BIN, App, Running, ours, peers
from tests.bench.peers.table import Measured, table
from tests.bench.peers.visits import visitor
from tests.bench.processes import cpu_seconds, memory_mb
from tests.bench.report import write_section
from tests.conftest import QUIET, FirstStart, chromium_path, free_port

TITLE = "What users would pick instead: `make bench-peers`"


@contextmanager
def upstream() -> Iterator[str]:
    """The sample backend on a port of its own."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "usage.sample", "--port", str(port)])
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}) as http:
            while not is_ready(http):
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def is_ready(http: httpx.Client) -> bool:
    """Whether events are served: they are generated after the port is open."""
    try:
        return http.post("/v1/events.list", json={"limit": 1}, timeout=60).status_code == 200
    except httpx.TransportError:
        return False


def started(app: App, rounds: int) -> tuple[Running, list[float]]:
    """The app after the last of several starts, and the milliseconds of each."""
    times = []
    for _ in range(rounds - 1):
        server = Running(app)
        times.append(server.start_ms)
        server.stop()
        time.sleep(1)  # the sample's five calls in a second are for each start
    server = Running(app)
    return server, [*times, server.start_ms]


def measure(browser: Browser, server: Running, views: int, into: Measured) -> None:
    """One round of an app, after a visit that fills its cache of Autumn's answers."""
    pid, name = server.process.pid, server.app.name

    def note(**figures: float) -> None:
        for measure_name, figure in figures.items():
            into[measure_name][name].append(figure)

    with visitor(browser, server) as before:
        before.open()
        before.change()
    cpu = cpu_seconds(pid)
    with visitor(browser, server) as one:
        cold = one.open()
        note(cpu_cold=(cpu_seconds(pid) - cpu) * 1000)
        one.reload()
        cpu = cpu_seconds(pid)
        warm = [one.reload() for _ in range(views)]
        note(cpu_warm=(cpu_seconds(pid) - cpu) * 1000 / views)
        note(click=one.change())
    with visitor(browser, server, slow=True) as far:
        slow = far.open()
        note(click_slow=far.change())
    middle = sorted(view.painted for view in warm)[views // 2]
    note(painted_cold=cold.painted, painted_slow=slow.painted, painted_warm=middle)
    note(live_cold=cold.live, live_slow=slow.live, live_warm=sorted(view.live for view in warm)[views // 2])
    note(bytes_cold=cold.kilobytes, requests_cold=cold.requests)
    note(bytes_warm=warm[-1].kilobytes, requests_warm=warm[-1].requests)
    if server.app.draws_svg_first:
        note(bytes_first=cold.first_kilobytes)


def sample_memory(folder: Path, views: int) -> float:
    """MB of the dashboard with sample data, on its first start, after views of the page."""
    folder.mkdir()
    site = FirstStart(folder, WEB_THREADS="4", LOG_LEVEL="CRITICAL")
    try:
        with httpx.Client(base_url=site.url, timeout=60) as http:
            for _ in range(views):
                http.get(OUR_PAGE).raise_for_status()
        return memory_mb(site.process.pid)
    finally:
        site.stop()


def measure_all(folder: Path, rounds: int, views: int) -> Measured:
    measured: Measured = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        url = stack.enter_context(upstream())
        mine = ours(folder / "live", url)
        servers = []
        for app in (mine, *peers(url, folder / "live" / "static")):
            server, measured["start"][app.name] = started(app, rounds)
            stack.callback(server.stop)
            servers.append(server)
        chromium = stack.enter_context(sync_playwright()).chromium
        for number in range(rounds):
            for server in servers:
                # A browser of its own for each: what one app left behind is not the next one's.
                browser = chromium.launch(executable_path=chromium_path(), args=QUIET)
                measure(browser, server, views // rounds, measured)
                browser.close()
            print(f"round {number + 1} of {rounds}", flush=True)
        for server in servers:
            measured["memory"][server.app.name].append(memory_mb(server.process.pid))
    measured["memory_sample"][OURS].append(sample_memory(folder / "sample", views))
    return measured


def peer_versions() -> dict[str, str]:
    """The versions of Dash and Streamlit that ran."""
    code = "from importlib.metadata import version; print(version('dash'), version('streamlit'))"
    command: list[str | Path] = [PEERS_BIN / "python", "-c", code]
    dash, streamlit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return {"dash": dash, "streamlit": streamlit}


def options() -> Namespace:
    parser = ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--views", type=int, default=200, help="warm views of each app in all rounds")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    with tempfile.TemporaryDirectory() as folder:
        measured = measure_all(Path(folder), chosen.rounds, chosen.views)
    text = table(measured, chosen.rounds, chosen.views, peer_versions())
    print(text)
    write_section("peers", TITLE, text)


if __name__ == "__main__":
    main()
