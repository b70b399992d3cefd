"""Exports over HTTP. A share's routes call the same functions with their own Place and Taker.

Whatever is wrong is said before the first byte, as a page: the first rows are fetched before the answer begins.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header

from dashboard.exports.connection import Connection
from dashboard.exports.files import CSV, Format, file_name, usage_csv
from dashboard.exports.lease import Busy, Crowded, Taker, Turn, latest, note, stop
from dashboard.exports.stream import Stream, pieces
from dashboard.forms import QueryForm
from dashboard.models import User
from dashboard.mount import Page, Place
from dashboard.pages.respond import is_part
from dashboard.problems import Problem, problem_of
from usage.errors import UsageError
from usage.query import BadQuery, Query
from usage.window import local

log = structlog.get_logger(__name__)

Make = Callable[[Query, int], HttpResponseBase]

BUSY = Problem(
    409,
    "One export at a time",
    "Another export of yours is running.",
    "Wait for its end, or stop it; then try again.",
    retry_after_s=10,
    code="export-running",
)
CROWDED = Problem(
    503,
    "Too many exports at once",
    "Other people's exports are running, and pages have to stay quick for everybody.",
    "Try again in a moment.",
    retry_after_s=30,
    code="busy",
)
UNRECORDED = Problem(
    503,
    "This export cannot begin",
    "Exports leave a record, and the database takes none at the moment.",
    "Try again in a moment.",
    retry_after_s=30,
    code="unrecorded",
)
OLD_HTTP = Problem(
    505,
    "This needs HTTP/1.1",
    "Older versions cannot tell a whole file from a part.",
    "A proxy in front of this dashboard has to speak HTTP/1.1 to it, as nginx does with proxy_http_version 1.1.",
    code="old-http",
)


def staff_taker(request: HttpRequest) -> Taker:
    """Whoever is signed in. The demo user is everybody at once, so there the address says who is who."""
    user = request.user
    key = f"user:{user.pk}"
    if settings.AUTUMN_MODE == "sample" and user.get_username() == "demo":
        key = f"demo:{request.META.get('REMOTE_ADDR')}"
    return Taker(
        key, user.get_username(), User.objects.filter(username=user.get_username(), is_active=True).exists
    )


def export_events(request: HttpRequest, place: Place, taker: Taker, file_format: Format) -> HttpResponseBase:
    """Every event that matches, whatever page is open, as a stream."""

    def make(query: Query, now: int) -> HttpResponseBase:
        if request.META.get("SERVER_PROTOCOL") == "HTTP/1.0":
            return _refusal(request, place, "events", OLD_HTTP, query)
        whole = query.having(until=query.until)
        headers = _headers(place, "events", whole, now, file_format)
        if request.method == "HEAD":
            return StreamingHttpResponse(headers=headers)
        return StreamingHttpResponse(_stream(request, place, taker, file_format, whole, now), headers=headers)

    return _answer(request, place, "events", make)


def export_usage(request: HttpRequest, place: Place, taker: Taker) -> HttpResponseBase:
    """The figures that a chart shows: one answer, which its page has as a rule fetched already."""

    def make(query: Query, now: int) -> HttpResponseBase:
        rows, body = usage_csv(place.usage.series(query, now))
        if request.method != "HEAD":
            note(taker, "usage.csv", _recorded(place, query), rows)
        return HttpResponse(body, headers=_headers(place, "usage", query, now, CSV))

    return _answer(request, place, "usage", make)


def export_status(request: HttpRequest, place: Place, taker: Taker) -> HttpResponse:
    """How far the taker's export is; a POST stops it."""
    if request.method == "POST":
        stop(taker)
        if not is_part(request):
            return redirect(request.path)
    template = "exports/_status.html" if is_part(request) else "exports/status.html"
    return render(request, template, {"place": place, "export": latest(taker), "problem": None})


