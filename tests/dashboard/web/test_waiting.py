"""Requests that wait for Autumn, through real HTTP: how many may, and what the others are told."""

from __future__ import annotations

import json
import selectors
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from io import BytesIO
from itertools import count, islice
from pathlib import Path
from socket import create_connection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from tests.dashboard.live_site import Keyed, listening
from tests.dashboard.metrics.scrape import AUTHORIZATION, TOKEN, parsed
from tests.page import Page
from usage.api.waiting import FOR_ONE_LINK
from usage.sample import SAMPLE_KEY, SampleApp, Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

pytestmark = pytest.mark.slow

THREADS = 12
WAITING = 9
OF_CUSTOMER = 4
INVENTED = 100
ACME, HOOLI = "acme-robotics", "hooli"
CACHED = "/usage/?customer_id=globex&tz=UTC"


class Gate:
    """Autumn, which holds back its answers about some customers until the gate is opened."""

    def __init__(self, store: Store) -> None:
        self._app = SampleApp(store, limit_per_second=None)
        self._opened = threading.Event()
        self._held: Callable[[str], bool] = lambda _: False

    @contextmanager
    def holding(self, held: Callable[[str], bool]) -> Iterator[None]:
        """Hold back answers about customers for whom `held` is true, during the block."""
        self._held = held
        self._opened.clear()
        try:
            yield
        finally:
            self.open()

    def open(self) -> None:
        """Let the answers go."""
        self._opened.set()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = BytesIO(body)
        if self._held(json.loads(body).get("customer_id", "")):
            self._opened.wait(60)
        return self._app(environ, start_response)


@pytest.fixture(scope="module")
def autumn(story: Path) -> Iterator[tuple[Gate, str]]:
    store = Store(story)
    gate = Gate(store)
    with listening(gate) as url:
        yield gate, url
    store.close()


@pytest.fixture
def gate(autumn: tuple[Gate, str]) -> Gate:
    return autumn[0]


