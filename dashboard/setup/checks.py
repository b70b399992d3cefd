"""One check after another of what the site needs, each with what to do where it fails. Source of both the
page and the command.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryFile
from threading import Condition
from typing import Literal

from cachetools import TTLCache, cached
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest

from dashboard import messages, services
from dashboard.middleware import PROXIES_SEEN
from dashboard.web import health
from dashboard.web.data_dir import make_private
from dashboard.web.env import LOOPBACK
from usage.api.capabilities import Capabilities
from usage.api.gateway import Gateway
from usage.errors import Busy, KeyRefused, RateLimited, UsageError
from usage.known_customers import InMemoryKnownCustomers
from usage.service import Usage, open_usage

State = Literal["ok", "warning", "failed", "unknown"]
LARGEST_DIFFERENCE_S = 60.0
"""Of the clocks: requests that end with now would miss so much, or ask for the future."""
LEAST_FREE = 256 * 1024 * 1024
"""Bytes on the disk: less is full soon."""
REPEATED_S = 10.0
"""How long what Autumn answered is shown again: who reloads the page takes no calls from others."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked. `found`: a sentence; `remedy`: another, or empty."""

    code: str
    name: str
    state: State
    found: str
    remedy: str = ""


def checks(request: HttpRequest | None = None) -> list[Check]:
    """All checks. `request`: one that came through the proxies, without which they cannot be seen.

    It makes at most five calls to Autumn, and none for REPEATED_S after that.
    """
    of_autumn = _autumn(services.gateway())
    return [*of_autumn, _cache(), *_database(), _disk(), _proxies(request), _cookies(request)]


# With a condition, those who come at the same time wait for the first one's answers.
@cached(TTLCache(1, REPEATED_S), condition=Condition())
def _autumn(gateway: Gateway) -> tuple[Check, ...]:
    # Not the site's own service: what it has in the database may be missing, and is not needed here.
    usage = open_usage(gateway, InMemoryKnownCustomers(), names=settings.AUTUMN_NAMES == "auto")
    return (*_calls(usage), _clock(gateway))


def _calls(usage: Usage) -> Iterator[Check]:
    mode = settings.AUTUMN_MODE
    key_remedy = "" if mode != "sample" else messages.SET_THE_KEY
    try:
        can = usage.server()
    except UsageError as error:
        yield _without_answer("key", "Secret key", error)
        yield Check("server", "Autumn server", "unknown", messages.NOT_CHECKED_WITHOUT_KEY)
    else:
        state: State = "warning" if mode == "sample" else "ok"
        yield Check("key", "Secret key", state, messages.KEY_MODES[mode], key_remedy)
        yield Check("server", "Autumn server", "ok", _abilities(can))
        yield _event_list(usage)
        yield from _names(usage)


def _abilities(can: Capabilities) -> str:
    lacking = [what for ability, what in messages.ABILITIES.items() if not getattr(can, ability)]
    if not lacking:
        return messages.SERVER_CAN_ALL
    return messages.SERVER_LACKS.format(lacking=", ".join(lacking))


def _without_answer(code: str, name: str, error: UsageError) -> Check:
    """A check of a call that failed. Where all calls have to wait, it says nothing of the setup."""
    if isinstance(error, (RateLimited, Busy)):
        return Check(code, name, "unknown", error.sentence, messages.TRY_AGAIN_SOON)
    remedy = messages.COPY_THE_KEY if isinstance(error, KeyRefused) else messages.CHECK_THE_ADDRESS
    return Check(code, name, "failed", error.sentence, remedy)


def _event_list(usage: Usage) -> Check:
    what = messages.READ_BY["events.list"]
    try:
        usage.check_event_list()
    except UsageError as error:
        return _without_answer("events.list", what, error)
    return Check("events.list", what, "ok", messages.CALL_ALLOWED.format(endpoint="events.list"))


def _names(usage: Usage) -> Iterator[Check]:
    """What the optional calls read."""
    try:
        lacking = usage.missing_scopes()
    except UsageError as error:
        yield Check("names", "Names", "unknown", error.sentence)
        return
    if lacking is None:
        yield Check("names", "Names", "warning", messages.NAMES_ARE_OFF, messages.TURN_NAMES_ON)
        return
    for endpoint, scope in lacking.items():
        what = messages.READ_BY[endpoint]
        if scope is None:
            yield Check(endpoint, what, "ok", messages.CALL_ALLOWED.format(endpoint=endpoint))
        elif scope:
            found = messages.CALL_WITHOUT_SCOPE.format(endpoint=endpoint, scope=scope)
            yield Check(endpoint, what, "warning", found, messages.ADD_SCOPE.format(scope=scope))
        else:
            found = messages.CALL_NOT_ANSWERED.format(endpoint=endpoint)
            yield Check(endpoint, what, "warning", found, messages.SERVER_MAY_LACK_CALL)


