"""The sample over HTTP, the service in front of it, and one clock for both, which tests can move."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import httpx
import time_machine

from usage.api.cache import Cache
from usage.api.calls import Calls
from usage.api.client import Client
from usage.api.gateway import Gateway
from usage.api.limiter import Limiter
from usage.api.stores import MemoryStore
from usage.known_customers import InMemoryKnownCustomers, Seen
from usage.sample import SAMPLE_KEY, SampleApp, Store
from usage.scope import Scope
from usage.service import open_usage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOUR = 3_600_000
DAY = 24 * HOUR

Wrap = Callable[["WSGIApplication"], "WSGIApplication"]


def ms(text: str, zone: str = "UTC") -> int:
    """Epoch milliseconds of an ISO time in `zone`."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


# A Wednesday, inside an hour.
NOW = ms("2025-11-12T14:25:30.250")


class Recorder:
    """Pass requests on, and store the body of each."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self.bodies: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raw = environ["wsgi.input"].read()
        self.bodies.append((environ["PATH_INFO"].removeprefix("/v1/events."), json.loads(raw)))
        environ["wsgi.input"] = _Input(raw)
        environ["CONTENT_LENGTH"] = str(len(raw))
        return self.app(environ, start_response)


class _Input:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def read(self, _size: int = -1) -> bytes:
        return self._raw


class RecordingStore(MemoryStore):
    """A store that also lists each value that was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def set(self, key: str, value: bytes, ttl_s: float) -> None:
        self.written.append(value)
        super().set(key, value, ttl_s)


class Autumn:
    """`usage` calls `app` over `store`, through JSON, headers, limits and cache.

    `sent` are the request bodies.
    """

    def __init__(self, *, age: str, wrap: Wrap | None, names: bool) -> None:
        self.store = Store()
        self.app = SampleApp(self.store, age=age, limit_per_second=None)
        self.wire = Recorder(wrap(self.app) if wrap else self.app)
        self.cache_store = RecordingStore()
        self.known = InMemoryKnownCustomers()
        client = Client(
            url="https://sample.test", key=SAMPLE_KEY, transport=httpx.WSGITransport(app=self.wire)
        )
        # Tests here never wait for the limiter, which has tests of its own.
        self.gateway = Gateway(
            client, Limiter(per_second=1_000_000), Cache(self.cache_store), sleep=lambda _: None
        )
        self.pool = ThreadPoolExecutor(8)
        self.usage = open_usage(self.gateway, self.known, pool=self.pool, names=names)

    @property
    def sent(self) -> list[tuple[str, dict[str, Any]]]:
        return self.wire.bodies

    def calls(self) -> int:
        """The number of calls for events that were sent since the last use of this method."""
        count = sum(call in ("list", "aggregate") for call, _ in self.sent)
        self.sent.clear()
        return count

    def track(self, at: int | str, value: float = 1, **more: Any) -> None:
        """Ingest an event of `cus_1` and `messages`, at epoch milliseconds or an ISO time in UTC."""
        self.add({"timestamp": ms(at) if isinstance(at, str) else at, "value": value, **more})

    def add(self, *events: dict[str, Any]) -> None:
        """Ingest events, by default of `cus_1` and `messages`."""
        self.store.add({"customer_id": "cus_1", "feature_id": "messages", **event} for event in events)

    def know(self, *features: str, customer_id: str = "cus_1") -> None:
        """Store sightings of these features, and the server's capabilities."""
        self.known.note(Seen(customer_id, feature, 1) for feature in features)

    def cached(self) -> bytes:
        """Every byte that was ever written to the cache."""
        return b"".join(self.cache_store.written)

    def calls_within(self, scope: Scope) -> Calls:
        """The calls below the service, for a recipient."""
        return Calls(self.gateway, self.known, self.pool, scope)


@contextmanager
def autumn(
    now: int = NOW, *, age: str = "current", wrap: Wrap | None = None, names: bool = True
) -> Iterator[Autumn]:
    """A new sample and service, at `now` (epoch ms)."""
    with time_machine.travel(now / 1000, tick=False):
        built = Autumn(age=age, wrap=wrap, names=names)
        try:
            yield built
        finally:
            built.pool.shutdown(cancel_futures=True)  # calls for which no page waits
            built.store.close()


@contextmanager
def later(milliseconds: int) -> Iterator[None]:
    """Move the clock forward by `milliseconds` inside the block."""
    now = datetime.now(UTC).timestamp()
    with time_machine.travel(now + milliseconds / 1000, tick=False):
        yield
