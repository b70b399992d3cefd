"""What leaves a page in a browser: pictures of the chart, copied tables, and the page on paper."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.test_pages import ACME
from tests.conftest import Served

pytestmark = pytest.mark.slow

USAGE = f"/usage/?customer_id={ACME}&tz=Europe/Berlin&start=2026-10-01&end=2026-10-31"
GROUPED = f"{USAGE}&feature_id=ai_tokens&group_by=properties.model&compare=previous"
# What is stuck, cut, pressed or dark; `undefined` where nothing is. Rows of one pixel are for screen readers.
FAULTS = r"""() => {
  const seen = (one) => one.checkVisibility() && one.getClientRects().length > 0;
  const light = (color) => color.match(/\d+/g).slice(0, 3).every((part) => part > 200);
  const all = [...document.querySelectorAll("body, body *")].filter(seen);
  const found = (name, test) => all.filter(test).map((one) => `${name}: ${one.outerHTML.slice(0, 120)}`);
  const cut = (one) => one.scrollHeight > one.clientHeight + 1 || one.scrollWidth > one.clientWidth + 1;
  return [
    ...found("sticky", (one) => ["sticky", "fixed"].includes(getComputedStyle(one).position)),
    ...found("pressed", (one) => one.matches("button, .btn, .seg, .menu, .filters, .skip")),
    ...found("cut", (one) => one.matches(".scroll, .legend, pre, .card")
      && getComputedStyle(one).overflow !== "visible" && cut(one)),
    ...found("dark", (one) => one.matches("body, .card, .feature-card, .top, .foot")
      && !light(getComputedStyle(one).backgroundColor.replace("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"))),
    ...found("pale", (one) => one.matches(".dot") && getComputedStyle(one).printColorAdjust !== "exact"),
    ...found("stretched", (one) => one.matches(".live")),
  ];
}"""


@pytest.fixture
def dark(chromium: Browser) -> Iterator[Page]:
    """A tab of a dark system that may use the clipboard."""
    context = chromium.new_context(
        viewport={"width": 1360, "height": 1010},
        color_scheme="dark",
        timezone_id="Europe/Berlin",
        permissions=["clipboard-read", "clipboard-write"],
    )
    yield context.new_page()
    context.close()


def drawn(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator(".chart[data-chart=plotly]")).to_be_visible(timeout=30_000)


def downloaded(page: Page, kind: str) -> tuple[str, bytes]:
    """The name and the content of the picture."""
    page.locator("details.menu:has([data-download]) > summary").click()
    with page.expect_download() as started:
        page.locator(f"[data-download={kind}]").click()
    page.keyboard.press("Escape")
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


def texts(svg: bytes) -> str:
    """All text of a picture, a line for each of its lines."""
    root = ET.fromstring(svg)
    found = ["".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]
    return re.sub(r"\s", " ", "\n".join(found))


@pytest.mark.parametrize("chart", ["bars", "lines", "cumulative", "percent"])
def test_picture_says_whose_usage_it_shows(dark: Page, served: Served, chart: str) -> None:
    """Customer, feature, dates with the zone, unit, total, change, and each group; light on a dark page."""
    drawn(dark, f"{served.url}{GROUPED}&chart={chart}")
    name, svg = downloaded(dark, "svg")
    shape = "" if chart == "bars" else f"-{chart}"
    assert name == f"{ACME}-ai_tokens{shape}-2026-10-01-2026-10-31.svg"
    said = texts(svg)
    total = dark.locator(".legend .total [data-exact]").first.get_attribute("data-exact")
    for part in (ACME, "Acme Robotics Ltd", "AI tokens by model", "1 Oct 2026 – 31 Oct 2026"):
        assert part in said
    before = dark.locator("[data-compared]").inner_text()
    for part in ("Europe/Berlin", "tokens per day", f"total {total} tokens", f"Compared with {before}"):
        assert part in said
    assert re.search(r"change [▲▼] [\d.,]+ %", said)
    rows = dark.locator(".legend tbody tr")
    for at in range(rows.count()):
        cells = rows.nth(at).locator("[data-exact]")
        assert str(cells.nth(1).get_attribute("data-exact")) in said
    assert b"rgb(255, 255, 255)" in svg
    assert b"#1e1d1b" not in svg
    assert b"rgb(30, 29, 27)" not in svg


def test_picture_of_panels_has_each_feature(dark: Page, served: Served) -> None:
    """With its own total; the PNG has the same name."""
    drawn(dark, f"{served.url}{USAGE}&chart=panels")
    name, svg = downloaded(dark, "svg")
    assert name == f"{ACME}-panels-2026-10-01-2026-10-31.svg"
    said = texts(svg)
    for row in dark.locator(".legend tbody td.num").all():
        assert str(row.get_attribute("data-exact")) in said
    name, png = downloaded(dark, "png")
    assert name.endswith("-2026-10-31.png")
    assert png.startswith(b"\x89PNG")


def test_failed_picture_is_reported(dark: Page, served: Served) -> None:
    """Where Plotly's script cannot be loaded."""
    dark.route("**/plotly*.js", lambda route: route.abort())
    dark.goto(f"{served.url}{USAGE}")
    dark.locator("details.menu:has([data-download]) > summary").click()
    dark.locator("[data-download=png]").click()
    expect(dark.locator("[data-outcome]")).not_to_be_empty()


