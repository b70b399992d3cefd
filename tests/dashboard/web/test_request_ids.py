"""The ID of a request: in its response, and in all log lines that belong to it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard import services
from tests.usage.api.origin import eventually

PROXYS = "7f9c2ba4-e88f-827d-6160-45507605853e"


def logged(caplog: pytest.LogCaptureFixture, event: str) -> list[str | None]:
    """The request IDs of the lines about such an event."""
    found = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [line.get("request_id") for line in found if line["event"] == event]


def id_of(**headers: str) -> str:
    return Client().get("/healthz", headers=headers)["X-Request-ID"]


@pytest.mark.django_db
def test_each_request_has_an_id_of_its_own(live_mode: Settings) -> None:
    """A client cannot choose it."""
    ids = {id_of(), id_of(), id_of(**{"X-Request-ID": PROXYS})}
    assert len(ids) == 3
    assert PROXYS not in ids


@pytest.mark.django_db
def test_id_of_a_trusted_proxy_stays(live_mode: Settings) -> None:
    live_mode.TRUSTED_PROXIES = 1
    assert id_of(**{"X-Request-ID": PROXYS}) == PROXYS


@pytest.mark.django_db
@pytest.mark.parametrize(
    "proposed", ["", "short", "a" * 65, "with spaces in it", f"{PROXYS}\u00e9", "under_score", "aB3" * 20]
)
def test_unsuitable_id_is_replaced(live_mode: Settings, proposed: str) -> None:
    """The last one looks like a token, which log lines leave out."""
    live_mode.TRUSTED_PROXIES = 1
    assert id_of(**{"X-Request-ID": proposed}) not in ("", proposed)


def test_lines_of_a_request_and_of_its_calls_have_its_id(
    page: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Those of calls side by side and of names that are read in the background too; and no others have it."""
    caplog.set_level(logging.INFO)
    first = page.get("/usage/?customer_id=hooli&tz=UTC")["X-Request-ID"]
    eventually(lambda: not services.customer_names().is_reading)
    calls = logged(caplog, "autumn.call")
    assert set(calls) == set(logged(caplog, "autumn.cache")) == {first}
    assert len(calls) > 2
    second = page.get("/usage/?customer_id=hooli&tz=UTC")["X-Request-ID"]
    assert logged(caplog, "request") == [first, second]
    assert second in logged(caplog, "autumn.cache")


def test_last_line_of_an_export_has_its_id(page: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    response: Any = page.get("/events/export.jsonl?customer_id=hooli&range=24h&tz=UTC")
    assert b"".join(response)
    assert logged(caplog, "export.ended") == [response["X-Request-ID"]]
