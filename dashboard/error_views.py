"""The pages for what went wrong outside of a view."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template

from dashboard import messages
from dashboard.metrics.counts import count_refusal
from dashboard.web.database import database_failure
from dashboard.web.htmx import as_whole_page

BELOW_LINKS = ("/s/", "/shared/")
"""Paths of share links: recipients have no account, so error pages there link to no other page."""

SAFE = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class ErrorText:
    """What happened, and in a sentence or two what to do. `code` names it for programs."""

    code: str
    title: str
    sentence: str


BAD_REQUEST = ErrorText(
    "bad-request",
    "Bad request",
    messages.BAD_REQUEST,
)
ACCESS_DENIED = ErrorText("forbidden", "Access denied", messages.ACCESS_DENIED)
FORM_EXPIRED = ErrorText(
    "form-expired",
    "The form has expired",
    messages.FORM_EXPIRED,
)
NOT_FOUND = ErrorText("not-found", "Page not found", messages.PAGE_NOT_FOUND)
TOO_MANY = ErrorText("too-many-attempts", "Too many attempts", messages.TOO_MANY_ATTEMPTS)
BUSY = ErrorText("busy", "Too many sign-ins at once", messages.TRY_AGAIN_SOON)
SERVER_ERROR = ErrorText(
    "broken",
    "Something went wrong",
    messages.SERVER_ERROR,
)
DATABASE_AWAY = ErrorText(
    "database-away", "The database is not available", messages.DATABASE_AWAY_WHILE_READING
)
NOT_STORED = ErrorText("database-away", "The change was not confirmed", messages.DATABASE_AWAY_WHILE_WRITING)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if database_failure(exception):  # Django takes a session that was not stored for one that was deleted
        return database_away(request)
    return _error_page(request, BAD_REQUEST, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error_page(request, ACCESS_DENIED, 403)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _error_page(request, FORM_EXPIRED, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error_page(request, NOT_FOUND, 404)


def too_many(request: HttpRequest) -> HttpResponse:
    return _refused(_error_page(request, TOO_MANY, 429), TOO_MANY.code, 900)


def too_busy(request: HttpRequest) -> HttpResponse:
    return _refused(_error_page(request, BUSY, 503), "sign-ins", 10)


def server_error(request: HttpRequest) -> HttpResponse:
    """For errors of views and middleware. A database that is away is none of ours: the page says so."""
    if database_failure(sys.exception()):
        return database_away(request)
    return _plain_page(request, SERVER_ERROR, 500)


def database_away(request: HttpRequest) -> HttpResponse:
    error = DATABASE_AWAY if request.method in SAFE else NOT_STORED
    return _refused(_plain_page(request, error, 503), error.code, 5)


def _refused(response: HttpResponse, reason: str, retry_after_s: int) -> HttpResponse:
    count_refusal(reason)
    response["Retry-After"] = str(retry_after_s)
    return response


def _plain_page(request: HttpRequest, error: ErrorText, status: int) -> HttpResponse:
    """Without the request, the person or the database: any of them may be what broke."""
    page = get_template("error.html").render(_error_context(request.path_info, error, status))
    return as_whole_page(HttpResponse(page, status=status))


def _error_page(request: HttpRequest, error: ErrorText, status: int) -> HttpResponse:
    return as_whole_page(
        render(request, "error.html", _error_context(request.path_info, error, status), status=status)
    )


def _error_context(path: str, error: ErrorText, status: int) -> dict[str, object]:
    return {"error": error, "status": status, "below_a_link": path.startswith(BELOW_LINKS)}
