"""Settings from the environment, from `.env`, and from files named by NAME_FILE."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import dj_database_url
from dotenv.parser import parse_stream
from environs import FileAwareEnv

from dashboard import messages

YES, NO = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
AUTUMN = "https://api.useautumn.com"
LOOPBACK = {"localhost", "127.0.0.1", "::1", "[::1]"}
NAMES = (
    *("AUTUMN_SECRET_KEY", "AUTUMN_API_URL", "AUTUMN_APP_URL", "AUTUMN_NAMES", "DATABASE_URL", "REDIS_URL"),
    *("DATA_DIR", "WEB_CONCURRENCY", "WEB_THREADS", "CACHE_MB", "TRUSTED_PROXIES", "SECRET_KEY"),
    *("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "DEBUG", "TIME_ZONE", "BIND", "PORT", "SOCKET_MODE"),
    *("SCRIPT_NAME", "SECRET_KEY_FALLBACKS", "AUTUMN_SECRET_KEY_PREVIOUS"),
    *("METRICS_TOKEN", "LOG_LEVEL", "OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_NAME"),
)
"""All settings. Each can be a NAME_FILE too."""
OWN_PATHS = frozenset(
    {"accounts", "admin", "customers", "events", "first-run", "healthz", "metrics", "readyz", "s", "setup"}
    | {"shared", "shares", "static", "usage", "views"}
)
"""What the site's own paths begin with: where a proxy removes such a prefix, it would be removed twice."""
PREFIX = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
TOKEN = re.compile(r"[!-~]{16,}")
SHORT = 5
"""Names of other programs, such as HOST, differ by two edits from names of up to so many characters."""


class Unusable(Exception):
    """A setting that cannot be used. Its text is a sentence that names it and never repeats a secret."""


