"""Exports: one at a time, stopped, revoked, interrupted, abandoned, recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone
from waitress.channel import ClientDisconnected

from dashboard import services
from dashboard.exports import stream, views
from dashboard.exports.connection import AHEAD, STALLED_S, Connection
from dashboard.exports.files import CSV, JSON_LINES, JsonRows
from dashboard.exports.lease import (
    LEASE,
    LONGEST_QUERY,
    MAX_IN_HOUR,
    AlreadyExporting,
    BrokenOff,
    ExportLease,
    TooManyThisHour,
    record_finished,
    shortened,
    stop,
)
from dashboard.exports.stream import Stream, pieces
from dashboard.models import ExportRecord, User
from dashboard.mount import Mount
from dashboard.names.labels import Labels
from tests.dashboard.exports.download import (
    EVERYTHING,
    HTMX,
    PAGE,
    checks_at_each_piece,
    exporter_of,
    failing_app,
    record,
    requested,
    start_export,
)
from tests.page import Page as Html
from usage.api.deadline import EXPORT_S
from usage.events.pages import Batch
from usage.results import Event
from usage.sample import SampleApp, Store
from usage.scope import Scope

__all__ = ["checks_at_each_piece", "failing_app"]

Ending = ExportRecord.Ending


def ending(response: Any) -> str | None:
    """How the export ended, from its status line."""
    return Html(response).one(data_ending=True)["data-ending"]


def is_polling(response: Any) -> bool:
    """Whether the status line polls for updates."""
    return "every" in (Html(response).one(id="export")["hx-trigger"] or "")


@pytest.mark.slow
def test_second_export_of_a_user_returns_409(page: Client, sample: Store) -> None:
    """Until the first one ends."""
    response, pieces = start_export(page)
    refused = page.get("/events/export.csv?range=24h", headers=PAGE)
    assert refused.status_code == 409
    assert refused.headers["Retry-After"]
    assert "export-running" in Html(refused).notices
    assert page.get("/usage/export.csv?range=7d&customer_id=acme-robotics").status_code == 200
    rows = b"".join(pieces).count(b"\n")
    response.close()
    assert rows > 0
    assert page.get("/events/export.csv?range=24h").getvalue()


def test_demo_user_has_an_export_for_each_address(page: Client, sample: Store) -> None:
    """Two addresses are two users."""
    response, _ = start_export(page)
    other, _ = start_export(Client(REMOTE_ADDR="192.0.2.7"))
    response.close()
    other.close()
    assert ExportRecord.objects.filter(ending=Ending.LEFT).count() == 2


def test_complete_export_is_recorded(signed_in: Callable[..., Client], sample: Store) -> None:
    """User, query, number of rows, and the ending."""
    data = (
        signed_in("viewer")
        .get("/events/export.jsonl?range=7d&customer_id=acme-robotics&tz=UTC&page=3")
        .getvalue()
    )
    found = record()
    assert (found.who, found.file, found.ending) == ("viewer", "events.jsonl", Ending.WHOLE)
    assert found.query == "customer_id=acme-robotics&range=7d&tz=UTC"
    assert found.rows == data.count(b"\n") > 0
    assert found.ended_at is not None


def test_usage_export_is_recorded(page: Client, sample: Store) -> None:
    """It is sent at once, and recorded like rows."""
    data = page.get("/usage/export.csv?range=7d&customer_id=acme-robotics").content
    assert (record().file, record().ending, record().rows) == (
        "usage.csv",
        Ending.WHOLE,
        data.count(b"\r\n") - 1,
    )


def test_stopped_export_releases_the_lease(page: Client, sample: Store) -> None:
    """The stream ends before its next call."""
    response, pieces = start_export(page)
    answer = page.post("/events/export/", headers=HTMX)
    assert ending(answer) == "stopped"
    with pytest.raises(BrokenOff, match="stopped"):
        list(pieces)
    calls = services.gateway().counts()["calls"]
    response.close()
    assert services.gateway().counts()["calls"] == calls
    assert record().ending == Ending.STOPPED
    assert page.get("/events/export.csv?range=24h").status_code == 200


def test_status_line_reports_progress(page: Client, sample: Store) -> None:
    """It has the rows sent and the expected number, polls each second, and reports the ending."""
    assert not is_polling(page.get("/events/export/", headers=HTMX))
    response, pieces = start_export(page, "/events/export.jsonl?range=30d&customer_id=acme-robotics")
    for _ in range(20):
        next(pieces)
    line = page.get("/events/export/", headers=HTMX)
    assert is_polling(line)
    running = Html(line).one("form", data_ending="")
    assert 0 < int(running["data-rows"] or 0) <= int(running["data-total"] or 0)
    assert running.has("button", id="export-stop")
    assert Html(page.get("/events/export/")).has("button", id="export-stop")
    list(pieces)
    response.close()
    line = page.get("/events/export/", headers=HTMX)
    assert ending(line) == "whole"
    assert Html(line).one(data_ending="whole")["data-rows"] == str(record().rows)
    assert not is_polling(line)
    assert record().total == record().rows


def test_canceled_download_ends_the_export(page: Client, sample: Store) -> None:
    """There are no further calls, and the lease is free."""
    response, _ = start_export(page)
    response.close()
    assert record().ending == Ending.LEFT
    assert page.get("/events/export.csv?range=24h").status_code == 200


def test_unread_response_releases_the_lease(page: Client, sample: Store) -> None:
    """Even if it is closed before its first piece."""
    page.get(EVERYTHING).close()
    assert record().ending == Ending.LEFT


def test_expired_lease_is_taken_by_the_next_export(db: None) -> None:
    """After a process has died, its lease is not renewed."""
    expired = ExportLease.take(exporter_of(), "events.csv", "")
    with pytest.raises(AlreadyExporting):
        ExportLease.take(exporter_of(), "events.csv", "")
    ExportRecord.objects.update(seen_at=timezone.now() - LEASE - timedelta(seconds=1))
    ExportLease.take(exporter_of(), "events.csv", "")
    assert ExportRecord.objects.get(pk=expired.record.pk).ending == Ending.LOST
    with pytest.raises(BrokenOff):
        expired.renew()


@pytest.mark.parametrize("query", ["", "q" * LONGEST_QUERY, "q" * LONGEST_QUERY + "r", "ä" * 100_000])
def test_long_query_is_recorded_by_its_digest(db: None, query: str) -> None:
    """Its beginning stays readable."""
    record_finished(exporter_of(), "usage.csv", query, 1)
    stored = record().query
    assert stored[:LONGEST_QUERY] == query[:LONGEST_QUERY]
    assert (stored == query) == (len(query) <= LONGEST_QUERY)
    assert len(stored) <= LONGEST_QUERY + 80
    assert shortened(query) != shortened(query + "x")


def test_recipients_of_a_link_share_the_exports_of_an_hour(db: None) -> None:
    """None is given beyond them, so that each has its record; other links have their own."""
    recipients = [replace(exporter_of(key=f"share:1:{number}"), group="share:1:") for number in range(2)]
    for number in range(MAX_IN_HOUR):
        record_finished(recipients[number % 2], "usage.csv", "", 1)
    for recipient in recipients:
        with pytest.raises(TooManyThisHour):
            record_finished(recipient, "usage.csv", "", 1)
        with pytest.raises(TooManyThisHour):
            ExportLease.take(recipient, "events.csv", "")
    record_finished(replace(exporter_of(key="share:2:0"), group="share:2:"), "usage.csv", "", 1)
    ExportRecord.objects.filter(taker="share:1:0").update(began_at=timezone.now() - timedelta(hours=1))
    record_finished(recipients[1], "usage.csv", "", 1)


def test_export_beyond_those_of_an_hour_returns_429(page: Client, sample: Store) -> None:
    path = "/usage/export.csv?customer_id=hooli&range=7d"
    assert page.get(path).status_code == 200
    now, taken = timezone.now(), record()
    ExportRecord.objects.bulk_create(
        ExportRecord(taker=taken.taker, who="", file="", began_at=now, seen_at=now, ended_at=now)
        for _ in range(MAX_IN_HOUR - 2)
    )
    assert page.get(path).status_code == 200
    response = page.get(path, headers={"Accept": "text/html"})
    assert response.status_code == 429
    assert response["Retry-After"]
    assert "too-many-exports" in Html(response).notices
    assert ExportRecord.objects.count() == MAX_IN_HOUR


def test_revoked_link_ends_its_export(sample: Store) -> None:
    allowed = [True]
    mount = Mount(
        services.usage().within(Scope(customer_id="acme-robotics", exports=True)),
        exporter_of(lambda: allowed[0]),
    )
    request = requested(path="/x?range=90d")
    response: Any = views.export_events(request, mount, JSON_LINES)
    pieces = iter(response)
    next(pieces)
    allowed[0] = False
    with pytest.raises(BrokenOff, match="no longer"):
        next(pieces)
    assert record().ending == Ending.REVOKED


def test_deactivated_user_loses_the_export(signed_in: Callable[..., Client], sample: Store) -> None:
    _, pieces = start_export(signed_in("viewer"))
    User.objects.filter(username="viewer").update(is_active=False)
    with pytest.raises(BrokenOff):
        list(pieces)


def test_export_of_a_link_has_its_scope(sample: Store) -> None:
    """One customer, without hidden properties; refused if exports are off."""
    scope = Scope(customer_id="acme-robotics", properties=frozenset({"model"}), exports=True)
    mount = Mount(services.usage().within(scope), exporter_of())
    answer: Any = views.export_events(requested(path="/x?range=7d"), mount, CSV)
    data = answer.getvalue().decode()
    [head, *_] = data.splitlines()
    columns = "id,timestamp,customer_id,feature_id,value,properties.model,properties,"
    assert head == f"{columns}customer_name,feature_name,local_time"
    assert {line.split(",")[2] for line in data.splitlines()[1:]} == {"acme-robotics"}
    shut = replace(mount, usage=services.usage().within(replace(scope, exports=False)))
    with pytest.raises(PermissionDenied):
        views.export_events(requested(path="/x?range=7d"), shut, CSV)


def test_failure_during_an_export_raises(page: Client, failing_app: SampleApp) -> None:
    """The iteration never ends normally."""
    _, pieces = start_export(page)
    failing_app.fail_next("internal_error", 6)  # three for the count, which may fail, and three for rows
    with pytest.raises(BrokenOff):
        list(pieces)
    assert record().ending == Ending.FAILED
    assert record().sentence


def test_pages_offer_their_files(page: Client) -> None:
    """The events page offers CSV and JSON Lines, the usage page CSV, for the query they show."""
    query = "customer_id=acme-robotics&filter=model%3Agpt-large&range=7d&tz=UTC"
    shown = Html(page.get(f"/events/?{query}"))
    assert shown.values("href", "a", data_export=True) == [
        f"/events/export.{suffix}?{query}" for suffix in ("csv", "jsonl")
    ]
    query = "customer_id=acme-robotics&range=7d&tz=UTC"
    shown = Html(page.get(f"/usage/?{query}"))
    assert f"/usage/export.csv?{query}" in shown.values("href", "a", data_export=True)


def test_admins_can_read_export_records(signed_in: Callable[..., Client], sample: Store) -> None:
    """No user can write them."""
    admin = signed_in("admin")
    admin.get("/usage/export.csv?range=7d&customer_id=acme-robotics")
    shown = admin.get("/admin/dashboard/exportrecord/").text
    assert "usage.csv" in shown
    assert "customer_id=acme-robotics" in shown
    assert admin.get("/admin/dashboard/exportrecord/add/").status_code == 403


def test_lease_is_longer_than_every_wait() -> None:
    """Those for Autumn and for the client."""
    waits = [0.0, EXPORT_S, EXPORT_S + STALLED_S, LEASE.total_seconds()]
    assert all(shorter < longer for shorter, longer in pairwise(waits))


def test_invalid_rows_are_counted(db: None) -> None:
    """They are not in the file; the status line has their number."""
    lease = ExportLease.take(exporter_of(), "events.jsonl", "")
    row = Event("e", 1, "f", "c", 1)
    freed, first, second = threading.Event(), Batch([row], [row], 2, True), Batch([], [], 1, False)
    file = Stream(
        lease,
        Connection(requested()),
        pieces(first, iter([second]), JsonRows([], Labels(), UTC), lease, lambda _: 7),
        freed.set,
    )
    assert b"".join(file).count(b"\n") == 1
    assert freed.is_set()
    assert (record().rows, record().unreadable, record().total, record().ending) == (1, 3, 7, Ending.WHOLE)


@pytest.mark.parametrize(
    ("counts", "is_complete"),
    [([1], True), ([2, 2], False), ([2, 1], True), ([2, None], True)],
    ids=["as many", "one more", "one more, until counted again", "one more, then unknown"],
)
def test_file_that_lacks_a_single_event_is_not_complete(
    db: None, counts: list[int | None], is_complete: bool
) -> None:
    lease = ExportLease.take(exporter_of(), "events.jsonl", "")
    row, answers = Event("e", 1, "f", "c", 1), iter(counts)
    only = Batch([row], [row], 0, False)
    content = pieces(only, iter([]), JsonRows([], Labels(), UTC), lease, lambda _: next(answers), closed=True)
    file = Stream(lease, Connection(requested()), content, threading.Event().set)
    with nullcontext() if is_complete else pytest.raises(BrokenOff):
        b"".join(file)
    assert record().ending == (Ending.WHOLE if is_complete else Ending.FAILED)


def test_stopped_stream_raises(db: None) -> None:
    """Whether it is stopped before its last check, or read after its end; it never ends normally."""
    lease = ExportLease.take(exporter_of(), "events.jsonl", "")
    file = Stream(lease, Connection(requested()), iter([b"a", b"b"]), threading.Event().set)
    assert next(file) == b"a"
    stop(exporter_of())
    for _ in range(2):
        with pytest.raises(BrokenOff):
            next(file)


@dataclass
class FakeTask:
    """The server's request, without a server."""

    channel: FakeChannel

    def write(self, data: bytes) -> None:
        assert not data
        if not self.channel.connected:
            raise ClientDisconnected


