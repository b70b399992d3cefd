"""Machines that start at the same moment, on one empty PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.conftest import ROOT, copy_site, free_port

pytestmark = pytest.mark.slow

TWICE = "SELECT app, name FROM django_migrations GROUP BY app, name HAVING count(*) > 1"


def started(command: str, folder: Path, database: str) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    chosen = {"DATA_DIR": str(folder), "ENV_FILE": os.devnull, "DATABASE_URL": database}
    return subprocess.Popen(
        [sys.executable, "manage.py", command],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": str(free_port()), **chosen},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_machines_that_start_at_once_migrate_in_turn(
    tmp_path: Path, postgres: str, prepared_folder: Callable[[], Path]
) -> None:
    """None of them fails: each waits until the others have applied theirs."""
    folder = tmp_path / "serve"
    folder.mkdir()
    copy_site(prepared_folder(), folder, without="db")
    commands = [started("migrate", tmp_path / str(number), postgres) for number in range(3)]
    server = started("serve", folder, postgres)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().removeprefix("Usage dashboard: ").strip()
        with urllib.request.urlopen(f"{address}/readyz", timeout=60) as answer:
            assert answer.status == 200
        printed = [command.communicate(timeout=120)[0] for command in commands]
        assert [command.returncode for command in commands] == [0, 0, 0], printed
        assert sum("No migrations to apply" in each for each in printed) >= 2
    finally:
        for process in (*commands, server):
            process.terminate()
            process.communicate(timeout=30)
    with psycopg.connect(postgres) as connection:
        assert connection.execute(TWICE).fetchall() == []
