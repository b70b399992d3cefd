"""A Redis that answers slowly: a proxy in front of a real one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


@contextmanager
def slow_redis(url: str, delay_s: float) -> Iterator[str]:
    """The URL of a proxy that holds back each answer of the Redis at `url` for so long."""
    target = urlsplit(url)
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    stopping = threading.Event()

    def pass_on(source: socket.socket, sink: socket.socket, delay_s: float) -> None:
        with suppress(OSError), source, sink:
            while data := source.recv(65536):
                if stopping.wait(delay_s):
                    return
                sink.sendall(data)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                redis = socket.create_connection((target.hostname or "", target.port or 0))
                for pipe in ((client, redis, 0.0), (redis, client, delay_s)):
                    threading.Thread(target=pass_on, args=pipe, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
    finally:
        stopping.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
