"""The chart in Chromium, under the site's own policy: the SVG, then Plotly in its place; bars and keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import django_htmx
import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from playwright.sync_api import Browser, Page, Route

from dashboard.charts import chart_panel
from dashboard.web import csp
from tests.dashboard.charts.sample_series import HOSTILE, a_total, groups, query_of_days, series_of
from usage.charts.series import Line, Series

pytestmark = pytest.mark.slow

STATIC = csp.ASSETS / "static"
HTMX = Path(django_htmx.__file__).parent / "static" / "django_htmx" / "htmx-2.min.js"
SCRIPTS = {"/charts.js": STATIC / "charts" / "charts.js", "/plotly.js": csp.plotly_bundle(), "/htmx.js": HTMX}
CSS = csp.stylesheet(STATIC / "pages" / "app.css") + csp.stylesheet(STATIC / "charts" / "charts.css")
STYLES = ["'self'", csp.digest(CSS), *map(csp.digest, csp.plotly_styles(csp.plotly_bundle()))]
POLICY = "; ".join(f"{name} {' '.join(of)}" for name, of in {**csp.DIRECTIVES, "style-src": STYLES}.items())
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Chart</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="htmx-config" content='{"includeIndicatorStyles": false, "historyCacheSize": 0}'>
<link rel="icon" href="data:,"><style>{{ css|safe }}</style>
<main id="view">{% include "charts/_cards.html" %}{% include "charts/_chart.html" %}
<section id="events-in-view">No bar chosen.</section></main>
<script src="/htmx.js" defer></script><script src="/charts.js" data-plotly="/plotly.js" defer></script>"""

# The distance between the edges of Plotly's bars and those of the SVG, in pixels.
BARS_APART = """() => {
  const spec = JSON.parse(document.querySelector("script.figure").textContent);
  const plot = document.querySelector(".plot").getBoundingClientRect();
  const [low, high] = spec.layout.yaxis.range, count = spec.labels.length;
  const y = (value) => plot.y + (plot.height * (high - value)) / (high - low);
  const x = (bin) => plot.x + (plot.width * bin) / count;
  const up = Array(count).fill(0), down = Array(count).fill(0), apart = [];
  document.querySelectorAll(".live .trace.bars").forEach((trace, line) =>
    trace.querySelectorAll(".point path").forEach((path, bin) => {
      const value = spec.data[line].y[bin], ends = value > 0 ? up : down, from = ends[bin];
      if (!value) return;
      const to = (ends[bin] += value), box = path.getBoundingClientRect();
      apart.push(box.top - y(Math.max(from, to)), box.bottom - y(Math.min(from, to)));
      apart.push(box.left - x(bin + 0.14), box.right - x(bin + 0.86));
    }));
  return apart.map(Math.abs);
}"""
# The same between the highest and lowest ends of each panel's bars.
PANELS_APART = """() => [...document.querySelectorAll(".feature-row")].flatMap((row, at) => {
  const own = row.querySelector(".bar").getBoundingClientRect();
  const theirs = [...document.querySelectorAll(`.live .subplot.${at ? `xy${at + 1}` : "xy"} .point path`)]
    .map((bar) => bar.getBoundingClientRect());
  return [own.top - Math.min(...theirs.map(({ top }) => top)),
    own.bottom - Math.max(...theirs.map(({ bottom }) => bottom))].map(Math.abs);
})"""
SHIFTS = """() => { window.shifts = 0; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true }); }"""


def series_for(query: dict[str, list[str]]) -> Series:
    """The series for the address of a test."""
    if "hostile" in query:
        return series_of([Line("feature", name, (3.0, 2.0, 1.0)) for name in HOSTILE[:8]], query_of_days(3))
    if "negative" in query:
        lines = [Line("feature", "used", (5.0, 3.0, 8.0)), Line("feature", "returned", (-2.0, -1.0, 2.0))]
        return series_of(lines, query_of_days(3))
    if "panels" in query:
        totals = tuple(a_total(name, (3.0 * at, 2.0 * at, -1.0 * at)) for at, name in ((4, "a"), (50, "b")))
        return series_of([], query_of_days(3, chart="panels"), features=totals)
    series = groups("gpt-large", "gpt-small", "embed", size=int(query.get("days", ["31"])[0]))
    chart = query.get("chart", ["bars"])[0]
    return replace(series, query=series.query.having(hide=tuple(query.get("hide", ())), chart=chart))


