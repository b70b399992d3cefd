"""Disk full, database away, Redis away, Redis full: what was acknowledged holds, what was not says so."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from redis import Redis

from tests.conftest import ROOT, free_port
from tests.dashboard.live_site import Keyed
from tests.page import Page
from tests.services.conftest import Postgres
from tests.usage.conftest import start_redis

pytestmark = pytest.mark.slow

CUSTOMER = "acme-robotics"
STAFF = (
    "/",
    f"/usage/?customer_id={CUSTOMER}&range=7d&tz=UTC",
    f"/events/?customer_id={CUSTOMER}&range=24h&tz=UTC",
    f"/usage/export.csv?customer_id={CUSTOMER}&range=7d&tz=UTC",
    "/shares/",
    "/accounts/2fa/",
    "/admin/",
)
WRITING = "/usage/export.csv"
LINKS = 30
CREATE = f"""
from django.core.management import call_command
for _ in range({LINKS}):
    call_command("share", "create", "--customer", "{CUSTOMER}", "--properties", "model")
"""


class Deployment:
    """A site with links, a user who is signed in, and a recipient of each link."""

    def __init__(self, folder: Path, autumn: str, **settings: str) -> None:
        self.site = Keyed(folder, autumn, "am_sk_sample", **settings)
        self.recipient = httpx.Client(base_url=self.site.served.url, timeout=30)
        self.static = Page(self.get("/").text).all("script", src=True)[0]["src"] or ""
        addresses = self.site.manage("shell", "--no-imports", "-c", CREATE).split()
        self.links = [self.recipient.get(httpx.URL(url).path).headers["Location"] for url in addresses]

    def get(self, path: str) -> httpx.Response:
        return self.site.http.get(path)

    def view(self, link: str) -> int:
        return self.recipient.get(f"{link}usage/").status_code

    def revoke(self, link: str, form: str) -> httpx.Response:
        return self.site.post(f"/shares/{link.split('/')[2]}/revoke", form)

    def browse(self) -> dict[str, httpx.Response]:
        """Every kind of page, of staff and of a recipient."""
        link = self.links[0]
        shared = {
            path: self.recipient.get(path) for path in (f"{link}usage/", f"{link}events/", "/s/unknown")
        }
        return {path: self.get(path) for path in STAFF} | shared

    def probes(self) -> list[int]:
        """Status of liveness, readiness and a static file."""
        return [self.get(path).status_code for path in ("/healthz", "/readyz", self.static)]

    def stop(self) -> None:
        self.recipient.close()
        self.site.stop()


@contextmanager
def running(folder: Path, autumn: str, **settings: str) -> Iterator[Deployment]:
    deployment = Deployment(folder, autumn, **settings)
    try:
        yield deployment
    finally:
        deployment.stop()


def is_served(response: httpx.Response) -> bool:
    return response.status_code in (200, 302) or response.url.path == "/s/unknown"


def says_that_the_database_is_away(response: httpx.Response) -> bool:
    """A page with the notice, or the same as text for a file."""
    if response.status_code != 503 or "Retry-After" not in response.headers:
        return False
    if response.headers["Content-Type"].startswith("text/plain"):
        return bool(response.text)
    return "database-away" in Page(response.text).notices


def test_database_away(tmp_path: Path, postgres_server: Postgres, autumn: str) -> None:
    """Each page is a 503 with a sentence, and is there again with the database."""
    with running(tmp_path, autumn, DATABASE_URL=postgres_server.url) as site:
        form = site.get("/shares/").text
        assert all(map(is_served, site.browse().values()))
        for link in site.links[:2]:
            postgres_server.stop()
            try:
                answers = site.browse()
                assert {
                    path for path, answer in answers.items() if not says_that_the_database_is_away(answer)
                } == set()
                assert says_that_the_database_is_away(site.revoke(link, form))
                assert site.probes() == [200, 503, 200]
            finally:
                postgres_server.start()
            assert {path for path, answer in site.browse().items() if not is_served(answer)} == set()
            assert site.probes() == [200, 200, 200]
            assert site.view(link) == 200
        assert site.revoke(link, form).status_code == 302
        assert site.view(link) == 404
        assert "Traceback" not in "".join(answer.text for answer in site.browse().values())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root can mount a disk")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", folder]).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """A file that takes all the room there is."""
    path = folder / "filling"
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return path


def test_disk_full(tmp_path: Path, small_disk: Path, autumn: str) -> None:
    """Pages are served; a link is revoked, or a 503 says that it is not."""
    folder = tmp_path / "data"
    folder.mkdir()
    database = f"sqlite:///{small_disk}/db.sqlite3"
    with running(folder, autumn, DATABASE_URL=database, TMPDIR=str(small_disk)) as site:
        form = site.get("/shares/").text
        assert all(map(is_served, site.browse().values()))
        filling = fill(small_disk)
        outcomes = {link: site.revoke(link, form) for link in site.links[1:]}
        refused = [link for link, answer in outcomes.items() if answer.status_code == 503]
        assert len(refused) > LINKS // 2
        assert all(says_that_the_database_is_away(outcomes[link]) for link in refused)
        unserved = {path for path, answer in site.browse().items() if not is_served(answer)}
        assert {path.partition("?")[0] for path in unserved} <= {WRITING}
        assert site.probes() == [200, 200, 200]
        for link, answer in outcomes.items():
            assert (answer.status_code, site.view(link)) in {(503, 200), (302, 404)}
        filling.unlink()
        assert {path for path, answer in site.browse().items() if not is_served(answer)} == set()
        for link in refused:
            assert site.revoke(link, form).status_code == 302
            assert site.view(link) == 404


def test_locked_database(tmp_path: Path, autumn: str) -> None:
    """While another process writes, pages are served; a link is not revoked, and the page says so."""
    with running(tmp_path, autumn) as site:
        form, link = site.get("/shares/").text, site.links[1]
        with closing(sqlite3.connect(tmp_path / "db.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert says_that_the_database_is_away(site.revoke(link, form))
            assert is_served(site.get("/shares/"))
            assert site.view(link) == 200
        assert site.revoke(link, form).status_code == 302
        assert site.view(link) == 404


@pytest.mark.parametrize("disk", ["full", "read-only", "read-only with files"])
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_start_on_a_disk_that_cannot_be_written(
    tmp_path: Path, small_disk: Path, disk: str, command: str
) -> None:
    """A sentence, and no trace."""
    if disk == "read-only with files":
        assert manage(small_disk, "check").returncode == 0
    if disk == "full":
        fill(small_disk)
    else:
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = manage(small_disk, command)
    assert done.returncode == 2, done.stderr
    assert "DATA_DIR" in done.stderr
    assert done.stderr.count("\n") == 1


def manage(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder), "ENV_FILE": os.devnull}
    words = [sys.executable, "manage.py", command]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


class OwnRedis:
    """A Redis that this test starts and stops."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            (pytest.fail if os.environ.get("REQUIRE_SERVICES") == "1" else pytest.skip)(
                "no redis-server installed"
            )
        self._program, self._folder, self.port = program, folder, free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._process = start_redis(self._program, self.port, self._folder)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    close = stop

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def limit(self, most_bytes: int) -> None:
        """How much it may hold; it refuses what is more, and evicts nothing."""
        with Redis.from_url(self.url) as redis:
            redis.config_set("maxmemory-policy", "noeviction")
            redis.config_set("maxmemory", most_bytes)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    redis = OwnRedis(tmp_path)
    yield redis
    redis.stop()


@pytest.mark.parametrize(
    ("fail", "mend"),
    [
        (OwnRedis.stop, OwnRedis.start),
        (lambda redis: redis.limit(1), lambda redis: redis.limit(0)),
    ],
    ids=["away", "full"],
)
def test_redis_away_or_full(
    tmp_path: Path,
    autumn: str,
    own_redis: OwnRedis,
    fail: Callable[[OwnRedis], None],
    mend: Callable[[OwnRedis], None],
) -> None:
    """Pages are served from memory, and links are revoked: neither needs Redis."""
    folder = tmp_path / "data"
    folder.mkdir()
    with running(folder, autumn, REDIS_URL=own_redis.url) as site, ExitStack() as undo:
        form = site.get("/shares/").text
        fail(own_redis)
        undo.callback(mend, own_redis)
        assert {path for path, answer in site.browse().items() if not is_served(answer)} == set()
        assert site.probes() == [200, 503, 200]
        link = site.links[1]
        assert site.view(link) == 200
        assert site.revoke(link, form).status_code == 302
        assert site.view(link) == 404
        undo.close()
        assert {path for path, answer in site.browse().items() if not is_served(answer)} == set()
        assert site.probes() == [200, 200, 200]
        assert site.view(link) == 404
