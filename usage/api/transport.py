"""An httpx transport whose every wait is bounded by one deadline: names, connecting, headers, body.

httpx's read limit is for each `recv`: a server that drips one byte of a header every few seconds never trips
it, and a limit on the body alone never sees it. Here each read gets what is left of the call's deadline, at
most.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from ssl import SSLContext
from threading import Thread
from typing import Any

import httpcore
import httpx

from usage.api.deadline import Deadline

MAX_CONNECTIONS = 32
KEEP_ALIVE_S = 30.0

Address = tuple[Any, ...]
"""One row of `socket.getaddrinfo`; its last item is the (host, port, …) to connect to."""

Resolver = Callable[[str, int], list[Address]]

# A pooled connection serves call after call, so the deadline belongs to the caller and not to the connection.
# A call begins and ends in one thread, and each thread has its own context.
_deadline: ContextVar[Deadline] = ContextVar("deadline")


@contextmanager
def bounded_by(deadline: Deadline) -> Iterator[None]:
    """Bound everything that this thread reads and writes in the block by `deadline`."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


class DeadlineTransport(httpx.BaseTransport):
    """Pooled HTTP/1.1 with keep-alive. No proxies, no retries, nothing from the environment.

    Raises httpx's `TimeoutException`, `NetworkError` and `RemoteProtocolError`.
    """

    def __init__(self, *, resolve: Resolver | None = None, tls: SSLContext | None = None) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(trust_env=False),
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE_S,
            network_backend=_Backend(resolve or _addresses),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with _httpx_errors():
            answer = self._pool.handle_request(_core_request(request))
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _httpx_errors():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Backend(httpcore.NetworkBackend):
    """Opens sockets; addresses are tried in turn within one limit, not with one limit each."""

    def __init__(self, resolve: Resolver) -> None:
        self._resolve = resolve
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        limit = Deadline.after(_bounded(timeout, httpcore.ConnectTimeout))
        failure: Exception = httpcore.ConnectError("no address")
        for address in _look_up(self._resolve, host, port, limit):
            left = _time_left(limit, httpcore.ConnectTimeout)
            try:
                stream = self._sockets.connect_tcp(address[-1][0], port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream)
        raise failure


class _Stream(httpcore.NetworkStream):
    """A socket whose waits are cut to what is left of the current call's deadline."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _bounded(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _bounded(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        limit = _bounded(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, limit))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _bounded(timeout: float | None, late: type[Exception]) -> float:
    """The wait allowed now, in seconds. Zero would mean "do not block" to a socket: that is raised."""
    left = _time_left(_deadline.get(), late)
    return left if timeout is None else min(timeout, left)


def _time_left(deadline: Deadline, late: type[Exception]) -> float:
    left = deadline.left()
    if left <= 0:
        raise late("the deadline has passed")
    return left


def _addresses(host: str, port: int) -> list[Address]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def _look_up(resolve: Resolver, host: str, port: int, limit: Deadline) -> list[Address]:
    """Resolve in a thread of its own: the system's resolver takes no time limit, and may hang for long."""
    found: Future[list[Address]] = Future()

    def run() -> None:
        try:
            found.set_result(resolve(host, port))
        except (OSError, UnicodeError) as error:
            found.set_exception(error)

    try:
        Thread(target=run, name="resolve", daemon=True).start()
        return found.result(limit.left())
    except RuntimeError as error:
        raise httpcore.ConnectError("no thread can be started") from error
    except TimeoutError:
        raise httpcore.ConnectTimeout("the name was not resolved in time") from None
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error


def _core_request(request: httpx.Request) -> httpcore.Request:
    url = request.url
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


@contextmanager
def _httpx_errors() -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException as error:
        raise httpx.TimeoutException(str(error)) from error
    except httpcore.NetworkError as error:
        raise httpx.NetworkError(str(error)) from error
    except httpcore.ProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
