"""The whole service in real time: many users, many viewers of one page, a long export."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import time_machine

from tests.conftest import free_port
from usage.api.gateway import Gateway, open_gateway
from usage.errors import UsageError
from usage.known_customers import InMemoryKnownCustomers
from usage.query import Query, Range
from usage.sample import SAMPLE_KEY, SampleApp, Store
from usage.sample.story.cast import CUSTOMERS
from usage.service import Usage, open_usage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

USERS, PAGES = 12, 120
VIEWERS = 200
EXPORTED, ARRIVALS_PER_S = 50_000, 20


class Slow:
    """The sample with a delay of 150 ms."""

    def __init__(self, app: SampleApp) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        time.sleep(0.15)
        return self.app(environ, start_response)


@contextmanager
def served(database: Path) -> Iterator[Gateway]:
    """A gateway to the sample on a port, with its real limit of five calls a second."""
    port = free_port()
    command = [sys.executable, "-m", "usage.sample", "--port", str(port), "--db", str(database)]
    with subprocess.Popen(command) as server:
        try:
            _wait_for(port)
            gateway = open_gateway(url=f"http://127.0.0.1:{port}", key=SAMPLE_KEY)
            yield gateway
            gateway.close()
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            httpx.get(f"http://127.0.0.1:{port}/")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError


def together(calls: list[Callable[[], object]]) -> list[UsageError]:
    """Run all of them concurrently, and return their errors."""
    failures: list[UsageError] = []

    def guarded(call: Callable[[], object]) -> None:
        try:
            call()
        except UsageError as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def view(usage: Usage, query: Query) -> None:
    """A usage page: its chart and its newest events in parallel."""
    failures = together([partial(usage.series, query), partial(usage.page, query)])
    if failures:
        raise failures[0]


def test_twelve_users_stay_within_the_rate_limit(tmp_path: Path) -> None:
    """120 pages of 30 customers: no user sees a 429, and at most one call in 200 gets one."""
    customers = [customer.id for customer in CUSTOMERS][:30]

    def work(person: int) -> None:
        chance = random.Random(person)
        for _ in range(PAGES // USERS):
            days: Range = chance.choice(["7d", "30d"])
            query = Query(
                customer_id=chance.choice(customers),
                range=days,
                group_by="properties.model",
                compare="previous",
            )
            view(usage, query)

    with served(tmp_path / "sample.sqlite3") as gateway:
        usage = open_usage(gateway, InMemoryKnownCustomers())
        failures = together([partial(work, person) for person in range(USERS)])
        counts = gateway.counts()
    print(counts)
    assert not failures
    assert counts["limited"] <= counts["calls"] / 200


def test_200_viewers_of_one_page_make_four_calls() -> None:
    """The page is not cached, and Autumn has a delay of 150 ms. All at once: while they take longer than an
    answer is kept, the clock stands.
    """
    store = Store()
    store.ensure_story()
    app = SampleApp(store)
    transport = httpx.WSGITransport(app=Slow(app))
    usage = open_usage(
        open_gateway(url="https://sample.test", key=SAMPLE_KEY, transport=transport), InMemoryKnownCustomers()
    )
    query = Query(
        customer_id="acme-robotics", group_by="properties.model", compare="previous", focus="ai_tokens"
    )
    usage.series(query.having(range="7d"))
    time.sleep(1.2)
    app.calls.clear()
    with time_machine.travel(time.time(), tick=False):
        assert not together([partial(view, usage, query)] * VIEWERS)
    assert len(app.calls) <= 4


def test_export_of_50000_events_has_each_event_once(tmp_path: Path) -> None:
    """30 days, while 20 events a second arrive."""
    database = tmp_path / "sample.sqlite3"
    store = Store(database)
    now = int(time.time() * 1000)
    chance, month = random.Random(1), 29 * 86_400_000
    ats = (
        sorted(now - 1000 - chance.randrange(month) for _ in range(EXPORTED - 3000))
        + [now - 7_200_000] * 3000
    )
    store.add(_event(f"old_{number:05}", at) for number, at in enumerate(ats))
    done = threading.Event()

    def arrive() -> None:
        number = 0
        while not done.wait(1 / ARRIVALS_PER_S):
            number += 1
            # One in four is late, among the exported rows; it may be in the file or not, but repeats no row.
            at = int(time.time() * 1000) - (chance.randrange(month) if number % 4 == 0 else 0)
            store.add([_event(f"new_{number:05}", at)])

    with served(database) as gateway:
        arrivals = threading.Thread(target=arrive)
        arrivals.start()
        try:
            ids = [
                event.id
                for event in open_usage(gateway, InMemoryKnownCustomers()).iterate(
                    Query(customer_id="exported")
                )
            ]
        finally:
            done.set()
            arrivals.join()
        print(gateway.counts())
    store.close()
    assert len(ids) == len(set(ids))
    assert sum(1 for each in ids if each.startswith("old_")) == EXPORTED


def _event(event_id: str, at: int) -> dict[str, object]:
    return {"id": event_id, "timestamp": at, "customer_id": "exported", "feature_id": "messages"}
