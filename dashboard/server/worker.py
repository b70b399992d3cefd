"""What a process of the server does: gunicorn starts, watches and stops it, and waitress speaks HTTP in it.

One thread of waitress reads all requests and sends all answers; a worker thread gets a request when its body
is complete, and a page leaves it at once. Waitress limits sizes. The limits of time are here.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import time
from typing import Any

from django.conf import settings
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.task import WSGITask

from dashboard.metrics.counts import note_waiting
from dashboard.server.dispatch import RUNS_S, FairDispatcher, Lanes
from dashboard.server.waiting import places

HEAD_BYTES = 32 * 1024
BODY_BYTES = 1024 * 1024
"""No form of the site is larger."""
REQUEST_S = 30.0
"""A request must be complete this long after its first byte."""
IDLE_S = 75
"""An open connection without a request, and one whose client takes nothing, is closed after this time."""
CONNECTIONS = 500
"""Below the limit of open files that most systems have."""
SWITCH_S = 0.0002
"""How long a thread keeps the interpreter while others want it. The thread that reads and sends is one of
them, and needs it again after each of its steps: with 0.001, it was late for all visitors while a few
requested much.
"""
SPARE = 50
"""When fewer connections are left, idle ones are closed."""
MEMORY_BYTES = 256 * 1024
"""More of one request or answer waits in a temporary file."""
STOP_S = 15.0
"""Requests that run have this long when the server stops; gunicorn's `graceful_timeout` is longer."""
SETTINGS: dict[str, Any] = {
    "asyncore_use_poll": True,
    "channel_request_lookahead": 1,  # a client that leaves is noticed while its request runs
    "channel_timeout": IDLE_S,
    "cleanup_interval": 5,
    "clear_untrusted_proxy_headers": False,  # the middleware does it
    "connection_limit": CONNECTIONS + 2,  # with the listening socket and the trigger
    "ident": "",
    "inbuf_overflow": MEMORY_BYTES // 4,
    "log_socket_errors": False,
    "max_request_body_size": BODY_BYTES,
    "max_request_header_size": HEAD_BYTES,
    "outbuf_overflow": MEMORY_BYTES,
}


class Task(WSGITask):
    """A request in its thread."""

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ["dashboard.task"] = self
        return environ

    def execute(self) -> None:
        try:
            super().execute()
        except OSError:
            self.channel.will_close = True  # at once: what still waits to be sent is dropped
            raise
        finally:
            self.get_environment().pop("dashboard.task", None)  # no circle for the collector

    def write(self, data: bytes) -> None:
        channel = self.channel
        if channel.current_outbuf_count > MEMORY_BYTES:
            # Waitress takes a fresh buffer now. One that a long export shares would grow while it is read.
            channel.current_outbuf_count = channel.adj.outbuf_high_watermark
        super().write(b"" if self._is_head() else data)

    def finish(self) -> None:
        if self._is_head():
            self.write(b"")  # the head, if it was not sent
            self.chunked_response = False  # no last chunk
        super().finish()

    def _is_head(self) -> bool:
        return bool(self.get_environment()["REQUEST_METHOD"] == "HEAD")


class Parser(HTTPRequestParser):
    """One request at a time: the connection is closed after a request behind which others were sent."""

    headers: dict[str, str]

    def received(self, data: bytes) -> int:
        consumed = super().received(data)
        if not self.completed or consumed == len(data):
            return consumed
        self.headers["CONNECTION"] = "close"
        return len(data)


class Channel(HTTPChannel):
    """A connection."""

    task_class = Task
    parser_class = Parser
    began_at = 0.0

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self.began_at = time.time()
        received: bool = super().received(data)
        return received

    @property
    def active_at(self) -> float:
        """The time of its last byte; where a request is incomplete, of that request's first byte."""
        return self.last_activity if self.request is None else self.began_at


class Serving:
    """Waitress's loop in the main thread of `process`, a gunicorn worker, until that is to end."""

    def __init__(self, process: Any) -> None:
        self.process = process
        self.server: Any = None
        self._waiting: tuple[int, int] | None = None

    def run(self) -> None:
        """Returns when all requests have been answered, or had their time."""
        logging.getLogger("waitress.queue").setLevel(
            logging.ERROR
        )  # it has a line for each request that waits
        (listener,) = self.process.sockets
        channels: dict[int, Any] = {}
        is_open = settings.AUTUMN_MODE == "sample"
        lanes = Lanes(self.process.cfg.threads, settings.SESSION_COOKIE_NAME, is_open, settings.SCRIPT_NAME)
        sys.setswitchinterval(SWITCH_S)
        gc.collect()
        gc.freeze()  # what was loaded stays: the collector need not walk over it for each page
        self.server = create_server(
            self.process.wsgi,
            map=channels,
            sockets=[listener.sock],
            server_name="localhost",  # each request has a Host; allowed ones are a setting
            url_prefix=settings.SCRIPT_NAME,  # of requests; a proxy may have removed it
            _dispatcher=FairDispatcher(lanes),
            **SETTINGS,
        )
        self.server.channel_class = Channel
        while self.process.alive and os.getppid() == self.process.ppid:
            self._loop_once(channels)
            close_late(self.connections())
        self._stop(channels)

    def _stop(self, channels: dict[int, Any]) -> None:
        """Take no more requests, finish those that run, and disconnect the rest: its exports end."""
        self.server.accepting = False
        self.server.socket.close()
        limit = time.monotonic() + STOP_S
        while self._close_idle() and time.monotonic() < limit:
            self._loop_once(channels)
        for channel in self.connections():
            channel.handle_close()
        self.server.task_dispatcher.shutdown(timeout=1)

    def connections(self) -> list[Channel]:
        return list(self.server.active_channels.values())

    def wake(self) -> None:
        """Ends the wait for the next request; called by a signal's handler."""
        if self.server is not None:
            self.server.pull_trigger()

    def _loop_once(self, channels: dict[int, Any]) -> None:
        self.process.notify()
        dispatcher = self.server.task_dispatcher
        timeout = RUNS_S / 2 if dispatcher.waiting else 1.0
        wasyncore.loop(timeout=timeout, use_poll=True, map=channels, count=1)
        if dispatcher.waiting:
            dispatcher.go_on()
        waiting = (dispatcher.waiting, places().waiting)
        if waiting != self._waiting:  # this thread reads and sends for all: it does as little as it can
            note_waiting(*waiting)
            self._waiting = waiting

    def _close_idle(self) -> bool:
        """Close connections without an answer on its way; whether there are others."""
        busy = False
        for channel in self.connections():
            if channel.requests or channel.total_outbufs_len:
                busy = True
            else:
                channel.will_close = True
        return busy


def close_late(connections: list[Channel]) -> None:
    """Close those whose request is not complete in time; and the one that is inactive for the longest time,
    when few more can be opened.
    """
    idle = [channel for channel in connections if not (channel.requests or channel.will_close)]
    limit = time.time() - REQUEST_S
    for channel in idle:
        channel.will_close = channel.request is not None and channel.began_at < limit
    if len(connections) > CONNECTIONS - SPARE and idle:
        min(idle, key=lambda channel: channel.active_at).will_close = True
