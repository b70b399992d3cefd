"""The sample in a process of its own, with its limit, which fails as a test says."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Protocol

from tests.dashboard.live_site import listening
from usage.sample import SampleApp, open_sample

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MALFORMED = (
    b"<!doctype html><title>Bad gateway</title>",
    b'{"list": [',
    b"[" * 50_000,
    b'{"list": 7, "total": null, "has_more": "no"}',
    b'{"list": [{"period": NaN, "values": {"api_calls": 1e999}}], "total": {}}',
    b'{"list": [{"id": "evt_\xff"}]}',
    b"",
)


class Failure(IntEnum):
    NONE = 0
    SLOW = 1
    DOWN = 2
    LIMITED = 3
    MALFORMED = 4


class Number(Protocol):
    value: int


class FailingApp:
    """Passes requests on, or fails them. `failure`: which one, shared with the test's process."""

    def __init__(self, app: SampleApp, failure: Number) -> None:
        self._app = app
        self._failure = failure

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        failure = Failure(self._failure.value)
        if failure is Failure.NONE:
            return self._app(environ, start_response)
        if failure is Failure.SLOW:
            time.sleep(random.uniform(0.5, 12))
            return self._app(environ, start_response)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if failure is Failure.DOWN:
            return answer(start_response, random.choice(("500 Broken", "503 Away")), b"")
        if failure is Failure.LIMITED:
            return answer(start_response, "429 Too many", b"Too many requests", ("Retry-After", "1"))
        return answer(start_response, "200 OK", random.choice(MALFORMED))


def answer(start_response: StartResponse, status: str, body: bytes, *more: tuple[str, str]) -> list[bytes]:
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *more])
    return [body]


class FailingAutumn:
    """A running one."""

    def __init__(self, url: str, failure: Number) -> None:
        self.url = url
        self._failure = failure

    @contextmanager
    def fails(self, failure: Failure) -> Iterator[None]:
        """Every call fails in the block."""
        self._failure.value = failure
        try:
            yield
        finally:
            self._failure.value = Failure.NONE


@contextmanager
def failing_autumn(folder: Path, events: Path) -> Iterator[FailingAutumn]:
    """With the events of a file. `folder`: for its database."""
    context = get_context("spawn")
    failure: Number = context.Value("i", Failure.NONE)
    receiving, sending = context.Pipe(duplex=False)
    arguments = (folder / "rows.sqlite3", events, failure, sending)
    process = context.Process(target=_serve, args=arguments, daemon=True)
    process.start()
    try:
        assert receiving.poll(120), "it does not start"
        yield FailingAutumn(receiving.recv(), failure)
    finally:
        process.terminate()
        process.join()


def _serve(database: Path, events: Path, failure: Number, address: Connection) -> None:
    with listening(FailingApp(open_sample(database, events=events), failure)) as url:
        address.send(url)
        Event().wait()
