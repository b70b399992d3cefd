"""One call to a server, for the client's tests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.usage.api.hostile_server import (
    Server,
)
from usage.api.client import Client, Reply
from usage.api.deadline import Deadline
from usage.errors import (
    UsageError,
)

KEY = "am_sk_canary_5f0c1d"


BODY = {"customer_id": "cus_1"}


def call(server: Server, *, seconds: float = 5.0, **settings: Any) -> Reply:
    client = Client(url=server.url, key=KEY, **settings)
    try:
        return client.post("events.list", BODY, Deadline.after(seconds))
    finally:
        client.close()


def failure(server: Server, *, seconds: float = 5.0) -> UsageError:
    with pytest.raises(UsageError) as caught:
        call(server, seconds=seconds)
    assert KEY not in str(caught.value)
    return caught.value


def refusal(message: object, code: object = "invalid_inputs") -> bytes:
    return json.dumps({"message": message, "code": code, "env": "live"}).encode()
