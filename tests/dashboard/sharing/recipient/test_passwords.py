"""A link's password: it protects all data, cannot be guessed, and takes little work to check."""

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


def test_password_page_shows_no_data(canary_site: CanarySite) -> None:
    """It has neither customer nor recipient, owner, feature or period, for every page of the link."""
    share, token = canary_site.share(RIGHT, recipient="Ada Lovelace")
    recipient_client = canary_site.recipient_client(share, token)
    for page in ("", "usage/", "events/?feature_id=x"):
        response = recipient_client.get(f"{share.root}{page}")
        assert response.status_code == 403
        for secret in (SEEN, "Ada", canary_site.owner.username, "api_calls", "CANARY"):
            assert secret.encode() not in response.content


def test_right_password_redirects_to_the_requested_page(canary_site: CanarySite) -> None:
    """With its query, and never to another site."""
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


def test_partial_request_of_a_locked_link_asks_for_the_password(canary_site: CanarySite) -> None:
    """If the link was locked while its page was open; the password redirects to that page."""
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
    """Of 1,000 wrong passwords from 200 addresses, five are checked in fifteen minutes, then five more."""
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


def test_sixth_concurrent_password_has_to_wait(canary_site: CanarySite) -> None:
    """It is not reported as wrong, and opens the link a moment later."""
    share, token = canary_site.share(RIGHT)
    for _ in range(5):
        share.visits.create(kind=Visit.Kind.CHECKING, address="192.0.2.0/24")
    client = canary_site.recipient_client(share, token)
    answer = client.post(f"{share.root}unlock", {"password": RIGHT})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
    assert Page(answer).has(data_error="password")
    share.visits.update(at=timezone.now() - passwords.CHECKED_WITHIN)
    assert client.post(f"{share.root}unlock", {"password": RIGHT}).status_code == 302


def test_right_password_is_throttled_too(canary_site: CanarySite) -> None:
    """Otherwise the response would confirm a guess."""
    share, token = canary_site.share(RIGHT)
    client = canary_site.recipient_client(share, token)
    for number in range(5):
        assert client.post(f"{share.root}unlock", {"password": f"guess {number}"}).status_code == 403
    assert client.post(f"{share.root}unlock", {"password": RIGHT}).status_code == 429


def test_new_password_resets_the_throttle(canary_site: CanarySite) -> None:
    """The log still has the wrong guesses."""
    share, token = canary_site.share(RIGHT)
    client = canary_site.recipient_client(share, token)
    for number in range(6):
        client.post(f"{share.root}unlock", {"password": f"guess {number}"})
    passwords.change_password(share, "another horse")
    assert client.post(f"{share.root}unlock", {"password": "another horse"}).status_code == 302
    assert share.visits.filter(kind=Visit.Kind.WRONG_BEFORE).count() == 5


def test_unlocked_recipient_is_not_affected_by_guesses(canary_site: CanarySite) -> None:
    """Even after opening the link again."""
    share, token = canary_site.share(RIGHT)
    inside, outside = (
        canary_site.recipient_client(share, token, RIGHT),
        canary_site.recipient_client(share, token),
    )
    for number in range(8):
        outside.post(f"{share.root}unlock", {"password": f"guess {number}"})
    inside.get(f"/s/{token}")
    assert inside.get(f"{share.root}events/").status_code == 200


def test_new_password_ends_old_unlocks(canary_site: CanarySite) -> None:
    share, token = canary_site.share(RIGHT)
    recipient_client = canary_site.recipient_client(share, token, RIGHT)
    passwords.change_password(share, "another horse")
    assert recipient_client.get(f"{share.root}events/").status_code == 403
    assert recipient_client.post(f"{share.root}unlock", {"password": RIGHT}).status_code == 403
    assert recipient_client.post(f"{share.root}unlock", {"password": "another horse"}).status_code == 302
    assert recipient_client.get(f"{share.root}events/").status_code == 200


def test_link_with_a_new_password_is_locked(canary_site: CanarySite) -> None:
    """Recipients who opened it without one have to enter it."""
    share, token = canary_site.share()
    recipient_client = canary_site.recipient_client(share, token)
    passwords.change_password(share, RIGHT)
    assert recipient_client.get(f"{share.root}events/").status_code == 403


def test_password_needs_a_csrf_token(canary_site: CanarySite) -> None:
    """A form on another site cannot try passwords."""
    share, token = canary_site.share(RIGHT)
    client = Client(enforce_csrf_checks=True)
    client.get(f"/s/{token}")
    assert client.post(f"{share.root}unlock", {"password": RIGHT}).status_code == 403
    assert share.visits.count() == 0


def test_generated_passwords_are_unique_and_readable() -> None:
    """They have no characters that are easily confused."""
    made = {passwords.generate_password() for _ in range(200)}
    assert len(made) == 200
    assert not set("".join(made)) & set("0o1il")
