"""Opening a link: its token, its cookies, and its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.signing import Signer
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from dashboard.models import User
from dashboard.sharing import access_log
from dashboard.sharing.models import Share, Visit
from tests.dashboard.sharing.canary_organization import CanarySite
from tests.page import Page

pytestmark = pytest.mark.django_db


def page_of(response: Any) -> tuple[int, bytes]:
    token = Page(response).values("value", "input", name="csrfmiddlewaretoken")
    return response.status_code, response.content.replace("".join(token).encode(), b"")


def test_token_is_exchanged_for_a_cookie(canary_site: CanarySite) -> None:
    """The link redirects to an address without the token, and sets an HttpOnly cookie for that address
    only.
    """
    share, token = canary_site.share()
    response = Client().get(f"/s/{token}")
    assert (response.status_code, response.headers["Location"]) == (302, share.root)
    cookie = response.cookies["share_held"]
    assert (cookie["path"], cookie["samesite"], cookie["httponly"]) == (share.root, "Lax", True)
    assert token not in str(response.headers) + str(response.cookies)


def test_link_opens_the_view_of_its_owner(canary_site: CanarySite) -> None:
    """Its root redirects to the usage page with the query of that view."""
    share, token = canary_site.share(view="bin_size=hour&tz=Europe%2FBerlin")
    location = canary_site.recipient_client(share, token).get(share.root).headers["Location"]
    assert location == f"{share.root}usage/?bin_size=hour&tz=Europe%2FBerlin"


@pytest.mark.parametrize(
    ("view", "field"),
    [("range=7d&tz=Mars%2FOlympus", "tz"), ("range=8d&tz=UTC", "range"), ("tz=UTC&retired=1", "__all__")],
)
@pytest.mark.parametrize("snapshot", [False, True])
def test_view_that_is_no_longer_valid_says_so(
    canary_site: CanarySite, view: str, field: str, snapshot: bool
) -> None:
    """To its recipient, who sees no other figures, and to its owner."""
    share, token = canary_site.share(snapshot=snapshot)
    Share.objects.update(view=view)
    recipient = canary_site.recipient_client(share, token)
    opened = recipient.get(share.root, follow=True)
    assert opened.redirect_chain == [(f"{share.root}usage/?{view}", 302)]
    assert opened.status_code == 400
    assert Page(opened).has(data_notice="invalid-query")
    assert Page(opened).values("data-error", "p") == [field]
    assert not Page(opened).has(data_chart=True)
    owner = Client()
    owner.force_login(canary_site.owner)
    shown = Page(owner.get(f"/shares/{share.pk}/")).one(data_field="view", data_error=True)
    assert "__all__" not in shown.text
    assert Page(owner.get("/shares/")).has("a", href=f"/shares/{share.pk}/")
    assert recipient.get(f"{share.root}usage/?tz=UTC").status_code == 200


def test_link_opens_at_its_own_source_only(canary_site: CanarySite, settings: Settings) -> None:
    """A link to sample data is neither available nor listed with a key, and is available again without it."""
    share, token = canary_site.share()
    held = canary_site.recipient_client(share, token)
    settings.AUTUMN_SOURCE = "elsewhere"
    assert held.get(f"{share.root}usage/").status_code == 404
    assert Client().get(f"/s/{token}").status_code == 404
    person = Client()
    person.force_login(canary_site.owner)
    assert share.id not in person.get("/shares/").content.decode()
    settings.AUTUMN_SOURCE = "sample"
    assert held.get(f"{share.root}usage/").status_code == 200


def test_no_token_is_stored(canary_site: CanarySite) -> None:
    """Neither token nor password is in any row of any table after both are used."""
    share, token = canary_site.share("correct horse")
    canary_site.recipient_client(share, token, "correct horse").get(f"{share.root}usage/")
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            rows = str(cursor.execute(f'SELECT * FROM "{table}"').fetchall())
            assert token not in rows, table
            assert "correct horse" not in rows, table


def test_unavailable_links_return_the_same_404(canary_site: CanarySite) -> None:
    """Unknown, expired, revoked, of a former owner, and not opened yet: the same bytes."""
    expired, late = canary_site.share(expires_at=timezone.now() - timedelta(seconds=1))
    revoked, back = canary_site.share(revoked_at=timezone.now())
    gone, left = canary_site.share(owner=User.objects.create(username="gone", role="sharer", is_active=False))
    there, _ = canary_site.share("correct horse")
    tokens = [f"/s/{token}" for token in (late, back, left, "x" * 43, late[:-1], "a\x00b")]
    pages = [
        f"{share.root}{page}"
        for share in (expired, revoked, gone, there)
        for page in ("", "usage/", "unlock")
    ]
    answers = {page_of(Client().get(address)) for address in (*tokens, *pages, "/shared/nothing/events/")}
    assert [status for status, _ in answers] == [404]


def test_error_pages_do_not_link_to_staff_pages(
    canary_site: CanarySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do not name the kind of key either."""
    share, token = canary_site.share("correct horse")
    recipient_client = canary_site.recipient_client(share, token, "correct horse")
    strict = Client(enforce_csrf_checks=True)
    strict.get(f"/s/{token}")
    answers = [
        Client().get("/s/unknown"),
        recipient_client.get(f"{share.root}nothing/"),
        recipient_client.get(f"{share.root}events/export.csv"),
        recipient_client.get(f"{share.root}usage/?range=soon"),
        strict.get(f"{share.root}usage/"),
        strict.post(f"{share.root}unlock", {"password": "correct horse"}),
    ]
    monkeypatch.setattr("dashboard.sharing.mounts.usage_of", lambda _: 1 / 0)
    recipient_client.raise_request_exception = False
    answers.append(recipient_client.get(f"{share.root}usage/"))
    assert [answer.status_code for answer in answers] == [404, 404, 404, 400, 403, 403, 500]
    for answer in answers:
        page = Page(answer)
        assert not page.hrefs & {"/", "/usage/", "/events/", "/shares/"}
        assert not page.has(data_mode=True)


