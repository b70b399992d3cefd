"""Liveness and readiness. Neither calls Autumn: when it is down, the pages say so."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import structlog
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache, caches
from django.core.cache.backends.redis import RedisCache
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


class SharedCache(RedisCache):
    """Django's cache in Redis. Only allauth adds to it, what was used; of codes, our counters know it too."""

    def add(self, *given: Any, **more: Any) -> bool:
        """True also where Redis is away or full: nobody is kept from signing in then."""
        try:
            added: bool = super().add(*given, **more)
        except (RedisError, OSError) as error:
            log.warning("redis.down", error=type(error).__name__)
            return True
        return added

    def memory(self) -> tuple[int, str]:
        """How many bytes Redis may hold, 0 for no limit, and which keys it drops then.

        Raises RedisError, or KeyError where it reports neither.
        """
        info = cast("dict[str, Any]", self._cache.get_client().info("memory"))
        return int(info["maxmemory"]), str(info["maxmemory_policy"])


class JsonSerializer:
    """For Django's Redis cache, which would pickle: anyone with write access to it could run code here."""

    def dumps(self, value: Any) -> bytes:
        return msgspec.json.encode(value)

    def loads(self, data: bytes) -> Any:
        return msgspec.json.decode(data)


@require_safe
@login_not_required
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})


@require_safe
@login_not_required
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether the site can serve pages. What it lacks is for the log: strangers may ask."""
    state = {"database": database(), "cache": shared_cache()}
    ready = set(state.values()) == {"ok"}
    if not ready:
        log.warning("not_ready", **state)
    text, status = ("ok\n", 200) if ready else ("not ready\n", 503)
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(text, status=status, content_type="text/plain", headers=headers)


def database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return "unreachable"
    return "ok"


def shared_cache() -> str:
    try:
        cache.set("readyz", 1, 10)
        return "ok" if cache.get("readyz") == 1 else "forgetful"
    except (RedisError, OSError):
        return "unreachable"


def shared_cache_memory() -> tuple[int, str] | None:
    """What `SharedCache.memory` returns; None where Redis is not used or does not say."""
    shared = caches["default"]
    try:
        return shared.memory() if isinstance(shared, SharedCache) else None
    except (RedisError, OSError, KeyError):
        return None
