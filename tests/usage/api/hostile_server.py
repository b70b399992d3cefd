"""A server of raw sockets that can fail in every way that a network allows."""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Handler = Callable[[socket.socket, int], None]
"""Answers one request; its number counts from 0 over all connections. It may close the socket."""


@dataclass(slots=True)
class Request:
    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Server:
    port: int
    handler: Handler
    tls: ssl.SSLContext | None = None
    connections: int = 0
    requests: list[Request] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    mutex: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def converse(self, plain: socket.socket) -> None:
        with suppress(OSError), plain, self.secured(plain) as connection:
            while request := _read_request(connection):
                with self.mutex:
                    number = len(self.requests)
                    self.requests.append(request)
                self.handler(connection, number)

    def secured(self, plain: socket.socket) -> socket.socket:
        return self.tls.wrap_socket(plain, server_side=True) if self.tls else plain

    def drip(self, connection: socket.socket, data: bytes, every_s: float = 0.05) -> None:
        """Send a byte at a time until the data ends or the test does."""
        for position in range(len(data)):
            connection.sendall(data[position : position + 1])
            if self.stopping.wait(every_s):
                return


def _read_request(connection: socket.socket) -> Request | None:
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        received += chunk
    head, body = received.split(b"\r\n\r\n", 1)
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (text.split(": ", 1) for text in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    return Request(line, headers, body)


@contextmanager
def serving(handler: Handler, *, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve on a free port, a thread for each connection."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    server = Server(listener.getsockname()[1], handler, tls)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                server.connections += 1
                threading.Thread(target=server.converse, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        server.stopping.set()
        # shutdown wakes the thread in accept; close alone would leave the port open behind it.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def answer(status: int = 200, body: bytes = b"{}", headers: dict[str, str] | None = None) -> bytes:
    """A whole HTTP response; `headers` can override its Content-Length."""
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body))} | (headers or {})
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode("latin-1") + body


def always(data: bytes) -> Handler:
    """A handler that sends `data` to every request."""
    return lambda connection, _number: connection.sendall(data)


def one_by_one(*answers: bytes) -> Handler:
    """A handler that sends the answers one after the other, and repeats the last one."""
    return lambda connection, number: connection.sendall(answers[min(number, len(answers) - 1)])


def then_close(data: bytes) -> Handler:
    """A handler that closes the connection after `data`."""

    def handle(connection: socket.socket, _number: int) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()

    return handle


def reset(connection: socket.socket, _number: int = 0) -> None:
    """Close the connection with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def packed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)  # the same bytes in every worker: they are part of test ids


def gzip_bomb(mebibytes: int) -> bytes:
    """gzip of zeros, built from equal blocks that are flushed one by one, so that it takes little memory."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    first = squeeze.compress(bytes(1 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    block = squeeze.compress(bytes(1 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return first + block * (mebibytes - 1)
