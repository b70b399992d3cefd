"""PostgreSQL, Redis and the sample backend as processes of their own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, free_port
from tests.usage.conftest import redis_server, redis_url

__all__ = ["redis_server", "redis_url"]


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


class Postgres:
    """A PostgreSQL server on a free port, in `folder`, which its user must own."""

    def __init__(self, bin_dir: Path, folder: Path) -> None:
        self._bin_dir, self._folder = bin_dir, folder
        self._port = free_port()
        self._run("initdb", "-U", "dashboard_test", "-A", "trust", "--no-sync")
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://dashboard_test@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        options = f"-p {self._port} -k {self._folder} -F"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self._folder / "log"), "start")

    def stop(self) -> None:
        """Disconnect everybody, and close the port."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *options: str) -> None:
        command = [self._bin_dir / program, "-D", self._folder / "data", *options]
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, cwd=self._folder, **quiet, **as_postgres())  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL server. If PostgreSQL is not installed: skip, or fail under REQUIRE_SERVICES=1."""
    bin_dir = programs()
    if bin_dir is None:
        (pytest.fail if os.environ.get("REQUIRE_SERVICES") == "1" else pytest.skip)(
            "no PostgreSQL is installed"
        )
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"dashboard-postgres-{os.getpid()}"
    folder.mkdir(mode=0o700)
    if owner := as_postgres():
        os.chown(folder, int(str(owner["user"])), int(str(owner["group"])))
    server = Postgres(bin_dir, folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def postgres(postgres_server: Postgres) -> str:
    """Its URL."""
    return postgres_server.url


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
