"""Devices that have signed in to an account: a signed cookie says so, until the password changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponseBase

from dashboard.models import User
from dashboard.web.addresses import route_address

COOKIE_LIFE = timedelta(days=400)
"""As long as browsers keep any."""

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def is_known(request: HttpRequest, user: User) -> bool:
    """Whether somebody has signed in to this account on this device."""
    try:
        return _signer(user).unsign(request.COOKIES.get(_cookie(user), "")) == str(user.pk)
    except BadSignature:
        return False


def remember_device(get_response: GetResponse) -> GetResponse:
    """Notes with the device who is signed in, on the account pages: after sign-in and a new password."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        below = route_address("account_login").removesuffix("login/")
        user = getattr(request, "user", None) if request.path.startswith(below) else None
        if isinstance(user, User) and not is_known(request, user):
            _remember(response, user, below)
        return response

    return middleware


def _remember(response: HttpResponseBase, user: User, path: str) -> None:
    response.set_cookie(
        _cookie(user),
        _signer(user).sign(str(user.pk)),
        max_age=COOKIE_LIFE,
        path=path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _cookie(user: User) -> str:
    return f"device_{user.pk}"


def _signer(user: User) -> Signer:
    return Signer(salt=f"device.{user.password}")