def _clock(gateway: Gateway) -> Check:
    ahead_s = gateway.clock_difference_s
    if ahead_s is None:
        return Check("clock", "Clock", "unknown", messages.CLOCK_NOT_COMPARED)
    found = messages.CLOCK_DIFFERENCE.format(seconds=round(abs(ahead_s)))
    if abs(ahead_s) <= LARGEST_DIFFERENCE_S:
        return Check("clock", "Clock", "ok", found)
    return Check("clock", "Clock", "failed", found, messages.SET_THE_CLOCK)


def _cache() -> Check:
    if settings.REDIS_URL is None:
        return Check("cache", "Cache", "ok", messages.CACHE_IN_PROCESS.format(megabytes=settings.CACHE_MB))
    state = health.shared_cache()
    if state != "ok":
        return Check("cache", "Cache", "failed", messages.REDIS_STATES[state], messages.CHECK_REDIS)
    memory = health.shared_cache_memory()
    if memory is None:  # some hosted ones refuse to say
        return Check("cache", "Cache", "ok", messages.REDIS_ANSWERS)
    most_bytes, policy = memory
    if not most_bytes:
        return Check("cache", "Cache", "warning", messages.REDIS_WITHOUT_LIMIT, messages.LIMIT_REDIS)
    if policy == "noeviction":
        return Check("cache", "Cache", "warning", messages.REDIS_REFUSES, messages.LET_REDIS_EVICT)
    found = messages.REDIS_EVICTS.format(megabytes=most_bytes // (1024 * 1024), policy=policy)
    return Check("cache", "Cache", "ok", found)


def _database() -> Iterator[Check]:
    if health.database() != "ok":
        yield Check("database", "Database", "failed", messages.DATABASE_NOT_REACHED, messages.CHECK_DATABASE)
        yield Check("migrations", "Tables", "unknown", messages.NOT_CHECKED_WITHOUT_DATABASE)
        return
    engine = "PostgreSQL" if connection.vendor == "postgresql" else "SQLite"
    try:
        executor = MigrationExecutor(connection)
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError:
        yield Check("database", "Database", "failed", messages.DATABASE_NOT_REACHED, messages.CHECK_DATABASE)
        yield Check("migrations", "Tables", "unknown", messages.NOT_CHECKED_WITHOUT_DATABASE)
        return
    if missing or _is_writable():
        yield Check("database", "Database", "ok", messages.DATABASE_ANSWERS.format(engine=engine))
    else:
        found = messages.DATABASE_READ_ONLY.format(engine=engine)
        yield Check("database", "Database", "failed", found, messages.LET_DATABASE_WRITE)
    if missing:
        found = messages.MIGRATIONS_MISSING.format(count=missing)
        yield Check("migrations", "Tables", "failed", found, messages.RUN_MIGRATE)
    else:
        yield Check("migrations", "Tables", "ok", messages.MIGRATIONS_APPLIED)


def _is_writable() -> bool:
    """Whether the database takes a change; this one changes no row."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE 1 = 0")
    except DatabaseError:
        return False
    return True


def _disk() -> Check:
    folder = settings.DATA_DIR
    try:
        is_private, free = make_private(folder), shutil.disk_usage(folder).free
        TemporaryFile(dir=folder).close()
    except OSError as error:
        found = messages.FOLDER_NOT_WRITABLE.format(path=folder, error=error.strerror)
        return Check("disk", "Disk", "failed", found, messages.MAKE_FOLDER_WRITABLE)
    found = messages.DISK_FREE.format(path=folder, megabytes=free // (1024 * 1024))
    if free < LEAST_FREE:
        return Check("disk", "Disk", "warning", found, messages.MAKE_ROOM)
    if not is_private:
        return Check(
            "disk", "Disk", "warning", messages.FOLDER_OPEN.format(path=folder), messages.NARROW_FOLDER
        )
    return Check("disk", "Disk", "ok", found)


def _proxies(request: HttpRequest | None) -> Check:
    trusted = settings.TRUSTED_PROXIES
    if request is None:
        return Check("proxies", "Proxies", "unknown", messages.SEEN_ONLY_IN_BROWSER)
    seen: int = request.META.get(PROXIES_SEEN, 0)
    found = messages.PROXIES_SEEN.format(seen=seen, trusted=trusted)
    if seen > trusted:
        return Check("proxies", "Proxies", "warning", found, messages.SET_TRUSTED_PROXIES)
    if seen < trusted:
        return Check("proxies", "Proxies", "failed", found, messages.LOWER_TRUSTED_PROXIES)
    return Check("proxies", "Proxies", "ok", found)


def _cookies(request: HttpRequest | None) -> Check:
    if request is None:
        return Check("cookies", "Cookies", "unknown", messages.SEEN_ONLY_IN_BROWSER)
    host = request.get_host().rsplit(":", 1)[0]
    if request.is_secure() and not settings.SESSION_COOKIE_SECURE:
        return Check("cookies", "Cookies", "warning", messages.COOKIES_NOT_SECURE, messages.SET_ORIGINS)
    if not request.is_secure() and host not in LOOPBACK:
        return Check("cookies", "Cookies", "warning", messages.SITE_WITHOUT_HTTPS, messages.USE_HTTPS)
    return Check("cookies", "Cookies", "ok", messages.COOKIES_FIT)
