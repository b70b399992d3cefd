"""The connection below a response, from the server: an export waits for its client and notices that it left."""

from __future__ import annotations

import threading
from typing import Protocol

from django.http import HttpRequest

AHEAD = 128 * 1024
"""Bytes that may wait in the server for the client; more are not made before it has taken some."""
STALLED_S = 60.0
"""A client that takes nothing for so long is disconnected: it would occupy its thread for ever."""


class Channel(Protocol):
    """What is used of the server's connection."""

    connected: bool
    total_outbufs_len: int
    outbuf_lock: threading.Condition


class Connection:
    """The client's end of a request. Without a server, as in tests, it is connected and takes everything."""

    def __init__(self, request: HttpRequest) -> None:
        self._channel: Channel | None = request.META.get("dashboard.channel")

    def has_left(self) -> bool:
        """Whether the client has closed the connection."""
        return self._channel is not None and not self._channel.connected

    def can_take_more(self, within_s: float) -> bool:
        """Whether few enough bytes wait for the client, now or within the given time."""
        channel = self._channel
        if channel is None or channel.total_outbufs_len <= AHEAD:
            return True
        with channel.outbuf_lock:
            condition = lambda: not channel.connected or channel.total_outbufs_len <= AHEAD  # noqa: E731
            return channel.outbuf_lock.wait_for(condition, within_s)
