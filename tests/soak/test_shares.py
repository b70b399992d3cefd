"""Share links for minutes: ten thousand random queries, concurrent guesses, killed processes."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from http.client import IncompleteRead
from multiprocessing import get_context
from pathlib import Path

import django
import pytest
from django.contrib.auth.hashers import make_password

from dashboard.accounts.hashing import TooBusy
from dashboard.exports.lease import MAX_IN_HOUR
from dashboard.models import ExportRecord
from dashboard.sharing.links import hash_of
from tests.conftest import ROOT, Served, person
from tests.dashboard.sharing.canary_organization import CanarySite
from tests.dashboard.sharing.conftest import canary_site
from tests.dashboard.sharing.test_attack import assault, assert_in_scope
from tests.dashboard.sharing.test_oracle import (
    AGES,
    MakeTwins,
    assert_no_spelling_is_answered,
    still_clock,
    twins,
)
from tests.dashboard.sharing.test_secrets import Visitor

__all__ = ["canary_site", "person", "still_clock", "twins"]  # fixtures

QUERIES = 10_000
KILLS = 200
MIB = 1024 * 1024


@pytest.mark.django_db
@pytest.mark.parametrize("age", AGES)
def test_no_spelling_of_a_hidden_key_is_answered_at_any_age(twins: MakeTwins, age: str) -> None:
    assert_no_spelling_is_answered(twins, (age,))


@pytest.mark.django_db
def test_ten_thousand_queries_return_no_hidden_data(canary_site: CanarySite) -> None:
    """On all share routes with all methods; every call is within the scope."""
    share, token = canary_site.share(exports=True)
    client = canary_site.recipient_client(share, token)
    statuses: Counter[int] = Counter()
    for seed in range(QUERIES):
        if seed % MAX_IN_HOUR == 0:
            ExportRecord.objects.all().delete()  # or the link's later exports would be refused
        response = assault(client, share, seed)
        statuses[response.status_code] += 1
        assert_in_scope(canary_site.take())
    print(statuses)
    assert statuses[200] > QUERIES / 50
    assert share.visits.count() < QUERIES


def test_fifty_concurrent_hashes_take_limited_memory() -> None:
    """At most 250 MiB."""
    with get_context("spawn").Pool(1, django.setup) as fresh:
        grown = fresh.apply(grown_by_fifty)
    print(f"grown by {grown / MIB:.0f} MiB")
    assert 90 * MIB <= grown <= 250 * MIB


def grown_by_fifty() -> int:
    """The growth of this process's peak memory, in bytes, while fifty guesses are hashed."""
    before = peak()
    viewers = [threading.Thread(target=hash_at_last, args=(f"guess {number}",)) for number in range(50)]
    for one in viewers:
        one.start()
    for one in viewers:
        one.join()
    return peak() - before


def hash_at_last(guess: str) -> None:
    """Hash it, again and again until there is room."""
    while True:
        try:
            make_password(guess)
        except TooBusy:
            threading.Event().wait(0.05)
        else:
            return


def peak() -> int:
    """The greatest memory of this process so far, in bytes. `ru_maxrss` would begin with the parent's."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


class Shell:
    """`manage.py share` with its own database, in a process that can be killed."""

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
            command,
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def output_before_kill(self, seconds: float, *words: str) -> str:
        process = self.run(*words)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        return process.communicate()[0]

    def rows(self, sql: str) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(self.folder / "db.sqlite3", timeout=20)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return database.execute(sql).fetchall()


def test_killed_command_has_stored_what_it_printed(tmp_path: Path) -> None:
    """Killed at a random time, 200 times: each printed link exists, and each printed revocation is stored."""
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
            if shell.output_before_kill(moment, "share", "revoke", name).startswith("Revoked"):
                revoked.add(name)
        else:
            printed.update(
                re.findall(
                    r"/s/([\w-]{43})\n",
                    shell.output_before_kill(moment, "share", "create", "--customer", "c"),
                )
            )
    stored = {row[0] for row in shell.rows("SELECT token_hash FROM sharing_share")}
    ended = {row[0] for row in shell.rows("SELECT id FROM sharing_share WHERE revoked_at IS NOT NULL")}
    print(f"{len(printed)} printed, {len(revoked)} revoked, of {KILLS} kills")
    assert {hash_of(token) for token in printed} <= stored
    assert revoked <= ended
    assert printed
    assert revoked


def test_four_workers_apply_a_revocation(redis_url: str, tmp_path: Path) -> None:
    """A second after `share revoke` no worker serves the link."""
    site = Served(tmp_path, WEB_CONCURRENCY="4", REDIS_URL=redis_url)
    try:
        shell = Shell(tmp_path)
        made = shell.run("share", "create", "--customer", "acme-robotics").communicate()[0]
        token = re.findall(r"/s/([\w-]{43})", made)[0]
        visitor = Visitor(site)
        visitor.request(f"/s/{token}")
        [(name,)] = shell.rows("SELECT id FROM sharing_share")
        page = f"/shared/{name}/events/?per_page=50"
        assert {visitor.request(page)[0] for _ in range(40)} == {200}
        assert shell.run("share", "revoke", name).communicate()[0] == "Revoked: 1\n"
        time.sleep(1)
        assert {visitor.request(page)[0] for _ in range(40)} == {404}
    finally:
        site.stop()


@pytest.mark.parametrize("act", ["revoke", "password"])
def test_export_ends_with_its_link(redis_url: str, tmp_path: Path, act: str) -> None:
    """With four workers, the file ends with an error within a second after its link has ended."""
    arrivals: list[float] = []
    site = Served(tmp_path, WEB_CONCURRENCY="4", REDIS_URL=redis_url)
    try:
        owner, recipient_client = Visitor(site), Visitor(site)
        root = recipient_client.unlock(*owner.create(exports="on"))
        export = recipient_client.opener.open(f"{site.url}{root}events/export.jsonl?range=90d", timeout=30)
        assert export.read(1000)
        name = root.split("/")[2]
        _, page = owner.request(f"/shares/{name}/")
        fields = dict(re.findall(r'name="(csrfmiddlewaretoken)" value="([^"]*)"', page))
        assert owner.request(f"/shares/{name}/{act}", password="new", **fields)[0] == 200
        ended = time.monotonic()
        with pytest.raises((IncompleteRead, ConnectionError)):
            arrivals.extend(time.monotonic() for _ in iter(lambda: export.read1(65536), b""))
        late = max((at - ended for at in arrivals), default=0)
        print(f"last bytes {late:.2f} s after the end")
        assert late < 1
    finally:
        site.stop()
