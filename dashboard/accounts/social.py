"""Sign-in through OpenID Connect, there and back. Loaded only where there is a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any

import jwt
import structlog
from allauth.account.utils import get_next_redirect_url
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from requests import RequestException

from dashboard import messages
from dashboard.accounts import PROVIDER, counters
from dashboard.accounts.hashing import sign_in_place
from dashboard.metrics.counts import count_sign_in
from dashboard.models import Identity, User
from dashboard.problems import Problem

log = structlog.get_logger("dashboard.sign_in")

SIGNATURES = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
CLOCKS_DIFFER_S = 60
START_LIFE_S = 15 * 60
"""A visitor has this long to sign in at the provider: strangers can make such sessions too."""
LONGEST_SUBJECT = 255
NEEDED = {"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"}

NAME = settings.OIDC_NAME
TITLE = "Sign-in failed"
UNKNOWN = Problem(
    403,
    "No account found",
    messages.NO_ACCOUNT.format(provider=NAME),
    messages.NO_ACCOUNT_ADVICE,
    code="unknown-person",
)
SHARED = Problem(
    403,
    TITLE,
    messages.ADDRESS_NOT_UNIQUE,
    messages.ADDRESS_NOT_UNIQUE_ADVICE,
    code="shared-address",
)
TAKEN = Problem(
    403,
    TITLE,
    messages.ACCOUNT_TAKEN.format(provider=NAME),
    messages.ACCOUNT_TAKEN_ADVICE,
    code="account-taken",
)
STALE = Problem(
    400,
    TITLE,
    messages.SIGN_IN_EXPIRED,
    messages.SIGN_IN_EXPIRED_ADVICE,
    code="expired",
)
CANCELED = Problem(
    403,
    TITLE,
    messages.SIGN_IN_CANCELED.format(provider=NAME),
    messages.SIGN_IN_CANCELED_ADVICE,
    code="canceled",
)
REFUSED = Problem(
    502, TITLE, messages.SIGN_IN_REFUSED.format(provider=NAME), messages.SIGN_IN_FAILED_ADVICE, code="refused"
)
SILENT = Problem(
    503,
    TITLE,
    messages.SIGN_IN_INVALID_RESPONSE.format(provider=NAME),
    messages.SIGN_IN_FAILED_ADVICE,
    code="offline",
)
DOUBTFUL = Problem(
    502,
    TITLE,
    messages.SIGN_IN_NOT_VERIFIED.format(provider=NAME),
    messages.SIGN_IN_FAILED_ADVICE,
    code="unproven",
)


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Finds the user by issuer and `sub`; by the e-mail address only until they have signed in once.

        There is no sign-up.
        """
        users = users_of(sociallogin.account.uid) or users_with_address(sociallogin)
        if len(users) != 1:
            raise ImmediateHttpResponse(not_signed_in(request, SHARED if users else UNKNOWN))
        if not is_free(users[0], sociallogin.account.uid):
            raise ImmediateHttpResponse(not_signed_in(request, TAKEN))
        sociallogin.user = users[0]

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: Any = None,
    ) -> None:
        """Always with a page of ours: allauth's have no frame."""
        if exception is not None:
            raise ImmediateHttpResponse(failed(request, exception))
        if error == AuthError.CANCELLED:
            raise ImmediateHttpResponse(not_signed_in(request, CANCELED))
        if "state" not in extra_context:
            raise ImmediateHttpResponse(not_signed_in(request, STALE))
        log.warning("sign-in refused", error=request.GET.get("error", "")[:300])
        raise ImmediateHttpResponse(not_signed_in(request, REFUSED))


def users_of(subject: str) -> list[User]:
    """The user who has signed in with this identity, if there is one."""
    return list(User.objects.filter(identities__issuer=settings.OIDC_ISSUER, identities__subject=subject))


def is_free(user: User, subject: str) -> bool:
    """Whether the user has no other identity at this provider."""
    return not user.identities.filter(issuer=settings.OIDC_ISSUER).exclude(subject=subject).exists()


def store_identity(request: HttpRequest, user: User, login: SocialLogin) -> None:
    """Binds the identity to the user, once they have signed in with all that it takes.

    Of two that do so at the same time, one is refused.
    """
    subject = login.account.uid
    with suppress(IntegrityError), transaction.atomic():
        Identity.objects.get_or_create(user=user, issuer=settings.OIDC_ISSUER, subject=subject)
    if users_of(subject) != [user]:
        logout(request)
        raise ImmediateHttpResponse(not_signed_in(request, TAKEN))
    request.session.set_expiry(None)  # as long as any


