"""A gateway in front of a server that can fail."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.usage.api.hostile_server import (
    Handler,
    Server,
    serving,
)
from usage.api.cache import Cache, Cached
from usage.api.client import Client
from usage.api.deadline import Deadline
from usage.api.gateway import Gateway, GatewayObserver
from usage.api.limiter import Limiter, MemoryWindow
from usage.api.stores import MemoryStore
from usage.errors import Malformed

KEY = "am_sk_canary_77aa"


BODY = {"customer_id": "cus_secretive"}


class Sleeps(list[float]):
    """A replacement for `time.sleep` that records the seconds."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


class CanarySite:
    """A gateway in front of a server, with a clock for the cache that tests can move."""

    def __init__(self, server: Server, observer: GatewayObserver | None = None) -> None:
        self.server = server
        self.ahead_s = 0.0
        self.sleeps = Sleeps()
        self.client = Client(url=server.url, key=KEY, read_s=1)
        cache = Cache(MemoryStore(clock=self.clock), clock=self.clock)
        # Twenty times the pace, so that no test waits for the limiter; test_limiter tests that.
        limiter = Limiter(MemoryWindow(0.05))
        self.gateway = Gateway(self.client, limiter, cache, sleep=self.sleeps, observer=observer)

    def clock(self) -> float:
        return time.time() + self.ahead_s

    def call(self, *, seconds: float = 15, body: dict[str, object] | None = None, **options: Any) -> Cached:
        return self.gateway.answer(
            "events.list",
            BODY if body is None else body,
            fresh_s=15,
            deadline=Deadline.after(seconds),
            check=json_object,
            **options,
        )


def json_object(body: bytes) -> None:
    """A decoder, as strict as these tests need."""
    try:
        decoded = json.loads(body)
    except ValueError:
        raise Malformed("not JSON") from None
    if not isinstance(decoded, dict):
        raise Malformed("not an object")


@contextmanager
def canary_site(handler: Handler, observer: GatewayObserver | None = None) -> Iterator[CanarySite]:
    with serving(handler) as server:
        built = CanarySite(server, observer)
        yield built
        built.gateway.close()
