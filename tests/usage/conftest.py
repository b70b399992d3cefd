"""A real Redis, empty for each test."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import ConnectionError as NotUpYet
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from tests.conftest import free_port


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis server. If Redis is not installed: skip, or fail under REQUIRE_SERVICES=1."""
    if (program := shutil.which("redis-server")) is None:
        (pytest.fail if os.environ.get("REQUIRE_SERVICES") == "1" else pytest.skip)(
            "no redis-server installed"
        )
    port = free_port()
    process = start_redis(program, port, tmp_path_factory.mktemp("redis"))
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait(10)


def start_redis(program: str, port: int, folder: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start a Redis that stores nothing on disk, with these options more, and wait until it answers."""
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([program, *options, "--dir", str(folder), *more], stdout=subprocess.DEVNULL)
    with Redis(port=port, retry=Retry(ConstantBackoff(0.05), 200, supported_errors=(NotUpYet,))) as redis:
        redis.ping()
    return process


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of an empty Redis."""
    with Redis.from_url(redis_server) as redis:
        redis.flushall()
    return redis_server
