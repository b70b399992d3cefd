"""Each kind of failure of Autumn, through client, limiter and cache."""

from __future__ import annotations

import socket
import time

import pytest

from tests.usage.api.failing_server import canary_site
from tests.usage.api.hostile_server import (
    Handler,
    Server,
    always,
    answer,
    gzip_bomb,
    reset,
    then_close,
)
from usage.errors import UsageError


def drip_body(server_of: list[Server]) -> Handler:
    def drip(connection: socket.socket, _number: int) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        server_of[0].drip(connection, b" " * 9999)

    return drip


KINDS: dict[str, Handler] = {
    "500": always(answer(500)),
    "503": always(answer(503, b"", {"Retry-After": "1"})),
    "429": always(answer(429, b"Too many requests", {"Retry-After": "1"})),
    "429 without Retry-After": always(answer(429, b"Too many requests")),
    "401": always(answer(401)),
    "403": always(answer(403)),
    "HTML": always(answer(200, b"<html>maintenance</html>")),
    "empty": always(answer(200, b"")),
    "truncated": then_close(answer(200, b'{"list": ', {"Content-Length": "99"})),
    "array": always(answer(200, b"[]")),
    "reset": reset,
    "gzip bomb": always(answer(200, gzip_bomb(64), {"Content-Encoding": "gzip"})),
    "redirect": always(answer(302, b"", {"Location": "http://127.0.0.1:1/"})),
    "silence": lambda _connection, _number: None,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*KINDS, "slow drip"])
def test_cached_answers_survive_each_kind_of_failure(kind: str) -> None:
    """Cached answers have the reason, other calls raise an error in time, and recovery takes seconds."""
    servers: list[Server] = []
    failing = KINDS.get(kind) or drip_body(servers)
    healthy = [True]

    def handle(connection: socket.socket, number: int) -> None:
        (always(answer()) if healthy[0] else failing)(connection, number)

    with canary_site(handle) as site:
        servers.append(site.server)
        assert site.call(seconds=10).source == "live"
        healthy[0] = False
        site.ahead_s += 3_600
        start = time.monotonic()
        seen = site.call(seconds=1.5)
        assert seen.source == "stale"
        assert seen.reason is not None
        with pytest.raises(UsageError) as caught:
            site.call(seconds=1.5, body={"customer_id": "new"})
        assert time.monotonic() - start < 3 + 4
        assert caught.value.sentence == seen.reason.sentence
        healthy[0] = True
        site.ahead_s += 10
        assert site.call(seconds=10).source == "live"
