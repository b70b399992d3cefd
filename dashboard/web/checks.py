"""What may run with which key: the combinations that refuse to start, and the secret made for one person."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dashboard import messages
from dashboard.web.env import LOOPBACK, Unusable

Mode = Literal["sample", "test", "live", "other"]
LIVE_KEY = "Unsafe settings: AUTUMN_SECRET_KEY is a live key, and"


def mode_of(key: str | None) -> Mode:
    """Which world a key opens. A key of an unknown kind may be a live one, and is treated as such."""
    if key is None:
        return "sample"
    if key.startswith("am_sk_live"):
        return "live"
    return "test" if key.startswith("am_sk_test") else "other"


def refuse_other_kind(mode: Mode, previous_key: str | None) -> None:
    """Refuses a previous key whose responses are of another world than the key's."""
    if previous_key is not None and mode_of(previous_key) != mode:
        raise Unusable(messages.PREVIOUS_KEY_OF_OTHER_KIND)


def source_of(mode: str, api_url: str) -> str:
    """Names where figures come from: what was shared or seen there stands for nothing elsewhere.

    A new key may stay.
    """
    return "sample" if mode == "sample" else hashlib.sha256(f"{mode} {api_url}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Exposure:
    """The settings that decide together whether customers' data is safe."""

    mode: Mode
    debug: bool
    secret_key: str | None
    hosts: list[str]
    bind: str
    proxies: int

    @property
    def beyond_this_machine(self) -> bool:
        return self.bind not in LOOPBACK or any(host not in LOOPBACK for host in self.hosts)


def refuse_weak_secrets(mode: Mode, secret_key: str | None, fallbacks: list[str]) -> None:
    """Refuses secret keys that can be guessed or are public: a fallback signs as well as the key itself."""
    keys = [("SECRET_KEY", secret_key)] if secret_key is not None else []
    for name, key in (*keys, *(("SECRET_KEY_FALLBACKS", key) for key in fallbacks)):
        if len(key) < 32:
            raise Unusable(messages.SECRET_KEY_TOO_SHORT.format(name=name))
        if mode in {"live", "other"} and key.startswith("django-insecure"):
            raise Unusable(messages.SECRET_KEY_OF_DEVELOPMENT.format(why=LIVE_KEY, name=name))


def refuse_unsafe(exposure: Exposure) -> None:
    if exposure.mode in {"live", "other"}:
        _refuse_live(exposure)
    elif exposure.mode == "test" and exposure.beyond_this_machine:
        _refuse_debugging(exposure, "Unsafe settings: the site is open to others, and")


def _refuse_debugging(exposure: Exposure, why: str) -> None:
    if exposure.debug:
        raise Unusable(messages.DEBUG_IS_ON.format(why=why))
    if any(host == "*" or host.startswith(".") for host in exposure.hosts):
        raise Unusable(messages.HOST_WILDCARD.format(why=why))


def _refuse_live(exposure: Exposure) -> None:
    _refuse_debugging(exposure, LIVE_KEY)
    if exposure.beyond_this_machine:
        _refuse_public(exposure, LIVE_KEY)


def _refuse_public(exposure: Exposure, why: str) -> None:
    if exposure.secret_key is None:
        raise Unusable(messages.SECRET_KEY_NOT_SET.format(why=why))
    if exposure.proxies == 0:
        raise Unusable(messages.OPEN_WITHOUT_HTTPS.format(why=why))


def refuse_processes_without_redis(processes: int, redis_url: str | None) -> None:
    if processes > 1 and redis_url is None:
        raise Unusable(messages.PROCESSES_WITHOUT_REDIS)


def stored_secret(path: Path) -> str:
    """The secret beside the database, made once. The link is atomic: two first starts agree on one secret."""
    try:
        if not path.exists():
            _store_secret(path)
        return path.read_text()
    except OSError as error:
        raise Unusable(messages.SECRET_NOT_STORED.format(path=path, error=error.strerror)) from error


def _store_secret(path: Path) -> None:
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # 0600 from its first moment
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        Path(draft).unlink()
