"""One path for all pages that look at usage: query string → form → service → page, whole or as the part htmx swaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from dashboard.events.explorer import key_of
from dashboard.forms import QueryForm
from dashboard.models import User
from dashboard.mount import Page, Part, Place
from dashboard.pages.filter_bar import filter_bar
from dashboard.problems import Problem, problem_of
from usage.errors import UsageError
from usage.query import BadQuery, Query

EMPTY: Mapping[str, Any] = {}
Build = Callable[[Query, int, bool], Mapping[str, Any]]


def show(
    request: HttpRequest, place: Place, page: Page, build: Build, context: Mapping[str, Any] = EMPTY
) -> HttpResponse:
    """The answer to a request for `page`. `build(query, now, refresh)` makes what the page shows; it may raise."""
    form = QueryForm.of(request)
    shown = _shown(request, place, page, form, build) | dict(context)
    part = is_part(request)
    shown["part"] = f"pages/_{page}.html"
    response = _rendered(request, "pages/partial.html" if part else f"pages/{page}.html", form, shown)
    if part and form.is_valid():
        response["HX-Push-Url"] = place.url(page, form.query.having(**_place_in_list(form.query)))
    return response


def show_part(
    request: HttpRequest, place: Place, part: Part, build: Build, context: Mapping[str, Any] = EMPTY
) -> HttpResponse:
    """A part that the event browser fetches for itself; whoever has no script gets it as a page of its own."""
    form = QueryForm.of(request)
    shown = _shown(request, place, "events", form, build) | dict(context)
    shown["key"] = key_of(place, form.query) if form.is_valid() else ""
    shown["inner"], shown["part"] = f"events/_{part}.html", "pages/_standalone.html"
    alone = is_part(request)
    return _rendered(request, shown["inner"] if alone else "pages/events.html", form, shown)


def _shown(request: HttpRequest, place: Place, page: Page, form: QueryForm, build: Build) -> dict[str, Any]:
    now = place.usage.now()
    shown: dict[str, Any] = {"place": place, "form": form, "now": now, "page_name": page, "problem": None}
    if form.is_valid():
        shown |= _built(form, place, build, now, request)
    shown["bar"] = filter_bar(form, place, page, now, shown.get("paths", ()))
    query = getattr(form, "query", None)
    shown["nav_query"] = place.params(query) if query else ""
    shown["share_href"] = _share_href(request, place, query)
    return shown


def _rendered(request: HttpRequest, template: str, form: QueryForm, shown: dict[str, Any]) -> HttpResponse:
    problem: Problem | None = shown["problem"]
    found = 404 if shown.get("missing") else 200
    status = 400 if form.errors else problem.status if problem else found
    response = render(request, template, shown, status=status)
    patch_vary_headers(response, ("HX-Request", "HX-History-Restore-Request", "HX-Target", "Cookie"))
    if problem is not None and problem.retry_after_s is not None:
        response["Retry-After"] = str(problem.retry_after_s)
    return response


def is_part(request: HttpRequest) -> bool:
    """Whether htmx asks for the part that it swaps; when it restores history it sends both headers and wants it all."""
    headers = request.headers
    return headers.get("HX-Request") == "true" and headers.get("HX-History-Restore-Request") != "true"


def _built(form: QueryForm, place: Place, build: Build, now: int, request: HttpRequest) -> Mapping[str, Any]:
    try:
        form.query = place.meant(form.query)
        return build(form.query, now, _is_refresh(request, place))
    except BadQuery as bad:
        form.blame(bad)
        return {}
    except UsageError as error:
        return {"problem": problem_of(error)}


def _is_refresh(request: HttpRequest, place: Place) -> bool:
    """Whether to ask anew for what is kept. A link's holder waits: staff share the customer's five calls a second."""
    return not place.shared and "no-cache" in request.headers.get("Cache-Control", "")


def _share_href(request: HttpRequest, place: Place, query: Query | None) -> str | None:
    """Where a link to this view is made, for those who may make one."""
    may_share = not place.shared and isinstance(request.user, User) and request.user.may_share
    return f"{reverse('share_new')}?{place.params(query)}" if may_share and query is not None else None


def _place_in_list(query: Query) -> dict[str, Any]:
    return {"until": query.until, "before": query.before, "page": query.page, "event": query.event}
