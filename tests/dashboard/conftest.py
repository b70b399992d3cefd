"""Pages over the whole story of the sample, which is created once for all tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.test import Client
from pytest_django.fixtures import Settings
from redis import Redis

from dashboard import services
from tests.conftest import forget
from usage.sample import Store


def empty_redis() -> None:
    """Empty the Redis that the tests run on, where they do: it outlives a test, and a process's service."""
    if site_settings.REDIS_URL is not None:
        with Redis.from_url(site_settings.REDIS_URL) as redis:
            redis.flushdb()


@pytest.fixture(autouse=True)
def _start_with_an_empty_redis() -> None:
    empty_redis()


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory, prepared_folder: Callable[[], Path]) -> Path:
    """A database with the sample's story, up to now."""
    path = tmp_path_factory.mktemp("story") / "sample.sqlite3"
    shutil.copy2(prepared_folder() / path.name, path)
    store = Store(path)
    store.ensure_story()
    store.close()
    return path


@pytest.fixture(scope="session", autouse=True)
def _begin_with_the_story(story: Path) -> None:
    """Any page may need sample data, also where a test has its own Autumn, and making them takes seconds."""
    site_settings.SAMPLE_DB = story


@pytest.fixture
def sample(settings: Settings, db: None) -> Iterator[Store]:
    """The site on sample data, without a rate limit, and its store for SQL queries.

    The clock of the data stands still.
    """
    settings.AUTUMN_PACE = 100_000
    forget()
    yield services.sample_store()
    forget()


@pytest.fixture
def page(sample: Store) -> Client:
    """A client of the site with sample data."""
    return Client()


@pytest.fixture
def sql(sample: Store) -> Callable[..., list[Any]]:
    """Query the sample's database: `sql("SELECT …", parameter, …)` returns rows."""

    def query(text: str, *parameters: object) -> list[Any]:
        with closing(sample.connection()) as connection:
            return connection.execute(text, parameters).fetchall()

    return query
