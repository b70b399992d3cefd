"""A link's password: made, checked, and not to be guessed."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Literal

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from dashboard.sharing import access_log
from dashboard.sharing.models import Share, Visit

MAX_ATTEMPTS = 5
PAUSE = timedelta(minutes=15)
CHECKED_WITHIN = timedelta(minutes=1)

MAX_LENGTH = 200
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what is misread: 0 and o, 1, i and l."""

Outcome = Literal["open", "wrong", "wait", "busy"]


def generate_password() -> str:
    """A password to read out on the telephone: 79 bits in four groups of four."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


def change_password(share: Share, password: str) -> None:
    """Sets the password. Recipients must enter the new one, and failed attempts are reset."""
    _change(share, make_password(password))


def remove_password(share: Share) -> None:
    """From now on the link opens without one."""
    _change(share, "")


def _change(share: Share, password_hash: str) -> None:
    with transaction.atomic():
        Share.objects.filter(pk=share.pk).update(
            password_hash=password_hash, password_version=F("password_version") + 1
        )
        share.visits.filter(kind=Visit.Kind.WRONG).update(
            kind=Visit.Kind.WRONG_BEFORE
        )  # guesses at a password that is no more


def try_password(share: Share, password: str, address: str) -> Outcome:
    """Whether the password is right. It is not even looked at after too many wrong ones ("wait"), nor while
    too many others are being checked ("busy").
    """
    visit = _reserve_attempt(share, address)
    if not isinstance(visit, Visit):
        return visit
    right = len(password) <= MAX_LENGTH and check_password(password, share.password_hash)
    reserved = Visit.objects.filter(pk=visit.pk)
    if right and not access_log.has_room(share):
        reserved.delete()
    else:
        reserved.update(kind=Visit.Kind.RIGHT if right else Visit.Kind.WRONG)
    return "open" if right else "wrong"


def _reserve_attempt(share: Share, address: str) -> Visit | Outcome:
    """One of the tries there are: of many at once, in all processes, five get one."""
    now = timezone.now()
    with transaction.atomic():
        Share.objects.select_for_update().get(pk=share.pk)
        # In one statement: between two, an attempt that is being checked could turn out wrong, and count in
        # neither.
        counts = share.visits.aggregate(
            wrong=Count("pk", filter=Q(kind=Visit.Kind.WRONG, at__gt=now - PAUSE)),
            trying=Count("pk", filter=Q(kind=Visit.Kind.CHECKING, at__gt=now - CHECKED_WITHIN)),
        )
        if counts["wrong"] >= MAX_ATTEMPTS:
            return "wait"
        if counts["wrong"] + counts["trying"] >= MAX_ATTEMPTS:
            return "busy"
        return share.visits.create(kind=Visit.Kind.CHECKING, address=address)
