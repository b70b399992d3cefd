"""Every route, by every method, for every visitor: one table, compared with the URLconf."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django.fixtures import Settings

from dashboard.models import User
from dashboard.sharing.urls import urlpatterns as sharing

# A column is a kind of visitor. `visitor` creates its client.
VISITOR, VIEWER, SHARER, ADMIN, SUPERUSER = "nobody", "viewer", "sharer", "admin", "superuser"
PUBLIC = frozenset({VISITOR, VIEWER, SHARER, ADMIN, SUPERUSER})
USER = PUBLIC - {VISITOR}
ADMINS = frozenset({ADMIN, SUPERUSER})

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
READ = frozenset({"GET", "HEAD"})
FORM = READ | {"POST"}
POST = frozenset({"POST"})


@dataclass(frozen=True)
class Route:
    who: frozenset[str]
    methods: frozenset[str]
    read_only: bool = False  # a form whose view supports POST, and refuses it for all users


TABLE = {
    "": Route(USER, READ),
    "events/": Route(USER, READ),
    "events/histogram/": Route(USER, READ),
    "events/facets/": Route(USER, READ),
    "events/more/": Route(USER, READ),
    "events/live/": Route(USER, READ),
    "events/export.csv": Route(USER, READ),
    "events/export.jsonl": Route(USER, READ),
    "events/export/": Route(USER, FORM),
    "usage/": Route(USER, READ),
    "usage/rows/": Route(USER, READ),
    "usage/export.csv": Route(USER, READ),
    "usage/explain/": Route(USER, READ),
    "usage/explain.csv": Route(USER, READ),
    "customers/": Route(USER, READ),
    "customers/<path:customer_id>": Route(USER, READ),
    "views/": Route(USER, READ),
    "views/new/<str:page>/": Route(USER, FORM),
    "views/<int:view_id>/": Route(USER, FORM),
    "views/<int:view_id>/delete": Route(USER, POST),
    "first-run/hide": Route(USER, POST),
    "setup/": Route(ADMINS, READ),
    "healthz": Route(PUBLIC, READ),
    "readyz": Route(PUBLIC, READ),
    "metrics": Route(PUBLIC, FORM),  # not found for all of them: none has the token
    "accounts/login/": Route(PUBLIC, FORM),
    "accounts/logout/": Route(PUBLIC, FORM),
    "accounts/inactive/": Route(PUBLIC, READ),
    "accounts/reauthenticate/": Route(USER, FORM),
    "accounts/password/change/": Route(USER, FORM),
    "accounts/password/set/": Route(USER, FORM),
    "accounts/2fa/": Route(USER, READ),
    "accounts/2fa/authenticate/": Route(PUBLIC, FORM),
    "accounts/2fa/reauthenticate/": Route(USER, FORM),
    "accounts/2fa/totp/activate/": Route(USER, FORM),
    "accounts/2fa/totp/deactivate/": Route(USER, FORM),
    "accounts/2fa/recovery-codes/": Route(USER, READ),
    "accounts/2fa/recovery-codes/generate/": Route(USER, FORM),
    "accounts/2fa/recovery-codes/download/": Route(USER, FORM),
    "admin/": Route(ADMINS, FORM),
    "admin/login/": Route(ADMINS, FORM),
    "admin/logout/": Route(ADMINS, POST),
    "admin/password_change/": Route(ADMINS, FORM),
    "admin/password_change/done/": Route(ADMINS, READ),
    "admin/autocomplete/": Route(frozenset(), READ),
    "admin/jsi18n/": Route(ADMINS, READ),
    "admin/r/<path:content_type_id>/<path:object_id>/": Route(ADMINS, FORM),
    "admin/^(?P<app_label>dashboard|mfa)/$": Route(ADMINS, FORM),
    "admin/(?P<url>.*)$": Route(ADMINS, FORM),
    "admin/dashboard/user/": Route(ADMINS, FORM),
    "admin/dashboard/user/add/": Route(ADMINS, FORM),
    "admin/dashboard/user/<id>/password/": Route(ADMINS, FORM),
    "admin/dashboard/user/<path:object_id>/": Route(ADMINS, FORM),
    "admin/dashboard/user/<path:object_id>/history/": Route(ADMINS, FORM),
    "admin/dashboard/user/<path:object_id>/change/": Route(ADMINS, FORM),
    "admin/dashboard/user/<path:object_id>/delete/": Route(ADMINS, FORM),
    # Export records are read-only.
    "admin/dashboard/exportrecord/": Route(ADMINS, FORM),
    "admin/dashboard/exportrecord/add/": Route(frozenset(), FORM),
    "admin/dashboard/exportrecord/<path:object_id>/": Route(ADMINS, FORM),
    "admin/dashboard/exportrecord/<path:object_id>/history/": Route(ADMINS, FORM),
    "admin/dashboard/exportrecord/<path:object_id>/change/": Route(ADMINS, FORM, read_only=True),
    "admin/dashboard/exportrecord/<path:object_id>/delete/": Route(frozenset(), FORM),
    # A lost second factor: admins delete it, and nobody adds or changes one.
    "admin/mfa/authenticator/": Route(ADMINS, FORM),
    "admin/mfa/authenticator/add/": Route(frozenset(), FORM),
    "admin/mfa/authenticator/<path:object_id>/": Route(ADMINS, FORM),
    "admin/mfa/authenticator/<path:object_id>/history/": Route(ADMINS, FORM),
    "admin/mfa/authenticator/<path:object_id>/change/": Route(ADMINS, FORM, read_only=True),
    "admin/mfa/authenticator/<path:object_id>/delete/": Route(ADMINS, FORM),
}

# Share links have their own table, with recipients: tests/dashboard/sharing/test_access.py.
SHARING = {str(pattern.pattern) for pattern in sharing}

FILLED = {
    "<path:customer_id>": "cus_1",
    "<str:page>": "usage",
    "<int:view_id>": "1",
    "<path:content_type_id>": "1",
    "<path:object_id>": "1",
    "<id>": "1",
    "^(?P<app_label>dashboard|mfa)/$": "dashboard/",
    "(?P<url>.*)$": "nothing",
}


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from routes(pattern, route)


def address(route: str) -> str:
    for part, value in FILLED.items():
        route = route.replace(part, value)
    return f"/{route}"


def expected(route: Route, who: str, method: str) -> str:
    if method not in FORM:
        return "no such method"
    if (who not in route.who and route.who) or (route.read_only and method == "POST"):
        return "refused"
    if not route.who:
        return "no such method" if who in ADMINS and method not in route.methods else "refused"
    return "answered" if method in route.methods else "no such method"


def happened(response: Any, who: str) -> str:
    location = response.headers.get("Location", "")
    sent_away = location.startswith(("/accounts/login/?", "/admin/login/?"))
    to_admin = location == "/admin/" and who not in ADMINS
    if response.status_code == 403 or sent_away or to_admin:
        return "refused"
    return {405: "no such method", 500: "broken"}.get(response.status_code, "answered")


def visitor(who: str, users: dict[str, User]) -> Client:
    cache.clear()  # throttles count attempts by address, and all clients here have the same
    client = Client(raise_request_exception=False)
    if who in users:
        client.force_login(users[who])
    return client


@pytest.fixture
def users(db: None, live_mode: Settings) -> dict[str, User]:
    """One user of each role. The viewer is number 1, whose admin pages are requested."""
    made = {
        who: User.objects.create(
            pk=number, username=who, role=role, password="set", is_superuser=who == SUPERUSER
        )
        for number, (who, role) in enumerate(
            [(VIEWER, "viewer"), (SHARER, "sharer"), (ADMIN, "admin"), (SUPERUSER, "viewer")], start=1
        )
    }
    Authenticator.objects.create(pk=1, user=made[SHARER], type=Authenticator.Type.TOTP, data={"secret": ""})
    return made


def test_table_has_every_route_of_the_site() -> None:
    assert set(routes(get_resolver())) - SHARING == set(TABLE)


@pytest.mark.parametrize("route", TABLE)
def test_each_route_has_the_results_in_the_table(route: str, users: dict[str, User]) -> None:
    """For every visitor and every method."""
    cells = [(who, method) for who in sorted(PUBLIC) for method in METHODS]
    written = {cell: expected(TABLE[route], *cell) for cell in cells}
    found = {
        (who, method): happened(visitor(who, users).generic(method, address(route)), who)
        for who, method in cells
    }
    assert found == written
