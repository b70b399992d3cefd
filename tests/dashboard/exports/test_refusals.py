"""Refused exports: the status and a sentence are sent before the first byte."""

from __future__ import annotations

import pytest
from django.db import DatabaseError
from django.http import HttpResponseBase
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard.exports.files import JSON_LINES
from dashboard.models import ExportRecord
from tests.dashboard.exports.download import (
    EVERYTHING,
    PAGE,
    checks_at_each_piece,
    failing_app,
    record,
    start_export,
)
from tests.page import Page
from usage.sample import SampleApp, Store

__all__ = ["checks_at_each_piece", "failing_app"]

Ending = ExportRecord.Ending

LAST = (b"customer_name", b"feature_name", b"local_time")


@pytest.mark.parametrize(
    "query",
    ["nonsense=1", "range=8d", "range=7d&range=30d", "value_min=x", "range=1bc&customer_id=tiny-tools"],
)
@pytest.mark.parametrize("file", ["events/export.csv", "events/export.jsonl", "usage/export.csv"])
def test_invalid_query_returns_400(page: Client, file: str, query: str) -> None:
    """As a page or as plain text."""
    answer = page.get(f"/{file}?{query}", headers=PAGE)
    assert answer.status_code == 400
    assert "invalid-query" in Page(answer).notices
    plain = page.get(f"/{file}?{query}")
    assert (plain.status_code, plain.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert not ExportRecord.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize(
    ("code", "status"), [("invalid_secret_key", 502), ("internal_error", 503), ("service_unavailable", 503)]
)
def test_failure_before_the_first_byte_has_a_status(
    page: Client, failing_app: SampleApp, code: str, status: int
) -> None:
    """The response is a sentence, not an empty file."""
    failing_app.fail_next(code, 3)
    answer = page.get(EVERYTHING)
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert record().ending == Ending.FAILED


def test_unknown_customer_returns_404(page: Client) -> None:
    """A customer without events in the window has a file with a header."""
    assert page.get("/events/export.csv?customer_id=nobody-at-all").status_code == 404
    empty = page.get(
        "/events/export.csv?customer_id=acme-robotics&start=2001-01-01&end=2001-01-02"
    ).getvalue()
    assert empty == b",".join([b"id,timestamp,customer_id,feature_id,value,properties", *LAST]) + b"\r\n"


def test_http_1_0_returns_505(page: Client) -> None:
    """HTTP/1.0 cannot mark an incomplete file."""
    assert page.get(EVERYTHING, SERVER_PROTOCOL="HTTP/1.0").status_code == 505


def test_export_without_a_record_returns_503(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """For example when the disk of the database is full."""

    def full(*_: object, **__: object) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(ExportRecord, "save", full)
    answer: HttpResponseBase = page.get(EVERYTHING)
    assert answer.status_code == 503


def test_most_threads_are_reserved_for_pages(page: Client, sample: Store, settings: Settings) -> None:
    """A process with the maximum number of exports refuses another one until one ends."""
    settings.WEB_THREADS = 4
    response, _ = start_export(page)
    refused = Client(REMOTE_ADDR="192.0.2.7").get(EVERYTHING)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "30"
    assert "busy" in Page(Client(REMOTE_ADDR="192.0.2.7").get(EVERYTHING, headers=PAGE)).notices
    response.close()
    assert Client(REMOTE_ADDR="192.0.2.7").get("/events/export.csv?range=24h").getvalue()


def test_head_request_takes_no_lease(page: Client) -> None:
    """It requests no rows from Autumn."""
    answer = page.head(EVERYTHING)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, JSON_LINES.content_type)
    assert not ExportRecord.objects.exists()
