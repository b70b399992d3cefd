"""The lenses, as far as a link shows them: for its holder, and for its maker's preview."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard.browser import Browser
from dashboard.formats import exact_moment, full_label, label, minute_text, relative
from dashboard.lens import Build, show, show_part
from dashboard.live import top_of
from dashboard.looks import Looks
from dashboard.place import Page, Part, Place
from dashboard.scan import SoFar
from dashboard.sharing.models import Share
from dashboard.sharing.snapshots import usage_of
from usage.window import to_ms

PARTS: tuple[Part, ...] = get_args(Part)
PAGES: tuple[tuple[Page, str], ...] = (("usage", "Usage"), ("events", "Events"))


@dataclass(frozen=True, slots=True)
class Lenses:
    """The pages of one link, below `root`. Their routes' names begin with `names`; they show `more` beside."""

    share: Share
    root: str
    names: str = "shared"
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        return Place(usage_of(self.share), root=self.root, parts=True)

    @property
    def entrance(self) -> str:
        """The view that the link opens with."""
        return f"{self.place.url('usage')}?{self.share.view}"

    def show(self, request: HttpRequest, page: Page) -> HttpResponse:
        looks = Looks(self.place)
        build = looks.usage if page == "usage" else looks.events
        return show(request, self.place, page, build, self._context())

    def show_part(self, request: HttpRequest, part: Part) -> HttpResponse:
        so_far = SoFar.of(request)
        browser = Browser(self.place, so_far, top_of(request))
        builds: dict[Part, Build] = {
            "histogram": browser.histogram,
            "facets": browser.facets,
            "more": browser.more,
            "live": browser.live,
        }
        return show_part(request, self.place, part, builds[part], self._context() | {"so_far": so_far})

    def _context(self) -> dict[str, Any]:
        pages = [(f"{self.names}_{name}", self.place.url(name), text) for name, text in PAGES]
        shown = {"frame": "sharing/shared.html", "pages": pages, "about": about(self.share)}
        return {**shown, "preview": False, **self.more}


def about(share: Share) -> dict[str, Any]:
    """What a link's pages and its maker's list say of it: who made it for whom, what it shows, until when."""
    zone = ZoneInfo(parse_qs(share.view).get("tz", ["UTC"])[0])
    return {
        "share": share,
        "maker": share.maker.get_full_name() or share.maker.get_username(),
        "customer": full_label(share.customer_id),
        "features": "all features" if share.features is None else _listed(share.features),
        "properties": _listed(share.properties) if share.properties else "no properties",
        "period": _period(share, zone),
        "also": _also(share),
        "made": minute_text(to_ms(share.created_at), zone),
        "until": minute_text(to_ms(share.expires_at), zone),
        "seen": None if share.last_seen is None else relative(to_ms(share.last_seen), to_ms(timezone.now())),
        "seen_exactly": None if share.last_seen is None else exact_moment(to_ms(share.last_seen), zone),
        "zone": zone.key,
    }


def _listed(names: Iterable[str]) -> str:
    return ", ".join(label(name) for name in sorted(names))


def _also(share: Share) -> str:
    extras = {"deductions": share.deductions, "plans": share.plans, "files to take away": share.exports}
    return (
        ", ".join(name for name, shown in extras.items() if shown) or "nothing: no deductions, plans or files"
    )


def _period(share: Share, zone: ZoneInfo) -> str:
    if share.start is not None and share.end is not None:
        return f"{minute_text(share.start, zone)} – {minute_text(share.end, zone)}"
    return "any period" if share.start is None else f"from {minute_text(share.start, zone)} on"