@pytest.fixture(scope="module")
def site(autumn: tuple[Gate, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    chosen = {"WEB_THREADS": str(THREADS), "METRICS_TOKEN": TOKEN}
    site = Keyed(tmp_path_factory.mktemp("site"), autumn[1], key=SAMPLE_KEY, **chosen)
    assert site.http.get(CACHED).status_code == 200  # Autumn's age is known from now on
    yield site
    site.stop()


def opened_link(site: Keyed) -> str:
    """The root of a new link to the customer, opened."""
    link = site.manage("share", "create", "--customer", ACME).split()[-1]
    response = site.http.get(urlsplit(link).path, follow_redirects=True)
    assert response.status_code == 200
    return "/".join(response.url.path.split("/")[:3]) + "/"


@contextmanager
def waiting(
    site: Keyed, gate: Gate, held: Callable[[str], bool], addresses: Iterable[str], **headers: str
) -> Iterator[list[Future[httpx.Response]]]:
    """Requests of these addresses, all at once, while answers about some customers are held back."""
    found = list(addresses)
    with ThreadPoolExecutor(len(found)) as pool, gate.holding(held):
        yield [pool.submit(site.http.get, address, headers=headers) for address in found]


def first(how_many: int, requests: list[Future[httpx.Response]]) -> list[httpx.Response]:
    """The first answers; no others have come."""
    done: set[Future[httpx.Response]] = set()
    while len(done) < how_many:
        more, _ = wait(set(requests) - done, timeout=30, return_when="FIRST_COMPLETED")
        assert more, f"{len(done)} of {how_many} were answered"
        done |= more
    assert sum(request.done() for request in requests) == how_many
    return [request.result() for request in done]


def assert_refused(response: httpx.Response) -> None:
    page = Page(response.text)
    assert (response.status_code, "busy" in page.notices) == (503, True)
    assert int(response.headers["Retry-After"]) > 0
    assert page.values("data-asks-again")


_months = count()


def views(customer: str, how_many: int, root: str = "/usage/") -> list[str]:
    """Addresses of views that have no call in common with each other, or with any that came before."""
    who = f"customer_id={customer}&" if customer else ""
    months = [f"{2000 + n // 12}-{n % 12 + 1:02}" for n in islice(_months, how_many)]
    return [f"{root}?{who}tz=UTC&start={month}-01&end={month}-20" for month in months]


def is_acme(customer: str) -> bool:
    return customer == ACME


def test_half_of_the_places_are_for_one_customer(site: Keyed, gate: Gate) -> None:
    """The rest of its requests are refused before they wait; everybody else is served meanwhile."""
    with waiting(site, gate, is_acme, views(ACME, OF_CUSTOMER + 4)) as requests:
        for response in first(4, requests):
            assert_refused(response)
        for address in ("/healthz", "/accounts/password/change/", *views(HOOLI, 2)):
            assert site.http.get(address).status_code == 200
    assert sorted(request.result().status_code for request in requests) == [200] * OF_CUSTOMER + [503] * 4
    assert site.http.get(views(ACME, 1)[0]).status_code == 200


def test_waiting_and_refused_requests_are_counted(site: Keyed, gate: Gate) -> None:
    """The metrics are answered while as many wait as may."""

    def counts() -> tuple[int, int]:
        found = parsed(site.http.get("/metrics", headers={"Authorization": AUTHORIZATION}).text)
        return found["waiting_requests", "autumn"], found["refusals_total", "busy"]

    _, before = counts()
    with waiting(site, gate, is_acme, views(ACME, OF_CUSTOMER + 3)) as requests:
        first(3, requests)
        assert counts() == (OF_CUSTOMER, before + 3)
    assert counts() == (0, before + 3)


def test_a_quarter_of_the_threads_never_waits(site: Keyed, gate: Gate) -> None:
    """However many customers there are."""
    customers = [f"cus_{n}" for n in range(WAITING + 3)]
    addresses = [address for customer in customers for address in views(customer, 1)]
    with waiting(site, gate, lambda customer: customer in customers, addresses) as requests:
        for response in first(3, requests):
            assert_refused(response)
        assert site.http.get("/healthz").status_code == 200
        assert site.http.get(CACHED).status_code == 200


def test_requests_of_one_link_leave_the_others_theirs(site: Keyed, gate: Gate) -> None:
    opened = [opened_link(site) for _ in range(2)]
    addresses = views("", FOR_ONE_LINK + 4, f"{opened[0]}usage/")
    with waiting(site, gate, is_acme, addresses) as requests:
        for response in first(4, requests):
            assert_refused(response)
        other = views("", 1, f"{opened[1]}usage/")[0]
        with ThreadPoolExecutor(1) as pool:
            beside = pool.submit(site.http.get, other)
            assert not wait([beside], timeout=0.5).done
            gate.open()
            assert beside.result().status_code == 200
    assert [request.result().status_code for request in requests].count(200) == FOR_ONE_LINK


def test_answer_that_is_on_its_way_is_asked_for_again(site: Keyed, gate: Gate) -> None:
    """Of all who open the same new view, those beyond the limit get a page that asks again by itself."""
    address = views(ACME, 1)[0]
    with waiting(site, gate, is_acme, [address] * (OF_CUSTOMER + 4)) as requests:
        for response in first(4, requests):
            page = Page(response.text)
            assert (response.status_code, page.notices & {"busy"}) == (200, {"busy"})
            asks = page.one("section", data_notice="busy")
            assert (asks["hx-get"] or "").startswith("/usage/?")
    assert {request.result().status_code for request in requests} == {200}
    assert not Page(site.http.get(address).text).notices & {"busy"}


def test_cached_answer_is_shown_with_the_reason_why_it_is_not_fetched_anew(site: Keyed, gate: Gate) -> None:
    shown = views(ACME, 1)[0]
    assert site.http.get(shown).status_code == 200
    with waiting(site, gate, is_acme, views(ACME, OF_CUSTOMER + 1)) as requests:
        first(1, requests)
        response = site.http.get(shown, headers={"Cache-Control": "no-cache"})
        assert response.status_code == 200
        assert Page(response.text).notices & {"busy", "stale"} == {"busy"}
        assert Page(response.text).all(class_="bar")


def test_export_waits_like_a_page(site: Keyed, gate: Gate) -> None:
    """It keeps its place until its last byte is sent, and has returned it then."""
    with waiting(site, gate, is_acme, views(ACME, OF_CUSTOMER + 1)) as requests:
        first(1, requests)
        assert site.http.get(f"/events/export.csv?customer_id={ACME}&range=7d").status_code == 503
    for _ in range(OF_CUSTOMER + 1):
        assert site.http.get(f"/events/export.csv?customer_id={ACME}&range=24h").status_code == 200


def test_invented_sessions_and_links_delay_no_user(site: Keyed) -> None:
    """Their requests wait for each other: a user's page is not behind one of each."""
    assert site.http.get(CACHED).status_code == 200
    invented = [f"/shared/invented{n}/usage/" for n in range(INVENTED)] + ["/usage/"] * INVENTED
    [own] = [each.value for each in site.http.cookies.jar if each.name == "sessionid"]
    heads = [head(path, f"sessionid=invented{n}") for n, path in enumerate(invented)]
    with ExitStack() as stack, selectors.DefaultSelector() as answers:
        address = ("127.0.0.1", site.served.port)
        # The server reads from connections in their order: from the user's as soon as the request is sent.
        page, *others = [stack.enter_context(create_connection(address)) for _ in (CACHED, *heads)]
        for connection, sent in (*zip(others, heads, strict=True), (page, head(CACHED, f"sessionid={own}"))):
            answers.register(connection, selectors.EVENT_READ)
            connection.sendall(sent)
        ahead = 0
        while page in (waiting := {key.fileobj for key in answers.get_map().values()}):
            ahead = len(heads) + 1 - len(waiting)
            for key, _ in answers.select(60):
                answers.unregister(key.fileobj)
        assert page.recv(15) == b"HTTP/1.1 200 OK"
    assert ahead < INVENTED  # of twice as many: some are answered before the user's arrives


def head(path: str, cookies: str) -> bytes:
    """A request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\n\r\n".encode()
