"""Fifty people in front of three replicas while everything fails in turn, for SOAK_MINUTES, by default ten.

Every figure is compared with the raw events. What was acknowledged is there at the end.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest

from tests.audit import cases
from tests.audit.cases import Case, Kind
from tests.audit.customers import world_of
from tests.audit.findings import Finding
from tests.audit.sharing import created_link
from tests.audit.site import Answer, Visitor
from tests.audit.world import World
from tests.conftest import Served
from tests.deploy.nginx import Proxy
from tests.deploy.replicas import REPLICAS, Replicas, post, replicas_of, token_of
from tests.services.conftest import Postgres, postgres_server
from tests.services.test_failures import OwnRedis
from tests.soak.failing_autumn import FailingAutumn, Failure, failing_autumn
from tests.usage.api.origin import eventually

__all__ = ["postgres_server"]

MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))
SEED = int(os.environ.get("SOAK_SEED", "0")) or random.randrange(1, 10**6)
PEOPLE, PERIOD_S = 50, 10
KILLS = round(20 * MINUTES)
AGE = "current"
CHANGES = 0.15
"""How many of a person's requests change something."""
KINDS: tuple[tuple[Kind, int], ...] = (
    *((cases.usage_page, 40), (cases.usage_file, 15), (cases.drill_down, 12), (cases.list_pages, 10)),
    *((cases.count, 7), (cases.top_values, 6), (cases.explanation, 4), (cases.events_file, 3)),
    (cases.cell_filter, 3),
)
SESSIONS = f"""
from django.test import Client
from dashboard.models import User
for number in range({PEOPLE}):
    client = Client()
    client.force_login(User.objects.create_user(f"person{{number}}", role="sharer"))
    print(client.cookies["sessionid"].value)
"""
ASKS_AGAIN = ("data-asks-again", 'data-notice="busy"')
"""Marks of pages, and of their parts, that are requested again by themselves."""
ANSWERED, REFUSED, AWAY = {200, 302, 400, 404}, {409, 429}, {502, 503}


class Person(Visitor):
    """One user's browser, through nginx."""

    def __init__(self, proxy: Proxy, session: str, soak: Soak) -> None:
        super().__init__(proxy.client(cookies={"sessionid": session}, follow_redirects=True))
        self._soak = soak

    def get(self, url: str, **headers: str) -> Answer:
        """The answer; one that the page will request again counts as none."""
        shown = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            response = self.client.get(url, headers=shown)
        except httpx.TransportError as error:
            self._soak.statuses[type(error).__name__] += 1
            return Answer(url, 503, "", broken=True)
        self._soak.note(response)
        text, file = response.text, response.headers.get("Content-Disposition", "")
        is_answer = not any(mark in text for mark in ASKS_AGAIN)
        return Answer(url, response.status_code if is_answer else 503, text, file=file)


@dataclass
class Acknowledged:
    """What the site said is stored.

    `views`: by user and name. `links`: those that open. `revoked`: those that do not. A change whose answer
    was lost may be stored or not: nothing is expected of such links.
    """

    views: set[tuple[str, str]] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)