def users_with_address(login: SocialLogin) -> list[User]:
    """Those who have an e-mail that the provider has confirmed. Some providers write true as a word."""
    emails = [address.email for address in login.email_addresses if address.verified in (True, "true")]
    # Databases differ in which letters they take for the same.
    found = {
        user.pk: user
        for email in emails
        for user in User.objects.filter(email__iexact=email)
        if user.email.lower() == email.lower()
    }
    users = list(found.values())
    return [user for user in users if user.is_active] or users


class OpenIDConnect(OpenIDConnectOAuth2Adapter):
    """Believes less than allauth's, which leaves signatures out and takes every answer for well-formed."""

    @property
    def openid_config(self) -> dict[str, Any]:
        with well_formed():
            config: dict[str, Any] = super().openid_config
            if missing := NEEDED - config.keys():
                raise OAuth2Error(f"The provider's configuration lacks {sorted(missing)}")
            return config

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> SocialLogin:
        with well_formed():
            claims = self._verified(kwargs["response"]["id_token"], app.client_id)
            login: SocialLogin = super().complete_login(request, app, token, **kwargs)
            if len(claims["sub"]) > LONGEST_SUBJECT:
                raise OAuth2Error("The provider's sub is longer than the standard allows")
            if login.account.uid != claims["sub"]:
                raise OAuth2Error("The provider's userinfo and id_token describe different users")
            return login

    def _verified(self, id_token: str, client_id: str) -> dict[str, Any]:
        config = self.openid_config
        with get_adapter().get_requests_session() as session:
            answer = session.get(config["jwks_uri"])
            answer.raise_for_status()
        keys, name = jwt.PyJWKSet.from_dict(answer.json()), jwt.get_unverified_header(id_token).get("kid")
        return jwt.decode(
            id_token,
            keys[str(name)]
            if name is not None or len(keys.keys) != 1
            else keys.keys[0],  # a lone key needs no name
            SIGNATURES,
            issuer=config["issuer"],
            audience=client_id,
            leeway=CLOCKS_DIFFER_S,
            options={"require": ["exp", "iat", "sub"]},
        )


@contextmanager
def well_formed() -> Iterator[None]:
    try:
        yield
    except RequestException:
        raise  # some are ValueErrors too
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise OAuth2Error(f"The provider sent an invalid response: {error!r}") from error


def explaining_failures(view: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """allauth requests the provider's configuration without handling its errors. Each waits in a place, so
    that a provider that is slow holds few threads.
    """

    @wraps(view)
    def answered(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            with sign_in_place():
                return view(request)
        except (OAuth2Error, RequestException) as error:
            return failed(request, error)

    return answered


@login_not_required
@explaining_failures
def login(request: HttpRequest) -> HttpResponse:
    """Instead of allauth's, whose forms may also ask to link accounts and for other scopes."""
    if request.method != "POST":
        return redirect("account_login")
    if not counters.take(counters.limit_of_starts(request)):
        raise counters.TooManyAttempts
    if not request.user.is_authenticated:
        request.session.set_expiry(START_LIFE_S)
    provider = get_adapter(request).get_provider(request, PROVIDER)
    provider.oauth2_adapter_class = OpenIDConnect
    onward = provider.redirect(request, AuthProcess.LOGIN, get_next_redirect_url(request))
    return render(request, "account/leaving.html", {"address": onward.url})


@login_not_required
@explaining_failures
def callback(request: HttpRequest) -> HttpResponse:
    view = OAuth2CallbackView.adapter_view(OpenIDConnect(request, PROVIDER))
    answer: HttpResponse = view(request)
    return answer


def failed(request: HttpRequest, error: Exception) -> HttpResponse:
    log.warning("sign-in failed", kind=type(error).__name__, error=str(error)[:300])
    return not_signed_in(request, SILENT if isinstance(error, RequestException) else DOUBTFUL)


def not_signed_in(request: HttpRequest, problem: Problem) -> HttpResponse:
    count_sign_in(problem.code)
    return render(request, "account/not_signed_in.html", {"problem": problem}, status=problem.status)
