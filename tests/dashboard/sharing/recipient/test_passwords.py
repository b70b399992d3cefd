"""A link's password: it reveals nothing, cannot be guessed, and costs little to ask for."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from dashboard.sharing import passwords
from dashboard.sharing.models import Visit
from tests.dashboard.sharing.canary_organization import SEEN, House
from tests.page import Page

pytestmark = pytest.mark.django_db
RIGHT = "correct horse"


def test_the_password_page_says_nothing(house: House) -> None:
    """Neither customer nor recipient, owner, feature or period stand on it, whichever page was asked for."""
    share, token = house.share(RIGHT, recipient="Ada Lovelace")
    holder = house.holder(share, token)
    for page in ("", "usage/", "events/?feature_id=x"):
        response = holder.get(f"{share.root}{page}")
        assert response.status_code == 403
        for secret in (SEEN, "Ada", house.owner.username, "api_calls", "CANARY"):
            assert secret.encode() not in response.content


def test_the_right_password_leads_on(house: House) -> None:
    """To the page that was asked for, query and all, and to no other site."""
    share, token = house.share(RIGHT)
    wanted = f"{share.root}events/?per_page=50"
    for given, leads in (
        (wanted, wanted),
        ("https://evil.example/", share.root),
        ("//evil.example/", share.root),
    ):
        client = house.holder(share, token)
        sent = {"password": RIGHT, "next": given}
        assert client.post(f"{share.root}unlock", sent).headers["Location"] == leads
        assert client.get(wanted).status_code == 200


def test_a_part_leads_back_to_its_page(house: House) -> None:
    """Locked while the page was open: its next part asks for the password, and the password leads to the
    page.
    """
    share, token = house.share()
    client = house.holder(share, token)
    passwords.change_password(share, RIGHT)
    wanted = f"{share.root}events/?per_page=50"
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{wanted}"}
    asked = client.get(f"{share.root}events/live/?per_page=50", headers=headers)
    assert asked.headers["HX-Retarget"] == "body"
    sent = Page(asked).field("next")["value"]
    assert client.post(f"{share.root}unlock", {"password": RIGHT, "next": sent}).headers["Location"] == wanted


@pytest.mark.slow
def test_guessing_is_throttled_before_hashing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1,000 wrong passwords from 200 addresses, five are looked at in fifteen minutes, then five more."""
    share, token = house.share(RIGHT)
    checked: list[str] = []

    def wrong(given: str, _: str) -> bool:
        checked.append(given)
        return False

    monkeypatch.setattr(passwords, "check_password", wrong)
    client = house.holder(share, token)
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


def test_many_who_know_it_at_once(house: House) -> None:
    """While five are being checked a sixth is told to wait a moment, not that it was wrong; soon after it
    opens.
    """
    share, token = house.share(RIGHT)
    for _ in range(5):
        share.visits.create(kind=Visit.Kind.CHECKING, address="192.0.2.0/24")
    client = house.holder(share, token)
    answer = client.post(f"{share.root}unlock", {"password": RIGHT})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
    assert Page(answer).has(data_error="password")
    share.visits.update(at=timezone.now() - passwords.CHECKED_WITHIN)
    assert client.post(f"{share.root}unlock", {"password": RIGHT}).status_code == 302


def test_the_right_password_waits_too(house: House) -> None:
    """While the link is throttled the right password is not looked at either: it
    would tell who guesses well.
    """
    share, token = house.share(RIGHT)
    client = house.holder(share, token)
    for number in range(5):
        assert client.post(f"{share.root}unlock", {"password": f"guess {number}"}).status_code == 403
    assert client.post(f"{share.root}unlock", {"password": RIGHT}).status_code == 429


def test_a_new_password_can_be_tried_at_once(house: House) -> None:
    """After five wrong ones the owner gives another: that one is looked at, and the log still has the
    guesses.
    """
    share, token = house.share(RIGHT)
    client = house.holder(share, token)
    for number in range(6):
        client.post(f"{share.root}unlock", {"password": f"guess {number}"})
    passwords.change_password(share, "another horse")
    assert client.post(f"{share.root}unlock", {"password": "another horse"}).status_code == 302
    assert share.visits.filter(kind=Visit.Kind.WRONG_BEFORE).count() == 5


def test_whoever_is_inside_stays_inside(house: House) -> None:
    """Somebody who has unlocked reads on while others guess, and after they opened the link anew."""
    share, token = house.share(RIGHT)
    inside, outside = house.holder(share, token, RIGHT), house.holder(share, token)
    for number in range(8):
        outside.post(f"{share.root}unlock", {"password": f"guess {number}"})
    inside.get(f"/s/{token}")
    assert inside.get(f"{share.root}events/").status_code == 200


def test_a_new_password_ends_old_unlocks(house: House) -> None:
    """Whoever gave the old password is asked again; the new one opens."""
    share, token = house.share(RIGHT)
    holder = house.holder(share, token, RIGHT)
    passwords.change_password(share, "another horse")
    assert holder.get(f"{share.root}events/").status_code == 403
    assert holder.post(f"{share.root}unlock", {"password": RIGHT}).status_code == 403
    assert holder.post(f"{share.root}unlock", {"password": "another horse"}).status_code == 302
    assert holder.get(f"{share.root}events/").status_code == 200


def test_a_link_that_gets_a_password_is_locked(house: House) -> None:
    """Those who held it without one are asked for it."""
    share, token = house.share()
    holder = house.holder(share, token)
    passwords.change_password(share, RIGHT)
    assert holder.get(f"{share.root}events/").status_code == 403


def test_a_password_is_sent_from_our_own_page_only(house: House) -> None:
    """A form on another site cannot try passwords: it lacks what Django hands out with ours."""
    share, token = house.share(RIGHT)
    client = Client(enforce_csrf_checks=True)
    client.get(f"/s/{token}")
    assert client.post(f"{share.root}unlock", {"password": RIGHT}).status_code == 403
    assert share.visits.count() == 0


def test_generated_passwords_are_worth_it() -> None:
    """Long, different each time, and without signs that are misread."""
    made = {passwords.generate_password() for _ in range(200)}
    assert len(made) == 200
    assert not set("".join(made)) & set("0o1il")
