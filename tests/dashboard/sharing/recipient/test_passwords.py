"""A link's password: it reveals nothing, cannot be guessed, and costs little to ask for."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from dashboard.sharing import passwords
from dashboard.sharing.models import Visit
from tests.dashboard.sharing.canary_organization import SEEN, CanarySite
from tests.page import Page

pytestmark = pytest.mark.django_db
RIGHT = "correct horse"


def test_the_password_page_says_nothing(canary_site: CanarySite) -> None:
    """Neither customer nor recipient, owner, feature or period stand on it, whichever page was asked for."""
    share, token = canary_site.share(RIGHT, recipient="Ada Lovelace")
    recipient_client = canary_site.recipient_client(share, token)
    for page in ("", "usage/", "events/?feature_id=x"):
        response = recipient_client.get(f"{share.root}{page}")
        assert response.status_code == 403
        for secret in (SEEN, "Ada", canary_site.owner.username, "api_calls", "CANARY"):
            assert secret.encode() not in response.content


def test_the_right_password_leads_on(canary_site: CanarySite) -> None:
    """To the page that was asked for, query and all, and to no other site."""
    share, token = canary_site.share(RIGHT)
    wanted = f"{share.root}events/?per_page=50"
    for given, leads in (
        (wanted, wanted),
        ("https://evil.example/", share.root),
        ("//evil.example/", share.root),
    ):
        client = canary_site.recipient_client(share, token)
        sent = {"password": RIGHT, "next": given}
        assert client.post(f"{share.root}unlock", sent).headers["Location"] == leads
        assert client.get(wanted).status_code == 200


def test_a_part_leads_back_to_its_page(canary_site: CanarySite) -> None:
    """Locked while the page was open: its next part asks for the password, and the password leads to the
    page.
    """
    share, token = canary_site.share()
    client = canary_site.recipient_client(share, token)
    passwords.change_password(share, RIGHT)
    wanted = f"{share.root}events/?per_page=50"
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{wanted}"}
    requested = client.get(f"{share.root}events/live/?per_page=50", headers=headers)
    assert requested.headers["HX-Retarget"] == "body"
    sent = Page(requested).field("next")["value"]
    assert client.post(f"{share.root}unlock", {"password": RIGHT, "next": sent}).headers["Location"] == wanted


@pytest.mark.slow
def test_guessing_is_throttled_before_hashing(
    canary_site: CanarySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 1,000 wrong passwords from 200 addresses, five are looked at in fifteen minutes, then five more."""
    share, token = canary_site.share(RIGHT)
    checked: list[str] = []

    def wrong(given: str, _: str) -> bool:
        checked.append(given)
        return False

    monkeypatch.setattr(passwords, "check_password", wrong)
    client = canary_site.recipient_client(share, token)
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        answers = [
            client.post(
                f"{share.root}unlock", {"password": f"guess {number}"}, REMOTE_ADDR=f"198.51.{number % 200}.9"
            )
            for number in range(1000)
        ]
        assert len(checked) == 5
        assert [answer.status_code for answer in answers].count(429) == 995
        assert answers[-1].headers["Retry-After"] == "900"
        clock.move_to(start + passwords.PAUSE + timedelta(seconds=1))
        client.post(f"{share.root}unlock", {"password": "guess"})
        assert len(checked) == 6


def test_many_who_know_it_at_once(canary_site: CanarySite) -> None:
    """While five are being checked a sixth is told to wait a moment, not that it was wrong; soon after it
    opens.
    """
    share, token = canary_site.share(RIGHT)
    for _ in range(5):
        share.visits.create(kind=Visit.Kind.CHECKING, address="192.0.2.0/24")
    client = canary_site.recipient_client(share, token)
    answer = client.post(f"{share.root}unlock", {"password": RIGHT})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
    assert Page(answer).has(data_error="password")
    share.visits.update(at=timezone.now() - passwords.CHECKED_WITHIN)
    assert client.post(f"{share.root}unlock", {"password": RIGHT}).status_code == 302


def test_the_right_password_waits_too(canary_site: CanarySite) -> None:
    """While the link is throttled the right password is not looked at either: it
    would tell who guesses well.
    """
    share, token = canary_site.share(RIGHT)
    client = canary_site.recipient_client(share, token)
    for number in range(5):
        assert client.post(f"{share.root}unlock", {"password": f"guess {number}"}).status_code == 403
    assert client.post(f"{share.root}unlock", {"password": RIGHT}).status_code == 429


def test_a_new_password_can_be_tried_at_once(canary_site: CanarySite) -> None:
    """After five wrong ones the owner gives another: that one is looked at, and the log still has the
    guesses.
    """
    share, token = canary_site.share(RIGHT)
    client = canary_site.recipient_client(share, token)
    for number in range(6):
        client.post(f"{share.root}unlock", {"password": f"guess {number}"})
    passwords.change_password(share, "another horse")
    assert client.post(f"{share.root}unlock", {"password": "another horse"}).status_code == 302
    assert share.visits.filter(kind=Visit.Kind.WRONG_BEFORE).count() == 5


def test_links_on_shared_pages_stay_within_the_link(canary_site: CanarySite) -> None:
    """Somebody who has unlocked reads on while others guess, and after they opened the link anew."""
    share, token = canary_site.share(RIGHT)
    inside, outside = (
        canary_site.recipient_client(share, token, RIGHT),
        canary_site.recipient_client(share, token),
    )
    for number in range(8):
        outside.post(f"{share.root}unlock", {"password": f"guess {number}"})
    inside.get(f"/s/{token}")
    assert inside.get(f"{share.root}events/").status_code == 200


def test_a_new_password_ends_old_unlocks(canary_site: CanarySite) -> None:
    """Whoever gave the old password is asked again; the new one opens."""
    share, token = canary_site.share(RIGHT)
    recipient_client = canary_site.recipient_client(share, token, RIGHT)
    passwords.change_password(share, "another horse")
    assert recipient_client.get(f"{share.root}events/").status_code == 403
    assert recipient_client.post(f"{share.root}unlock", {"password": RIGHT}).status_code == 403
    assert recipient_client.post(f"{share.root}unlock", {"password": "another horse"}).status_code == 302
    assert recipient_client.get(f"{share.root}events/").status_code == 200


def test_a_link_that_gets_a_password_is_locked(canary_site: CanarySite) -> None:
    """Those who held it without one are asked for it."""
    share, token = canary_site.share()
    recipient_client = canary_site.recipient_client(share, token)
    passwords.change_password(share, RIGHT)
    assert recipient_client.get(f"{share.root}events/").status_code == 403


def test_a_password_is_sent_from_our_own_page_only(canary_site: CanarySite) -> None:
    """A form on another site cannot try passwords: it lacks what Django hands out with ours."""
    share, token = canary_site.share(RIGHT)
    client = Client(enforce_csrf_checks=True)
    client.get(f"/s/{token}")
    assert client.post(f"{share.root}unlock", {"password": RIGHT}).status_code == 403
    assert share.visits.count() == 0


def test_generated_passwords_are_worth_it() -> None:
    """Long, different each time, and without signs that are misread."""
    made = {passwords.generate_password() for _ in range(200)}
    assert len(made) == 200
    assert not set("".join(made)) & set("0o1il")
