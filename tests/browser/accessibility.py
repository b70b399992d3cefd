"""What every page must fulfill: axe-core's rules, a width without scrolling, focus that is in sight."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, ViewportSize

STANDARDS: dict[str, Any] = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
WIDE: ViewportSize = {"width": 1360, "height": 1010}
PHONE: ViewportSize = {"width": 390, "height": 844}
# 320 pixels, and a window of 1,360 at 200 %, which is half as wide in CSS pixels.
NARROW: tuple[ViewportSize, ...] = ({"width": 320, "height": 640}, {"width": 680, "height": 505})
# Dark differs from light by its colors alone.
ABOUT_COLORS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}

# Rows of events are alike, so the first ones are enough.
MORE_ROWS = [["#found > tr:nth-child(n+12)"]]

# Neither the page nor a part of it scrolls sideways, except tables. No control is cut off, either.
TOO_WIDE = """() => {
  const scrolls = (box) => box instanceof HTMLElement && box.scrollWidth > box.clientWidth + 1
    && ["auto", "scroll"].includes(getComputedStyle(box).overflowX);
  const named = (box) => `${box.tagName}.${box.className} ${box.textContent.trim().slice(0, 30)}`;
  const parts = [...document.querySelectorAll("body *")].filter((box) => scrolls(box)
    && !box.matches(".sideways") && !box.querySelector("table"));
  const page = document.documentElement;
  const edge = (box) => {
    const cuts = box.parentElement?.closest(".card, .filters, main, .top, .foot, .list, dialog");
    return cuts ? Math.min(innerWidth, cuts.getBoundingClientRect().right) : innerWidth;
  };
  const cut = [...document.querySelectorAll("a, button, summary, input, select, textarea")].filter((box) =>
    !box.closest("table, svg, .sr-only, .skip") && box.checkVisibility({ visibilityProperty: true })
    && box.getBoundingClientRect().right > edge(box) + 1);
  return [...(page.scrollWidth > innerWidth ? [page] : []), ...parts, ...cut].map(named);
}"""

# The focused element, and whether any of nine points on it is covered or outside of the window.
FOCUSED = """() => {
  const active = document.activeElement;
  if (!active || active === document.body) return null;
  const shown = active.matches(".sr-only") ? document.querySelector(`label[for="${active.id}"]`) : active;
  const box = shown.getClientRects()[0] ?? shown.getBoundingClientRect();
  const at = (part) => [box.left + box.width * part, box.top + box.height * part];
  const points = [0.2, 0.5, 0.8].flatMap((x) => [0.2, 0.5, 0.8].map((y) => [at(x)[0], at(y)[1]]));
  const over = (x, y) => document.elementFromPoint(x, y);
  const visible = points.filter(([x, y]) => {
    const top = over(x, y);
    return top && (shown.contains(top) || top.contains(shown)
      || (active.labels && [...active.labels].some((label) => label.contains(top))));
  });
  active.dataset.visited = (Number(active.dataset.visited) || 0) + 1;
  const style = getComputedStyle(shown);
  const holder = active.closest(".field") ?? shown;
  const outlined = [shown, holder, active].some((one) => getComputedStyle(one).outlineStyle !== "none"
    && parseFloat(getComputedStyle(one).outlineWidth) > 0);
  return { name: active.outerHTML.slice(0, 120), visible: visible.length, outlined,
    again: Number(active.dataset.visited) > 1 };
}"""

# Layout shifts from the first paint on, but those that answer a click or a key.
COUNT_SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (!entry.hadRecentInput) {
        const moved = entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 80) ?? node?.nodeName);
        window.shifts.push([entry.value, moved]);
      }
    }
  }).observe({ type: "layout-shift", buffered: true });
}"""

# Controls in sight that only a script would answer, and forms without a way to send them.
NEEDS_SCRIPT = """() => {
  const visible = (one) => one.checkVisibility({ visibilityProperty: true });
  const sends = (form) => [...form.elements].some((one) => visible(one) && (one.type === "submit"
    || ["text", "search", "password"].includes(one.type)));
  const controls = [...document.querySelectorAll("button[type=button], [role=button], .hint, kbd")];
  const forms = [...document.forms].filter((form) => visible(form) && !form.closest("dialog")
    && form.textContent.trim() && !sends(form));
  return [...controls.filter(visible), ...forms].map((one) => one.outerHTML.slice(0, 120));
}"""

LEGEND_COLORS = """() => [...document.querySelectorAll(".legend .dot")].map((dot) =>
  getComputedStyle(dot).backgroundColor)"""

# Elements with an animation or a transition that takes time.
MOVING = """() => [...document.querySelectorAll("*")].filter((one) => {
  const { animationName, transitionDuration } = getComputedStyle(one);
  return animationName !== "none" || transitionDuration.split(",").some((each) => parseFloat(each) > 0);
}).map((one) => one.outerHTML.slice(0, 120))"""


@cache
def axe_script() -> str:
    """The source of axe-core, from the package that brings it."""
    package = find_spec("axe_playwright_python")
    assert package is not None
    assert package.origin is not None
    return (Path(package.origin).parent / "axe.min.js").read_text()


def violations(tab: Page) -> set[str]:
    """The rules that the page breaks as it is now, light and dark, wide and on a phone."""
    found: set[str] = set()
    # A click returns once the next document has begun, which may have no root element yet.
    tab.wait_for_load_state()
    tab.evaluate(axe_script())
    for size in (WIDE, PHONE):
        tab.set_viewport_size(size)
        for scheme, rules in (("light", STANDARDS), ("dark", ABOUT_COLORS)):
            tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            answer: dict[str, Any] = tab.evaluate(
                "([exclude, rules]) => axe.run({exclude}, {runOnly: rules, resultTypes: ['violations']})",
                [MORE_ROWS, rules],
            )
            for rule in answer["violations"]:
                for node in rule["nodes"]:
                    found.add(f"{rule['id']} ({size['width']} {scheme}): {node['html'][:200]}")
    return found


def too_wide(tab: Page) -> set[str]:
    """What scrolls sideways without being a table, at 320 pixels and at 200 %."""
    found: set[str] = set()
    for size in NARROW:
        tab.set_viewport_size(size)
        found.update(f"{size['width']}: {name}" for name in tab.evaluate(TOO_WIDE))
    tab.set_viewport_size(WIDE)
    return found


def hidden_focus(tab: Page, steps: int = 400) -> set[str]:
    """Elements that Tab reaches and that are covered, out of sight, or without a mark of focus."""
    found: set[str] = set()
    for _ in range(steps):
        tab.keyboard.press("Tab")
        focused = tab.evaluate(FOCUSED)
        if focused is None or focused["again"]:
            return found
        if not focused["visible"]:
            found.add(f"covered: {focused['name']}")
        if not focused["outlined"]:
            found.add(f"not marked: {focused['name']}")
    raise AssertionError("the page has more elements than one tabs through")


def layout_shifts(tab: Page) -> list[tuple[float, list[str]]]:
    """Each layout shift since the page began, with what moved. `COUNT_SHIFTS` has to run first."""
    found: list[tuple[float, list[str]]] = tab.evaluate("window.shifts")
    return found
