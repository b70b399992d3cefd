"""Who may create and manage links."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from dashboard.models import User

ViewFunction = Callable[..., HttpResponseBase]


def sharer(request: HttpRequest) -> User:
    """The signed-in user, if they may share. Raises PermissionDenied otherwise."""
    if isinstance(request.user, User) and request.user.may_share:
        return request.user
    raise PermissionDenied


def admins_only(view: ViewFunction) -> ViewFunction:
    @wraps(view)
    def wrapped(request: HttpRequest, **named: str) -> HttpResponseBase:
        if not sharer(request).is_admin:
            raise PermissionDenied
        return view(request, **named)

    return wrapped


def sharers_only(view: ViewFunction) -> ViewFunction:
    @wraps(view)
    def wrapped(request: HttpRequest, **named: str) -> HttpResponseBase:
        sharer(request)
        return view(request, **named)

    return wrapped
