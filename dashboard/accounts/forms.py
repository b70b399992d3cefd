"""allauth's forms: every text has a greatest length, and those that try a secret are counted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from allauth.account import forms as account
from allauth.core import context
from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as mfa
from allauth.mfa.totp import forms as totp

from dashboard.accounts import counters
from dashboard.forms import BoundedTexts
from dashboard.models import User

if TYPE_CHECKING:
    Base = mfa.BaseAuthenticateForm
else:
    Base = object


class LoginForm(BoundedTexts, account.LoginForm):
    pass


class ReauthenticateForm(BoundedTexts, account.ReauthenticateForm):
    pass


class ActivateTOTPForm(BoundedTexts, totp.ActivateTOTPForm):
    pass


class CountedCode(Base):
    """A code of the second factor."""

    def clean_code(self) -> Any:
        with counters.attempt(counters.limits_of(context.request, "code", [self.user])) as attempt:
            code = super().clean_code()
            # allauth notes this in the cache too, which may forget it.
            used = f"used:{self.user.pk}:{re.sub(r'[^0-9]', '', code)}"
            accepted_s = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1)
            if not counters.take(counters.Limit(used, 1, accepted_s)):
                raise get_adapter().validation_error("incorrect_code")
            attempt.right = True
        return code


class CodeForm(BoundedTexts, CountedCode, mfa.AuthenticateForm):
    pass


class CodeAgainForm(BoundedTexts, CountedCode, mfa.ReauthenticateForm):
    pass


class ChangePasswordForm(BoundedTexts, account.ChangePasswordForm):
    user: User

    def clean_oldpassword(self) -> Any:
        with counters.attempt(counters.limits_of(context.request, "password", [self.user])) as attempt:
            password = super().clean_oldpassword()
            attempt.right = True
        return password
