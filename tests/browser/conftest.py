"""A browser tab that fails the test on any error in its console."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(viewport={"width": 1360, "height": 1010}, timezone_id="Europe/Berlin")
    yield made
    made.close()


@pytest.fixture
def tab(context: BrowserContext) -> Iterator[Page]:
    """A tab without console messages and violations of the content security policy."""
    page = context.new_page()
    messages: list[str] = []
    page.on(
        "console",
        lambda message: messages.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: messages.append(str(error)))
    yield page
    assert messages == []
