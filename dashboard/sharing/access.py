"""The one way to the pages below a link: locked, unless the visitor shows that they may look."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import structlog
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from dashboard.error_views import whole_page
from dashboard.pages.routes import BAR
from dashboard.sharing import access_log, links
from dashboard.sharing.models import Share
from dashboard.sharing.pages import Below, Lenses

log = structlog.get_logger(__name__)

SharedView = Callable[[HttpRequest, Share], HttpResponseBase]


def gone(request: HttpRequest) -> HttpResponse:
    """Unknown, expired, revoked, somebody else's: the same page, to the byte."""
    return whole_page(render(request, "sharing/recipient/not_found.html", status=404))


def locked(request: HttpRequest, share: Share, sentence: str = "", status: int = 403) -> HttpResponse:
    """The password page. It says nothing of the link but that it has a password."""
    shown = {"action": f"{share.root}unlock", "next": _wanted(request), "sentence": sentence}
    return whole_page(render(request, "sharing/recipient/unlock.html", shown, status=status))


def _wanted(request: HttpRequest) -> str:
    """The page that was asked for; where a part of it was, the page that the part belongs to."""
    htmx = request.htmx  # type: ignore[attr-defined]
    asked = (htmx.current_url_abs_path or "") if htmx else request.get_full_path()
    return request.POST.get("next") or asked


def shared(below: Below) -> URLPattern:
    """A page below a link. Whoever has not opened the link, and unlocked it, does not get this far."""

    def door(request: HttpRequest, share_id: str) -> HttpResponseBase:
        share = links.find(share_id)
        standing = "nothing" if share is None else links.standing(request, share)
        if share is None or standing == "nothing":
            return gone(request)
        if standing == "locked":
            return locked(request, share)
        if below.file and not share.exports:
            raise Http404
        response = require_http_methods(list(below.methods))(answer)(request, share)
        if below.counted and response.status_code < 300 and _is_look(request):
            _noted(share, request, below)
        return response

    def answer(request: HttpRequest, share: Share) -> HttpResponseBase:
        return below.answer(Lenses.of(share, links.holder(request, share) or ""), request)

    return path(
        f"shared/<slug:share_id>/{below.route}", login_not_required(door), name=f"shared_{below.name}"
    )


def _is_look(request: HttpRequest) -> bool:
    """Somebody looks at a page or takes a file; to open a bar of a chart is a part of looking at it."""
    return request.method == "GET" and request.headers.get("HX-Target") != BAR


def _noted(share: Share, request: HttpRequest, below: Below) -> None:
    """A visit that cannot be written down must not cost the visitor the page, nor anybody an export's place."""
    try:
        access_log.note(share, request, below.route.strip("/"))
    except DatabaseError as error:
        log.warning("visit_not_noted", share=share.pk, error=type(error).__name__)


def unlocking(route: str, view: SharedView, name: str) -> URLPattern:
    """The address that a password is sent to: open to those who hold the link."""

    @wraps(view)
    def door(request: HttpRequest, share_id: str) -> HttpResponseBase:
        share = links.find(share_id)
        if share is None or links.standing(request, share) == "nothing":
            return gone(request)
        if request.method != "POST":
            return redirect(share.root)  # somebody reloads the address that a wrong password left behind
        return view(request, share)

    return path(f"shared/<slug:share_id>/{route}", login_not_required(door), name=name)
