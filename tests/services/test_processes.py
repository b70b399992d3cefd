"""Processes as in production: two of them, one PostgreSQL, one Redis, and the sample on its own port."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import ROOT, Served, free_port
from tests.page import Page
from tests.usage.conftest import redis_server

__all__ = ["redis_server"]

pytestmark = pytest.mark.slow


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, which Debian does not add to the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    path = shutil.which("initdb")
    return Path(path).parent if path else None


def as_postgres() -> dict[str, object]:
    """PostgreSQL refuses to run as root, so it runs as its own user."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server on a free port."""
    bin_dir = programs()
    if bin_dir is None:
        (pytest.fail if os.environ.get("REQUIRE_SERVICES") == "1" else pytest.skip)(
            "no PostgreSQL is installed"
        )
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"dashboard-postgres-{os.getpid()}"
    folder.mkdir(mode=0o700)
    if owner := as_postgres():
        os.chown(folder, int(str(owner["user"])), int(str(owner["group"])))
    port, data = free_port(), folder / "data"
    run = {
        "check": True,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "cwd": folder,
        **as_postgres(),
    }
    initdb = [bin_dir / "initdb", "-D", data, "-U", "dashboard_test", "-A", "trust", "--no-sync"]
    subprocess.run(initdb, **run)  # type: ignore[call-overload]
    control = [bin_dir / "pg_ctl", "-D", data, "-w"]
    start = [*control, "-o", f"-p {port} -k {folder} -F", "-l", folder / "log", "start"]
    subprocess.run(start, **run)  # type: ignore[call-overload]
    yield f"postgresql://dashboard_test@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "-m", "immediate", "stop"], **run)  # type: ignore[call-overload]
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def autumn(tmp_path_factory: pytest.TempPathFactory, prepared_folder: Callable[[], Path]) -> Iterator[str]:
    """The sample backend on a port, in place of Autumn."""
    port = free_port()
    story = shutil.copy2(prepared_folder() / "sample.sqlite3", tmp_path_factory.mktemp("autumn"))
    process = subprocess.Popen(
        [sys.executable, "-m", "usage.sample", "--port", str(port), "--db", str(story)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, postgres: str, redis_server: str, autumn: str
) -> Iterator[Served]:
    """Two processes that share PostgreSQL and Redis, with the sample's key in place of a real one."""
    made = Served(
        tmp_path_factory.mktemp("processes"),
        DATABASE_URL=postgres,
        REDIS_URL=redis_server,
        WEB_CONCURRENCY="2",
        AUTUMN_SECRET_KEY="am_sk_sample",
        AUTUMN_API_URL=autumn,
        SECRET_KEY="only-for-this-test-and-long-enough-for-django-to-like-it-0123456789",
    )
    assert made.first_line.endswith(f"{made.url}\n"), made.stderr
    yield made
    made.stop()


def get(url: str) -> tuple[int, str, str]:
    """Status, final address, and text."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.url, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, url, error.read().decode()


def test_ready_with_real_services(site: Served) -> None:
    """Both processes are ready with a real database and a real cache."""
    for _ in range(8):
        status, _, text = get(f"{site.url}/readyz")
        assert status == 200
        assert json.loads(text)["database"] == json.loads(text)["cache"] == "ok"


def test_tables_are_in_postgres(site: Served, postgres: str) -> None:
    """Accounts and sightings are in PostgreSQL, and there is no SQLite file."""
    with psycopg.connect(postgres) as connection:
        names = {
            row[0]
            for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        }
    assert {"dashboard_user", "dashboard_sighting", "django_session"} <= names
    assert not list(site.folder.glob("db.sqlite3*"))


def test_visitors_are_redirected_to_sign_in(site: Served) -> None:
    status, address, text = get(f"{site.url}/usage/?customer_id=acme-robotics")
    assert status == 200
    assert "/accounts/login/" in address
    page = Page(text)
    assert page.has_field("password")
    assert not page.has(id="view")


def test_user_signs_in_and_sees_figures(site: Served, chromium: Browser) -> None:
    """A user of createsuperuser sees a customer's chart, from either process."""
    secret = "correct horse battery"
    made = site.manage(
        "createsuperuser",
        "--noinput",
        "--username",
        "ann",
        "--email",
        "ann@example.com",
        DJANGO_SUPERUSER_PASSWORD=secret,
    )
    assert made.returncode == 0, made.stderr
    context = chromium.new_context()
    tab = context.new_page()
    tab.goto(f"{site.url}/usage/?customer_id=acme-robotics&range=7d&tz=UTC")
    tab.fill("[name=login]", "ann")
    tab.fill("[name=password]", secret)
    tab.press("[name=password]", "Enter")
    expect(tab.locator("h1")).to_have_text("acme-robotics", timeout=20_000)
    for _ in range(4):
        tab.reload()
        expect(tab.locator(".legend [data-group=ai_tokens]")).to_be_visible()
    context.close()
