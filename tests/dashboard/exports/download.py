"""Taking files through the test client, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory
from django_htmx.middleware import HtmxDetails

from dashboard.exports import stream, views
from dashboard.models import ExportRecord
from dashboard.mount import Exporter
from dashboard.web.htmx import HtmxRequest

EVERYTHING = "/events/export.jsonl?range=90d"
PAGE = {"Accept": "text/html"}
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def looks_each_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A stream looks after itself at every piece, not only each quarter second."""
    monkeypatch.setattr(stream, "LOOK_S", 0.0)
    yield
    views.export_slots.cache_clear()


def begun(client: Client, path: str = EVERYTHING) -> tuple[StreamingHttpResponse, Iterator[bytes]]:
    """An export of which the first pieces have been read."""
    response: Any = client.get(path)
    assert response.status_code == 200
    pieces = iter(response)
    while not next(pieces):
        pass
    return response, pieces


def record() -> ExportRecord:
    """The one record that there is."""
    return ExportRecord.objects.get()


def somebody(allowed: Callable[[], bool] = lambda: True, key: str = "share:1") -> Exporter:
    return Exporter(key, "a share", allowed)


def asked(method: str = "get", path: str = EVERYTHING) -> HtmxRequest:
    request: HtmxRequest = getattr(RequestFactory(), method)(path)
    request.htmx = HtmxDetails(request)
    return request


def sample_app(gateway: Any) -> Any:
    """The sample behind a gateway."""
    return gateway._client._transport.app
