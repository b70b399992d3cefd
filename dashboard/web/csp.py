"""The content security policy, and the stylesheet that is inlined under it."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase

ASSETS: Path = Path(__file__).resolve().parent.parent / "assets"
"""Templates and static files: links to the checkout's folders, copies of them in an installed package."""


def stylesheet(*paths: Path) -> str:
    """The sheets without comments and slack. Pages carry it: first paint cannot wait for a second request."""
    text = re.sub(r"/\*.*?\*/", "", "".join(path.read_text() for path in paths), flags=re.DOTALL)
    text = re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r"\s+", " ", text)).strip()
    return re.sub(r"\[data-theme=dark\]({.*?})", _dark_by_choice_or_system, text, count=1)


def _dark_by_choice_or_system(block: re.Match[str]) -> str:
    """CSS cannot say "chosen, or the system's", so the one block of dark values goes out under both. Paper is
    light.
    """
    chosen = f"@media screen{{[data-theme=dark]{block[1]}}}"
    return (
        f"{chosen}@media screen and (prefers-color-scheme: dark){{:root:not([data-theme=light]){block[1]}}}"
    )


def plotly_bundle() -> Path:
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise RuntimeError("plotly is not installed")
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


def plotly_styles(bundle: Path) -> list[str]:
    """The texts of the style elements that the bundle writes as it loads: an empty one, and a map's."""
    found = re.findall(r"\.textContent='([^'\\]*)',document\.head", bundle.read_text())
    return ["", *found]


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


SHEETS = ("pages/app.css", "charts/charts.css", "pages/view.css", "pages/customers.css", "events/events.css")
APP_CSS = stylesheet(*(ASSETS / "static" / sheet for sheet in SHEETS))

DIRECTIVES: dict[str, list[str]] = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "img-src": ["'self'", "data:", "blob:"],  # blob: is how Plotly hands over a PNG
    "connect-src": ["'self'"],
    "font-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}


@cache
def style_sources() -> tuple[str, ...]:
    """What `style-src` allows.

    The bundle has 4.8 MB, so it is read once, with the first response, not at import.
    """
    return ("'self'", digest(APP_CSS), *map(digest, plotly_styles(plotly_bundle())))


class ContentSecurityPolicy(CSPMiddleware):
    """django-csp's middleware, with `style-src` added once it is needed."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only:
            parts.replace = {**(parts.replace or {}), "style-src": list(style_sources())}
        return parts
