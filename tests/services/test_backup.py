"""Backups as docs/maintenance.md has them, while the site runs and writes; and the site on a restored one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Thread

import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.conftest import Served
from tests.dashboard.live_site import Keyed
from tests.services.conftest import programs

pytestmark = pytest.mark.slow

KEY = "am_sk_sample"
SECRET = "only-for-this-test-and-long-enough-for-django-to-like-it-0123456789"
Rows = dict[str, list[str]]


class Writing:
    """A site whose recipient views a link all the time, and each view is written down.

    `token`: the path that opens the link. `cookies`: of a user who is signed in.
    """

    def __init__(self, site: Keyed) -> None:
        self.cookies = site.http.cookies
        address = site.manage("share", "create", "--customer", "acme-robotics", "--properties", "model")
        self.token = httpx.URL(address.split()[0]).path
        self._recipient = httpx.Client(base_url=site.served.url, timeout=60, follow_redirects=True)
        self.view = self._recipient.get(self.token).url.path
        self._written, self._is_over = 0, False
        self._changed = Condition()
        self._thread = Thread(target=self._write)
        self._thread.start()

    def _write(self) -> None:
        while not self._is_over:
            answer = self._recipient.get(self.view, params={"range": "7d", "tz": "UTC"})
            with self._changed:
                self._written += answer.status_code == 200
                self._changed.notify_all()

    def wait_for_writes(self) -> None:
        """Until some were acknowledged from now on."""
        with self._changed:
            wanted = self._written + 3
            assert self._changed.wait_for(lambda: self._written >= wanted, timeout=60)

    def stop(self) -> None:
        self._is_over = True
        self._thread.join()
        self._recipient.close()


@contextmanager
def writing(folder: Path, autumn: str, **settings: str) -> Iterator[Writing]:
    folder.mkdir()
    site = Keyed(folder, autumn, KEY, SECRET_KEY=SECRET, **settings)
    made = Writing(site)
    try:
        made.wait_for_writes()
        yield made
        made.wait_for_writes()
    finally:
        made.stop()
        site.stop()


def check_restored(folder: Path, autumn: str, before: Writing, **settings: str) -> None:
    """The link opens, and the user is still signed in."""
    chosen = {"AUTUMN_SECRET_KEY": KEY, "AUTUMN_API_URL": autumn, "SECRET_KEY": SECRET}
    site = Served(folder, **chosen, **settings)
    try:
        assert site.first_line.endswith(f"{site.url}\n"), site.stderr
        with httpx.Client(base_url=site.url, timeout=60, follow_redirects=True) as recipient:
            opened = recipient.get(before.token)
            assert (opened.status_code, opened.url.path) == (200, before.view)
        with httpx.Client(base_url=site.url, timeout=60, cookies=before.cookies) as user:
            assert user.get("/shares/").status_code == 200
        assert site.manage("doctor").returncode == 0
    finally:
        site.stop()


def rows_of(connection: psycopg.Connection) -> Rows:
    """All rows of all tables, as text."""
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    every = SQL("SELECT each::text FROM {} AS each ORDER BY 1")
    return {
        table: [text for (text,) in connection.execute(every.format(Identifier(table)))]
        for (table,) in connection.execute(tables).fetchall()
    }


def run(program: str, *words: str) -> None:
    """Run a program that comes with PostgreSQL."""
    folder = programs()
    assert folder is not None
    subprocess.run([str(folder / program), *words], check=True)


def test_restored_postgres_equals_the_original(tmp_path: Path, postgres: str, autumn: str) -> None:
    """It has the rows of one moment, whatever is written meanwhile."""
    file, restored = tmp_path / "dashboard.dump", postgres.removesuffix("/postgres") + "/restored"
    with writing(tmp_path / "before", autumn, DATABASE_URL=postgres) as site:
        with psycopg.connect(postgres) as moment:
            moment.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            [snapshot] = moment.execute("SELECT pg_export_snapshot()").fetchone() or []
            site.wait_for_writes()
            run("pg_dump", "--format=custom", f"--file={file}", f"--snapshot={snapshot}", postgres)
            original = rows_of(moment)
        with psycopg.connect(postgres, autocommit=True) as connection:
            assert rows_of(connection) != original
            connection.execute("CREATE DATABASE restored")
    run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={restored}", str(file))
    with psycopg.connect(restored) as connection:
        assert rows_of(connection) == original
    assert len(original["sharing_share"]) == len(original["dashboard_user"]) == 1
    assert original["sharing_visit"]
    assert original["django_session"]
    after = tmp_path / "after"
    after.mkdir()
    check_restored(after, autumn, site, DATABASE_URL=restored)


class Sqlite:
    """SQLite's own program at a database, which it views as of one moment until it ends."""

    def __init__(self, program: str, database: Path) -> None:
        self._process = subprocess.Popen(
            [program, "-batch", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("BEGIN; SELECT count(*) FROM django_migrations;\n")
        self._process.stdin.flush()
        assert int(self._process.stdout.readline()) > 0

    def run(self, *commands: str) -> str:
        printed, _ = self._process.communicate("".join(f"{each}\n" for each in commands), timeout=60)
        assert self._process.returncode == 0
        return printed


def test_restored_sqlite_equals_the_original(tmp_path: Path, autumn: str) -> None:
    """It has the rows of one moment, whatever is written meanwhile."""
    program = shutil.which("sqlite3")
    if program is None:
        (pytest.fail if os.environ.get("REQUIRE_SERVICES") == "1" else pytest.skip)("no sqlite3 is installed")
    copy = tmp_path / "copy.sqlite3"
    with writing(tmp_path / "before", autumn) as site:
        moment = Sqlite(program, tmp_path / "before" / "db.sqlite3")
        site.wait_for_writes()
        original = moment.run(f".backup {copy}", ".dump")
    assert Sqlite(program, copy).run(".dump") == original
    assert Sqlite(program, tmp_path / "before" / "db.sqlite3").run(".dump") != original
    for table in ("sharing_share", "sharing_visit", "django_session"):
        assert f"INSERT INTO {table} " in original
    after = tmp_path / "after"
    after.mkdir()
    shutil.copy2(copy, after / "db.sqlite3")
    check_restored(after, autumn, site, DATABASE_URL=f"sqlite:///{after}/db.sqlite3")
