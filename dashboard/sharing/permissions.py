"""Who may make and mind links."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from dashboard.models import User

View = Callable[..., HttpResponseBase]


def sharer(request: HttpRequest) -> User:
    """Whoever is signed in, if they may share. PermissionDenied if not."""
    if isinstance(request.user, User) and request.user.may_share:
        return request.user
    raise PermissionDenied


def admins_only(view: View) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, **named: str) -> HttpResponseBase:
        if not sharer(request).is_admin:
            raise PermissionDenied
        return view(request, **named)

    return guarded


def sharers_only(view: View) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, **named: str) -> HttpResponseBase:
        sharer(request)
        return view(request, **named)

    return guarded
