"""The socket below an answer, as gunicorn hands it over: who has nothing to send still has to know who is
there.
"""

from __future__ import annotations

import select
import socket

from django.http import HttpRequest

STALLED_S = 60.0
"""A client that takes no piece for so long is let go: it would keep its thread for ever."""


class Connection:
    """The client's end of a request; without a socket, as in tests, it is always there."""

    def __init__(self, request: HttpRequest) -> None:
        found = request.META.get("gunicorn.socket")
        self._socket = found if isinstance(found, socket.socket) else None
        if self._socket is not None:
            self._socket.settimeout(STALLED_S)

    def has_left(self) -> bool:
        """Whether the other side has closed. What it may have sent instead stays unread."""
        if self._socket is None:
            return False
        poll = select.poll()
        try:
            poll.register(self._socket, select.POLLIN)
            return bool(poll.poll(0)) and not self._socket.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True
