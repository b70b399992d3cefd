"""One view of an app in Chromium: when its chart is seen, and what came over the line.

A chart counts as painted in the second frame after its bars are laid out with a size. No browser reports the
paint of inline SVG (neither "largest contentful paint" nor element timing has it), and the frame treats SVG
of a server and of Plotly alike. Frames do not come while styles or scripts hold the page up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext
from playwright.sync_api import Page as Tab

from tests.bench.paint import SLOW
from tests.bench.peers.apps import App, Running

# `bench.painted` and `bench.live` are promises of milliseconds since the navigation began.
WATCH = """
(([painted, live]) => {
  const isLaidOut = (selector) => {
    const box = document.querySelector(selector)?.getBoundingClientRect();
    return Boolean(box?.width && box.height);
  };
  const seen = (...selectors) => new Promise((done) => {
    const look = () => {
      if (!selectors.every(isLaidOut)) return requestAnimationFrame(look);
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
    };
    requestAnimationFrame(look);
  });
  const change = (selector) => {
    const began = new Promise((done) => ["click", "change"].forEach((name) => addEventListener(name,
      () => done(performance.now()), { capture: true, once: true })));
    return began.then(async (start) => await seen(selector, painted) - start);
  };
  window.bench = { painted: seen(painted), live: seen(live), change };
})
"""
# What the first picture of a page needs that draws it by itself: the page, and what holds up its first frame.
FIRST_BYTES = """
() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter((one) => one.entryType === "navigation" || one.renderBlockingStatus === "blocking")
  .reduce((sum, one) => sum + one.transferSize, 0)
"""


@dataclass(frozen=True)
class View:
    """`painted` and `live` are ms since navigation; `kilobytes` as they came over the line."""

    painted: float
    live: float
    kilobytes: float
    requests: int
    first_kilobytes: float


class Traffic:
    """Bytes, with headers and compressed, and requests of a tab that reach its server.

    The messages of a websocket count with their uncompressed size, which is what is sent.
    """

    def __init__(self, context: BrowserContext, tab: Tab) -> None:
        self._cdp = context.new_cdp_session(tab)
        self._cdp.on("Network.responseReceived", self._received)
        self._cdp.on("Network.loadingFinished", self._finished)
        self._cdp.on("Network.webSocketCreated", self._socket)
        self._cdp.on("Network.webSocketFrameReceived", self._frame)
        self._cdp.send("Network.enable")
        self.forget()

    def slow_down(self) -> None:
        """From here on 10 Mbit/s and 40 ms. Chromium does not slow websockets down."""
        self._cdp.send("Network.emulateNetworkConditions", SLOW)

    def forget(self) -> None:
        self._cached: set[str] = set()
        self.bytes = self.requests = 0

    def _received(self, event: dict[str, Any]) -> None:
        response = event["response"]
        is_local = not response["url"].startswith("http") or response.get("fromPrefetchCache")
        if is_local or response.get("fromDiskCache") or response.get("fromServiceWorker"):
            self._cached.add(event["requestId"])

    def _finished(self, event: dict[str, Any]) -> None:
        if event["requestId"] not in self._cached and event["encodedDataLength"]:
            self.bytes += int(event["encodedDataLength"])
            self.requests += 1

    def _socket(self, _: dict[str, Any]) -> None:
        self.requests += 1

    def _frame(self, event: dict[str, Any]) -> None:
        data = event["response"]["payloadData"]
        # Binary messages come as base64.
        self.bytes += len(data) * 3 // 4 if event["response"]["opcode"] == 2 else len(data)


class Visitor:
    """A browser context with an empty cache, which shows one app in one tab."""

    def __init__(self, browser: Browser, server: Running, *, slow: bool = False) -> None:
        self._app: App = server.app
        self._url = server.url
        self._context = browser.new_context(viewport={"width": 1360, "height": 1010}, timezone_id="UTC")
        if self._app.cookies:
            self._context.add_cookies(
                [
                    {"name": name, "value": value, "url": self._url}
                    for name, value in self._app.cookies.items()
                ]
            )
        self._tab = self._context.new_page()
        self._tab.add_init_script(f"{WATCH}([{self._app.painted!r}, {self._app.live!r}])")
        self._traffic = Traffic(self._context, self._tab)
        if slow:
            self._traffic.slow_down()

    def open(self) -> View:
        """The first view, with an empty cache."""
        self._traffic.forget()
        self._tab.goto(self._url + self._app.path, wait_until="commit")
        return self._view()

    def reload(self) -> View:
        self._traffic.forget()
        self._tab.reload(wait_until="commit")
        return self._view()

    def _view(self) -> View:
        painted, live = self._tab.evaluate("() => Promise.all([bench.painted, bench.live])")
        self._tab.wait_for_load_state("load")
        self._tab.wait_for_timeout(100)  # what the page requests after its chart
        first = self._tab.evaluate(FIRST_BYTES)
        return View(painted, live, self._traffic.bytes / 1000, self._traffic.requests, first / 1000)

    def change(self) -> float:
        """Milliseconds from the click until the chart by another group is painted."""
        self._tab.evaluate("(selector) => { bench.changed = bench.change(selector); }", self._app.changed)
        self._app.change(self._tab)
        return float(self._tab.evaluate("() => bench.changed"))

    def close(self) -> None:
        self._context.close()


@contextmanager
def visitor(browser: Browser, server: Running, *, slow: bool = False) -> Iterator[Visitor]:
    one = Visitor(browser, server, slow=slow)
    try:
        yield one
    finally:
        one.close()
