"""Liveness and readiness. Neither calls Autumn: when it is down, the pages say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import structlog
from django.contrib.auth.decorators import login_not_required
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

if TYPE_CHECKING:
    from dashboard.web.redis_cache import SharedCache

log = structlog.get_logger(__name__)


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
    """What `SharedCache.state` returns; ok where there is no Redis."""
    shared = _redis()
    return "ok" if shared is None else shared.state()


def shared_cache_memory() -> tuple[int, str] | None:
    """What `SharedCache.memory` returns; None where there is no Redis."""
    shared = _redis()
    return None if shared is None else shared.memory()


def _redis() -> SharedCache | None:
    shared = caches["default"]
    return None if isinstance(shared, LocMemCache) else cast("SharedCache", shared)
