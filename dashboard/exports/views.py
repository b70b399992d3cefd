"""Exports over HTTP, for every mount.

Whatever is wrong is said before the first byte, as a page: the first rows are fetched before the answer
begins.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import cache

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import Error
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header

from dashboard import messages
from dashboard.explain.context import Explain
from dashboard.exports.connection import Connection
from dashboard.exports.explanation import explanation_csv
from dashboard.exports.files import CSV, Format, chart_csv, file_name, said_in_name
from dashboard.exports.lease import (
    MAX_IN_HOUR,
    AlreadyExporting,
    ExportLease,
    TooManyExports,
    TooManyThisHour,
    latest,
    record_finished,
    stop,
)
from dashboard.exports.stream import Stream, pieces
from dashboard.formats import file_part
from dashboard.forms import QueryForm
from dashboard.metrics.counts import count_refusal
from dashboard.mount import Mount, Page
from dashboard.problems import Problem, problem_of
from dashboard.server.dispatch import pause_turn
from dashboard.web.htmx import HtmxRequest, wants_partial
from usage.api.calls import CLOSED_AFTER_MS
from usage.errors import UsageError
from usage.query import BadQuery, Query
from usage.window import local

log = structlog.get_logger(__name__)

Make = Callable[[Query, int], HttpResponseBase]

ALREADY_EXPORTING = Problem(
    409,
    "One export at a time",
    messages.EXPORT_ALREADY_RUNS,
    messages.EXPORT_ALREADY_RUNS_ADVICE,
    retry_after_s=10,
    code="export-running",
)
TOO_MANY_EXPORTS = Problem(
    503,
    "Too many exports at once",
    messages.OTHER_EXPORTS_RUN,
    messages.TRY_AGAIN_SOON,
    retry_after_s=30,
    code="busy",
)
TOO_MANY_THIS_HOUR = Problem(
    429,
    "Too many exports",
    messages.EXPORTS_OF_THIS_HOUR.format(count=MAX_IN_HOUR),
    messages.TRY_AGAIN_LATER,
    retry_after_s=600,
    code="too-many-exports",
)
UNRECORDED = Problem(
    503,
    "The export could not start",
    messages.DATABASE_NOT_AVAILABLE,
    messages.TRY_AGAIN_SOON,
    retry_after_s=30,
    code="unrecorded",
)
OLD_HTTP = Problem(
    505,
    "HTTP/1.1 required",
    messages.EXPORT_NEEDS_HTTP_1_1,
    messages.EXPORT_NEEDS_HTTP_1_1_ADVICE,
    code="old-http",
)


def export_events(request: HtmxRequest, mount: Mount, file_format: Format) -> HttpResponseBase:
    """Every event that matches, whatever page is open, as a stream."""

    def make(query: Query, now: int) -> HttpResponseBase:
        if request.META.get("SERVER_PROTOCOL") == "HTTP/1.0":
            return _refusal(request, mount, "events", OLD_HTTP, query)
        whole = query.having(until=query.until)
        if file_format is CSV:  # the other has the API's rows, without names
            mount.labels.begin(query.customer_id)
        headers = _headers(
            mount, "events", whole, now, file_format, said_in_name(mount.usage.list_notes(whole))
        )
        if request.method == "HEAD":
            return StreamingHttpResponse(headers=headers)
        return StreamingHttpResponse(_stream(request, mount, file_format, whole, now), headers=headers)

    return _answer(request, mount, "events", make)


def export_usage(request: HtmxRequest, mount: Mount) -> HttpResponseBase:
    """The figures that a chart shows: one answer, which its page has as a rule fetched already."""

    def make(query: Query, now: int) -> HttpResponseBase:
        mount.labels.begin(query.customer_id)
        series = mount.usage.series(query, now, strict=True)
        rows, body = chart_csv(series, mount.labels)
        if request.method != "HEAD":
            record_finished(mount.exporter, "usage.csv", _recorded(mount, query), rows)
        return HttpResponse(
            body, headers=_headers(mount, "usage", query, now, CSV, said_in_name(series.notes))
        )

    return _answer(request, mount, "usage", make)


def export_explanation(request: HtmxRequest, mount: Mount) -> HttpResponseBase:
    """What an explanation says of every value."""

    def make(query: Query, now: int) -> HttpResponseBase:
        mount.labels.begin(query.customer_id)
        explanation = Explain(mount, None).explanation(query, now)
        rows, body = explanation_csv(explanation)
        if request.method != "HEAD":
            record_finished(mount.exporter, "explain.csv", _recorded(mount, query), rows)
        name = f"explain-{file_part(explanation.feature_id)}"
        headers = _headers(mount, name, query, now, CSV, said_in_name(explanation.notes))
        return HttpResponse(body, headers=headers)

    return _answer(request, mount, "usage", make)


def export_status(request: HtmxRequest, mount: Mount) -> HttpResponse:
    """How far the exporter's export is; a POST stops it."""
    if request.method == "POST":
        stop(mount.exporter)
        if not wants_partial(request):
            return redirect(request.path)
    template = "exports/_status.html" if wants_partial(request) else "exports/status.html"
    return render(request, template, {"mount": mount, "export": latest(mount.exporter), "problem": None})


