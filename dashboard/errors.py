"""The pages for what went wrong outside of a view."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, "400.html", 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, "403.html", 403)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _page(request, "403_csrf.html", 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, "404.html", 404)


def too_many(request: HttpRequest) -> HttpResponse:
    response = _page(request, "429.html", 429)
    response["Retry-After"] = "60"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Without the request, the person or the database: any of them may be what broke."""
    return whole_page(HttpResponse(get_template("500.html").render(), status=500))


def _page(request: HttpRequest, template: str, status: int) -> HttpResponse:
    return whole_page(render(request, template, status=status))


def whole_page(response: HttpResponse) -> HttpResponse:
    """Tells htmx, which may have asked for a fragment, that this is the page."""
    response["HX-Retarget"], response["HX-Reswap"] = "body", "innerHTML"
    return response
