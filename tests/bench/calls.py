"""Calls to Autumn for each view of a page: counts, which do not depend on the machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import httpx

from usage.api.gateway import open_gateway
from usage.known_customers import InMemoryKnownCustomers
from usage.query import Query
from usage.sample import SAMPLE_KEY, SampleApp, Store
from usage.service import open_usage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LATENCY_S = 0.15
VIEWERS = 200
ABOUT = """\
Calls for events + for names. The sample is 150 ms away, with its limit of five calls a second.
The exact count of a window that has ended, or is compared, is one more call beside the others, and is left
out where groups and a comparison need four already. A first visit's list of events comes with the call that
finds the customer's features; its own call follows when the page is on its way, and is counted last."""
PAGE = Query(customer_id="acme-robotics", group_by="properties.model", compare="previous")
VIEWS = {
    "days": PAGE.having(group_by=None, compare=None),
    "days, groups, comparison": PAGE,
    "billing cycle, groups, comparison": PAGE.having(range="1bc"),
    "organization, groups": Query(group_by="$customer_id"),
}


class Slow:
    """The sample with a delay of 150 ms."""

    def __init__(self, app: SampleApp) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        time.sleep(LATENCY_S)
        return self.app(environ, start_response)


class Bench:
    """A service with an empty cache, in front of the sample with its real limit of five calls a second."""

    def __init__(self, store: Store, known_customers: InMemoryKnownCustomers) -> None:
        self.app = SampleApp(store)
        transport = httpx.WSGITransport(app=Slow(self.app))
        self.usage = open_usage(
            open_gateway(url="https://sample.test", key=SAMPLE_KEY, transport=transport), known_customers
        )

    def view(self, query: Query, *, refresh: bool = False) -> None:
        """Load the parts of a usage page: its chart and its newest events, side by side."""
        self.usage.usage_page(query, refresh=refresh)

    def calls(self) -> str:
        """The calls since the last use of this method: for events, and for names with their own pace."""
        events = sum(endpoint in ("list", "aggregate") for endpoint, _ in self.app.calls)
        text = f"{events} + {len(self.app.calls) - events}"
        self.app.calls.clear()
        return text


def together(calls: list[Callable[[], object]]) -> None:
    """Run all of them concurrently, each in a thread; raise the first failure."""
    failures: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def counts(store: Store, query: Query) -> tuple[str, str, str, str]:
    """Calls of a first visit, before its page and after it, of a view that is not cached, of a cached view,
    and of 200 viewers on a first visit.
    """
    bench = Bench(store, InMemoryKnownCustomers())
    bench.view(query)
    first = bench.calls()
    bench.view(query)  # waits for what the first one has requested for it
    first += f", then {bench.calls()}"
    bench.view(query)
    warm = bench.calls()
    time.sleep(1)
    bench.view(query, refresh=True)
    cold = bench.calls()
    time.sleep(1)
    viewers = Bench(store, InMemoryKnownCustomers())
    together([lambda: viewers.view(query)] * VIEWERS)
    return first, cold, warm, viewers.calls()


def report() -> str:
    """A table of calls for each view."""
    store = Store()
    store.ensure_story()
    head = [
        "| view | first visit | cold | warm | 200 viewers at once, first visit |",
        "|---|---|---|---|---|",
    ]
    rows = [f"| {name} | {' | '.join(map(str, counts(store, query)))} |" for name, query in VIEWS.items()]
    return "\n".join([*head, *rows, "", ABOUT])
