"""Headers of everything below a link, errors included."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from dashboard.error_views import BELOW_LINKS

GetResponse = Callable[[HttpRequest], HttpResponseBase]

HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "same-origin",  # no-referrer makes forms send "Origin: null", which Django refuses
}


def share_headers(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.path_info.startswith(BELOW_LINKS):
            for name, value in HEADERS.items():
                response[name] = value
        return response

    return middleware
