"""The event browser over a store of a test's own, through the site's own addresses."""

from __future__ import annotations

import gzip
import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import Client

from tests.usage.sample_service import NOW, Autumn, autumn

MINUTE = 60_000
HREF = re.compile(r'href="([^"]*)"')
OPENS = re.compile(r'<td class="mono"><a href="[^"]*?event=(\d+)%2C([^"&]+)')


class Desk:
    """Somebody before `autumn`'s events: `get` answers with a page's text, or with a part of it as htmx asks for it."""

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
    ) -> str:
        asked = {**({"HX-Request": "true"} if part else {}), **(headers or {})}
        response = self.client.get(address, params or None, headers=asked)
        assert response.status_code == status, response.content.decode()[-2000:]
        return response.content.decode()

    def rows(self, text: str) -> list[str]:
        """The ids of the rows on a page, open ones left out."""
        return [event_id for _, event_id in OPENS.findall(text)]


@contextmanager
def desk(monkeypatch: pytest.MonkeyPatch, **options: Any) -> Iterator[Desk]:
    """A desk at NOW, over an empty store."""
    with autumn(**options) as built:
        monkeypatch.setattr("dashboard.pages.staff.service", lambda: built.usage)
        yield Desk(built)


def event(number: int, **more: Any) -> dict[str, Any]:
    """The event of so many minutes ago."""
    known = {"id": f"evt_{number:05}", "timestamp": NOW - number * MINUTE - MINUTE, "value": number + 1}
    return {**known, "properties": {"user": f"user{number % 3}"}, **more}


def link(text: str, words: str) -> str:
    """Where the link goes that says `words`, or is labelled so."""
    for tag, inside in re.findall(r"(<a [^>]*>)(.*?)</a>", text, re.DOTALL):
        told = html.unescape(re.sub(r"<[^>]+>", " ", inside)).split()
        if " ".join(told).startswith(words) or f'aria-label="{words}' in html.unescape(tag):
            found = HREF.search(tag)
            assert found is not None
            return html.unescape(found[1])
    raise AssertionError(f"no link says {words}")


def attribute(text: str, name: str) -> str:
    """The first value of an attribute."""
    found = re.search(rf'{name}="([^"]*)"', text)
    assert found is not None, name
    return html.unescape(found[1])


def weight(text: str) -> int:
    """Bytes as they travel: gzip at its usual level."""
    return len(gzip.compress(text.encode(), 6))
