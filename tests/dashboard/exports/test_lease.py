"""Exports on their way: one at a time, stopped, revoked, broken off, given up, recorded."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from dashboard import services
from dashboard.exports import views
from dashboard.exports.connection import STALLED_S, Connection
from dashboard.exports.files import CSV, JSON_LINES
from dashboard.exports.lease import LEASE, RECORD_RETENTION, AlreadyExporting, BrokenOff, ExportLease, stop
from dashboard.exports.stream import Stream, pieces
from dashboard.models import ExportRecord, User
from dashboard.mount import Mount
from tests.dashboard.exports.download import (
    EVERYTHING,
    HTMX,
    PAGE,
    begun,
    checks_at_each_piece,
    failing_app,
    record,
    requested,
    somebody,
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
    """How the export ended, as its line has it."""
    return Html(response).one(data_ending=True)["data-ending"]


def asks_again(response: Any) -> bool:
    """Whether the line asks for news by itself."""
    return "every" in (Html(response).one(id="export")["hx-trigger"] or "")


@pytest.mark.slow
def test_one_at_a_time(page: Client, sample: Store) -> None:
    """A second export of the same person waits for the first one's end, and is told so."""
    response, pieces = begun(page)
    refused = page.get("/events/export.csv?range=24h", headers=PAGE)
    assert refused.status_code == 409
    assert refused.headers["Retry-After"]
    assert "export-running" in Html(refused).notices
    assert page.get("/usage/export.csv?range=7d&customer_id=acme-robotics").status_code == 200
    rows = b"".join(pieces).count(b"\n")
    response.close()
    assert rows > 0
    assert page.get("/events/export.csv?range=24h").getvalue()


def test_others_export_meanwhile(page: Client, sample: Store) -> None:
    """The demo user is whoever comes: two addresses are two people."""
    response, _ = begun(page)
    other, _ = begun(Client(REMOTE_ADDR="192.0.2.7"))
    response.close()
    other.close()
    assert ExportRecord.objects.filter(ending=Ending.LEFT).count() == 2


def test_a_whole_file_leaves_its_record(signed_in: Callable[..., Client], sample: Store) -> None:
    """Who, which query, how many rows, and that it was whole."""
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


def test_usage_leaves_its_record(page: Client, sample: Store) -> None:
    """Figures are taken at once, and recorded like rows."""
    data = page.get("/usage/export.csv?range=7d&customer_id=acme-robotics").content
    assert (record().file, record().ending, record().rows) == (
        "usage.csv",
        Ending.WHOLE,
        data.count(b"\r\n") - 1,
    )


def test_stopping(page: Client, sample: Store) -> None:
    """Stop frees the lease at once, and the stream is cut before it asks Autumn again."""
    response, pieces = begun(page)
    answer = page.post("/events/export/", headers=HTMX)
    assert ending(answer) == "stopped"
    with pytest.raises(BrokenOff, match="stopped"):
        list(pieces)
    calls = services.gateway().counts()["calls"]
    response.close()
    assert services.gateway().counts()["calls"] == calls
    assert record().ending == Ending.STOPPED
    assert page.get("/events/export.csv?range=24h").status_code == 200


def test_progress(page: Client, sample: Store) -> None:
    """The line says how many rows are sent, of about how many, asks again each second, and ends with the
    truth.
    """
    assert not asks_again(page.get("/events/export/", headers=HTMX))
    response, pieces = begun(page, "/events/export.jsonl?range=30d&customer_id=acme-robotics")
    for _ in range(20):
        next(pieces)
    line = page.get("/events/export/", headers=HTMX)
    assert asks_again(line)
    running = Html(line).one("form", data_ending="")
    assert 0 < int(running["data-rows"] or 0) <= int(running["data-total"] or 0)
    assert running.has("button", id="export-stop")
    assert Html(page.get("/events/export/")).has("button", id="export-stop")
    list(pieces)
    response.close()
    line = page.get("/events/export/", headers=HTMX)
    assert ending(line) == "whole"
    assert Html(line).one(data_ending="whole")["data-rows"] == str(record().rows)
    assert not asks_again(line)
    assert record().total == record().rows


def test_a_client_that_leaves(page: Client, sample: Store) -> None:
    """A download that is given up ends the export: nothing more is asked, and the lease is free."""
    response, _ = begun(page)
    response.close()
    assert record().ending == Ending.LEFT
    assert page.get("/events/export.csv?range=24h").status_code == 200


def test_unread_response_releases_the_lease(page: Client, sample: Store) -> None:
    """An answer that is closed before its first piece gives its lease back too."""
    page.get(EVERYTHING).close()
    assert record().ending == Ending.LEFT


def test_a_process_that_dies(db: None) -> None:
    """A lease that nobody has renewed for the length of the lease is taken by the next export."""
    dead = ExportLease.take(somebody(), "events.csv", "")
    with pytest.raises(AlreadyExporting):
        ExportLease.take(somebody(), "events.csv", "")
    ExportRecord.objects.update(seen_at=timezone.now() - LEASE - timedelta(seconds=1))
    ExportLease.take(somebody(), "events.csv", "")
    assert ExportRecord.objects.get(pk=dead.record.pk).ending == Ending.LOST
    with pytest.raises(BrokenOff):
        dead.renew()


def test_old_records_go(db: None) -> None:
    """Records have a retention time: a new one takes those beyond it along."""
    lease = ExportLease.take(somebody(), "events.csv", "")
    lease.end(Ending.WHOLE)
    ExportRecord.objects.update(began_at=timezone.now() - RECORD_RETENTION - timedelta(days=1))
    ExportLease.take(somebody(), "events.csv", "")
    assert ExportRecord.objects.count() == 1


