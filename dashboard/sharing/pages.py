"""The lenses, as far as a link shows them: for its holder, and for its maker's preview."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from dashboard.events.client_state import Display
from dashboard.events.explorer import Browser
from dashboard.exports.files import CSV, JSON_LINES
from dashboard.exports.lease import Taker
from dashboard.exports.views import export_events, export_status, export_usage
from dashboard.forms import query_of
from dashboard.mount import Page, Place
from dashboard.pages.contexts import Looks
from dashboard.pages.respond import show, show_part
from dashboard.pages.routes import show_events
from dashboard.sharing import links
from dashboard.sharing.models import Share
from dashboard.sharing.snapshots import usage_of
from dashboard.sharing.summary import about
from usage.service import Usage

PAGES: tuple[tuple[Page, str], ...] = (("usage", "Usage"), ("events", "Events"))


@dataclass(frozen=True, slots=True)
class Lenses:
    """The pages of one link, at its place. Their routes' names begin with `names`; they show `more` beside."""

    share: Share
    place: Place
    taker: Taker
    names: str = "shared"
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, share: Share, holder: str) -> Lenses:
        """Those of a link, for one who holds it."""
        still_open = partial(_is_open, share.pk, share.password_version)
        crowd = f"share:{share.pk}:"  # whoever opens the link again is somebody else
        taker = Taker(f"{crowd}{holder}", f"link {share.pk}", still_open, crowd)
        return cls(share, place_of(share, share.root, usage_of(share)), taker)

    @property
    def entrance(self) -> str:
        """The view that the link opens with."""
        return f"{self.place.url('usage')}?{self.share.view}"

    def enter(self, request: HttpRequest) -> HttpResponseBase:
        return redirect(self.entrance)

    def usage(self, request: HttpRequest) -> HttpResponseBase:
        return show(request, self.place, "usage", Looks(self.place).usage, self._context())

    def events(self, request: HttpRequest) -> HttpResponseBase:
        return show_events(request, self.place, self._context())

    def histogram(self, request: HttpRequest) -> HttpResponseBase:
        return show_part(request, self.place, "histogram", Browser(self.place).histogram, self._context())

    def facets(self, request: HttpRequest) -> HttpResponseBase:
        return show_part(request, self.place, "facets", Browser(self.place).facets, self._context())

    def more_rows(self, request: HttpRequest) -> HttpResponseBase:
        display = Display.of(request)
        context = self._context() | {"display": display}
        return show_part(request, self.place, "more", Browser(self.place, display).more, context)

    def live(self, request: HttpRequest) -> HttpResponseBase:
        browser = Browser(self.place, Display.of(request))
        return show_part(request, self.place, "live", browser.live, self._context())

    def events_csv(self, request: HttpRequest) -> HttpResponseBase:
        return export_events(request, self.place, self.taker, CSV)

    def events_jsonl(self, request: HttpRequest) -> HttpResponseBase:
        return export_events(request, self.place, self.taker, JSON_LINES)

    def events_export(self, request: HttpRequest) -> HttpResponseBase:
        return export_status(request, self.place, self.taker)

    def usage_csv(self, request: HttpRequest) -> HttpResponseBase:
        return export_usage(request, self.place, self.taker)

    def _context(self) -> dict[str, Any]:
        pages = [(f"{self.names}_{name}", self.place.url(name), text) for name, text in PAGES]
        shown = {"frame": "sharing/recipient/frame.html", "pages": pages, "about": about(self.share)}
        return {**shown, "preview": False, **self.more}


@dataclass(frozen=True, slots=True)
class Below:
    """A route below a link, and below its preview.

    `counted`: whether a look is one more in the log; what a page fetches for itself is none. `file`: only where the
    link allows files.
    """

    route: str
    name: str
    answer: Callable[[Lenses, HttpRequest], HttpResponseBase]
    counted: bool = True
    file: bool = False
    methods: tuple[str, ...] = ("GET", "HEAD")


def place_of(share: Share, root: str, usage: Usage) -> Place:
    """Where the lenses of a link stand, below `root`."""
    by = query_of(share.view).group_by
    kept = None if not share.snapshot else () if by is None else (by,)
    return Place(usage, root=root, parts=True, kept=kept)


BELOW = (
    Below("", "overview", Lenses.enter),
    Below("usage/", "usage", Lenses.usage),
    Below("events/", "events", Lenses.events),
    Below("events/histogram/", "histogram", Lenses.histogram, counted=False),
    Below("events/facets/", "facets", Lenses.facets, counted=False),
    Below("events/more/", "more", Lenses.more_rows, counted=False),
    Below("events/live/", "live", Lenses.live, counted=False),
    Below("events/export.csv", "events-csv", Lenses.events_csv, file=True),
    Below("events/export.jsonl", "events-jsonl", Lenses.events_jsonl, file=True),
    Below("usage/export.csv", "usage-csv", Lenses.usage_csv, file=True),
    Below(
        "events/export/",
        "events-export",
        Lenses.events_export,
        counted=False,
        file=True,
        methods=("GET", "HEAD", "POST"),
    ),
)
"""All that there is below a link: who makes a route here cannot forget its lock."""


def _is_open(share_id: str, password_version: int) -> bool:
    """Whether what was opened so is open still: a new password ends what an earlier one opened."""
    share = links.find(share_id)
    return share is not None and share.password_version == password_version