def _answer(request: HttpRequest, place: Place, lens: Page, make: Make) -> HttpResponseBase:
    if not place.exports:
        raise PermissionDenied
    form = QueryForm.of(request)
    try:
        if not form.is_valid():
            return _blamed(request, place, lens, form)
        return make(place.meant(form.query), place.usage.now())
    except BadQuery as bad:
        form.blame(bad)
        return _blamed(request, place, lens, form)
    except (UsageError, Busy, Crowded, DatabaseError) as error:
        return _refusal(request, place, lens, _problem(error), form.query)


def _problem(error: UsageError | Busy | Crowded | DatabaseError) -> Problem:
    match error:
        case Busy():
            return BUSY
        case Crowded():
            return CROWDED
        case DatabaseError():
            log.error("export.unrecorded", error=type(error).__name__)
            return UNRECORDED
    return problem_of(error)


def _stream(
    request: HttpRequest, place: Place, taker: Taker, file_format: Format, query: Query, now: int
) -> Stream:
    """The first batch is fetched here: what is wrong with it can still be said."""
    with ExitStack() as undo:
        if not slots().acquire(blocking=False):
            raise Crowded
        undo.callback(slots().release)
        turn = Turn.take(taker, f"events.{file_format.suffix}", _recorded(place, query))
        undo.push(turn.fail)
        batches = place.usage.batches(query, now)
        first = next(batches)
        if not first.read and not first.more:
            place.usage.page(query, now)  # which tells a customer without events from one that nobody knows
        undo.pop_all()
    count = partial(place.usage.count, query.having(), now)
    return Stream(
        turn, Connection(request), pieces(first, batches, file_format, turn, count), slots().release
    )


def _recorded(place: Place, query: Query) -> str:
    """The record says whose data was taken, also where the address does not."""
    scope = place.usage.scope
    return (query if scope is None else replace(query, customer_id=scope.customer_id)).to_query_string()


@cache
def slots() -> threading.BoundedSemaphore:
    """This process's places for exports: each keeps its thread until it ends, so most threads are not for them."""
    return threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 4))


def _headers(place: Place, lens: Page, query: Query, now: int, file_format: Format) -> dict[str, str]:
    scope = place.usage.scope
    customer = query.customer_id if scope is None else scope.customer_id
    name = file_name(lens, customer, local(now, query.zone), file_format.suffix)
    return {
        "Content-Type": file_format.content_type,
        "Content-Disposition": content_disposition_header(True, name) or "attachment",
        "Cache-Control": "private, no-store",
        "X-Accel-Buffering": "no",  # a proxy that collects rows would hide how far they are, and that they broke off
    }


def _blamed(request: HttpRequest, place: Place, lens: Page, form: QueryForm) -> HttpResponse:
    sentences = [
        sentence if name == "__all__" else f"{name}: {sentence}"
        for name in form.errors
        for sentence in form.sentences(name)
    ]
    problem = Problem(
        400, "This cannot be exported", " ".join(sentences), "Go back and choose again.", code="invalid-query"
    )
    return _refusal(request, place, lens, problem)


def _refusal(
    request: HttpRequest, place: Place, lens: Page, problem: Problem, query: Query | None = None
) -> HttpResponse:
    # Figures that this server lacks are a page's note; as a file there is nothing to give.
    status = 400 if problem.status == 200 else problem.status
    headers = {} if problem.retry_after_s is None else {"Retry-After": str(math.ceil(problem.retry_after_s))}
    if "text/html" not in request.headers.get("Accept", ""):
        text = f"{problem.title}: {problem.sentence} {problem.advice}\n"
        return HttpResponse(text, status=status, headers=headers, content_type="text/plain; charset=utf-8")
    back = place.url(lens, query)
    context = {"place": place, "problem": problem, "back": back, "busy": problem is BUSY}
    response = render(request, "exports/refused.html", context, status=status)
    for name, value in headers.items():
        response[name] = value
    return response
