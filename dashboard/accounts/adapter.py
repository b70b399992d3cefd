from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse

from dashboard.accounts import counters

SIGNED = {"account/messages/logged_in.txt", "account/messages/logged_out.txt"}


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(
        self, request: HttpRequest, level: int, message_template: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        """The page itself shows who is signed in; the rest is worth saying."""
        if message_template not in SIGNED:
            super().add_message(request, level, message_template, *args, **kwargs)

    def post_login(self, request: HttpRequest, user: Any, **given: Any) -> HttpResponse:
        if login := (given["signal_kwargs"] or {}).get("sociallogin"):
            from dashboard.accounts.social import store_identity  # needs the provider's settings

            store_identity(request, user, login)
        response: HttpResponse = super().post_login(request, user, **given)
        return response

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Counts the attempt by account, whatever name of the account is given."""
        login = credentials.get("username") or credentials.get("email") or ""
        accounts = counters.accounts_of(login)
        with counters.attempt(counters.limits_of(request, "password", accounts, login)) as attempt:
            user = super().authenticate(request, **credentials)
            attempt.right = user is not None
        return user
