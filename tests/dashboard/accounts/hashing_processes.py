"""Processes that hash passwords concurrently. The module needs no Django before Django is set up."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, make_password


def hash_slowly(folder: str, spans: str) -> None:
    """In a separate process, four threads each compute a hash slowly."""
    django.setup()
    settings.DATA_DIR = Path(folder)

    def slow(hasher: object, password: str, salt: str) -> str:
        started = time.monotonic()
        threading.Event().wait(0.02)
        with Path(spans).open("a") as file:
            file.write(f"{started} {time.monotonic()}\n")
        return "argon2$x"

    Argon2PasswordHasher.encode = slow  # type: ignore[assignment,method-assign]
    viewers = [threading.Thread(target=make_password, args=("guess",)) for _ in range(4)]
    for one in viewers:
        one.start()
    for one in viewers:
        one.join()
