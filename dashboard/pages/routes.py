"""The pages of usage, in one table. It is mounted for staff, below each share link, and below its
preview.

A view here takes a `Mount`, and only an access rule makes one: no route of the table can be declared without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from dashboard.events.client_state import ClientState
from dashboard.events.drilldown import Drilldown
from dashboard.events.explorer import Explorer
from dashboard.explain.context import step_of
from dashboard.exports.files import CSV, JSON_LINES
from dashboard.exports.views import export_events, export_explanation, export_status, export_usage
from dashboard.mount import Mount
from dashboard.pages.contexts import PageContexts
from dashboard.pages.respond import respond, respond_part
from dashboard.web.htmx import HtmxRequest, wants_partial

PageView = Callable[[HtmxRequest, Mount], HttpResponseBase]
AccessRule = Callable[["Route"], Callable[..., HttpResponseBase]]

DRILLDOWN_TARGET = "events-in-view"
"""The element of the usage page that shows the events of a bar."""

READ = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Route:
    """An address below a mount.

    `logged`: whether a request is one more view in a link's access log; what a page fetches for itself is
    not. `file`: whether it gives a file, which a link may not allow.
    """

    path: str
    name: str
    view: PageView
    logged: bool = True
    file: bool = False
    methods: tuple[str, ...] = READ

    def answer(self, request: HttpRequest, mount: Mount) -> HttpResponseBase:
        """Answer a request that has passed the mount's access rule; 405 for a method that the route lacks."""
        return require_http_methods(list(self.methods))(self.view)(cast("HtmxRequest", request), mount)

    def is_logged(self, request: HtmxRequest) -> bool:
        """Whether this request is a view of its own. To open a bar is a part of viewing its chart."""
        return self.logged and request.method == "GET" and request.htmx.target != DRILLDOWN_TARGET


def mounted(prefix: str, names: str, access: AccessRule) -> list[URLPattern]:
    """Mount every route below `prefix`.

    `access` wraps each in the rule that lets a request in and makes its Mount.
    """
    return [path(f"{prefix}{route.path}", access(route), name=f"{names}{route.name}") for route in ROUTES]


def overview_view(request: HtmxRequest, mount: Mount) -> HttpResponse:
    """Totals, busiest customers, newest events; a share link leads to the view that it opens with."""
    if mount.entrance is not None:
        return redirect(mount.entrance)
    return respond(request, mount, "overview", PageContexts(mount).overview)


def events_view(request: HtmxRequest, mount: Mount) -> HttpResponse:
    """The event browser; or, where a chart requests the events of one bar, just these."""
    if wants_partial(request) and request.htmx.target == DRILLDOWN_TARGET:
        return respond_part(request, mount, "drilldown", Drilldown(mount).context)
    return respond(request, mount, "events", PageContexts(mount).events)


def usage_view(request: HtmxRequest, mount: Mount) -> HttpResponse:
    return respond(request, mount, "usage", PageContexts(mount, ClientState.of(request)).usage)


def rows_view(request: HtmxRequest, mount: Mount) -> HttpResponse:
    client_state = ClientState.of(request)
    build = PageContexts(mount, client_state).rows
    return respond_part(request, mount, "rows", build, {"client_state": client_state})


def histogram_view(request: HtmxRequest, mount: Mount) -> HttpResponse:
    return respond_part(request, mount, "histogram", Explorer(mount).histogram)


def facets_view(request: HtmxRequest, mount: Mount) -> HttpResponse:
    return respond_part(request, mount, "facets", Explorer(mount).facets)


def explain_view(request: HtmxRequest, mount: Mount) -> HttpResponse:
    """Why usage changed: a step at a time for a page that follows it, else all at once."""
    return respond_part(request, mount, "explain", partial(PageContexts(mount).explanation, step_of(request)))


def more_view(request: HtmxRequest, mount: Mount) -> HttpResponse:
    client_state = ClientState.of(request)
    return respond_part(
        request, mount, "more", Explorer(mount, client_state).more, {"client_state": client_state}
    )


def live_view(request: HtmxRequest, mount: Mount) -> HttpResponse:
    return respond_part(request, mount, "live", Explorer(mount, ClientState.of(request)).live)


ROUTES = (
    Route("", "overview", overview_view),
    Route("usage/", "usage", usage_view),
    Route("usage/rows/", "rows", rows_view, logged=False),
    Route("usage/explain/", "explain", explain_view, logged=False),
    Route("events/", "events", events_view),
    Route("events/histogram/", "histogram", histogram_view, logged=False),
    Route("events/facets/", "facets", facets_view, logged=False),
    Route("events/more/", "more", more_view, logged=False),
    Route("events/live/", "live", live_view, logged=False),
    Route("events/export.csv", "events-csv", partial(export_events, file_format=CSV), file=True),
    Route("events/export.jsonl", "events-jsonl", partial(export_events, file_format=JSON_LINES), file=True),
    Route("usage/export.csv", "usage-csv", export_usage, file=True),
    Route("usage/explain.csv", "explain-csv", export_explanation, file=True),
    Route("events/export/", "events-export", export_status, logged=False, file=True, methods=(*READ, "POST")),
)
