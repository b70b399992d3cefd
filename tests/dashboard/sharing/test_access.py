"""Every route of the links, by every method, for every visitor: one table, compared with the URLconf."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.models import User
from dashboard.sharing.models import Share
from dashboard.sharing.urls import urlpatterns
from tests.dashboard.sharing.canary_organization import CanarySite

pytestmark = pytest.mark.django_db

WHO = ("nobody", "locked", "unlocked", "another", "expired", "revoked", "viewer", "sharer", "admin")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")

# The result for each of WHO, in that order. The sharer is not the link's owner.
PAGE = (404, 403, 200, 404, 404, 404, 404, 404, 404)
WITHOUT_COMPARISON = (404, 403, 400, 404, 404, 404, 404, 404, 404)
PAGE_SENT = (404, 403, 405, 404, 404, 404, 404, 404, 404)
NO_FILE = (404, 403, 404, 404, 404, 404, 404, 404, 404)
LEADS_ON = (404, 403, 302, 404, 404, 404, 404, 404, 404)
TOKEN = (302, 302, 302, 302, 404, 404, 302, 302, 302)
TOKEN_SENT = (405,) * 9
UNLOCK = (404, 302, 302, 404, 404, 404, 404, 404, 404)
UNLOCK_SENT = (404, 403, 403, 404, 404, 404, 404, 404, 404)
STAFF = (302, 302, 302, 302, 302, 302, 403, 200, 200)
STAFF_SENT = (302, 302, 302, 302, 302, 302, 403, 405, 405)
FORM_SENT = (302, 302, 302, 302, 302, 302, 403, 400, 400)
NO_DRAFT = (302,) * 6 + (403, 302, 302)
ITS_PAGE = (302, 302, 302, 302, 302, 302, 403, 404, 200)
ACTS = (302, 302, 302, 302, 302, 302, 403, 404, 302)
ACTS_SHOWN = (302, 302, 302, 302, 302, 302, 403, 404, 200)
ACTS_READ = (302, 302, 302, 302, 302, 302, 403, 405, 405)
ALL_READ = (302, 302, 302, 302, 302, 302, 403, 403, 405)
ALL = (302, 302, 302, 302, 302, 302, 403, 403, 302)

# Route: the results of GET and HEAD, those of POST. All other methods return 405.
TABLE = {
    "s/<str:token>": (TOKEN, TOKEN_SENT),
    "shared/<slug:share_id>/unlock": (UNLOCK, UNLOCK_SENT),
    "shared/<slug:share_id>/": (LEADS_ON, PAGE_SENT),
    "shared/<slug:share_id>/usage/": (PAGE, PAGE_SENT),
    "shared/<slug:share_id>/usage/rows/": (PAGE, PAGE_SENT),
    "shared/<slug:share_id>/events/": (PAGE, PAGE_SENT),
    "shared/<slug:share_id>/events/histogram/": (PAGE, PAGE_SENT),
    "shared/<slug:share_id>/events/facets/": (PAGE, PAGE_SENT),
    "shared/<slug:share_id>/events/more/": (PAGE, PAGE_SENT),
    "shared/<slug:share_id>/events/live/": (PAGE, PAGE_SENT),
    "shared/<slug:share_id>/events/export.csv": (NO_FILE, NO_FILE),
    "shared/<slug:share_id>/events/export.jsonl": (NO_FILE, NO_FILE),
    "shared/<slug:share_id>/events/export/": (NO_FILE, NO_FILE),
    "shared/<slug:share_id>/usage/export.csv": (NO_FILE, NO_FILE),
    "shared/<slug:share_id>/usage/explain.csv": (NO_FILE, NO_FILE),
    "shared/<slug:share_id>/usage/explain/": (WITHOUT_COMPARISON, PAGE_SENT),
    "shares/": (STAFF, STAFF_SENT),
    "shares/new": (STAFF, FORM_SENT),
    "shares/offers": (STAFF_SENT, STAFF),
    "shares/draft/<slug:share_id>": (NO_DRAFT, STAFF_SENT),
    "shares/preview/": (STAFF_SENT, FORM_SENT),
    "shares/preview/<slug:share_id>/": (NO_DRAFT, STAFF_SENT),
    "shares/preview/<slug:share_id>/usage/": (NO_DRAFT, STAFF_SENT),
    "shares/preview/<slug:share_id>/usage/rows/": (NO_DRAFT, STAFF_SENT),
    "shares/preview/<slug:share_id>/events/": (NO_DRAFT, STAFF_SENT),
    "shares/preview/<slug:share_id>/events/histogram/": (NO_DRAFT, STAFF_SENT),
    "shares/preview/<slug:share_id>/events/facets/": (NO_DRAFT, STAFF_SENT),
    "shares/preview/<slug:share_id>/events/more/": (NO_DRAFT, STAFF_SENT),
    "shares/preview/<slug:share_id>/events/live/": (NO_DRAFT, STAFF_SENT),
    "shares/preview/<slug:share_id>/events/export.csv": (NO_DRAFT, STAFF_SENT),
    "shares/preview/<slug:share_id>/events/export.jsonl": (NO_DRAFT, STAFF_SENT),
    "shares/preview/<slug:share_id>/events/export/": (NO_DRAFT, NO_DRAFT),
    "shares/preview/<slug:share_id>/usage/export.csv": (NO_DRAFT, STAFF_SENT),
    "shares/preview/<slug:share_id>/usage/explain.csv": (NO_DRAFT, STAFF_SENT),
    "shares/preview/<slug:share_id>/usage/explain/": (NO_DRAFT, STAFF_SENT),
    "shares/revoke-all": (ALL_READ, ALL),
    "shares/<slug:share_id>/": (ITS_PAGE, STAFF_SENT),
    "shares/<slug:share_id>/revoke": (ACTS_READ, ACTS),
    "shares/<slug:share_id>/extend": (ACTS_READ, ACTS),
    "shares/<slug:share_id>/password": (ACTS_READ, ACTS_SHOWN),
}
SENT = {"life": "7", "sure": "yes", "password": "new"}


def expected(route: str, method: str, who: str) -> int:
    read, sent = TABLE[route]
    if method not in {"GET", "HEAD", "POST"}:
        return 405
    return (sent if method == "POST" else read)[WHO.index(who)]


def visitor(who: str, canary_site: CanarySite, person: Callable[..., User]) -> tuple[Client, Share, str]:
    """A client, the link whose pages it requests, and its token."""
    password = "correct horse" if who in {"locked", "unlocked"} else None
    share, token = canary_site.share(password)
    client = (
        canary_site.recipient_client(share, token)
        if who in {"locked", "unlocked", "expired", "revoked"}
        else Client()
    )
    if who == "unlocked":
        client.post(f"{share.root}unlock", {"password": password})
    if who == "another":
        other = canary_site.recipient_client(*canary_site.share())
        for name, cookie in other.cookies.items():
            client.cookies[name] = cookie.value
    if who == "expired":
        Share.objects.filter(pk=share.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    if who == "revoked":
        Share.objects.filter(pk=share.pk).update(revoked_at=timezone.now())
    if who in {"viewer", "sharer", "admin"}:
        client.force_login(person(who))
    return client, share, token


def test_table_has_every_route_of_the_urlconf() -> None:
    assert {str(pattern.pattern) for pattern in urlpatterns} == set(TABLE)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("route", TABLE)
def test_each_route_returns_the_status_in_the_table(
    route: str, who: str, canary_site: CanarySite, person: Callable[..., User]
) -> None:
    client, share, token = visitor(who, canary_site, person)
    address = "/" + route.replace("<slug:share_id>", share.pk).replace("<str:token>", token)
    written = {method: expected(route, method, who) for method in METHODS}
    found = {
        method: client.post(address, SENT).status_code
        if method == "POST"
        else client.generic(method, address).status_code
        for method in METHODS
    }
    assert found == written


@pytest.mark.parametrize("who", WHO)
def test_responses_are_not_cached_indexed_or_framed(
    who: str, canary_site: CanarySite, person: Callable[..., User]
) -> None:
    """Pages, redirects, refusals and errors below a link."""
    client, share, token = visitor(who, canary_site, person)
    for route in TABLE:
        if route.startswith(("s/", "shared/")):
            address = "/" + route.replace("<slug:share_id>", share.pk).replace("<str:token>", token)
            for method in METHODS:
                response = client.generic(method, address)
                assert response.headers["Cache-Control"] == "private, no-store"
                assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
                assert response.headers["Referrer-Policy"] == "same-origin"
                assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


def test_server_error_is_not_cached_or_indexed(
    canary_site: CanarySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not contain details of the error."""
    share, token = canary_site.share()
    client = canary_site.recipient_client(share, token)
    client.raise_request_exception = False
    monkeypatch.setattr("dashboard.sharing.mounts.usage_of", lambda _: 1 / 0)
    response = client.get(f"{share.root}usage/")
    assert response.status_code == 500
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
