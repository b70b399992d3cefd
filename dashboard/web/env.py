"""Settings from the environment, from `.env`, and from files named by NAME_FILE."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import dj_database_url
from environs import FileAwareEnv

from dashboard import messages

YES, NO = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
AUTUMN = "https://api.useautumn.com"
LOOPBACK = {"localhost", "127.0.0.1", "::1", "[::1]"}


class Unusable(Exception):
    """A setting that cannot be used. Its text is a sentence that names it and never repeats a secret."""


class Environment:
    """Stripped values by name. The process wins over `.env`; a blank one is a mistake, not an absence."""

    def __init__(self, dotenv: Path) -> None:
        self._env = FileAwareEnv(strip_whitespace=True)
        self._env.read_env(dotenv, recurse=False)

    def text(self, name: str) -> str | None:
        given = name in os.environ and f"{name}_FILE" in os.environ
        if given:
            raise Unusable(messages.SETTING_GIVEN_TWICE.format(name=name))
        self._refuse_blank(f"{name}_FILE")
        return self._refuse_blank(name)

    def _refuse_blank(self, name: str) -> str | None:
        try:
            value = self._env.str(name, None)
        except (ValueError, OSError) as error:
            raise Unusable(messages.NOT_A_FILE.format(name=name)) from error
        if value is not None and not value.strip():
            raise Unusable(messages.SETTING_EMPTY.format(name=name))
        return None if value is None else value.strip()

    def flag(self, name: str, default: bool) -> bool:
        value = (self.text(name) or str(default)).lower()
        if value not in YES | NO:
            raise Unusable(messages.NOT_A_FLAG.format(name=name, value=value))
        return value in YES

    def one_of(self, name: str, *choices: str) -> str:
        """One of these words, the first one where it is not set."""
        value = self.text(name) or choices[0]
        if value not in choices:
            words = " or ".join(choices)
            raise Unusable(messages.NOT_ONE_OF.format(name=name, choices=words, value=value))
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        value = self.text(name) or str(default)
        if not (value.isascii() and value.isdigit() and low <= int(value[:9]) <= high):
            raise Unusable(messages.NOT_A_WHOLE_NUMBER.format(name=name, low=low, high=high, value=value))
        return int(value)

    def items(self, name: str, default: tuple[str, ...] = ()) -> list[str]:
        value = self.text(name)
        return list(default) if value is None else [item.strip() for item in value.split(",") if item.strip()]

    def directory(self, name: str, default: Path) -> Path:
        path = Path(self.text(name) or default).absolute()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unusable(
                messages.FOLDER_NOT_CREATED.format(name=name, path=path, error=error.strerror)
            ) from error
        return path

    def zone(self, name: str) -> str:
        value = self.text(name) or "UTC"
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise Unusable(messages.NOT_A_SERVER_TIME_ZONE.format(name=name, value=value)) from error
        return value

    def autumn_key(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and not (value.isascii() and value.isprintable() and " " not in value):
            raise Unusable(messages.SETTING_CHARACTERS.format(name=name))
        return value

    def api_url(self, name: str) -> str:
        return self._https(name, self.text(name) or AUTUMN, AUTUMN)

    def issuer(self, name: str) -> str | None:
        value = self.text(name)
        return None if value is None else self._https(name, value, "https://id.example.com")

    def _https(self, name: str, value: str, example: str) -> str:
        value = value.rstrip("/")
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise Unusable(messages.NOT_A_URL.format(name=name, example=example)) from error
        if not host or parts.username or parts.query or parts.fragment:
            raise Unusable(messages.URL_TOO_LONG.format(name=name, example=example))
        if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
            raise Unusable(messages.URL_WITHOUT_HTTPS.format(name=name))
        return value

    def origins(self, name: str) -> list[str]:
        values = self.items(name)
        for value in values:
            if urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).netloc:
                raise Unusable(messages.NOT_ORIGINS.format(name=name, value=value))
        return values

    def database(self, name: str, default: Path) -> dj_database_url.DBConfig:
        try:
            parsed = dj_database_url.parse(
                self.text(name) or f"sqlite:///{default}", conn_max_age=60, conn_health_checks=True
            )
        except Unusable:
            raise
        except Exception as error:  # the parser raises many kinds, some of which repeat the password
            raise Unusable(messages.NOT_A_DATABASE_URL.format(name=name)) from error
        if parsed.get("ENGINE") == "django.db.backends.sqlite3":
            parsed["OPTIONS"] = SQLITE
        return parsed

    def redis(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
            raise Unusable(messages.NOT_A_REDIS_URL.format(name=name))
        return value


# A deferred transaction that turns into a write fails at once when another writer is ahead of it, whatever
# the timeout says; an immediate one waits its turn.
SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
}
