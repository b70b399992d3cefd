"""Passwords, of people and of links: Argon2, and no more of it at once than a machine bears."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from random import SystemRandom
from threading import get_native_id

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher

from dashboard.server.dispatch import pause_turn
from dashboard.server.waiting import sign_in_places

AT_ONCE = 2
PATIENCE_S = 20.0
"""How long a request may wait: it blocks a thread of the server meanwhile."""

NICE = 19
"""The last of the system's priorities: a hash of Argon2 takes eight threads, and two run at once."""

_random = SystemRandom()


def _give_way() -> None:
    """A hash takes all that it gets of a processor, and pages are waited for meanwhile. On Linux, the threads
    that Argon2 starts inherit this. Where the system refuses it, hashing goes without.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), NICE)


_threads = ThreadPoolExecutor(AT_ONCE, "hash", _give_way)


class TooBusy(Exception):
    """More people sign in than this machine can hash passwords for in time, or than may wait."""


class PatientArgon2(Argon2PasswordHasher):
    """One hash takes 100 MiB, and anyone can request one: of all processes on this machine, two are at
    it.
    """

    def encode(self, password: str, salt: str) -> str:
        with hashing_slot():
            return _threads.submit(super().encode, password, salt).result()

    def verify(self, password: str, encoded: str) -> bool:
        with hashing_slot():
            return _threads.submit(super().verify, password, encoded).result()


@contextmanager
def hashing_slot() -> Iterator[None]:
    """One of the hashes at once. TooBusy where too many wait already."""
    with sign_in_place(), _machine_slot():
        yield


@contextmanager
def sign_in_place() -> Iterator[None]:
    """One of the sign-ins that may wait in this process. Raises TooBusy where all are taken."""
    places = sign_in_places(AT_ONCE)
    if not places.acquire(blocking=False):
        raise TooBusy
    pause_turn()
    try:
        yield
    finally:
        places.release()


@contextmanager
def _machine_slot() -> Iterator[None]:
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
