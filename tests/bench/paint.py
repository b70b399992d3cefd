"""The time until a user sees the chart: drawn by the server, and by Plotly alone on the same page."""

from __future__ import annotations

import re
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, Route, sync_playwright

from tests.conftest import QUIET, Served, chromium_path

ROUNDS = 5
ADDRESS = "/usage/?customer_id=acme-robotics&range=90d&group_by=properties.model&focus=ai_tokens&tz=UTC"
SLOW = {"offline": False, "latency": 40, "downloadThroughput": 1_250_000, "uploadThroughput": 1_250_000}

# The chart is painted two frames after it is in the document.
WATCH = """
(selector) => {
  const seen = () => {
    if (!document.querySelector(selector)) return requestAnimationFrame(seen);
    const done = () => { document.documentElement.dataset.painted = performance.now(); };
    requestAnimationFrame(() => requestAnimationFrame(done));
  };
  requestAnimationFrame(seen);
}
"""
OURS, PLOTLY = ".marks path", ".chart.drawn .live .main-svg"


def alone(route: Route) -> None:
    """The page without the server's chart: plotly.js is loaded and draws at once."""
    answer = route.fetch()
    page = answer.text()
    page = re.sub(r'<svg class="(axes|marks)".*?</svg>', "", page, flags=re.DOTALL)
    page = re.sub(r"<link rel=\"prefetch\"[^>]*>", "", page)
    bundle = re.search(r'data-plotly="([^"]+)"', page)
    assert bundle is not None
    page = page.replace("<script", f'<script src="{bundle[1]}" defer></script><script', 1)
    route.fulfill(response=answer, body=page)


def painted(browser: Browser, url: str, selector: str, *, slow: bool, plotly_alone: bool) -> float:
    """Milliseconds from the click to the chart, with an empty cache."""
    context = browser.new_context(viewport={"width": 1360, "height": 1010})
    tab = context.new_page()
    if slow:
        context.new_cdp_session(tab).send("Network.emulateNetworkConditions", SLOW)
    if plotly_alone:
        tab.route(re.compile(r"/usage/"), alone)
    tab.add_init_script(f"({WATCH})({selector!r})")
    tab.goto(url + ADDRESS)
    if plotly_alone:
        hover(tab)
    # A selector, as the page's policy allows no evaluated conditions.
    mark = tab.wait_for_selector("html[data-painted]", state="attached", timeout=60_000)
    took = float((mark and mark.get_attribute("data-painted")) or "nan")
    context.close()
    return took


def hover(tab: Page) -> None:
    """A pointer near the chart makes the script draw now rather than when the browser is idle."""
    tab.hover(".chart", timeout=60_000)


def measure(browser: Browser, url: str, *, slow: bool) -> tuple[list[float], list[float]]:
    ours, plotly = [], []
    for _ in range(ROUNDS):
        ours.append(painted(browser, url, OURS, slow=slow, plotly_alone=False))
        plotly.append(painted(browser, url, PLOTLY, slow=slow, plotly_alone=True))
    return ours, plotly


def row(name: str, ours: list[float], plotly: list[float], goal: str) -> str:
    ratio = statistics.median(ours) / statistics.median(plotly)
    spread = f"{min(ours):.0f} to {max(ours):.0f}", f"{min(plotly):.0f} to {max(plotly):.0f}"
    return (
        f"| {name} | {statistics.median(ours):.0f} ms ({spread[0]})"
        f" | {statistics.median(plotly):.0f} ms ({spread[1]})"
        f" | {ratio:.2f} | {goal} |"
    )


def report() -> str:
    path = chromium_path()
    assert path is not None, "no Chromium is installed"
    lines = ["| first picture, cold | ours | Plotly alone | ratio | goal |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        site = Served(Path(data))
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        try:
            painted(browser, site.url, OURS, slow=False, plotly_alone=False)  # the server's own cold start
            lines.append(row("loopback", *measure(browser, site.url, slow=False), ""))
            lines.append(row("10 Mbit/s, 40 ms", *measure(browser, site.url, slow=True), "≤ 0.2"))
        finally:
            browser.close()
            site.stop()
    lines += [
        "",
        f"Medians of {ROUNDS} interleaved rounds: 90 days by model, the whole page, an empty browser cache.",
    ]
    return "\n".join(lines)
