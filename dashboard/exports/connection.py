"""The connection below a response, from the server: exports wait for their client and notice that it left."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Protocol

from django.http import HttpRequest
from waitress.channel import ClientDisconnected

AHEAD = 128 * 1024
"""Bytes that may wait in the server for the client; more are not made before it has taken some."""
STALLED_S = 60.0
"""A client that takes nothing for so long is disconnected: it would occupy its thread for ever."""


class _Channel(Protocol):
    """What is used of the server's connection."""

    connected: bool
    total_outbufs_len: int
    outbuf_lock: threading.Condition


class _Task(Protocol):
    """What is used of the server's request."""

    channel: _Channel

    def write(self, data: bytes) -> None: ...


class Connection:
    """The client's end of a request. Without a server, as in tests, it is connected and takes everything."""

    def __init__(self, request: HttpRequest) -> None:
        self._task: _Task | None = request.META.get("dashboard.task")

    def send_head(self) -> None:
        """Send the response's head now: the server would wait for the first byte of the body."""
        if self._task is not None:
            with suppress(ClientDisconnected):  # `has_left` says so
                self._task.write(b"")

    def has_left(self) -> bool:
        """Whether the client has closed the connection."""
        return self._task is not None and not self._task.channel.connected

    def can_take_more(self, within_s: float) -> bool:
        """Whether few enough bytes wait for the client, now or within the given time."""
        if self._task is None or self._task.channel.total_outbufs_len <= AHEAD:
            return True
        channel = self._task.channel
        with channel.outbuf_lock:
            return channel.outbuf_lock.wait_for(lambda: channel.total_outbufs_len <= AHEAD, within_s)
