"""Access logs that were written by an earlier version."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.apps.registry import Apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

BEFORE, AFTER = ("sharing", "0003_a_maker_may_leave"), ("sharing", "0004_kinds_of_visits")
TEXTS = {
    "events": ("page", "events"),
    "password, being checked": ("checking", ""),
    "password": ("right", ""),
    "wrong password": ("wrong", ""),
    "wrong password, an earlier one": ("before", ""),
}


def migrate(to: tuple[str, str]) -> Apps:
    executor = MigrationExecutor(connection)
    executor.migrate([to])
    return executor.loader.project_state([to]).apps


@pytest.fixture
def earlier(transactional_db: None) -> Iterator[Apps]:
    """The models before the migration; the newest ones are restored afterwards."""
    yield migrate(BEFORE)
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_logged_attempts_have_their_kind_after_migration(earlier: Apps) -> None:
    """The migration can be reversed."""
    share = earlier.get_model("sharing", "Share").objects.create(
        token_hash="x" * 64, source="sample", recipient="Ada", customer_id="cus_1", expires_at=timezone.now()
    )
    now = timezone.now()
    for minutes, text in enumerate(TEXTS):
        share.visits.create(at=now - timedelta(minutes=minutes), address="192.0.2.0/24", page=text)
    visits = migrate(AFTER).get_model("sharing", "Visit").objects
    assert list(visits.order_by("-at").values_list("kind", "page")) == list(TEXTS.values())
    visits = migrate(BEFORE).get_model("sharing", "Visit").objects
    assert list(visits.order_by("-at").values_list("page", flat=True)) == list(TEXTS)
