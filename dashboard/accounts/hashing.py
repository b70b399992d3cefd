"""Passwords, of people and of links: Argon2, and no more of it at once than a machine bears."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import SystemRandom

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher

AT_ONCE = 2
PATIENCE_S = 20.0
"""How long a request may wait: it blocks a thread of the server meanwhile."""

_random = SystemRandom()


class TooBusy(Exception):
    """More passwords arrive than this machine can hash in time."""


class PatientArgon2(Argon2PasswordHasher):
    """One hash takes 100 MiB, and anyone can request one: of all processes on this machine, two are at
    it.
    """

    def encode(self, password: str, salt: str) -> str:
        with hashing_slot():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with hashing_slot():
            return super().verify(password, encoded)


@contextmanager
def hashing_slot() -> Iterator[None]:
    """A lock on one of several files: threads and processes share them, and a process that dies lets go of
    its own.
    """
    slots = [settings.DATA_DIR / f".hashing-{number}" for number in range(AT_ONCE)]
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for path in slots:
            with path.open("w") as slot:
                try:
                    fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield
                return
        time.sleep(_random.uniform(0.01, 0.05))  # random, so that waiters try both slots
    raise TooBusy
