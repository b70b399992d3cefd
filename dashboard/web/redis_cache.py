"""Django's cache in Redis, for several processes. Loaded only where there is one: its client takes 5 MB."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import structlog
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = structlog.get_logger(__name__)


class SharedCache(RedisCache):
    """Only allauth adds to it, what was used; of codes, our counters know it too. Nothing is tried twice."""

    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        options = {"retry": Retry(NoBackoff(), 0), **params.get("OPTIONS", {})}
        super().__init__(server, params | {"OPTIONS": options})

    def add(self, *given: Any, **more: Any) -> bool:
        """True also where Redis is away or full: nobody is kept from signing in then."""
        try:
            added: bool = super().add(*given, **more)
        except (RedisError, OSError) as error:
            log.warning("redis.down", error=type(error).__name__)
            return True
        return added

    def state(self) -> str:
        """ok, forgetful or unreachable."""
        try:
            self.set("readyz", 1, 10)
            return "ok" if self.get("readyz") == 1 else "forgetful"
        except (RedisError, OSError):
            return "unreachable"

    def memory(self) -> tuple[int, str] | None:
        """How many bytes Redis may hold, 0 for no limit, and which keys it drops then; None where it is away
        or reports neither.
        """
        try:
            info = cast("dict[str, Any]", self._cache.get_client().info("memory"))
            return int(info["maxmemory"]), str(info["maxmemory_policy"])
        except (RedisError, OSError, KeyError):
            return None


class JsonSerializer:
    """For Django's Redis cache, which would pickle: anyone with write access to it could run code here."""

    def dumps(self, value: Any) -> bytes:
        return msgspec.json.encode(value)

    def loads(self, data: bytes) -> Any:
        return msgspec.json.decode(data)