@dataclass
class FakeChannel:
    """The server's connection, without a server."""

    connected: bool = True
    total_outbufs_len: int = 0
    outbuf_lock: threading.Condition = field(default_factory=threading.Condition)

    def connection(self) -> Connection:
        request = requested()
        request.META["dashboard.task"] = FakeTask(self)
        return Connection(request)

    def is_read(self) -> None:
        """The client takes everything."""
        with self.outbuf_lock:
            self.total_outbufs_len = 0
            self.outbuf_lock.notify()


def test_export_of_a_disconnected_client_is_interrupted(db: None) -> None:
    """Before it produces more."""
    channel = FakeChannel()
    lease = ExportLease.take(exporter_of(), "events.jsonl", "")
    file = Stream(lease, channel.connection(), iter([b"a", b"b"]), threading.Event().set)
    assert next(file) == b"a"
    channel.connected = False
    with pytest.raises(BrokenOff):
        next(file)
    assert record().ending == Ending.LEFT


def test_export_waits_until_the_client_has_read(db: None) -> None:
    """Little more than AHEAD is in memory."""
    channel = FakeChannel(total_outbufs_len=AHEAD + 1)
    lease = ExportLease.take(exporter_of(), "events.jsonl", "")
    file = Stream(lease, channel.connection(), iter([b"a"]), threading.Event().set)
    reading = threading.Timer(0.3, channel.is_read)
    reading.start()
    began = time.monotonic()
    assert next(file) == b"a"
    assert time.monotonic() - began >= 0.25
    reading.join()


