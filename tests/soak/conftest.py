"""Fixtures that the long tests share with the short ones."""

from tests.usage.conftest import redis_server, redis_url

__all__ = ["redis_server", "redis_url"]
