"""The routes of allauth that are needed. Sign-up, mails and the rest have none."""

from __future__ import annotations

from allauth.account import views
from django.conf import settings
from django.urls import include, path
from django.views.generic import RedirectView

from dashboard.accounts import PROVIDER

urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("password/change/", views.password_change, name="account_change_password"),
    # Users without a password sign in elsewhere; allauth would have them set one.
    path("password/set/", RedirectView.as_view(pattern_name="overview"), name="account_set_password"),
    path("2fa/", include("allauth.mfa.urls")),
]

if settings.OIDC_ISSUER is not None:
    from dashboard.accounts import social

    at, named = f"oidc/{PROVIDER}/login/", {"provider_id": PROVIDER}  # as allauth names the way back
    urlpatterns += [
        path(at, social.login, name="oidc_login"),
        path(f"{at}callback/", social.callback, named, name="openid_connect_callback"),
    ]
