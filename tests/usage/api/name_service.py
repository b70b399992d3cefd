"""The calls for names to the sample over HTTP, with one clock that tests can move."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import time_machine

from tests.usage.sample_service import NOW, Recorder
from usage.api.cache import Cache
from usage.api.calls import CallOptions
from usage.api.client import Client
from usage.api.deadline import Deadline
from usage.api.gateway import Gateway
from usage.api.limiter import Limiter, RateWindow
from usage.api.names import NameCalls, UnavailableCalls
from usage.api.stores import MemoryStore
from usage.sample import SAMPLE_KEY, SampleApp, Store
from usage.scope import Scope

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ENDPOINTS = ("customers.get", "customers.list", "features.list")


class OpenWindow:
    """A window that never waits; `taken` has each call's bucket and the bucket's pace."""

    length_s = 1.1

    def __init__(self) -> None:
        self.taken: list[tuple[str, int]] = []
        self.held: list[str] = []

    def take(self, bucket: str, room: int) -> float:
        self.taken.append((bucket.split(":")[1], room))
        return 0.0

    def hold(self, bucket: str, seconds: float) -> None:
        self.held.append(bucket.split(":")[1])

    def used(self, bucket: str) -> int:
        return 0


class NameService:
    """`answers` replaces the sample's responses, by endpoint: (status line, body)."""

    def __init__(self, *, key: str, age: str, limit_per_second: int | None, window: RateWindow) -> None:
        self.store = Store()
        self.app = SampleApp(self.store, age=age, limit_per_second=limit_per_second)
        self.answers: dict[str, tuple[str, bytes]] = {}
        self.wire = Recorder(self.answer)
        self.written: list[bytes] = []
        client = Client(url="https://sample.test", key=key, transport=httpx.WSGITransport(app=self.wire))
        cache = Cache(_ListingStore(self.written))
        self.gateway = Gateway(client, Limiter(window), cache, sleep=lambda _: None)
        self.unavailable = UnavailableCalls(time.time)
        self.names = NameCalls(self.gateway, self.unavailable)

    def within(self, scope: Scope) -> NameCalls:
        """The calls for a recipient."""
        return NameCalls(self.gateway, self.unavailable, scope)

    def answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The WSGI app that answers the calls."""
        found = self.answers.get(environ["PATH_INFO"].removeprefix("/v1/"))
        if found is None:
            return self.app(environ, start_response)
        start_response(found[0], [("Content-Type", "application/json")])
        return [found[1]]

    def call(self, endpoint: str, **more: Any) -> object:
        """One of the three calls by name, about `cus_1`."""
        calls: dict[str, Callable[[], object]] = {
            "customers.get": lambda: self.names.customer("cus_1", options(**more)),
            "customers.list": lambda: self.names.customers("cus", options(**more)),
            "features.list": lambda: self.names.features(options(**more)),
        }
        return calls[endpoint]()

    def sent(self) -> list[str]:
        """The endpoints that were called since the last use of this method."""
        endpoints = [path.removeprefix("/v1/") for path, _ in self.wire.bodies]
        self.wire.bodies.clear()
        return endpoints


class _ListingStore(MemoryStore):
    def __init__(self, written: list[bytes]) -> None:
        super().__init__(clock=time.time)
        self._written = written

    def set(self, key: str, value: bytes, ttl_s: float) -> None:
        self._written.append(value)
        super().set(key, value, ttl_s)


def options(*, seconds: float = 15, **more: Any) -> CallOptions:
    return CallOptions(Deadline.after(seconds), **more)


@contextmanager
def name_service(
    *,
    key: str = SAMPLE_KEY,
    age: str = "current",
    limit_per_second: int | None = None,
    window: RateWindow | None = None,
) -> Iterator[NameService]:
    """A new service at NOW, with the customer `cus_1`."""
    with time_machine.travel(NOW / 1000, tick=False):
        built = NameService(
            key=key, age=age, limit_per_second=limit_per_second, window=window or OpenWindow()
        )
        built.store.put_customer(
            {"id": "cus_1", "name": "Ada Ltd", "email": "ada@ada.test", "created_at": 1_771_409_161_016}
        )
        try:
            yield built
        finally:
            built.gateway.close()
            built.store.close()