@dataclass
class Soak:
    """What fifty people were answered."""

    world: World
    proxy: Proxy
    over: threading.Event = field(default_factory=threading.Event)
    statuses: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    acknowledged: Acknowledged = field(default_factory=Acknowledged)

    def note(self, response: httpx.Response) -> None:
        """Count its status, and who gave it: nginx where the site did not."""
        by = "" if "Usage-Dashboard" in response.headers else " of nginx"
        self.statuses[f"{response.status_code}{by}"] += 1
        if response.status_code not in ANSWERED | REFUSED | AWAY:
            self.wrong.append(f"{response.status_code} {response.url}: {response.text[:2000]}")
        if response.url.path.startswith("/accounts/"):
            self.wrong.append(f"signed out at {response.url}")

    def live(self, number: int, session: str) -> None:
        """One person, until the time is over."""
        chance, person = random.Random(f"{SEED}:{number}"), Person(self.proxy, session, self)
        with person.client:
            while not self.over.wait(chance.uniform(1, 6)):
                if chance.random() < CHANGES:
                    with suppress(httpx.TransportError, IndexError, RuntimeError):
                        chance.choice((self.save_view, self.share))(chance, person, f"person{number}")
                else:
                    self.judge(chance, person)

    def judge(self, chance: random.Random, person: Person) -> bool:
        """View something, and compare it with the raw events. Whether it was answered."""
        kind = chance.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0]
        case = Case(chance, self.world, AGE, chance.choice(self.world.customers), person)
        found = kind(case)
        unanswered = [each for each in found if each.kind.startswith("status")]
        self.kinds[kind.__name__] += not unanswered
        for each in found:
            if each not in unanswered:
                self.compare(case, each)
        return not unanswered

    def compare(self, case: Case, finding: Finding) -> None:
        if finding.said:
            self.said[f"{finding.kind}: {finding.said}"] += 1
        else:
            self.wrong.append(f"{finding.kind}: {finding.shown}; right: {finding.right}\n    {case.url}")

    def save_view(self, chance: random.Random, person: Person, user: str) -> None:
        name = f"view {chance.getrandbits(64):x}"
        path = f"/views/new/usage/?customer_id={quote(chance.choice(self.world.customers).id, safe='')}"
        token = token_of(person.client, path)
        answer = post(person.client, path, token, name=name)
        self.note(answer)
        if answer.history and answer.history[0].status_code == 302:
            self.acknowledged.views.add((user, name))

    def share(self, chance: random.Random, person: Person, user: str) -> None:
        """Create a link; half of them are opened and revoked again."""
        customer = chance.choice([each for each in self.world.customers if each.rows])
        link = created_link(person.client, customer.id, [])
        self.acknowledged.links.add(link)
        if chance.random() < 0.5:
            return
        with self.proxy.client() as recipient:
            root = recipient.get(link).headers.get("Location", "")
            if not root.startswith("/shared/"):
                return
            token = token_of(person.client, "/shares/")
            self.acknowledged.links.discard(link)
            answer = post(person.client, f"/shares/{root.split('/')[2]}/revoke", token)
            if answer.history and answer.history[0].status_code == 302:
                self.acknowledged.revoked.add(link)
                if (status := recipient.get(f"{root}usage/").status_code) not in AWAY | {404}:
                    self.wrong.append(f"{status} for a link that was revoked")


@contextmanager
def away(service: OwnRedis | Postgres) -> Iterator[None]:
    service.stop()
    try:
        yield
    finally:
        service.start()


@contextmanager
def no_room(sites: list[Served]) -> Iterator[None]:
    """No file of any replica can grow in the block, as on a full disk."""
    unlimited = resource.RLIM_INFINITY
    try:
        for site in sites:
            limit_files(site, (0, unlimited))
        yield
    finally:
        for site in sites:
            limit_files(site, (unlimited, unlimited))


def limit_files(site: Served, limits: tuple[int, int]) -> None:
    """First of the process that starts the others, which have its limits."""
    for pid in (site.process.pid, *site.workers):
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def kill_workers(sites: list[Served], over: threading.Event, killed: list[int]) -> None:
    """Evenly over the time."""
    chance, started = random.Random(f"{SEED}:kills"), time.monotonic()
    while len(killed) < KILLS:
        over.wait(max(0.0, started + MINUTES * 60 / KILLS * len(killed) - time.monotonic()))
        if over.is_set():
            return
        if workers := chance.choice(sites).workers:
            with suppress(ProcessLookupError):
                os.kill(workers[0], signal.SIGKILL)
                killed.append(workers[0])


