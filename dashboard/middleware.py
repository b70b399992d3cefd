from __future__ import annotations

import secrets
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any, cast

import structlog
from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware
from django.middleware.gzip import GZipMiddleware, re_accepts_gzip
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject
from django_htmx.http import HttpResponseClientRedirect

from dashboard import error_views
from dashboard.accounts.counters import TooManyAttempts
from dashboard.accounts.hashing import TooBusy
from dashboard.metrics.counts import count_request
from dashboard.models import demo_user
from dashboard.server.dispatch import PROBES, name_of_session, verify_visitor
from dashboard.web.htmx import HtmxRequest, wanted_page
from dashboard.web.logging import HALF, bind_request_id
from dashboard.web.templates import PageResponse

GetResponse = Callable[[HttpRequest], HttpResponseBase]
ACCOUNTS = "/accounts/"
METHODS = ("GET", "HEAD", "POST")

access = structlog.get_logger("dashboard.access")


PROXIES_SEEN = "dashboard.proxies"
"""In a request's META: how many addresses its X-Forwarded-For had, trusted or not."""
FORWARDED = ("HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT", "HTTP_FORWARDED", "HTTP_X_REAL_IP")
REQUEST_ID = "HTTP_X_REQUEST_ID"


def trusted_proxies(get_response: GetResponse) -> GetResponse:
    """Believes as many hops about client and HTTPS as the operator vouches for, counted from our end."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        clients = listed(request.META.pop("HTTP_X_FORWARDED_FOR", ""))
        schemes = listed(request.META.pop("HTTP_X_FORWARDED_PROTO", ""))
        for name in FORWARDED:
            request.META.pop(name, None)
        request.META[PROXIES_SEEN] = len(clients)
        trusted = settings.TRUSTED_PROXIES
        if not trusted:
            request.META.pop(REQUEST_ID, None)
        if trusted and len(clients) >= trusted:
            request.META["REMOTE_ADDR"] = clients[-trusted]
        # Most proxies replace this header rather than add to it, so one word may stand for all hops.
        if trusted and schemes and schemes[-min(trusted, len(schemes))] == "https":
            request.META["wsgi.url_scheme"] = "https"
        return get_response(request)

    return middleware


def listed(header: str) -> list[str]:
    return [part.strip() for part in header.split(",") if part.strip()]


def access_log(get_response: GetResponse) -> GetResponse:
    """A line for each request at level INFO: the path alone, as queries name customers. It is counted, and
    has an ID: a trusted proxy's, or a new one.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        start = time.perf_counter()
        request_id = bind_request_id(request.META.get(REQUEST_ID, ""))
        response = get_response(request)
        response["X-Request-ID"] = request_id
        count_request(counted_route(request), response.status_code, time.perf_counter() - start)
        access.info(
            "request",
            method=request.method,
            path=logged_path(request),
            status=response.status_code,
            ms=round((time.perf_counter() - start) * 1000, 1),
            client=request.META.get("REMOTE_ADDR"),
        )
        return response

    return middleware


def counted_route(request: HttpRequest) -> str:
    """The name of the route; all of Django's admin is `admin`. Paths without one: `static` or `unknown`."""
    route = request.resolver_match
    if route is None:
        return "static" if request.path.startswith(settings.STATIC_URL) else "unknown"
    return route.namespace or route.url_name or "unknown"


def logged_path(request: HttpRequest) -> str:
    """The path without what may be part of a share link's token. The ids of customers may be as long."""
    route = request.resolver_match
    if route is not None and route.url_name == "customer":
        return request.path
    return HALF.sub("[token]", request.path)


def page_headers(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"
        )
        response.headers.setdefault("Usage-Dashboard", "1")  # a proxy's own error page lacks it
        # After sign-out, Back must show no page of before.
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return middleware


class Compressed(GZipMiddleware):
    """Pages go out compressed, with Django's guard against guessing by length.

    Exports go out as they come.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.streaming:
            return response
        if isinstance(response, PageResponse) and response.packed:
            return _compressed_in_parts(request, response, secrets.randbelow(self.max_random_bytes))
        compressed: HttpResponseBase = super().process_response(request, response)
        return compressed


def _compressed_in_parts(request: HttpRequest, response: PageResponse, padding: int) -> PageResponse:
    """The page, whose packed HTML is not compressed again: that is most of it. `padding`: how many bytes the
    file's name has, by which Django too hides the length of what a visitor sent.
    """
    patch_vary_headers(response, ("Accept-Encoding",))
    if not re_accepts_gzip.search(request.headers.get("Accept-Encoding", "")):
        return response
    page, start = response.html, 0
    pieces = [b"\x1f\x8b\x08\x08\0\0\0\0\0\xff", b"a" * padding, b"\0"]  # RFC 1952: gzip, with a name
    for part in response.packed:
        at = page.find(part.html, start)
        if at >= 0:
            pieces += (_deflated(page[start:at], zlib.Z_FULL_FLUSH), part.deflated)
            start = at + len(part.html)
    whole = response.content
    pieces += (_deflated(page[start:], zlib.Z_FINISH), struct.pack("<LL", zlib.crc32(whole), len(whole)))
    response.content = b"".join(pieces)
    response.headers["Content-Length"] = str(len(response.content))
    response.headers["Content-Encoding"] = "gzip"
    return response


def _deflated(html: str, end: int) -> bytes:
    packer = zlib.compressobj(6, wbits=-zlib.MAX_WBITS)
    return packer.compress(html.encode()) + packer.flush(end)


class HostsUnlessProbes(CommonMiddleware):
    """Refuses hosts that are not the site's, except from probes and Prometheus: these send the address of a
    container, and their answers contain nothing of the request.
    """

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        return None if request.path_info in PROBES else super().process_request(request)


def known_methods(get_response: GetResponse) -> GetResponse:
    """No page answers other methods, and views that don't care would answer them like GET."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.method not in METHODS:
            return HttpResponseNotAllowed(METHODS)
        return get_response(request)

    return middleware


def demo_person(get_response: GetResponse) -> GetResponse:
    """With sample data, signs every visitor in as the demo user, without a session; real users can still sign
    in.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if settings.AUTUMN_MODE == "sample" and not request.path_info.startswith(ACCOUNTS):
            signed_in = request.user
            request.user = SimpleLazyObject(  # type: ignore[assignment]
                lambda: signed_in if signed_in.is_authenticated else demo_user()
            )
        return get_response(request)

    return middleware


class PasswordsInTurn(MiddlewareMixin):
    """Answers 503 when too many passwords are being hashed at once, and 429 after too many wrong ones."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        if isinstance(exception, TooManyAttempts):
            return error_views.too_many(request)
        return error_views.too_busy(request) if isinstance(exception, TooBusy) else None


class SignInRequired(LoginRequiredMiddleware):
    """Nothing is public unless it says so; and htmx goes to the sign-in page instead of swapping it in."""

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        if not getattr(view_func, "login_required", True):
            return None  # before the user is loaded, so that probes and share pages read no session
        answer = super().process_view(request, view_func, view_args, view_kwargs)
        if answer is None:
            verify_visitor(name_of_session(request.session.session_key or ""))
        return answer

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> Any:
        asking = cast("HtmxRequest", request)
        if asking.htmx:
            return HttpResponseClientRedirect(redirect_to_login(wanted_page(asking) or "/").url)
        return super().handle_no_permission(request, view_func)
