"""The template environment of our own pages, and HTML that is in many of them."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import NoReverseMatch
from django_htmx.jinja import htmx_script
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from dashboard.formats import full_label, label
from dashboard.web import csp
from dashboard.web.addresses import route_address

# htmx would leave error answers unswapped, keep pages in the browser's store, and write a style of its own.
HTMX = {
    "includeIndicatorStyles": False,
    "allowEval": False,
    "selfRequestsOnly": True,
    "historyCacheSize": 0,
    "refreshOnHistoryMiss": False,
    "scrollBehavior": "instant",
    "defaultSettleDelay": 0,  # until then, what is ticked would be sent nowhere
    "timeout": 60_000,
    "responseHandling": [{"code": "204", "swap": False}, {"code": "...", "swap": True}],
}
MODE_BADGES = {
    "sample": ("sample", "sample data"),
    "test": ("test", "test key"),
    "live": ("alarm", "LIVE key"),
    "other": ("alarm", "key type not recognized"),
}
NAV = [("overview", "Overview"), ("events", "Events"), ("usage", "Usage"), ("shares", "Share links")]
THEMES = {"light", "dark"}


@dataclass(frozen=True, slots=True)
class PackedHtml:
    """HTML that is sent again and again, so that it is compressed once. `deflated`: raw, byte-aligned, and
    without reference to what is before it.
    """

    html: Markup
    deflated: bytes

    @classmethod
    def of(cls, html: Markup) -> PackedHtml:
        """Takes longer than to compress it as Django does, and makes it smaller."""
        packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
        return cls(html, packer.compress(html.encode()) + packer.flush(zlib.Z_FULL_FLUSH))

    def __html__(self) -> str:
        return self.html

    def __bool__(self) -> bool:
        return bool(self.html)


class PageResponse(HttpResponse):
    """A page of ours as `html`. `packed`: what may be in it of such HTML, in the order of the page."""

    def __init__(self, html: str, packed: Iterable[PackedHtml], status: int) -> None:
        super().__init__(html, status=status)
        self.html, self.packed = html, tuple(packed)


STYLES = PackedHtml.of(Markup(csp.APP_CSS))  # noqa: S704  our own file


def environment(**options: Any) -> Environment:
    options |= {"autoescape": True, "undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    env = Environment(**options)  # noqa: S701  autoescape is in the options
    env.globals.update(
        static=static,
        url=route_address,
        htmx_script=htmx_script,
        htmx_config=json.dumps(HTMX),
        inline_css=STYLES,
    )
    env.filters["visible"] = full_label
    env.filters["label"] = label
    return env


def page(request: HttpRequest) -> dict[str, Any]:
    """What every page of ours may show, wherever it comes from."""
    theme = request.COOKIES.get("theme", "")
    return {
        "mode_badge": (*MODE_BADGES[settings.AUTUMN_MODE], settings.AUTUMN_MODE),
        "theme": theme if theme in THEMES else "",
        "user": getattr(request, "user", None),
        "nav": navigation(),
        "active_page": _active_page(request),
        "messages": get_messages(request),
        "oidc_name": settings.OIDC_NAME,
        "oidc_url": oidc_url(),
    }


def _active_page(request: HttpRequest) -> str:
    """The page's name; the pages that create and manage one link belong to the list, and what explains a
    change to the chart.
    """
    name = (request.resolver_match.url_name if request.resolver_match else None) or ""
    return "shares" if name == "share" or name.startswith("share_") else name.replace("explain", "usage")


@cache
def navigation() -> list[tuple[str, str, str]]:
    """The pages that there are: a link without a page is not drawn."""
    found = []
    for name, text in NAV:
        with contextlib.suppress(NoReverseMatch):
            found.append((name, route_address(name), text))
    return found


def oidc_url() -> str | None:
    return route_address("oidc_login") if settings.OIDC_ISSUER else None
