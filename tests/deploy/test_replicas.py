"""Three replicas behind nginx: they act as one, and go on while one of them, Redis or PostgreSQL is away."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from redis import Redis

from tests.conftest import Served
from tests.dashboard.live_site import listening
from tests.dashboard.metrics.scrape import AUTHORIZATION, TOKEN, Counts, parsed
from tests.deploy.nginx import HOST
from tests.deploy.replicas import REPLICAS, Replicas, post, replicas_of, sign_in, token_of
from tests.page import Page
from tests.services.conftest import Postgres
from tests.services.test_failures import STAFF, OwnRedis, is_served, says_that_the_database_is_away
from tests.services.test_metrics import PROBES
from tests.usage.api.origin import eventually
from usage.api.pace import AUTUMN_PER_SECOND
from usage.sample import SampleApp, Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"
PACED, SHARED, HELD, AWAY = "globex", "initech", "hooli", "umbrella-health"
"""Each test has a customer of its own, so that none finds what another one cached."""
CACHED = "/usage/?customer_id=acme-robotics&start=2026-09-01&end=2026-09-30&tz=UTC"
PER_REPLICA = 2
"""Requests at each of them when one is killed."""


class Call(NamedTuple):
    second: int
    body: bytes
    status: int


class Autumn:
    """The sample with its limit. It records the calls for each customer's events, and holds them back while
    `answers` is not set.
    """

    def __init__(self, app: SampleApp) -> None:
        self.app = app
        self.answers = Event()
        self.answers.set()
        self._mutex = Lock()
        self._calls: dict[str, list[Call]] = {}

    def take(self, customer: str) -> list[Call]:
        """The customer's calls since this was last asked."""
        with self._mutex:
            return self._calls.pop(customer, [])

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        second = int(self.app.store.clock())
        self.answers.wait(60)

        def begin(status: str, *more: Any) -> Callable[[bytes], object]:
            if environ["PATH_INFO"].startswith("/v1/events."):
                with self._mutex:
                    calls = self._calls.setdefault(json.loads(body).get("customer_id", ""), [])
                    calls.append(Call(second, body, int(status[:3])))
            return start_response(status, *more)

        return self.app(environ, begin)


@dataclass
class Deployment:
    """The replicas, what they depend on, and `http`: a user who has signed in through nginx."""

    replicas: Replicas
    autumn: Autumn
    redis: OwnRedis
    postgres: Postgres
    http: httpx.Client
    windows: int = 0

    def cold_page(self, customer: str) -> str:
        """The address of a page that nobody has viewed: it begins on a day of its own."""
        self.windows += 1
        start = date(2026, 4, 1) + timedelta(days=self.windows)
        return f"/usage/?customer_id={customer}&start={start}&end=2026-09-30&tz=UTC"

    def show(self, site: Served, path: str) -> bool:
        """Whether this replica answers with figures."""
        return has_figures(self.replicas.ask(site, path, self.http.cookies))

    def waiting(self, site: Served) -> int:
        """How many of its requests wait for Autumn."""
        return counts_of(site)["waiting_requests", "autumn"]

    def assert_one_pace(self, customer: str) -> None:
        """Cold pages, asked from all replicas at once, exceed Autumn's limit in no second."""
        self.autumn.take(customer)
        pages = [(site, self.cold_page(customer)) for site in self.replicas.sites for _ in range(2)]
        with ThreadPoolExecutor(len(pages)) as people:
            shown = list(people.map(lambda page: self.show(*page), pages))
        assert shown == [True] * len(pages)
        calls = self.autumn.take(customer)
        assert len(calls) > 2 * AUTUMN_PER_SECOND
        assert {call.status for call in calls} == {200}
        assert max(Counter(call.second for call in calls).values()) <= AUTUMN_PER_SECOND


def counts_of(site: Served) -> Counts:
    headers = {"Host": HOST, "Authorization": AUTHORIZATION}
    return parsed(httpx.get(f"{site.url}/metrics", headers=headers, timeout=60).text)


