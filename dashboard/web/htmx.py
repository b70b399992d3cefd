"""Requests as django-htmx's middleware leaves them, with types."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django_htmx.http import reswap, retarget
from django_htmx.middleware import HtmxDetails

VIEW = "view"
"""The element that holds a page's figures: a request for it is one for the page."""


class HtmxRequest(HttpRequest):
    """A request that has passed `HtmxMiddleware`."""

    htmx: HtmxDetails


def wants_partial(request: HtmxRequest) -> bool:
    """Return whether htmx wants the part that it swaps. To restore its history it wants the whole page."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def current_page(request: HtmxRequest) -> str:
    """Return the address of the page that the person sees; of an htmx request, that of the page around it."""
    return (request.htmx.current_url_abs_path or "") if request.htmx else request.get_full_path()


def wanted_page(request: HtmxRequest) -> str:
    """Return the address of the page that the person asks for; of a request for a part of it, the page's."""
    return request.get_full_path() if request.htmx.target == VIEW else current_page(request)


def as_whole_page(response: HttpResponse) -> HttpResponse:
    """Make htmx replace the whole body with this response, even if it requested a part."""
    return reswap(retarget(response, "body"), "innerHTML")