def copied(page: Page) -> tuple[list[list[str]], list[list[str]]]:
    """The cells of the clipboard's table, and those of its text."""
    html, text = json.loads(
        page.evaluate("""async () => {
          const [item] = await navigator.clipboard.read();
          const read = async (kind) => (await item.getType(kind)).text();
          const page = new DOMParser().parseFromString(await read("text/html"), "text/html");
          const cells = (row) => [...row.cells].map((one) => one.textContent);
          const rows = [...page.querySelectorAll("tr")].map(cells);
          return JSON.stringify([rows, await read("text/plain")]);
        }""")
    )
    return html, [line.split("\t") for line in text.split("\n")]


def copy(page: Page, place: str) -> tuple[list[list[str]], list[list[str]]]:
    """Copy the table of a place, by keyboard."""
    page.locator(f"{place} [data-copy-table]").press("Enter")
    expect(page.locator(f"{place} .copies [role=status]")).not_to_be_empty()
    return copied(page)


def plain(text: str) -> str:
    return text.replace(",", "").replace("−", "-")


@pytest.mark.parametrize("interface", ["new", "old"])
def test_copied_tables_have_the_figures_of_the_page(dark: Page, served: Served, interface: str) -> None:
    """The legend with all digits, the intervals with shares; also where only the old interface is there."""
    if interface == "old":
        dark.add_init_script("delete window.ClipboardItem")
    drawn(dark, f"{served.url}{GROUPED}&chart=percent")
    html, text = copy(dark, ".legend")
    assert [len(row) for row in html] == [4] * (dark.locator(".legend tr").count())
    sums = [row.get_attribute("data-sum") for row in dark.locator(".legend :is(tbody, tfoot) tr").all()]
    assert [row[1] for row in text[1:]] == sums
    assert [plain(row[1]) for row in html[1:]] == sums
    dark.locator(".figures > summary").click()
    html, text = copy(dark, ".figures")
    groups = dark.locator(".legend tbody tr").count()
    assert [len(row) for row in text] == [1 + 2 * (groups + 1)] * (1 + 31)
    first = dark.locator(".figures tbody tr").first.locator("td")
    for at in range(groups + 1):
        own = first.nth(at).evaluate("(cell) => [cell.firstChild.textContent, cell.lastChild.textContent]")
        assert [part.strip() for part in own] == html[1][1 + 2 * at : 3 + 2 * at]
        assert text[1][1 + 2 * at] == plain(html[1][1 + 2 * at])


def test_copied_names_are_no_formulas(dark: Page, served: Served) -> None:
    """A spreadsheet would run them."""
    dark.goto(f"{served.url}/usage/?customer_id=mallory-labs&group_by=properties.user&tz=UTC")
    _, text = copy(dark, ".legend")
    names = [row[0] for row in text]
    assert any(name.startswith("'=cmd") for name in names)
    assert not any(name.startswith(("=", "+", "-", "@")) for name in names)


def test_copying_needs_script(chromium: Browser, served: Served) -> None:
    """Without it there is no button."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served.url}{USAGE}")
    expect(page.locator(".legend [data-copy-table]")).to_be_hidden()
    context.close()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        f"/events/?customer_id={ACME}&tz=UTC",
        f"{GROUPED}&filter=region:us-east",
        f"{USAGE}&chart=lines&group_by=properties.region",
        f"{USAGE}&chart=cumulative",
        f"{USAGE}&chart=percent&group_by=properties.model",
        f"{USAGE}&chart=panels",
        "/usage/?customer_id=nobody",
        "/usage/?range=never",
        "/customers/",
        "/shares/",
        "/views/",
        "/accounts/login/",
        "/nothing/",
    ],
)
def test_paper_is_light_and_whole(dark: Page, served: Served, path: str) -> None:
    """Nothing sticks, is cut, or can be pressed; swatches have their colors."""
    dark.goto(f"{served.url}{path}")
    if dark.locator(".chart").count():
        expect(dark.locator(".chart[data-chart=plotly]")).to_be_visible(timeout=30_000)
        dark.locator(".figures > summary").click()
    dark.emulate_media(media="print", color_scheme="dark")
    dark.set_viewport_size({"width": 703, "height": 1000})
    assert dark.evaluate(FAULTS) == []
    is_wide = path.startswith("/events/")  # its rows may have more columns than paper is wide: it is scaled
    assert is_wide or dark.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    if dark.locator(".chart").count():
        plot, card = (dark.locator(one).first.bounding_box() for one in (".plot .axes", ".card:has(.chart)"))
        assert plot is not None
        assert card is not None
        assert card["width"] - 80 <= plot["width"] <= card["width"]
        expect(dark.locator(".still").first).to_be_visible()


def test_paper_has_the_filters_as_text(dark: Page, served: Served) -> None:
    line = "[data-filters]"
    dark.goto(f"{served.url}{GROUPED}&filter=region:us-east")
    expect(dark.locator(line)).to_be_hidden()
    dark.emulate_media(media="print")
    expect(dark.locator(line)).to_be_visible()
    for part in (
        ACME,
        "AI tokens",
        "1 Oct 2026 – 31 Oct 2026",
        "Europe/Berlin",
        "model",
        "region is us-east",
    ):
        expect(dark.locator(line)).to_contain_text(part)


def test_plotly_is_loaded_only_by_pages_with_a_chart(dark: Page, served: Served) -> None:
    requests: list[str] = []

    def note(request: Request) -> None:
        if "plotly" in request.url:
            requests.append(dark.url)

    dark.on("request", note)
    for path in ("/", f"/events/?customer_id={ACME}", "/shares/", "/views/", "/accounts/login/"):
        dark.goto(f"{served.url}{path}", wait_until="networkidle")
    dark.goto(f"{served.url}/usage/?range=never", wait_until="networkidle")
    assert requests == []
    drawn(dark, f"{served.url}{USAGE}")
    assert requests
