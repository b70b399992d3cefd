"""The one path of a request: query string → form → service → page, whole or as the part that htmx swaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django_htmx.http import push_url

from dashboard.events.explorer import part_key
from dashboard.forms import QueryForm
from dashboard.metrics.counts import count_refusal
from dashboard.models import User
from dashboard.mount import Mount, Page, Part
from dashboard.pages.filter_bar import filter_bar
from dashboard.pages.page_customer import page_customer
from dashboard.pages.start import start_of
from dashboard.problems import Problem, page_problem_of, problem_of
from dashboard.services import customer_search
from dashboard.web.addresses import route_address
from dashboard.web.htmx import HtmxRequest, wants_partial
from dashboard.web.templates import STYLES, PackedHtml, PageResponse
from usage.errors import Busy, UsageError
from usage.query import BadQuery, Query

EMPTY: Mapping[str, Any] = {}
Build = Callable[[Query, int, bool], Mapping[str, Any]]
VARIES_BY = ("HX-Request", "HX-History-Restore-Request", "HX-Target", "Cookie")


def respond(request: HtmxRequest, mount: Mount, page: Page, build: Build) -> HttpResponse:
    """Answer a request for `page`. `build(query, now, refresh)` makes what the page shows; it may raise."""
    form = QueryForm.of(request)
    context = _context(request, mount, page, form, build) | {"part": f"pages/_{page}.html"}
    if not wants_partial(request):
        return _rendered(request, f"pages/{page}.html", form, context)
    response = _rendered(request, "pages/partial.html", form, context)
    if form.is_valid():
        push_url(response, mount.url(page, form.query.having(**_position_in_list(form.query))))
    return response


def respond_part(
    request: HtmxRequest, mount: Mount, part: Part, build: Build, more: Mapping[str, Any] = EMPTY
) -> HttpResponse:
    """Answer with a part that its page fetches for itself; without script it is a page of its own."""
    form = QueryForm.of(request)
    page: Page = "usage" if part in ("explain", "rows") else "events"
    folder = "explain" if part == "explain" else "events"
    context = _context(request, mount, page, form, build) | dict(more)
    context["key"] = part_key(mount, form.query) if form.is_valid() else ""
    context["inner"], context["part"] = f"{folder}/_{part}.html", "pages/_standalone.html"
    template = context["inner"] if wants_partial(request) else f"pages/{page}.html"
    return _rendered(request, template, form, context)


def _context(request: HttpRequest, mount: Mount, page: Page, form: QueryForm, build: Build) -> dict[str, Any]:
    now = mount.usage.now()
    context: dict[str, Any] = {"mount": mount, "form": form, "now": now, "page_name": page, "problem": None}
    context |= mount.context
    if form.is_valid():
        context |= _built(form, mount, build, now, request)
    query = getattr(form, "query", None)
    problem: Problem | None = context["problem"]
    if problem is not None:
        mount.labels.wait_s = 0.0  # there are no figures to name
    context["page_customer"] = None if query is None or problem else page_customer(mount, page, query)
    if problem is not None and problem.code == "unknown-customer" and not mount.shared:
        context["similar"] = customer_search().similar(query.customer_id or "") if query else ()
    context["filter_bar"] = filter_bar(form, mount, page, now, context.get("paths", ()), context.get("seen"))
    context["nav_query"] = mount.params(query) if query else ""
    context["share_href"] = _share_href(request, mount, query)
    context["save_href"] = _save_href(mount, page, query)
    if page == "overview":
        context["start"] = start_of(request, context["nav_query"])
    return context


def _rendered(request: HttpRequest, template: str, form: QueryForm, context: dict[str, Any]) -> HttpResponse:
    problem: Problem | None = context["problem"]
    found = 404 if context.get("missing") else 200
    status = 400 if form.errors else problem.status if problem else found
    shown = (STYLES, context.get("chart"), context.get("cards"), getattr(context.get("table"), "rows", None))
    packed = (part for part in shown if isinstance(part, PackedHtml))
    response = PageResponse(render_to_string(template, context, request), packed, status)
    patch_vary_headers(response, VARIES_BY)
    if problem is not None and problem.retry_after_s is not None:
        response["Retry-After"] = str(problem.retry_after_s)
        if status == 503:
            count_refusal(problem.code)
    return response


def _built(form: QueryForm, mount: Mount, build: Build, now: int, request: HttpRequest) -> Mapping[str, Any]:
    try:
        form.query = mount.resolved(form.query)
        mount.labels.begin(form.query.customer_id)
        return build(form.query, now, _is_refresh(request, mount))
    except BadQuery as bad:
        form.blame(bad)
        return {}
    except Busy as busy:
        return {"problem": page_problem_of(busy)}
    except UsageError as error:
        return {"problem": problem_of(error)}


def _is_refresh(request: HttpRequest, mount: Mount) -> bool:
    """Whether to bypass cached answers.

    A recipient waits: staff share the customer's five calls a second.
    """
    return not mount.shared and "no-cache" in request.headers.get("Cache-Control", "")


def _share_href(request: HttpRequest, mount: Mount, query: Query | None) -> str | None:
    """Where a link to this view is made, for those who may make one."""
    may_share = not mount.shared and isinstance(request.user, User) and request.user.may_share
    return f"{route_address('share_new')}?{mount.params(query)}" if may_share and query is not None else None


def _save_href(mount: Mount, page: Page, query: Query | None) -> str | None:
    """Where this view is saved, for staff."""
    if mount.shared or query is None:
        return None
    return f"{route_address('saved_view_new', page)}?{mount.params(query)}"


def _position_in_list(query: Query) -> dict[str, Any]:
    return {"until": query.until, "before": query.before, "page": query.page, "event": query.event}
