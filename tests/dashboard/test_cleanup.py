"""Tables that grow by themselves: what is of no use is deleted by the running site, in bounded steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.sessions.models import Session
from django.core.signals import request_finished
from django.db import OperationalError, connection, models
from django.utils import timezone
from pytest_django.fixtures import Settings

from dashboard.exports.lease import RECORD_RETENTION
from dashboard.management import cleanup
from dashboard.management.cleanup import ADMIN_LOG_RETENTION, LINK_RETENTION
from dashboard.models import Counter, CustomerName, ExportRecord, Sighting, User
from dashboard.names.stored import KEPT_MS
from dashboard.sharing.access_log import RETENTION
from dashboard.sharing.models import Figures, Share, Visit

pytestmark = pytest.mark.django_db
NOW = timezone.now()
MOMENT = timedelta(seconds=1)
KEPT = timedelta(milliseconds=KEPT_MS)


def session(at: datetime, key: str) -> Session:
    return Session(session_key=key, session_data="", expire_date=at)


def visit(at: datetime, key: str) -> Visit:
    end = NOW + timedelta(days=1)
    share, _ = Share.objects.get_or_create(
        token_hash="x", defaults={"recipient": "Ada", "customer_id": "cus_1", "expires_at": end}
    )
    return Visit(share=share, at=at, address="192.0.2.0/24", page=key)


def expired(at: datetime, key: str) -> Share:
    return Share(token_hash=key, recipient="Ada", customer_id="cus_1", expires_at=at)


def revoked(at: datetime, key: str) -> Share:
    end = NOW + timedelta(days=3650)
    return Share(token_hash=key, recipient="Ada", customer_id="cus_1", expires_at=end, revoked_at=at)


def change(at: datetime, key: str) -> LogEntry:
    ann, _ = User.objects.get_or_create(username="ann")
    return LogEntry(user=ann, action_time=at, object_repr=key, action_flag=CHANGE)


def record(at: datetime, key: str) -> ExportRecord:
    return ExportRecord(taker=key, who="ann", file="usage.csv", began_at=at, seen_at=at, ended_at=at)


def counter(at: datetime, key: str) -> Counter:
    return Counter(key=key, expires_at=at.timestamp())


def name(at: datetime, key: str) -> CustomerName:
    return CustomerName(key=key, source="x", customer_id=key, read_at=at.timestamp() * 1000)


EDGES: list[tuple[Callable[[datetime, str], models.Model], timedelta, timedelta]] = [
    (session, -MOMENT, MOMENT),
    (visit, -RETENTION - MOMENT, -RETENTION + MOMENT),
    (expired, -LINK_RETENTION - MOMENT, -LINK_RETENTION + MOMENT),
    (revoked, -LINK_RETENTION - MOMENT, -LINK_RETENTION + MOMENT),
    (change, -ADMIN_LOG_RETENTION - MOMENT, -ADMIN_LOG_RETENTION + MOMENT),
    (record, -RECORD_RETENTION - MOMENT, -RECORD_RETENTION + MOMENT),
    (counter, -MOMENT, MOMENT),
    (name, -KEPT - MOMENT, -KEPT + MOMENT),
]


@pytest.mark.parametrize(("make", "useless", "useful"), EDGES)
def test_rows_of_no_use_are_deleted(
    make: Callable[[datetime, str], models.Model], useless: timedelta, useful: timedelta
) -> None:
    rows = [make(NOW + useless, "old"), make(NOW + useful, "new")]
    for row in rows:
        row.save(force_insert=True)
    cleanup.clean(NOW)
    assert list(type(rows[0])._default_manager.all()) == [rows[1]]


def test_links_are_deleted_with_what_belongs_to_them(settings: Settings) -> None:
    """Also links of sample data, which are not listed while there is a key."""
    share = expired(NOW - LINK_RETENTION - MOMENT, "old")
    share.save(force_insert=True)
    Visit.objects.create(share=share, address="192.0.2.0/24")
    Figures.objects.create(share=share, question="x", answer=b"", fetched_at=0)
    settings.AUTUMN_SOURCE = "elsewhere"
    cleanup.clean(NOW)
    assert [each._base_manager.count() for each in (Share, Visit, Figures)] == [0, 0, 0]


def test_sightings_beyond_the_bound_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest stay."""
    monkeypatch.setattr(cleanup, "MOST", 3)
    for number in range(4):
        Sighting.objects.create(key=str(number), source="x", customer_id="", feature_id="", last_seen=number)
    cleanup.clean(NOW)
    assert set(Sighting.objects.values_list("last_seen", flat=True)) == {1, 2, 3}


def test_each_hour_deletes_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is deleted later, and other writers never wait for more than a batch."""
    monkeypatch.setattr(cleanup, "BATCH", 2)
    monkeypatch.setattr(cleanup, "MAX_BATCHES", 3)
    Session.objects.bulk_create(session(NOW - MOMENT, str(number)) for number in range(7))
    cleanup.clean(NOW)
    assert Session.objects.count() == 1
    cleanup.clean(NOW)
    assert Session.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_database_that_refuses_stops_no_request() -> None:
    """And no other table."""
    session(NOW - MOMENT, "old").save(force_insert=True)
    counter(NOW - MOMENT, "old").save(force_insert=True)

    def refuse(execute: Callable[..., object], sql: str, *given: object) -> object:
        if 'DELETE FROM "django_session"' in sql:
            raise OperationalError("disk full")
        return execute(sql, *given)

    with connection.execute_wrapper(refuse):
        cleanup.clean(NOW)
    assert Session.objects.count() == 1
    assert Counter.objects.count() == 0


def test_site_cleans_after_a_request_at_most_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    cleaned: list[datetime] = []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(cleanup, "clean", cleaned.append)
    cleanup.clean_hourly()
    try:
        for moment, times in ((1000.0, 1), (1000.0 + cleanup.EVERY_S - 1, 1), (1000.0 + cleanup.EVERY_S, 2)):
            clock[0] = moment
            request_finished.send(None)
            assert len(cleaned) == times
    finally:
        assert request_finished.disconnect(dispatch_uid="cleanup")


def test_every_table_that_grows_is_cleaned() -> None:
    """Other tables have rows that staff make, or a fixed number."""
    cleaned: set[Any] = {useless(NOW).model for useless in cleanup.USELESS}
    assert cleaned == {Session, Visit, ExportRecord, Counter, CustomerName, Sighting, Share, LogEntry}