def test_revocation_in_the_middle(sample: Store) -> None:
    """A share that is revoked while its file is sent sends nothing more."""
    allowed = [True]
    mount = Mount(
        services.usage().within(Scope(customer_id="acme-robotics", exports=True)),
        somebody(lambda: allowed[0]),
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
    """Somebody who is let go of takes no more rows."""
    _, pieces = begun(signed_in("viewer"))
    User.objects.filter(username="viewer").update(is_active=False)
    with pytest.raises(BrokenOff):
        list(pieces)


def test_a_share_takes_what_it_shows(sample: Store) -> None:
    """Through a scope there is one customer, without hidden properties, and nothing where exports are off."""
    scope = Scope(customer_id="acme-robotics", properties=frozenset({"model"}), exports=True)
    mount = Mount(services.usage().within(scope), somebody())
    answer: Any = views.export_events(requested(path="/x?range=7d"), mount, CSV)
    data = answer.getvalue().decode()
    assert data.splitlines()[0] == "id,timestamp,customer_id,feature_id,value,properties.model,properties"
    assert {line.split(",")[2] for line in data.splitlines()[1:]} == {"acme-robotics"}
    shut = replace(mount, usage=services.usage().within(replace(scope, exports=False)))
    with pytest.raises(PermissionDenied):
        views.export_events(requested(path="/x?range=7d"), shut, CSV)


def test_a_break_midway(page: Client, failing_app: SampleApp) -> None:
    """When Autumn fails after the first rows, the iteration raises; it never just ends."""
    _, pieces = begun(page)
    failing_app.fail_next("internal_error", 6)  # three for the count, which may fail, and three for rows
    with pytest.raises(BrokenOff):
        list(pieces)
    assert record().ending == Ending.FAILED
    assert record().sentence


def test_pages_offer_their_files(page: Client) -> None:
    """The events page offers CSV and JSON Lines, the usage page CSV, both of the query that they show."""
    query = "customer_id=acme-robotics&filter=model%3Agpt-large&range=7d&tz=UTC"
    shown = Html(page.get(f"/events/?{query}"))
    assert shown.values("href", "a", data_export=True) == [
        f"/events/export.{suffix}?{query}" for suffix in ("csv", "jsonl")
    ]
    query = "customer_id=acme-robotics&range=7d&tz=UTC"
    shown = Html(page.get(f"/usage/?{query}"))
    assert f"/usage/export.csv?{query}" in shown.values("href", "a", data_export=True)


def test_who_took_what_is_for_admins(signed_in: Callable[..., Client], sample: Store) -> None:
    """Admins read the records; nobody writes them."""
    admin = signed_in("admin")
    admin.get("/usage/export.csv?range=7d&customer_id=acme-robotics")
    shown = admin.get("/admin/dashboard/exportrecord/").text
    assert "usage.csv" in shown
    assert "customer_id=acme-robotics" in shown
    assert admin.get("/admin/dashboard/exportrecord/add/").status_code == 403


def test_the_lease_outlasts_every_wait() -> None:
    """A lease is not lost while its stream waits for Autumn and then for its client."""
    waits = [0.0, EXPORT_S, EXPORT_S + STALLED_S, LEASE.total_seconds()]
    assert all(shorter < longer for shorter, longer in pairwise(waits))


def test_rows_that_could_not_be_read_are_counted(db: None) -> None:
    """What Autumn sent and nobody could read is not in the file, and its line says how many that were."""
    lease = ExportLease.take(somebody(), "events.jsonl", "")
    row = Event("e", 1, "f", "c", 1)
    freed, first, second = threading.Event(), Batch([row], [row], 2, True), Batch([], [], 1, False)
    file = Stream(
        lease, Connection(requested()), pieces(first, iter([second]), JSON_LINES, lease, lambda: 7), freed.set
    )
    assert b"".join(file).count(b"\n") == 1
    assert freed.is_set()
    assert (record().rows, record().unreadable, record().total, record().ending) == (1, 3, 7, Ending.WHOLE)


def test_a_stopped_stream_never_seems_whole(db: None) -> None:
    """Stopped before its last look, or asked for more after its end, a stream
    raises; it does not just end.
    """
    lease = ExportLease.take(somebody(), "events.jsonl", "")
    file = Stream(lease, Connection(requested()), iter([b"a", b"b"]), threading.Event().set)
    assert next(file) == b"a"
    stop(somebody())
    for _ in range(2):
        with pytest.raises(BrokenOff):
            next(file)


def test_who_is_there() -> None:
    """A client that is silent, or already sends more, is there; one that has closed is not.

    None is waited for long.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        request = requested()
        request.META["gunicorn.socket"] = ours
        connection = Connection(request)
        assert ours.gettimeout() == STALLED_S
        assert not connection.has_left()
        theirs.send(b"GET /")
        assert not connection.has_left()
        ours.recv(5)
        theirs.close()
        assert connection.has_left()


def test_formats_say_what_they_are(page: Client) -> None:
    """Type, name and freshness of a file, and nothing before its first column's name."""
    response = page.get(
        "/events/export.csv?customer_id=%3Dcaf%C3%A9%22%0D%0A&range=24h", HTTP_ACCEPT="text/plain"
    )
    assert response.status_code == 404
    response = page.get("/events/export.csv?customer_id=acme-robotics&range=24h")
    assert response.headers["Content-Type"] == CSV.content_type
    assert response.headers["Content-Disposition"].startswith('attachment; filename="events-acme-robotics-')
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.getvalue().startswith(b"id,timestamp,customer_id,feature_id,value,")
    response = page.get("/events/export.jsonl?customer_id=acme-robotics&range=24h")
    assert response.headers["Content-Type"] == JSON_LINES.content_type
    response.close()
