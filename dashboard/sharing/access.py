"""The access rule of the pages below a link: locked, unless the visitor shows that they may view them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import structlog
from django.contrib.auth.decorators import login_not_required
from django.db import Error
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path

from dashboard.pages.routes import Route
from dashboard.server.waiting import count_for_link
from dashboard.sharing import access_log, links
from dashboard.sharing.models import Share
from dashboard.sharing.mounts import recipient_mount
from dashboard.web.htmx import HtmxRequest, as_whole_page, current_page

log = structlog.get_logger(__name__)

SharedView = Callable[[HtmxRequest, Share], HttpResponseBase]


def link_not_found(request: HtmxRequest) -> HttpResponse:
    """The page for links that are unknown, expired, revoked or another's: always the same bytes."""
    return as_whole_page(render(request, "sharing/recipient/not_found.html", status=404))


def locked(request: HtmxRequest, share: Share, sentence: str = "", status: int = 403) -> HttpResponse:
    """The password page. It says nothing of the link but that it has a password."""
    context = {"action": f"{share.root}unlock", "next": _next_page(request), "sentence": sentence}
    return as_whole_page(render(request, "sharing/recipient/unlock.html", context, status=status))


def _next_page(request: HtmxRequest) -> str:
    """The page that was requested; for a part, the page that the part belongs to."""
    return request.POST.get("next") or current_page(request)


def with_link(route: Route) -> Callable[..., HttpResponseBase]:
    """The access rule of a shared page.

    Visitors who have not opened and unlocked the link do not get this far.
    """

    @login_not_required
    @wraps(route.view)
    def view(request: HtmxRequest, share_id: str) -> HttpResponseBase:
        share = links.find(share_id)
        access = "nothing" if share is None else links.access_of(request, share)
        if share is None or access == "nothing":
            return link_not_found(request)
        count_for_link(share.pk)
        if access == "locked":
            return locked(request, share)
        if route.file and not share.exports:
            raise Http404
        response = route.answer(request, recipient_mount(share, links.recipient_id(request, share) or ""))
        if response.status_code < 300 and route.is_logged(request):
            _log_view(share, request, route)
        links.renew(request, response, share)
        return response

    return view


def _log_view(share: Share, request: HtmxRequest, route: Route) -> None:
    """A view that cannot be written down must not cost the visitor the page, nor
    anybody an export's lease.
    """
    try:
        access_log.log_view(share, request, route.path.strip("/"))
    except Error as error:
        log.warning("visit_not_noted", share=share.pk, error=type(error).__name__)


def unlocking(route: str, view: SharedView, name: str) -> URLPattern:
    """The address that a password is sent to: open to those who hold the link."""

    @login_not_required
    @wraps(view)
    def unlock_view(request: HtmxRequest, share_id: str) -> HttpResponseBase:
        share = links.find(share_id)
        if share is None or links.access_of(request, share) == "nothing":
            return link_not_found(request)
        count_for_link(share.pk)
        if request.method != "POST":
            return redirect(share.root)  # a reload of the address after a wrong password
        return view(request, share)

    return path(f"shared/<slug:share_id>/{route}", unlock_view, name=name)
