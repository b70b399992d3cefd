"""A function for each address of the three lenses. What they show is made below; how they answer, in `lens`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.events.client_state import Display
from dashboard.events.drilldown import Bar
from dashboard.events.explorer import Browser
from dashboard.exports.files import CSV, JSON_LINES
from dashboard.exports.views import export_events, export_status, export_usage, staff_taker
from dashboard.forms import QueryForm
from dashboard.mount import Place
from dashboard.pages.contexts import Looks
from dashboard.pages.respond import EMPTY, is_part, show, show_part
from dashboard.services import usage as service
from usage.errors import UsageError
from usage.query import Query

BAR = "events-in-view"
"""Where the usage page shows the events of an open bar."""


def staff() -> Place:
    """The lenses of those who are signed in: the whole organisation."""
    return Place(service(), parts=True)


def show_events(request: HttpRequest, place: Place, context: Mapping[str, Any] = EMPTY) -> HttpResponse:
    """The event browser; or, where a chart asks for the events of one bar, just these."""
    if is_part(request) and request.headers.get("HX-Target") == BAR:
        return show_part(request, place, "drilldown", Bar(place).look, context)
    return show(request, place, "events", Looks(place).events, context)


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    return show(request, staff(), "overview", Looks(staff()).overview)


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    return show_events(request, staff())


@require_safe
def histogram(request: HttpRequest) -> HttpResponse:
    return show_part(request, staff(), "histogram", Browser(staff()).histogram)


@require_safe
def facets(request: HttpRequest) -> HttpResponse:
    return show_part(request, staff(), "facets", Browser(staff()).facets)


@require_safe
def more(request: HttpRequest) -> HttpResponse:
    display = Display.of(request)
    return show_part(request, staff(), "more", Browser(staff(), display).more, {"display": display})


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    return show_part(request, staff(), "live", Browser(staff(), Display.of(request)).live)


@require_safe
def usage(request: HttpRequest) -> HttpResponse:
    return show(request, staff(), "usage", Looks(staff()).usage)


@require_safe
def events_csv(request: HttpRequest) -> HttpResponseBase:
    return export_events(request, staff(), staff_taker(request), CSV)


@require_safe
def events_jsonl(request: HttpRequest) -> HttpResponseBase:
    return export_events(request, staff(), staff_taker(request), JSON_LINES)


@require_safe
def usage_csv(request: HttpRequest) -> HttpResponseBase:
    return export_usage(request, staff(), staff_taker(request))


@require_http_methods(["GET", "HEAD", "POST"])
def events_export(request: HttpRequest) -> HttpResponse:
    return export_status(request, staff(), staff_taker(request))


@require_safe
def customer(request: HttpRequest, customer_id: str) -> HttpResponse:
    """The short address of a customer's charts. What can't be meant in its query is said where it leads."""
    if not customer_id.strip() or "\0" in customer_id:
        raise Http404
    form = QueryForm.of(request)
    if form.is_valid():
        return redirect(staff().url("usage", form.query.having(customer_id=customer_id)))
    return redirect(
        f"{staff().url('usage')}?{urlencode({'customer_id': customer_id})}&{request.GET.urlencode()}"
    )


@require_safe
def customers(request: HttpRequest) -> HttpResponse:
    """Customers whose id contains what was typed, as choices of the customer field."""
    if set(request.GET) - {"customer_id"}:
        raise BadRequest
    search = request.GET.get("customer_id", "")
    if not service().customers():
        with suppress(UsageError):
            service().page(Query(range="90d", per_page=1000))
    return render(request, "pages/_customers.html", {"customers": service().customers(search)})
