"""The event browser over a store of each test, by the addresses of the site."""

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
    """A client of the site over `autumn`'s events.

    `get` returns a page, or a part of it as htmx requests it.
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
    """The site at NOW, over an empty store."""
    with autumn(**options) as built:
        monkeypatch.setattr("dashboard.pages.staff.service", lambda: built.usage)
        yield EventSite(built)


def event(number: int, **more: Any) -> dict[str, Any]:
    """The event of `number` minutes ago."""
    known = {"id": f"evt_{number:05}", "timestamp": NOW - number * MINUTE - MINUTE, "value": number + 1}
    return {**known, "properties": {"user": f"user{number % 3}"}, **more}


def weight(page: Page) -> int:
    """The size after compression with gzip's default level."""
    return len(gzip.compress(page.html.encode(), 6))
