"""The list of links: who sees which, and revocation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.models import User
from dashboard.sharing.models import Share
from tests.dashboard.sharing.canary_organization import SEEN, CanarySite
from tests.page import Page

pytestmark = pytest.mark.django_db


def of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_list_has_links_of_the_user(canary_site: CanarySite, person: Callable[..., User]) -> None:
    """Sharers see their own links, admins see all: recipient, customer, expiry, last view and views."""
    share, token = canary_site.share(recipient="Ada")
    other, _ = canary_site.share(recipient="Grace", owner=person("sharer", "somebody"))
    canary_site.recipient_client(share, token).get(f"{share.root}usage/")
    own = Page(of(canary_site.owner).get("/shares/"))
    everybodys = Page(of(person("admin")).get("/shares/"))
    [row] = own.all("tr", data_share=True)
    assert (row["data-share"], row["data-views"]) == (share.pk, "1")
    assert all(text in row.text for text in ("Ada", SEEN, "api_calls; meta.tier, model"))
    assert set(everybodys.values("data-share", "tr")) == {share.pk, other.pk}
    assert everybodys.has("form", action="/shares/revoke-all")
    assert not own.has("form", action="/shares/revoke-all")


def test_access_log_has_views_and_wrong_passwords(canary_site: CanarySite) -> None:
    """With shortened addresses."""
    share, token = canary_site.share("correct horse")
    client = canary_site.recipient_client(share, token)
    client.post(f"{share.root}unlock", {"password": "x"}, REMOTE_ADDR="203.0.113.77")
    client.post(f"{share.root}unlock", {"password": "correct horse"}, REMOTE_ADDR="192.0.2.1")
    client.get(f"{share.root}events/", REMOTE_ADDR="192.0.2.1")
    page = Page(of(canary_site.owner).get(f"/shares/{share.pk}/"))
    assert [
        (row["data-address"], row["data-kind"], row["data-page"]) for row in page.all("tr", data_kind=True)
    ] == [
        ("192.0.2.0/24", "page", "events"),
        ("192.0.2.0/24", "right", ""),
        ("203.0.113.0/24", "wrong", ""),
    ]
    assert "203.0.113.77" not in page.html


def test_revoked_link_returns_404(canary_site: CanarySite) -> None:
    """From the next request of a recipient who has it open."""
    share, token = canary_site.share()
    recipient_client = canary_site.recipient_client(share, token)
    assert recipient_client.get(f"{share.root}events/").status_code == 200
    assert of(canary_site.owner).post(f"/shares/{share.pk}/revoke").headers["Location"] == "/shares/"
    assert recipient_client.get(f"{share.root}events/").status_code == 404
    assert Client().get(f"/s/{token}").status_code == 404


def test_revoked_link_cannot_be_changed(canary_site: CanarySite) -> None:
    """It can be neither extended nor given a password, and its time of revocation does not change."""
    share, _ = canary_site.share()
    owner = of(canary_site.owner)
    owner.post(f"/shares/{share.pk}/revoke")
    share.refresh_from_db()
    at = share.revoked_at
    assert owner.post(f"/shares/{share.pk}/extend", {"life": "7"}).status_code == 404
    assert owner.post(f"/shares/{share.pk}/password", {"password": "none"}).status_code == 404
    owner.post(f"/shares/{share.pk}/revoke")
    share.refresh_from_db()
    assert share.revoked_at == at


def test_extended_link_expires_later(canary_site: CanarySite) -> None:
    """The new life counts from now, for an expired link too; a longer one is suggested, an unknown one
    refused.
    """
    share, token = canary_site.share(expires_at=timezone.now() - timedelta(days=1))
    owner = of(canary_site.owner)
    assert owner.post(f"/shares/{share.pk}/extend", {"life": "30"}).status_code == 302
    share.refresh_from_db()
    assert timedelta(days=29) < share.expires_at - timezone.now() <= timedelta(days=30)
    assert canary_site.recipient_client(share, token).get(f"{share.root}events/").status_code == 200
    assert Page(owner.get(f"/shares/{share.pk}/")).fields["life"] == ["90"]
    assert owner.post(f"/shares/{share.pk}/extend", {"life": "1"}).status_code == 302
    assert "shortened" in Page(owner.get(f"/shares/{share.pk}/")).notices
    assert owner.post(f"/shares/{share.pk}/password").status_code == 400
    for life in ("", "8", "-1", "x"):
        assert owner.post(f"/shares/{share.pk}/extend", {"life": life}).status_code == 400


def test_new_password_is_shown_once(canary_site: CanarySite) -> None:
    """Old unlocks end; the password can also be removed."""
    share, token = canary_site.share("correct horse")
    recipient_client = canary_site.recipient_client(share, token, "correct horse")
    owner = of(canary_site.owner)
    answer = owner.post(f"/shares/{share.pk}/password", {"password": "new"})
    assert Page(answer).one("input", id="password")["value"]
    assert "no-store" in answer.headers["Cache-Control"]
    assert not Page(owner.get(f"/shares/{share.pk}/")).has("input", id="password")
    assert recipient_client.get(f"{share.root}events/").status_code == 403
    owner.post(f"/shares/{share.pk}/password", {"password": "none"})
    assert recipient_client.get(f"{share.root}events/").status_code == 200


def test_revoking_all_links_needs_an_admin_and_confirmation(
    canary_site: CanarySite, person: Callable[..., User]
) -> None:
    for _ in range(3):
        canary_site.share()
    admin = of(person("admin"))
    assert admin.post("/shares/revoke-all").status_code == 400
    assert of(canary_site.owner).post("/shares/revoke-all", {"sure": "yes"}).status_code == 403
    assert Share.objects.unrevoked().count() == 3
    admin.post("/shares/revoke-all", {"sure": "yes"})
    assert Share.objects.unrevoked().count() == 0


def test_list_has_each_link_on_one_page(canary_site: CanarySite, person: Callable[..., User]) -> None:
    """Newest first, also where many were created at one moment; somebody else's link leads nowhere."""
    now, soon = timezone.now(), timezone.now() + timedelta(days=7)
    made = [
        Share(
            token_hash=f"hash {number}",
            recipient="Ada",
            customer_id=SEEN,
            owner=canary_site.owner,
            created_at=now - timedelta(minutes=number // 90),
            expires_at=soon,
        )
        for number in range(250)
    ]
    Share.objects.bulk_create(made)
    client, address, pages = of(canary_site.owner), "/shares/", []
    while address:
        page = Page(client.get(address))
        pages.append(page.values("data-share", "tr"))
        address = next(iter(page.values("href", "a", rel="next")), "")
    assert [len(each) for each in pages] == [100, 100, 50]
    listed = [link for each in pages for link in each]
    assert len(set(listed)) == len(listed)
    moments = {share.pk: share.created_at for share in made}
    assert [moments[link] for link in listed] == sorted(moments.values(), reverse=True)
    assert of(person("sharer", "somebody")).get(f"/shares/?before={listed[0]}").status_code == 404


@pytest.mark.parametrize(("before", "status"), [("", 200), ("%00", 404), ("0" * 16, 404), ("ä" * 2000, 404)])
def test_list_before_no_link(canary_site: CanarySite, before: str, status: int) -> None:
    assert of(canary_site.owner).get(f"/shares/?before={before}").status_code == status
