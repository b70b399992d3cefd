"""Liveness and readiness. Neither calls Autumn: when it is down, the pages say so."""

from __future__ import annotations

from typing import Any

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from dashboard import services


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
    state = {"database": database(), "cache": shared_cache()}
    status = 200 if set(state.values()) == {"ok"} else 503
    content = {**state, "autumn": counters()}
    return JsonResponse(content, status=status, headers={"Cache-Control": "no-store"})


def counters() -> dict[str, int]:
    """Counts of this process's calls to Autumn so far. Makes no call."""
    return services.gateway().counts() if services.gateway.cache_info().currsize else {}


def database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return "ok"


def shared_cache() -> str:
    try:
        cache.set("readyz", 1, 10)
        return "ok" if cache.get("readyz") == 1 else "forgetful"
    except (RedisError, OSError):
        return "unreachable"