def test_links_of_a_deactivated_owner_return_404(canary_site: CanarySite) -> None:
    """From the next request of a recipient who has one open."""
    share, token = canary_site.share()
    recipient_client = canary_site.recipient_client(share, token)
    assert recipient_client.get(f"{share.root}usage/").status_code == 200
    User.objects.filter(pk=canary_site.owner.pk).update(is_active=False)
    assert recipient_client.get(f"{share.root}usage/").status_code == 404


def test_links_of_an_owner_without_the_role_return_404(canary_site: CanarySite) -> None:
    """They open again when the role is restored."""
    share, token = canary_site.share()
    recipient_client = canary_site.recipient_client(share, token)
    for role, status in (("viewer", 404), ("sharer", 200)):
        User.objects.filter(pk=canary_site.owner.pk).update(role=role)
        assert recipient_client.get(f"{share.root}usage/").status_code == status


def test_links_of_a_deleted_owner_return_404(canary_site: CanarySite, person: Callable[..., User]) -> None:
    """Admins still see their access log."""
    share, token = canary_site.share()
    recipient_client = canary_site.recipient_client(share, token)
    recipient_client.get(f"{share.root}usage/")
    canary_site.owner.delete()
    assert recipient_client.get(f"{share.root}usage/").status_code == 404
    admin = Client()
    admin.force_login(person("admin"))
    assert share.pk in Page(admin.get("/shares/")).values("data-share")
    assert "usage" in Page(admin.get(f"/shares/{share.pk}/")).values("data-page")


def test_expired_link_returns_404(canary_site: CanarySite) -> None:
    """A second after its expiry, even if the cookie is still sent."""
    share, token = canary_site.share()
    recipient_client = canary_site.recipient_client(share, token)
    with time_machine.travel(share.expires_at + timedelta(seconds=1), tick=False):
        assert recipient_client.get(f"{share.root}usage/").status_code == 404


def test_cookie_opens_its_own_link_only(canary_site: CanarySite) -> None:
    """Neither cookies of another link nor cookies with a forged signature open a link."""
    mine, token = canary_site.share("correct horse")
    other, _ = canary_site.share()
    client = canary_site.recipient_client(mine, token, "correct horse")
    forged = Client()
    forged.cookies["share_held"] = client.cookies["share_held"].value
    forged.cookies["share_unlocked"] = client.cookies["share_unlocked"].value
    assert forged.get(f"{mine.root}usage/").status_code == 200
    assert forged.get(f"{other.root}usage/").status_code == 404
    forged.cookies["share_held"] = Signer(
        key="guessed", salt=f"share.held.{other.pk}.{other.token_hash}"
    ).sign("link")
    assert forged.get(f"{other.root}usage/").status_code == 404


def test_link_stays_unlocked_when_opened_again(canary_site: CanarySite) -> None:
    share, token = canary_site.share("correct horse")
    recipient_client = canary_site.recipient_client(share, token, "correct horse")
    recipient_client.get(f"/s/{token}")
    assert recipient_client.get(f"{share.root}usage/").status_code == 200


def test_views_are_counted(canary_site: CanarySite) -> None:
    """The log has each page with a shortened address, but no refused ones and no drill-downs."""
    share, token = canary_site.share()
    recipient_client = canary_site.recipient_client(share, token)
    recipient_client.get(f"{share.root}usage/", REMOTE_ADDR="203.0.113.77")
    recipient_client.get(f"{share.root}events/", REMOTE_ADDR="2001:db8:aaaa:bbbb::1")
    recipient_client.get(f"{share.root}events/?page=0", REMOTE_ADDR="203.0.113.77")
    recipient_client.head(f"{share.root}events/")
    recipient_client.get(
        f"{share.root}events/", headers={"HX-Request": "true", "HX-Target": "events-in-view"}
    )
    seen = [(visit.page, visit.address) for visit in share.visits.all()]
    assert seen == [("events", "2001:db8:aaaa::/48"), ("usage", "203.0.113.0/24")]
    share.refresh_from_db()
    assert share.views == 2
    assert share.last_seen is not None


def test_views_of_an_hour_are_bounded(canary_site: CanarySite, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are counted. What is stored of others stays, and so does every wrong password."""
    monkeypatch.setattr(access_log, "MAX_IN_HOUR", 3)
    share, token = canary_site.share("correct horse")
    client = canary_site.recipient_client(share, token)
    for password in ("guess", "correct horse", "correct horse", "correct horse", "guess"):
        client.post(f"{share.root}unlock", {"password": password})
    for _ in range(2):
        assert client.get(f"{share.root}usage/").status_code == 200
    kinds = Visit.Kind
    assert sorted(visit.kind for visit in share.visits.all()) == sorted([kinds.RIGHT] * 3 + [kinds.WRONG] * 2)
    share.refresh_from_db()
    assert share.views == 2
    share.visits.update(at=timezone.now() - timedelta(hours=1))
    client.get(f"{share.root}usage/")
    assert share.visits.filter(kind=kinds.PAGE).count() == 1
