"""Minutes of heavy load in front of a strict Autumn, in real time."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from tests.usage.api.hostile_server import Request, answer, serving
from usage.api.deadline import Deadline
from usage.api.gateway import Gateway, open_gateway
from usage.errors import UsageError

KEY = "am_sk_of_the_load_test"
PAGES, USERS, CUSTOMERS, CALLS = 120, 12, 30, 4


class StrictAutumn:
    """Five calls for each customer in each of its seconds, behind a network with a delay of 20 to 180 ms.

    `phase` is the start of its seconds. `reported`: whether it sends RateLimit headers.
    """

    def __init__(self, phase: float, *, reported: bool) -> None:
        self.phase = phase
        self.reported = reported
        self.counts: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.statuses: Counter[int] = Counter()
        self.mutex = threading.Lock()

    def reply(self, request: Request) -> bytes:
        customer = msgspec.json.decode(request.body).get("customer_id", "")
        with self.mutex:
            now = time.time() + self.phase
            self.counts[customer, int(now)] += 1
            remaining = 5 - self.counts[customer, int(now)]
            self.statuses[429 if remaining < 0 else 200] += 1
        headers = (
            {"RateLimit-Remaining": str(max(0, remaining)), "RateLimit-Reset": "1"} if self.reported else {}
        )
        return answer(429, b"Too many requests", headers) if remaining < 0 else answer(200, b"{}", headers)


def page(gateway: Gateway, customer: str, number: int) -> None:
    """A page that is not cached: its calls run in parallel."""
    deadline = Deadline.after(15)

    def call(part: int) -> None:
        body = {"customer_id": customer, "offset": number * CALLS + part}
        gateway.answer("events.list", body, fresh_s=15, deadline=deadline, check=msgspec.json.decode)

    together([partial(call, part) for part in range(CALLS)])


def together(calls: list[Callable[[], None]]) -> None:
    """Run all of them concurrently; none may fail."""
    failures: list[UsageError] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except UsageError as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize("reported", [True, False])
@pytest.mark.parametrize("processes", [1, 2])
def test_many_viewers_never_exceed_the_rate_limit(redis_url: str, processes: int, reported: bool) -> None:
    """No user sees a 429, and at most one call in 200 gets one."""
    autumn = StrictAutumn(random.random(), reported=reported)

    def handle(connection: socket.socket, number: int) -> None:
        server.stopping.wait(random.uniform(0.01, 0.09))
        reply = autumn.reply(server.requests[number])
        server.stopping.wait(random.uniform(0.01, 0.09))
        connection.sendall(reply)

    with serving(handle) as server:
        shared = redis_url if processes > 1 else ""
        gateways = [open_gateway(url=server.url, key=KEY, redis_url=shared) for _ in range(processes)]
        together([partial(work, gateways[person % processes], person) for person in range(USERS)])
        for gateway in gateways:
            gateway.close()
    calls = autumn.statuses.total()
    print(f"{processes} gateway(s), headers {reported}: {dict(autumn.statuses)} of {calls}")
    assert autumn.statuses[429] <= calls / 200


def work(gateway: Gateway, person: int) -> None:
    """One user opens ten customers, one page after the other."""
    for number in range(PAGES // USERS):
        page(gateway, f"cus_{random.randrange(CUSTOMERS)}", person * PAGES + number)


@pytest.mark.parametrize("phase", [0.0, 0.3, 0.6, 0.9])
def test_forty_threads_on_one_customer_stay_within_the_limit(phase: float) -> None:
    """In real time, Autumn never counts a sixth call."""
    autumn = StrictAutumn(phase, reported=False)

    def handle(connection: socket.socket, number: int) -> None:
        server.stopping.wait(random.uniform(0.01, 0.09))
        connection.sendall(autumn.reply(server.requests[number]))

    with serving(handle) as server:
        gateway = open_gateway(url=server.url, key=KEY)
        deadline = Deadline.after(30)

        def call(number: int) -> None:
            body = {"customer_id": "cus_1", "offset": number}
            gateway.direct("events.list", body, deadline=deadline, check=msgspec.json.decode, urgent=True)

        together([partial(call, number) for number in range(40)])
        gateway.close()
    assert autumn.statuses[429] == 0
