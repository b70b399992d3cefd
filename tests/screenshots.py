"""Take the screenshots of README and docs/: the real site over sample data, in Chromium, light and dark, wide
and narrow.

python -m tests.screenshots [FOLDER]      (make screenshots writes docs/)
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.conftest import QUIET, ROOT, Served, chromium_path

PAGES = {
    "overview": "/?range=30d",
    "events": "/events/?customer_id=acme-robotics&range=7d",
    "usage": "/usage/?customer_id=acme-robotics&range=30d&group_by=properties.model&compare=previous",
}
WIDE_AND_LIGHT = {
    "explain": "/usage/explain/?customer_id=hooli&range=30d&compare=previous",
    "new-link": "/shares/new?customer_id=hooli&range=30d",
}
"""Pages that have no other pictures."""
SIZES = {"wide": (1360, 1010), "phone": (390, 844)}


def draw(browser: Browser, url: str, folder: Path) -> None:
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, timezone_id="Europe/Berlin"
            )
            tab = context.new_page()
            others = WIDE_AND_LIGHT if (size, scheme) == ("wide", "light") else {}
            for name, address in (PAGES | others).items():
                tab.goto(
                    f"{url}{address}&tz=Europe/Berlin", wait_until="networkidle"
                )  # parts come after the rows
                if tab.locator(".chart").count():
                    tab.wait_for_selector(".chart.drawn")
                path = folder / f"{name}-{size}-{scheme}.png"
                tab.screenshot(path=path)
                print(path)
            context.close()


def main() -> None:
    path = chromium_path()
    if path is None:
        sys.exit("The pictures are drawn by Chromium, and none is installed.")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        site = Served(Path(data))
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        try:
            draw(browser, site.url, folder)
        finally:
            browser.close()
            site.stop()


if __name__ == "__main__":
    main()