def test_waiting_export_can_be_stopped(db: None) -> None:
    """A client that does not read does not delay it."""
    channel = FakeChannel(total_outbufs_len=AHEAD + 1)
    lease = ExportLease.take(exporter_of(), "events.jsonl", "")
    file = Stream(lease, channel.connection(), iter([b"a"]), threading.Event().set)
    stop(exporter_of())
    with pytest.raises(BrokenOff):
        next(file)


def test_client_that_reads_nothing_is_disconnected(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a limit, which is a minute."""
    monkeypatch.setattr(stream, "STALLED_S", 0.1)
    monkeypatch.setattr(stream, "CHECK_INTERVAL_S", 0.05)
    channel = FakeChannel(total_outbufs_len=AHEAD + 1)
    lease = ExportLease.take(exporter_of(), "events.jsonl", "")
    file = Stream(lease, channel.connection(), iter([b"a"]), threading.Event().set)
    with pytest.raises(BrokenOff):
        next(file)
    assert record().ending == Ending.LEFT


def test_export_response_headers(page: Client) -> None:
    """Type, name and caching; the body starts with the name of the first column."""
    response = page.get(
        "/events/export.csv?customer_id=%3Dcaf%C3%A9%22%0D%0A&range=24h", HTTP_ACCEPT="text/plain"
    )
    assert response.status_code == 404
    response = page.get("/events/export.csv?customer_id=acme-robotics&range=24h")
    assert response.headers["Content-Type"] == CSV.content_type
    assert response.headers["Content-Disposition"].startswith(
        'attachment; filename="events-Acme_Robotics_Ltd-acme-robotics-'
    )
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.getvalue().startswith(b"id,timestamp,customer_id,feature_id,value,")
    response = page.get("/events/export.jsonl?customer_id=acme-robotics&range=24h")
    assert response.headers["Content-Type"] == JSON_LINES.content_type
    response.close()
