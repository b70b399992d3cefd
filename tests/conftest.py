"""Shared fixtures: Hypothesis profiles, users, a browser, and the real site."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

if TYPE_CHECKING:
    from django.test import Client
    from playwright.sync_api import Browser
    from pytest_django.fixtures import Settings

    from dashboard.models import User

ROOT = Path(__file__).resolve().parent.parent

# A property test draws 50 examples in `make test` and 1,000 in `make test-slow`; HYPOTHESIS_PROFILE=long
# draws 5,000.
SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
for name, examples in (("default", 50), ("many", 1_000), ("long", 5_000)):
    hypothesis_settings.register_profile(
        name,
        max_examples=examples,
        deadline=None,
        derandomize=bool(os.environ.get("CI")),
        suppress_health_check=SLOW_IS_FINE,
    )
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_report_header() -> str:
    """Which stores the tests run on."""
    from django.conf import settings
    from django.db import connection

    return f"stores: {connection.vendor}, {'redis' if settings.REDIS_URL else 'memory'}"


@pytest.fixture
def live_mode(settings: Settings) -> Iterator[Settings]:
    """The site with a live key and no Autumn: all users have to sign in."""
    settings.AUTUMN_SECRET_KEY = "am_sk_live_of_the_tests"
    settings.AUTUMN_MODE = "live"
    settings.AUTUMN_API_URL = "http://127.0.0.1:9"
    forget()
    yield settings
    forget()


def forget() -> None:
    """End the process's service, so that the next request creates one with the settings of its test."""
    from dashboard import services

    if services.customer_names.cache_info().currsize:
        services.customer_names().close()
    if services.gateway.cache_info().currsize:
        services.gateway().close()
    if services.sample_store.cache_info().currsize:
        services.sample_store().close()
    made = (services.customer_names, services.usage, services.known_customers, services.gateway)
    for each in (*made, services.sample_store):
        each.cache_clear()


@pytest.fixture
def person(db: None) -> Callable[..., User]:
    """Create a user with a role: `person("viewer")`. The default password is `correct horse`."""
    from dashboard.models import User

    def make(role: str = "viewer", username: str | None = None, password: str = "correct horse") -> User:
        return User.objects.create_user(
            username or role, f"{username or role}@example.com", password, role=role
        )

    return make


@pytest.fixture
def signed_in(person: Callable[..., User]) -> Callable[..., Client]:
    """A test client that is signed in with a role: `signed_in("sharer").get("/")`."""
    from django.test import Client

    def enter(role: str = "viewer") -> Client:
        client = Client()
        client.force_login(person(role))
        return client

    return enter


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str | None:
    """The path of the system's Chromium, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, headless. Without one the test is skipped, or fails under REQUIRE_BROWSER=1."""
    from playwright.sync_api import sync_playwright

    path = chromium_path()
    if path is None:
        (pytest.fail if os.environ.get("REQUIRE_BROWSER") == "1" else pytest.skip)("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


class Served:
    """`manage.py serve` in its own process, with its own folder and port.

    `prepared_folder`: a folder in which a site was started and stopped. Other sites copy its files, because
    collecting static files, compressing them and generating the sample's story takes seconds.
    """

    prepared_folder: ClassVar[Callable[[], Path] | None] = None

    def __init__(self, folder: Path, **environment: str) -> None:
        prepared_folder = type(self).prepared_folder
        if prepared_folder is not None:
            copy_site(prepared_folder(), folder, without="db" if "DATABASE_URL" in environment else "")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        stored = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        chosen = {"DATA_DIR": str(folder), "ENV_FILE": os.devnull, "PORT": str(self.port)}
        self._environment = stored | chosen | environment
        self.start()

    def start(self) -> None:
        """Start it, also again after it has ended, and wait until it says where it serves."""
        with (self.folder / "stderr").open("a") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve"],
                cwd=ROOT,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self.first_line = self.process.stdout.readline() if self.process.stdout else ""

    def manage(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a management command of this site."""
        command = [sys.executable, "manage.py", *words]
        env = self._environment | environment
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def workers(self) -> list[int]:
        """The IDs of the processes that answer requests, none if the site has ended."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return sorted(map(int, children.read_text().split())) if children.exists() else []

    def kill(self) -> None:
        """End all its processes at once, as a machine without power does."""
        workers = self.workers
        self.process.kill()
        for worker in workers:
            with suppress(ProcessLookupError):  # it may have ended with its parent
                os.kill(worker, signal.SIGKILL)
        self.process.communicate()

    def stop(self) -> int:
        if self.process.stdout is None or self.process.stdout.closed:
            return self.process.returncode  # it was killed
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        return self.process.returncode


class FirstStart(Served):
    """A site that starts with an empty folder."""

    prepared_folder = None


COLLECTED = {"staticfiles.json", ".collected"}


def copy_site(prepared_folder: Path, folder: Path, without: str) -> None:
    """Copy the files of a stopped site, except its secret and its log."""
    for path in prepared_folder.iterdir():
        name, _, kind = path.name.partition(".")
        if path.is_dir():
            shutil.copytree(path, folder / path.name)
        elif path.name in COLLECTED or (kind.startswith("sqlite3") and name != without):
            shutil.copy2(path, folder)


def prepare_folder(folder: Path) -> Path:
    """A folder in which the site was started once, by the first process of the tests that needs it."""
    folder.mkdir(exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = folder / ".stopped"
        if not mark.exists():
            site = FirstStart(folder)
            assert site.first_line.endswith(f"{site.url}\n"), site.stderr
            # The worker starts after that line; a site that is stopped before would not exit.
            with urllib.request.urlopen(f"{site.url}/healthz", timeout=60) as answer:
                assert answer.status == 200
            assert site.stop() == 0
            mark.touch()
    return folder


@pytest.fixture(scope="session")
def prepared_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Create, once, the folder that sites of the tests are copied from."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return partial(prepare_folder, shared / "prepared_folder")


@pytest.fixture(scope="session", autouse=True)
def _use_prepared_folder(prepared_folder: Callable[[], Path]) -> Iterator[None]:
    Served.prepared_folder = prepared_folder
    yield
    Served.prepared_folder = None


def free_port() -> int:
    """A port for a server that is to be started: none of those from which systems open connections, as one
    of these may be taken until then.
    """
    chance = SystemRandom()
    while True:
        port = chance.randrange(10_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("", port))
            return port


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The real site over sample data: `served.url`. One for all tests of a process."""
    site = Served(tmp_path_factory.mktemp("served"))
    assert site.first_line.endswith(f"{site.url}\n"), site.stderr
    yield site
    site.stop()
