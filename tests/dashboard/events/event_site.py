"""The event browser over a store of a test's own, through the site's own addresses."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import Client

from tests.page import Page
from tests.usage.sample_service import NOW, Autumn, autumn

MINUTE = 60_000


class EventSite:
    """Somebody before `autumn`'s events:

    `get` answers with a page, or with a part of it as htmx asks for it.
    """

    def __init__(self, autumn: Autumn) -> None:
        self.autumn = autumn
        self.client = Client()

    def get(
        self,
        address: str,
        *,
        part: bool = False,
        status: int = 200,
        headers: dict[str, str] | None = None,
        **params: Any,
    ) -> Page:
        requested = {**({"HX-Request": "true"} if part else {}), **(headers or {})}
        response = self.client.get(address, params or None, headers=requested)
        assert response.status_code == status, response.content.decode()[-2000:]
        return Page(response)


@contextmanager
def event_site(monkeypatch: pytest.MonkeyPatch, **options: Any) -> Iterator[EventSite]:
    """A desk at NOW, over an empty store."""
    with autumn(**options) as built:
        monkeypatch.setattr("dashboard.pages.staff.service", lambda: built.usage)
        yield EventSite(built)


def event(number: int, **more: Any) -> dict[str, Any]:
    """The event of so many minutes ago."""
    known = {"id": f"evt_{number:05}", "timestamp": NOW - number * MINUTE - MINUTE, "value": number + 1}
    return {**known, "properties": {"user": f"user{number % 3}"}, **more}


def weight(page: Page) -> int:
    """Bytes as they travel: gzip at its usual level."""
    return len(gzip.compress(page.html.encode(), 6))
