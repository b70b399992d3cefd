"""A link's password: made, checked, and not to be guessed."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Literal

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from dashboard.sharing.models import Share, Visit

TRIES = 5
PAUSE = timedelta(minutes=15)
WRONG, RIGHT, EARLIER = "wrong password", "password", "wrong password, an earlier one"

LONGEST = 200
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what is misread: 0 and o, 1, i and l."""

Outcome = Literal["open", "wrong", "wait"]


def generated() -> str:
    """A password to read out on the telephone: 79 bits in four groups of four."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


def change(share: Share, password: str) -> None:
    """Gives the link this password. Whoever gave an earlier one is asked again, and may try anew."""
    _change(share, make_password(password))


def remove(share: Share) -> None:
    """From now on the link opens without one."""
    _change(share, "")


def _change(share: Share, password_hash: str) -> None:
    with transaction.atomic():
        Share.objects.filter(pk=share.pk).update(
            password_hash=password_hash, password_version=F("password_version") + 1
        )
        share.visits.filter(page=WRONG).update(page=EARLIER)  # guesses at a password that is no more


def tried(share: Share, password: str, address: str) -> Outcome:
    """Whether the password is right; "wait" where it was not even looked at, after too many wrong ones."""
    visit = _reserved(share, address)
    if visit is None:
        return "wait"
    right = len(password) <= LONGEST and check_password(password, share.password_hash)
    if not right:
        return "wrong"
    Visit.objects.filter(pk=visit.pk).update(page=RIGHT)
    return "open"


def _reserved(share: Share, address: str) -> Visit | None:
    """One of the tries there are, wrong until it is right: of many at once, in all processes, five get one."""
    with transaction.atomic():
        Share.objects.select_for_update().get(pk=share.pk)
        wrong = share.visits.filter(page=WRONG, at__gt=timezone.now() - PAUSE).count()
        return share.visits.create(page=WRONG, address=address) if wrong < TRIES else None
