"""Limits on guessing passwords and second factors.

Counters are rows of the database: a cache that is full forgets what it holds, and a limit with it. Their
number is bounded without forgetting, because strangers' names and networks share a fixed number of counters.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from dashboard.accounts import devices
from dashboard.accounts.hashing import TooBusy
from dashboard.metrics.counts import count_sign_in
from dashboard.models import Counter, User
from dashboard.web.addresses import network_of

MAX_ATTEMPTS = 5
PAUSE_S = 15 * 60
MAX_ATTEMPTS_OF_NETWORK = 10
NETWORK_PAUSE_S = 60
MAX_STARTS_OF_NETWORK = 300
STARTS_PERIOD_S = 3600
SHARED_COUNTERS = 2**16
"""Counters for the names that no account has, and as many for networks."""


class TooManyAttempts(Exception):
    """A limit is reached: what was sent is not looked at."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` attempts in any `period_s` seconds. `key` names the counter."""

    key: str
    most: int
    period_s: int


class Attempt:
    """One attempt; the block that makes it notes whether it was `right`."""

    right = False


def accounts_of(login: str) -> list[User]:
    """The accounts that a user name or an e-mail address may mean: the password is tried on each of them."""
    named = Q(username__iexact=login) | Q(email__iexact=login) | Q(emailaddress__email__iexact=login)
    return list(User.objects.filter(named).distinct())


def limits_of(request: HttpRequest, kind: str, accounts: Iterable[User], login: str = "") -> list[Limit]:
    """The limits on one attempt at the accounts' `kind` of secret.

    A device that has signed in to the account has a counter of its own: guesses from elsewhere count in
    another one, and so do those of its network.
    """
    known = {user.pk: devices.is_known(request, user) for user in accounts}
    keys = [f"{kind}:{pk}:{'device' if is_known else 'new'}" for pk, is_known in known.items()]
    limits = [Limit(key, MAX_ATTEMPTS, PAUSE_S) for key in keys or [f"{kind}:{_shared(login.lower())}"]]
    if not known or not all(known.values()):
        network = _shared(network_of(request, 32))
        limits.append(Limit(f"network:{network}", MAX_ATTEMPTS_OF_NETWORK, NETWORK_PAUSE_S))
    return limits


def limit_of_starts(request: HttpRequest) -> Limit:
    """The limit on sign-ins that a network begins elsewhere: each stores a session."""
    return Limit(f"starts:{_shared(network_of(request, 32))}", MAX_STARTS_OF_NETWORK, STARTS_PERIOD_S)


def _shared(name: str) -> str:
    """One of a fixed number of counters. With the secret key, so that nobody can choose a name to share."""
    return f"shared-{int(salted_hmac('counters', name).hexdigest(), 16) % SHARED_COUNTERS}"


@contextmanager
def attempt(limits: list[Limit]) -> Iterator[Attempt]:
    """Counts what is tried in the block before it is tried; what turns out right is not counted.

    TooManyAttempts: there were too many before. Nothing is tried then.
    """
    taken: list[Limit] = []
    made = Attempt()
    try:
        for limit in limits:
            if not take(limit):
                raise TooManyAttempts
            taken.append(limit)
    except TooManyAttempts:
        count_sign_in("throttled")
        _give_back(taken)
        raise
    outcome = "wrong"
    try:
        yield made
    except TooBusy:
        outcome = "busy"
        _give_back(taken)  # nothing was looked at
        raise
    finally:
        if made.right:
            _give_back(taken)
        else:
            count_sign_in(outcome)


def take(limit: Limit) -> bool:
    """Counts one attempt, unless there are too many."""
    now = time.time()
    with transaction.atomic():
        counter, _ = Counter.objects.select_for_update().get_or_create(
            key=limit.key, defaults={"times": [], "expires_at": now + limit.period_s}
        )
        recent = [moment for moment in counter.times if moment > now - limit.period_s]
        if len(recent) >= limit.most:
            return False
        counter.times, counter.expires_at = [*recent, now], now + limit.period_s
        counter.save()
    return True


def _give_back(limits: list[Limit]) -> None:
    for limit in limits:
        with transaction.atomic():
            counter = Counter.objects.select_for_update().filter(key=limit.key).first()
            if counter is not None and counter.times:
                counter.times.pop()
                counter.save()