class Environment:
    """Stripped values by name. The process wins over the file; a blank one is a mistake, not an absence.

    A name that looks like a misspelled setting is refused: without its setting, the site would show sample
    data. `unknown`: names in the process's environment that only begin like ours; orchestrators add some.
    """

    def __init__(self, default_file: Path) -> None:
        self._env = FileAwareEnv(strip_whitespace=True)
        refuse_misspelled(os.environ)
        self.unknown = sorted(name for name in os.environ if begins_like_ours(name))
        path = self._file(default_file)
        if path is not None:
            refuse_misspelled(names := list(names_in(path)))
            for name in filter(begins_like_ours, names):
                raise Unusable(messages.SETTING_UNKNOWN.format(name=name, path=path))
            self._env.read_env(path, recurse=False)

    def _file(self, default: Path) -> Path | None:
        named = os.environ.get("ENV_FILE")
        if named is None:
            return default if default.exists() else None
        if not named.strip():
            raise Unusable(messages.SETTING_EMPTY.format(name="ENV_FILE"))
        return Path(named)

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

    def mode(self, name: str, default: int) -> int:
        """A file's, in octal digits as for chmod."""
        value = self.text(name) or f"{default:o}"
        if len(value) > 4 or not set(value) <= set("01234567") or int(value, 8) > 0o777:
            raise Unusable(messages.NOT_A_MODE.format(name=name, value=value))
        return int(value, 8)

    def prefix(self, name: str) -> str:
        """A path without a slash at its end; "" where it is not set."""
        value = (self.text(name) or "").rstrip("/")
        if value and (not PREFIX.fullmatch(value) or value.split("/")[1] in OWN_PATHS):
            raise Unusable(messages.NOT_A_PREFIX.format(name=name, value=value))
        return value

    def items(self, name: str, default: tuple[str, ...] = ()) -> list[str]:
        value = self.text(name)
        return list(default) if value is None else [item.strip() for item in value.split(",") if item.strip()]

    def path(self, name: str, default: Path) -> Path:
        return Path(self.text(name) or default).absolute()

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

    def token(self, name: str) -> str | None:
        """What programs show in a header."""
        value = self.text(name)
        if value is not None and not TOKEN.fullmatch(value):
            raise Unusable(messages.NOT_A_TOKEN.format(name=name))
        return value

    def api_url(self, name: str) -> str:
        return self._https(name, self.text(name) or AUTUMN, AUTUMN)

    def app_url(self, name: str) -> str | None:
        value = self.text(name)
        return None if value is None else self._https(name, value, "https://app.useautumn.com")

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
            parsed = dj_database_url.parse(self.text(name) or f"sqlite:///{default}", conn_health_checks=True)
        except Unusable:
            raise
        except Exception as error:  # the parser raises many kinds, some of which repeat the password
            raise Unusable(messages.NOT_A_DATABASE_URL.format(name=name)) from error
        engine = parsed.get("ENGINE")
        if engine == "django.db.backends.sqlite3":
            # The last connection that is closed removes files that a full disk has no room to make again.
            parsed["OPTIONS"], parsed["CONN_MAX_AGE"] = SQLITE, None
        elif engine == "django.db.backends.postgresql":
            # A connection ends with its request: with one for each thread, a few processes would have more
            # than PostgreSQL allows.
            parsed["OPTIONS"] = POSTGRESQL | parsed.get("OPTIONS", {})
        return parsed

    def redis(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
            raise Unusable(messages.NOT_A_REDIS_URL.format(name=name))
        return value


def names_in(path: Path) -> Iterator[str]:
    """The names that a file of settings sets. Its contents may be secret, so that no error repeats them."""
    try:
        with path.open(encoding="utf-8") as file:
            lines = list(parse_stream(file))
    except (OSError, ValueError) as error:
        raise Unusable(messages.ENV_FILE_NOT_READABLE.format(path=path)) from error
    for line in lines:
        if line.error or (line.key is not None and line.value is None):
            text = line.original.string  # with the blank lines before it
            number = line.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            raise Unusable(messages.LINE_NOT_READABLE.format(path=path, line=number))
        if line.key is not None:
            yield line.key


def begins_like_ours(name: str) -> bool:
    return name.upper().startswith("AUTUMN") and not is_setting(name)


def is_setting(name: str) -> bool:
    return name.removesuffix("_FILE") in NAMES or name == "ENV_FILE"


def refuse_misspelled(names: Iterable[str]) -> None:
    """Refuses names that differ from a setting's only by case or by up to two edits."""
    for name in names:
        if not is_setting(name) and (meant := nearest(name)):
            raise Unusable(messages.SETTING_MISSPELLED.format(name=name, meant=meant))


def nearest(name: str) -> str | None:
    """The setting that a name is near to, or None."""
    for known in (*NAMES, "ENV_FILE"):
        for spelling in (known, f"{known}_FILE"):
            if is_within(1 if len(known) <= SHORT else 2, name.upper(), spelling):
                return spelling
    return None


def is_within(edits: int, one: str, other: str) -> bool:
    """Whether so many edits lead from `one` to `other`: a character more, less, other, or two swapped."""
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    if not one or not other:
        return len(one) + len(other) <= edits
    return edits > 0 and (
        is_within(edits - 1, one[1:], other[1:])
        or is_within(edits - 1, one[1:], other)
        or is_within(edits - 1, one, other[1:])
        or is_within(edits - 1, _swapped(one), other)
        or is_within(edits - 1, one, _swapped(other))
    )


def _swapped(text: str) -> str:
    return text[1::-1] + text[2:]


# A deferred transaction that turns into a write fails at once when another writer is ahead of it, whatever
# the timeout says; an immediate one waits its turn.
SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
}

# A server that is away must not hold a thread for minutes: seconds to connect, and milliseconds until data
# that nobody acknowledges counts as lost.
POSTGRESQL: dict[str, object] = {"connect_timeout": 3, "tcp_user_timeout": 10_000}
