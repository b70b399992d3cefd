"""The four apps: how each is started, where its chart is, and how another group is chosen."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from playwright.sync_api import Page as Tab

from tests.conftest import ROOT, free_port
from tests.dashboard.live_site import Keyed

PEERS_BIN = ROOT / ".venv-peers" / "bin"
KEY = "am_sk_sample"
OURS = "the dashboard"
SKETCH, DASH, STREAMLIT = "bare sketch", "Dash + compress", "Streamlit"
OUR_PAGE = "/usage/?customer_id=acme-robotics&feature_id=ai_tokens&range=90d&group_by=properties.model&tz=UTC"
LIVE = ".js-plotly-plot .main-svg .barlayer"
ANOTHER_GROUP = "us-east"
"""A group that only the other chart has."""


@dataclass(frozen=True)
class App:
    """`painted`, `live` and `changed` are selectors: of the first picture's bars, of Plotly's, and of another
    group's name in the legend. Its server is started with `command(port)`.
    """

    name: str
    command: Callable[[int], list[str | Path]]
    change: Callable[[Tab], object]
    painted: str
    changed: str
    path: str = "/"
    live: str = LIVE
    environment: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def draws_svg_first(self) -> bool:
        return self.painted != self.live


class Running:
    """An app's server, which has answered: `start_ms` after it was started."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        stored = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        began = time.perf_counter()
        self.process = subprocess.Popen(
            app.command(self.port),
            cwd=ROOT,
            env=stored | {"PYTHONPATH": str(ROOT), "PORT": str(self.port)} | app.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with httpx.Client(base_url=self.url, cookies=app.cookies, timeout=60) as http:
            while not self._answers(http):
                time.sleep(0.005)
        self.start_ms = (time.perf_counter() - began) * 1000

    def _answers(self, http: httpx.Client) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.app.name} has ended with {self.process.returncode}")
        try:
            return http.get(self.app.path).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


def gunicorn(module: str) -> Callable[[int], list[str | Path]]:
    """One worker with four threads."""
    return lambda port: [
        *(PEERS_BIN / "gunicorn", "--worker-class", "gthread", "--workers", "1", "--threads", "4"),
        *("--bind", f"127.0.0.1:{port}", "--log-level", "critical", f"tests.bench.peers.{module}:server"),
    ]


def streamlit(port: int) -> list[str | Path]:
    return [
        *(PEERS_BIN / "streamlit", "run", Path(__file__).with_name("streamlit_app.py")),
        *("--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"),
        *("--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false"),
        *("--global.developmentMode", "false", "--logger.level", "error"),
    ]


def serve(port: int) -> list[str | Path]:
    return [sys.executable, "manage.py", "serve"]


def ours(folder: Path, upstream: str) -> App:
    """The dashboard with a key and one process of four threads, as a user who is signed in."""
    folder.mkdir()
    chosen = {"WEB_THREADS": "4", "LOG_LEVEL": "CRITICAL"}
    site = Keyed(folder, upstream, KEY, **chosen)
    cookies = {name: value for name, value in site.http.cookies.items() if name is not None}
    site.stop()
    return App(
        OURS,
        serve,
        lambda tab: tab.select_option("#f-group_by", "properties.region"),
        painted=".chart .marks path",
        changed=f'[data-legend] [data-group="{ANOTHER_GROUP}"]',
        path=OUR_PAGE,
        live=f".chart {LIVE}",
        environment=chosen
        | {"AUTUMN_SECRET_KEY": KEY, "AUTUMN_API_URL": upstream, "DATA_DIR": str(folder)}
        | {"ENV_FILE": os.devnull},
        cookies=cookies,
    )


def peers(upstream: str, static: Path) -> list[App]:
    """`static`: the dashboard's collected files, which the sketch serves too."""
    environment = {"PEERS_UPSTREAM": upstream, "PEERS_KEY": KEY, "PEERS_STATIC": str(static)}
    legend_text = f'.legendtext[data-unformatted="{ANOTHER_GROUP}"]'
    return [
        App(
            SKETCH,
            gunicorn("sketch"),
            lambda tab: tab.click("input[value=region]"),
            painted=".marks .bar",
            changed=f'[data-group="{ANOTHER_GROUP}"]',
            environment=environment,
        ),
        App(
            DASH,
            gunicorn("dash_app"),
            lambda tab: tab.click("#group label:nth-of-type(2)"),
            painted=LIVE,
            changed=legend_text,
            environment=environment,
        ),
        App(
            STREAMLIT,
            streamlit,
            lambda tab: tab.click("[data-testid=stRadio] label:has-text('region')"),
            painted=LIVE,
            changed=legend_text,
            environment=environment,
        ),
    ]
