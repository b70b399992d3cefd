"""Exports through the test client, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory
from django_htmx.middleware import HtmxDetails
from pytest_django.fixtures import Settings

from dashboard.exports import stream, views
from dashboard.models import ExportRecord
from dashboard.mount import Exporter
from dashboard.web.htmx import HtmxRequest
from usage.api import gateway
from usage.api.pace import HEADROOM
from usage.sample import SampleApp, Store

EVERYTHING = "/events/export.jsonl?range=90d"
PAGE = {"Accept": "text/html"}
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def checks_at_each_piece(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stream checks its lease at every piece, not only each quarter second."""
    monkeypatch.setattr(stream, "CHECK_INTERVAL_S", 0.0)
    yield
    views.export_slots.cache_clear()


def start_export(client: Client, path: str = EVERYTHING) -> tuple[StreamingHttpResponse, Iterator[bytes]]:
    """An export whose first pieces have been read."""
    response: Any = client.get(path)
    assert response.status_code == 200
    pieces = iter(response)
    while not next(pieces):
        pass
    return response, pieces


def record() -> ExportRecord:
    """The only record."""
    return ExportRecord.objects.get()


def exporter_of(allowed: Callable[[], bool] = lambda: True, key: str = "share:1") -> Exporter:
    return Exporter(key, "a share", allowed)


def requested(method: str = "get", path: str = EVERYTHING) -> HtmxRequest:
    request: HtmxRequest = getattr(RequestFactory(), method)(path)
    request.htmx = HtmxDetails(request)
    return request


@pytest.fixture
def failing_app(sample: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> SampleApp:
    """The site's sample backend, which fails as a test requests; the site retries without a pause."""
    app = SampleApp(sample, limit_per_second=settings.AUTUMN_PACE + HEADROOM)
    monkeypatch.setattr("usage.sample.SampleApp", lambda *_, **__: app)
    monkeypatch.setattr(gateway, "BACK_OFF_S", 0.0)
    return app