class Handler(BaseHTTPRequestHandler):
    """One page with one chart, and its scripts."""

    pages: ClassVar[Environment] = Environment(
        loader=FileSystemLoader(csp.ASSETS / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def do_GET(self) -> None:
        script = SCRIPTS.get(self.path)
        body = script.read_bytes() if script else self.page().encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if script else "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def page(self) -> str:
        if self.path.startswith("/events/") and self.headers.get("HX-Request"):
            return '<section id="events-in-view">Events of the bar.</section>'
        panel = chart_panel(series_for(parse_qs(urlsplit(self.path).query)))
        return self.pages.from_string(PAGE).render(panel=panel, css=CSS)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Log nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The page on its own port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(params=[1360, pytest.param(390, marks=pytest.mark.slow)])
def width(request: pytest.FixtureRequest) -> int:
    chosen: int = request.param
    return chosen


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page that fails the test if anything is written to its console: errors and CSP violations are."""
    opened = chromium.new_page(viewport={"width": 1360, "height": 900})
    messages: list[str] = []
    opened.on("console", lambda message: messages.append(message.text))
    opened.on("pageerror", lambda error: messages.append(str(error)))
    yield opened
    opened.close()
    assert messages == []


def drawn(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".chart[data-chart=plotly]", timeout=30_000)


def until(page: Page, expression: str) -> None:
    """Wait for it from outside: the page's policy allows no evaluated text."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never came true: {expression}")


@pytest.mark.parametrize("query", ["", "?negative=1", "?days=90", "?chart=percent"])
def test_plotly_draws_over_the_svg(page: Page, site: str, width: int, query: str) -> None:
    """The plot area is the SVG's, bars differ by at most a pixel, and the layout does not shift."""
    page.set_viewport_size({"width": width, "height": 900})
    page.add_init_script(f"({SHIFTS})()")
    drawn(page, f"{site}/usage/{query}")
    plot, area = page.locator(".plot").bounding_box(), page.locator(".live .nsewdrag").bounding_box()
    assert plot == pytest.approx(area, abs=0.5)
    apart = page.evaluate(BARS_APART)
    assert apart
    assert max(apart) <= 1
    assert page.evaluate("window.shifts") <= 0.02


def test_svg_is_there_without_plotly(page: Page, site: str) -> None:
    """While the script loads, the chart is drawn, and a bar opens its events in the page."""
    waiting: list[Route] = []
    page.route("**/plotly.js", lambda route: waiting.append(route))
    page.goto(f"{site}/usage/")
    assert page.locator(".marks .bar").count() == 5
    box = page.locator(".plot").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 30.5 / 31, box["y"] + box["height"] - 20)
    page.wait_for_selector("text=Events of the bar.")
    assert "filter=model%3Agpt-large" in page.url
    assert page.locator(".chart").count() == 1
    for route in waiting:
        route.fulfill(body="")


def test_works_without_any_script(chromium: Browser, site: str) -> None:
    """Each bar is a link to its events, and the table beside the chart has every figure."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/usage/?days=3")
    links = page.locator(".hits a")
    assert links.count() == 3
    assert "/events/?" in str(links.first.get_attribute("href"))
    page.locator("details.figures > summary").click()
    assert page.locator(".figures tbody tr").first.inner_text().split() == [
        "21",
        "Nov",
        "2026",
        "200",
        "300",
        "400",
        "40",
        "7",
        "947",
    ]
    context.close()


def test_click_drag_and_back_in_plotly(page: Page, site: str) -> None:
    """A click opens the bar's events, a drag selects a range, and Back returns."""
    drawn(page, f"{site}/usage/")
    box = page.locator(".plot").bounding_box()
    assert box is not None
    at = [box["x"] + box["width"] * (day + 0.5) / 31 for day in range(31)]
    low = box["y"] + box["height"] - 4
    page.mouse.move(at[20], low)
    page.mouse.click(at[20], low)
    page.wait_for_selector("text=Events of the bar.")
    assert "group=gpt-large" in page.url
    page.go_back()
    page.wait_for_selector("text=No bar chosen.")
    page.wait_for_selector(".chart.drawn")
    page.mouse.move(at[10], low - 50)
    page.mouse.down()
    page.mouse.move(at[12], low - 40, steps=4)
    page.mouse.up()
    page.wait_for_url("**start=**")
    chosen = parse_qs(urlsplit(page.url).query)
    assert int(chosen["end"][0]) - int(chosen["start"][0]) == 3 * 86_400_000


def test_chart_by_keyboard(page: Page, site: str) -> None:
    """Arrows move along the bins and announce them, Shift selects, Enter opens, Escape goes back."""
    drawn(page, f"{site}/usage/")
    page.focus(".chart")
    page.keyboard.press("ArrowLeft")
    messages = page.locator(".chart [role=status]")
    assert (
        messages.inner_text() == "23 Nov 2026 (partial): 27,947. gpt-large 6,200; gpt-small 9,300;"
        " embed 12,400; Other (9) 40; No value or not reported 7"
    )
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Events of the bar.")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_selector("text=No bar chosen.")
    page.wait_for_selector(".chart.drawn")
    page.focus(".chart")
    for key in ("Home", "Shift+ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    assert messages.inner_text() == "24 Oct 2026 to 26 Oct 2026. Press Enter to show this range."
    page.keyboard.press("Enter")
    page.wait_for_url("**start=**")


def test_panels_in_plotly(page: Page, site: str) -> None:
    """Each panel's bars lie on the SVG's; a click and keys open one feature's events; its node is reused."""
    drawn(page, f"{site}/usage/?panels=1")
    apart = page.evaluate(PANELS_APART)
    assert len(apart) == 4
    assert max(apart) <= 1
    box = page.locator(".plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.9)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.9)
    page.wait_for_selector("text=Events of the bar.")
    assert parse_qs(urlsplit(page.url).query)["feature_id"] == ["b"]
    page.focus(".chart")
    said = page.locator(".chart [role=status]")
    page.keyboard.press("Home")
    assert said.inner_text() == "21 Nov 2026: b 150"
    page.keyboard.press("ArrowUp")
    assert said.inner_text() == "21 Nov 2026: a 12"
    page.keyboard.press("ArrowUp")
    assert said.inner_text() == "21 Nov 2026: a 12; b 150"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**feature_id=a**")
    page.evaluate("htmx.ajax('GET', '/usage/?days=5', {target: '#view', select: '#view', swap: 'outerHTML'})")
    until(page, "document.querySelector('.chart.drawn .live')?.data?.[0].y.length === 5")
    assert max(page.evaluate(BARS_APART)) <= 1


def test_percent_chart_announces_figures_and_shares(page: Page, site: str) -> None:
    drawn(page, f"{site}/usage/?chart=percent&days=2")
    page.focus(".chart")
    page.keyboard.press("Home")
    assert page.locator(".chart [role=status]").inner_text() == (
        "22 Nov 2026: 947. gpt-large 200 (21.1 %); gpt-small 300 (31.7 %); embed 400 (42.2 %);"
        " Other (9) 40 (4.22 %); No value or not reported 7 (0.739 %)"
    )


def test_hidden_lines_and_themes(page: Page, site: str) -> None:
    """Shift-click in the legend hides a line; a change of theme changes the colors in place."""
    drawn(page, f"{site}/usage/")
    lines = page.locator(".live .trace.bars").count()
    page.locator("[data-line='0'] td").first.click(modifiers=["Shift"])
    until(page, f"document.querySelectorAll('.live .trace.bars').length === {lines - 1}")
    color = "getComputedStyle(document.querySelector('.live .trace.bars path')).fill"
    before = page.evaluate(color)
    page.evaluate(
        "document.documentElement.dataset.theme = 'dark'; document.dispatchEvent(new CustomEvent('theme'))"
    )
    until(page, f"{color} !== '{before}'")


@pytest.mark.parametrize("kind", ["png", pytest.param("svg", marks=pytest.mark.slow)])
def test_chart_can_be_downloaded_as_an_image(page: Page, site: str, kind: str) -> None:
    """With its title and the names of its lines."""
    drawn(page, f"{site}/usage/")
    page.locator("details.menu > summary").click()
    with page.expect_download() as download:
        page.locator(f"[data-download={kind}]").click()
    content = download.value.path().read_bytes()
    assert content.startswith(b"\x89PNG") if kind == "png" else b"gpt-large" in content


def test_htmx_swap_reuses_plotlys_node(page: Page, site: str) -> None:
    """The SVG of the new chart shows at once, and Plotly's node moves into it."""
    drawn(page, f"{site}/usage/")
    page.evaluate("document.querySelector('.live').mark = 'same'")
    page.evaluate(
        "htmx.ajax('GET', '/usage/?days=5', { target: '#view', select: '#view', swap: 'outerHTML' })"
    )
    until(page, "document.querySelector('.chart.drawn .live')?.data?.[0].y.length === 5")
    assert page.evaluate("document.querySelector('.live').mark") == "same"
    assert page.locator(".live").count() == 1


def test_hostile_names_add_no_element(page: Page, site: str) -> None:
    """They are text in the legend, the table and Plotly's hover box."""
    drawn(page, f"{site}/usage/?hostile=1")
    page.focus(".chart")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(".hoverlayer .legendtext")
    assert "<img src=x onerror=alert(1)>" in (page.locator(".hoverlayer").text_content() or "")
    assert page.locator(".card :is(img, iframe, [onerror], [onload]), .card a[href^=javascript]").count() == 0
    assert page.locator(".card script:not(.figure)").count() == 0