def switch(failures: Iterable[Callable[[], AbstractContextManager[None]]], over: threading.Event) -> None:
    """One after the other, until the time is over."""
    end = time.monotonic() + MINUTES * 60
    for failure in failures:
        if time.monotonic() >= end:
            break
        with failure():
            over.wait(min(PERIOD_S, max(0.0, end - time.monotonic())))


@pytest.fixture
def autumn(tmp_path: Path) -> Iterator[tuple[FailingAutumn, World]]:
    """Autumn with the customers of the auditor."""
    world = world_of(random.Random(SEED), int(time.time() * 1000))
    world.write(tmp_path / "events.jsonl", late=False)
    with failing_autumn(tmp_path, tmp_path / "events.jsonl") as running:
        yield running, world


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[OwnRedis]:
    running = OwnRedis(tmp_path)
    yield running
    running.stop()


def test_no_figure_is_wrong_and_nothing_acknowledged_is_lost(
    tmp_path: Path, autumn: tuple[FailingAutumn, World], redis: OwnRedis, postgres_server: Postgres
) -> None:
    running, world = autumn
    addresses = {"AUTUMN_API_URL": running.url, "REDIS_URL": redis.url, "DATABASE_URL": postgres_server.url}
    with replicas_of(tmp_path, **addresses) as replicas:
        soak, killed = Soak(world, replicas.proxy), list[int]()
        sessions = replicas.manage("shell", "--no-imports", "-c", SESSIONS).split()
        assert len(sessions) == PEOPLE
        failures: list[Callable[[], AbstractContextManager[None]]] = [
            partial(running.fails, Failure.SLOW),
            partial(away, redis),
            partial(running.fails, Failure.DOWN),
            partial(no_room, replicas.sites),
            partial(running.fails, Failure.LIMITED),
            partial(away, postgres_server),
            partial(running.fails, Failure.MALFORMED),
        ]
        with ThreadPoolExecutor(PEOPLE + 1) as threads:
            acts = [threads.submit(kill_workers, replicas.sites, soak.over, killed)]
            acts += [threads.submit(soak.live, *person) for person in enumerate(sessions)]
            try:
                switch(cycle(failures), soak.over)
            finally:
                soak.over.set()
        print(f"seed {SEED}, {len(killed)} kills; answered {dict(soak.kinds)}; {dict(soak.statuses)}")
        print(f"differences that were said: {dict(soak.said)}")
        for act in acts:
            act.result()
        check_end(soak, replicas, postgres_server, sessions[0])
    assert len(killed) >= KILLS - REPLICAS


def check_end(soak: Soak, replicas: Replicas, postgres: Postgres, session: str) -> None:
    """All is well again, by itself, and all that was acknowledged is there."""
    chance, person = random.Random(f"{SEED}:end"), Person(soak.proxy, session, soak)
    with person.client:
        cookies = httpx.Cookies(person.client.cookies)
        eventually(lambda: replicas.ask_all("/readyz", cookies) == [200] * REPLICAS)
        eventually(lambda: [soak.judge(chance, person) for _ in range(5)] == [True] * 5)
    assert not soak.wrong, "\n".join(soak.wrong)
    with psycopg.connect(postgres.url) as connection:
        query = (
            "SELECT u.username, v.name FROM dashboard_savedview v JOIN dashboard_user u ON v.owner_id = u.id"
        )
        stored = connection.execute(query).fetchall()
    acknowledged = soak.acknowledged
    print(
        f"acknowledged: {len(acknowledged.views)} views, {len(acknowledged.links)} links,"
        f" {len(acknowledged.revoked)} revocations"
    )
    assert len(stored) == len(set(stored))
    assert acknowledged.views <= set(stored)
    assert all((acknowledged.views, acknowledged.links, acknowledged.revoked))
    with soak.proxy.client() as recipient:
        assert {recipient.get(link).status_code for link in acknowledged.links} == {302}
        assert {recipient.get(link).status_code for link in acknowledged.revoked} == {404}