def _answer(request: HtmxRequest, mount: Mount, page: Page, make: Make) -> HttpResponseBase:
    if not mount.exports:
        raise PermissionDenied
    form = QueryForm.of(request)
    try:
        if not form.is_valid():
            return _blamed(request, mount, page, form)
        return make(mount.resolved(form.query), mount.usage.now())
    except BadQuery as bad:
        form.blame(bad)
        return _blamed(request, mount, page, form)
    except (UsageError, AlreadyExporting, TooManyExports, TooManyThisHour, Error) as error:
        return _refusal(request, mount, page, _problem(error), form.query)


def _problem(error: UsageError | AlreadyExporting | TooManyExports | TooManyThisHour | Error) -> Problem:
    match error:
        case AlreadyExporting():
            return ALREADY_EXPORTING
        case TooManyExports():
            return TOO_MANY_EXPORTS
        case TooManyThisHour():
            return TOO_MANY_THIS_HOUR
        case Error():
            log.error("export.unrecorded", error=type(error).__name__)
            return UNRECORDED
    return problem_of(error)


def _stream(request: HtmxRequest, mount: Mount, file_format: Format, query: Query, now: int) -> Stream:
    """The first batch is fetched here: what is wrong with it can still be said."""
    with ExitStack() as undo:
        if not export_slots().acquire(blocking=False):
            raise TooManyExports
        undo.callback(export_slots().release)
        pause_turn()
        lease = ExportLease.take(mount.exporter, f"events.{file_format.suffix}", _recorded(mount, query))
        undo.push(lease.fail)
        batches = mount.usage.batches(query, now)
        first = next(batches)
        if not first.read and not first.more:
            mount.usage.page(query, now)  # raises UnknownCustomer, rather than an empty file
        undo.pop_all()

    def count(refresh: bool) -> int | None:
        return mount.usage.count(query.having(), now, refresh=refresh)

    window = query.window(now)
    is_pinned = query.until is not None and window is not None and query.until < window.end
    closed = window is not None and window.end <= now - CLOSED_AFTER_MS and not is_pinned
    rows = file_format.rows(first.read, mount.labels, query.zone)
    content = pieces(first, batches, rows, lease, count, closed=closed)
    return Stream(lease, Connection(request), content, export_slots().release)


def _recorded(mount: Mount, query: Query) -> str:
    """The record says whose data was taken, also where the address does not."""
    scope = mount.usage.scope
    return (query if scope is None else replace(query, customer_id=scope.customer_id)).to_query_string()


@cache
def export_slots() -> threading.BoundedSemaphore:
    """This process's slots for exports: each holds its thread until it ends, so most threads are not for
    exports.
    """
    return threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 4))


def _headers(
    mount: Mount, name: str, query: Query, now: int, file_format: Format, about: str = ""
) -> dict[str, str]:
    scope = mount.usage.scope
    customer = query.customer_id if scope is None else scope.customer_id
    called = mount.labels.of_customer(customer) if customer is not None and not mount.shared else None
    file = file_name(name, customer, local(now, query.zone), file_format.suffix, about, called)
    return {
        "Content-Type": file_format.content_type,
        "Content-Disposition": content_disposition_header(True, file) or "attachment",
        "Cache-Control": "private, no-store",
        "X-Accel-Buffering": "no",  # a buffering proxy would hide progress and interruption
    }


def _blamed(request: HtmxRequest, mount: Mount, page: Page, form: QueryForm) -> HttpResponse:
    sentences = [
        sentence if name == "__all__" else f"{name}: {sentence}"
        for name in form.errors
        for sentence in form.sentences(name)
    ]
    problem = Problem(
        400,
        "Export not available",
        " ".join(sentences),
        messages.EXPORT_NOT_AVAILABLE_ADVICE,
        code="invalid-query",
    )
    return _refusal(request, mount, page, problem, form.as_given())


def _refusal(
    request: HtmxRequest, mount: Mount, page: Page, problem: Problem, view: Query | str
) -> HttpResponse:
    """`view`: what was requested, as a query string where it is not valid."""
    # Figures that this server lacks are a page's note; as a file there is nothing to give.
    status = 400 if problem.status == 200 else problem.status
    headers = {}
    if problem.retry_after_s is not None:
        count_refusal(problem.code)
        headers["Retry-After"] = str(math.ceil(problem.retry_after_s))
    if "text/html" not in request.headers.get("Accept", ""):
        text = f"{problem.title}: {problem.sentence} {problem.advice}\n"
        return HttpResponse(text, status=status, headers=headers, content_type="text/plain; charset=utf-8")
    back = f"{mount.url(page)}?{view}" if isinstance(view, str) else mount.url(page, view)
    context = {"mount": mount, "problem": problem, "back": back, "busy": problem is ALREADY_EXPORTING}
    response = render(request, "exports/refused.html", context, status=status)
    for name, value in headers.items():
        response[name] = value
    return response