def has_figures(response: httpx.Response) -> bool:
    return response.status_code == 200 and Page(response).has(data_feature=True, data_sum=True)


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: Postgres,
    prepared_folder: Callable[[], Any],
) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("replicas")
    story = Store(shutil.copy2(prepared_folder() / "sample.sqlite3", folder))
    autumn, redis = Autumn(SampleApp(story)), OwnRedis(folder)
    addresses = {"DATABASE_URL": postgres_server.url, "REDIS_URL": redis.url, "METRICS_TOKEN": TOKEN}
    with (
        closing(redis),
        closing(story),
        listening(autumn) as url,
        replicas_of(folder, AUTUMN_API_URL=url, **addresses) as replicas,
        replicas.proxy.client() as http,
    ):
        user = ("--noinput", "--username", "ann", "--email", "ann@example.com")
        replicas.manage("createsuperuser", *user, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
        sign_in(http, "ann", PASSWORD)
        yield Deployment(replicas, autumn, redis, postgres_server, http)


def test_replicas_share_one_pace(deployment: Deployment) -> None:
    deployment.assert_one_pace(PACED)


def test_one_replica_fetches_a_cold_page_for_all(deployment: Deployment) -> None:
    """All have requested it before Autumn answers, and no call is made twice."""
    page = deployment.cold_page(SHARED)
    with held(deployment.autumn), ThreadPoolExecutor(REPLICAS) as people:
        shown = [people.submit(deployment.show, site, page) for site in deployment.replicas.sites]
        eventually(lambda: all(map(deployment.waiting, deployment.replicas.sites)))
        deployment.autumn.answers.set()
        assert [each.result() for each in shown] == [True] * REPLICAS
    bodies = [call.body for call in deployment.autumn.take(SHARED)]
    assert bodies
    assert len(bodies) == len(set(bodies))


@contextmanager
def held(autumn: Autumn) -> Iterator[None]:
    """Autumn does not answer, at most until the end of the block."""
    autumn.answers.clear()
    try:
        yield
    finally:
        autumn.answers.set()


def test_sign_in_and_sign_out_hold_at_all_replicas(deployment: Deployment) -> None:
    replicas = deployment.replicas
    with replicas.proxy.client() as http:
        sign_in(http, "ann", PASSWORD)
        session = httpx.Cookies(http.cookies)
        assert replicas.ask_all("/shares/", session) == [200] * REPLICAS
        token = token_of(http, "/accounts/logout/")
        assert post(http, "/accounts/logout/", token).status_code == 302
        assert replicas.ask_all("/shares/", session) == [302] * REPLICAS


def test_revocation_is_felt_at_all_replicas(deployment: Deployment) -> None:
    """By the next request."""
    replicas = deployment.replicas
    for _ in replicas.sites:  # nginx gives each of them a turn to revoke
        made = replicas.manage("share", "create", "--customer", "acme-robotics").strip()
        with replicas.proxy.client() as recipient:
            root = recipient.get(urlsplit(made).path).headers["Location"]
            page = f"{root}events/?per_page=50"
            assert replicas.ask_all(page, recipient.cookies) == [200] * REPLICAS
            token = token_of(deployment.http, "/shares/")
            path = f"/shares/{root.split('/')[2]}/revoke"
            assert post(deployment.http, path, token).status_code == 302
            assert replicas.ask_all(page, recipient.cookies) == [404] * REPLICAS


def test_killed_replica_loses_no_view_and_stores_no_form_twice(deployment: Deployment) -> None:
    """nginx requests a page again from another one, but does not send a form again."""
    replicas, http = deployment.replicas, deployment.http
    new_view = CACHED.replace("/usage/", "/views/new/usage/")
    token = token_of(http, new_view)
    assert has_figures(http.get(CACHED))
    pages = [deployment.cold_page(HELD) for _ in range(REPLICAS * PER_REPLICA)]
    names = [f"view {number}" for number in range(REPLICAS)]
    killed = replicas.sites[1]
    over = Event()
    with ThreadPoolExecutor(len(pages) + len(names) + 1) as people:
        with held(deployment.autumn), no_view_stored(deployment.postgres) as stuck:
            views = [people.submit(http.get, page) for page in pages]
            eventually(lambda: [*map(deployment.waiting, replicas.sites)] == [PER_REPLICA] * REPLICAS)
            forms = {name: people.submit(post, http, new_view, token, name=name) for name in names}
            eventually(lambda: stuck() == REPLICAS)
            load = people.submit(statuses_until, over, http)
            killed.kill()
            assert [http.get(CACHED).status_code for _ in range(9)] == [200] * 9
        assert all(has_figures(view.result()) for view in views)
        over.set()
        assert load.result() == {200}
    stored = {name for name, form in forms.items() if form.result().status_code == 302}
    assert sorted(form.result().status_code for form in forms.values()) == [302, 302, 502]
    assert names_of_views(deployment.postgres) == sorted(stored)
    killed.start()
    eventually(lambda: http.get("/healthz").is_success and counts_of(killed)[PROBES] > 0)


def statuses_until(over: Event, http: httpx.Client) -> set[int]:
    statuses = set()
    while not over.is_set():
        statuses.add(http.get(CACHED).status_code)
    return statuses


@contextmanager
def no_view_stored(postgres: Postgres) -> Iterator[Callable[[], int]]:
    """No view can be stored in the block, which gets a function that counts the requests that wait for it."""
    with psycopg.connect(postgres.url) as connection:
        connection.execute("LOCK TABLE dashboard_savedview IN ACCESS EXCLUSIVE MODE")

        def stuck() -> int:
            ((count,),) = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return int(count)

        yield stuck


def names_of_views(postgres: Postgres) -> list[str]:
    with psycopg.connect(postgres.url) as connection:
        return sorted(name for (name,) in connection.execute("SELECT name FROM dashboard_savedview"))


def test_replicas_restart_one_after_the_other(deployment: Deployment) -> None:
    """As in an upgrade; each is served by nginx again at once."""
    for site in deployment.replicas.sites:
        site.kill()
        assert [deployment.http.get(CACHED).status_code for _ in range(3)] == [200] * 3
        site.start()
        assert deployment.show(site, CACHED)  # it answers


def test_threads_that_wait_have_no_connection(deployment: Deployment) -> None:
    """With one for each thread, a few processes would have more than PostgreSQL allows."""
    for site in deployment.replicas.sites:
        for _ in range(8):
            assert deployment.show(site, CACHED)
    with psycopg.connect(deployment.postgres.url, autocommit=True) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE client_port > 0 AND pid <> pg_backend_pid()"
        # What a page has shown is stored after it was sent.
        eventually(lambda: connection.execute(query).fetchone() == (0,))


def test_redis_killed(deployment: Deployment) -> None:
    """Pages go on, and when it is back there is one pace again."""
    sites = deployment.replicas.sites
    pages = {site.port: deployment.cold_page(AWAY) for site in sites}
    deployment.redis.kill()
    for site in sites:
        assert deployment.show(site, CACHED)
        assert deployment.show(site, pages[site.port])
    deployment.redis.start()
    with Redis.from_url(deployment.redis.url) as redis:
        for site in sites:
            before = stored_answers(redis)
            eventually(
                lambda site=site, before=before: (  # type: ignore[misc]
                    deployment.show(site, pages[site.port]) and stored_answers(redis) > before
                )
            )
    deployment.assert_one_pace(PACED)


def stored_answers(redis: Redis) -> set[bytes]:
    """The keys of Autumn's answers."""
    return set(redis.scan_iter("autumn-usage:*:answer"))


def test_postgres_killed(deployment: Deployment) -> None:
    """Each page of each replica is a 503 with a sentence, and is there again with PostgreSQL."""
    replicas, http = deployment.replicas, deployment.http

    def browse() -> dict[str, httpx.Response]:
        direct = {
            f"{site.port}{path}": replicas.ask(site, path, http.cookies)
            for site in replicas.sites
            for path in STAFF
        }
        return direct | {path: http.get(path) for path in STAFF}

    browse()
    deployment.postgres.stop()
    try:
        answers = browse()
        assert {path for path, each in answers.items() if not says_that_the_database_is_away(each)} == set()
        assert replicas.ask_all("/readyz", http.cookies) == [503] * REPLICAS
    finally:
        deployment.postgres.start()
    assert {path for path, each in browse().items() if not is_served(each)} == set()
    assert replicas.ask_all("/readyz", http.cookies) == [200] * REPLICAS
    assert has_figures(http.get(CACHED))
