"""Share links for minutes: ten thousand made-up queries, a crowd of guesses, processes that are killed."""

from __future__ import annotations

import os
import random
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from django.test import Client

from dashboard.models import User
from dashboard.sharing import passwords
from dashboard.sharing.models import Share
from tests.conftest import ROOT, Served, person
from tests.sharing.conftest import house
from tests.sharing.house import House
from tests.sharing.test_attack import assault, held
from tests.sharing.test_secrets import Visitor

__all__ = ["house", "person"]  # fixtures

QUERIES = 10_000
KILLS = 200
MIB = 1024 * 1024


@pytest.mark.django_db
def test_ten_thousand_queries(house: House) -> None:
    """Over all share routes and methods: no foreign byte comes back, and no question that the link may not ask goes out."""
    share, token = house.share()
    client = house.holder(share, token)
    statuses = {}
    for seed in range(QUERIES):
        response = assault(client, share, seed)
        statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
        held(house.take())
    print(statuses)
    assert statuses[200] > QUERIES / 50
    assert share.visits.count() < QUERIES


@pytest.mark.django_db
def test_fifty_guesses_at_once() -> None:
    """Fifty Argon2 checks that come together cost at most 250 MiB."""
    share = Share(password_hash=passwords.hashed("correct horse"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    crowd = [threading.Thread(target=guess, args=(share,)) for _ in range(50)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    print(f"grown by {grown / MIB:.0f} MiB")
    assert grown <= 250 * MIB


def guess(share: Share) -> None:
    with passwords._hashing:
        passwords.check_password("guess", share.password_hash)


class Shell:
    """`manage.py share` on a database of its own, to be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(folder),
            "ENV_FILE": os.devnull,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.run("migrate", "--verbosity=0").communicate()

    def run(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "manage.py", *words]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def said_before_death(self, seconds: float, *words: str) -> str:
        process = self.run(*words)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        return process.communicate()[0]

    def rows(self, sql: str) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(self.folder / "db.sqlite3", timeout=20)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return database.execute(sql).fetchall()


def test_killed_while_making_and_revoking(tmp_path: Path) -> None:
    """Killed at a random moment, 200 times: each link that was printed is there, each revocation that was is kept."""
    shell, chance = Shell(tmp_path), random.Random()
    start = time.monotonic()
    shell.run("share", "create", "--customer", "cus_0").communicate()
    usual = time.monotonic() - start
    printed: set[str] = set()
    revoked: set[str] = set()
    for number in range(KILLS):
        moment = chance.uniform(0.5, 1.05) * usual
        if number % 2:
            links = shell.rows("SELECT id FROM sharing_share WHERE revoked_at IS NULL")
            name = chance.choice(links)[0] if links else ""
            if shell.said_before_death(moment, "share", "revoke", name).startswith("Revoked"):
                revoked.add(name)
        else:
            printed.update(re.findall(r"/s/([\w-]{43})\n", shell.said_before_death(moment, "share", "create", "--customer", "c")))
    kept = {row[0] for row in shell.rows("SELECT token_hash FROM sharing_share")}
    ended = {row[0] for row in shell.rows("SELECT id FROM sharing_share WHERE revoked_at IS NOT NULL")}
    print(f"{len(printed)} printed, {len(revoked)} revoked, of {KILLS} kills")
    assert {hash_of(token) for token in printed} <= kept
    assert revoked <= ended
    assert printed
    assert revoked


def hash_of(token: str) -> str:
    from dashboard.sharing.links import hash_of as kept

    return kept(token)
