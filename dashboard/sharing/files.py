"""Files below a link: only where it allows them, and only for as long as it lives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import wraps

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from dashboard.sharing import links
from dashboard.sharing.doors import SharedView, gone
from dashboard.sharing.models import Share


class CutOff(Exception):
    """The link ended while a file was on its way. The server cuts the connection: no file looks whole."""


def files(view: SharedView) -> SharedView:
    """An export of the staff's, as a link hands it out: `shared("events/export.csv", files(view), name)`."""

    @wraps(view)
    def allowed(request: HttpRequest, share: Share) -> HttpResponseBase:
        if not share.exports:
            return gone(request)
        response = view(request, share)
        if isinstance(response, StreamingHttpResponse):
            response.streaming_content = _while_alive(share, iter(response))
        return response

    return allowed


def _while_alive(share: Share, chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if links.find(share.pk) is None:
            raise CutOff(share.pk)
        yield chunk
