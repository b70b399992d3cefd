"""One export at a time for each exporter, seen and stopped from any process: an open row is a lease on it.

Four times a second the stream renews its lease. Stopping an export closes its row, and the stream finds
it closed. A process that dies renews nothing: a row that has not been seen for LEASE can be closed by anyone.
"""

from __future__ import annotations

import errno
import hashlib
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from dashboard import messages
from dashboard.metrics.counts import count_export
from dashboard.models import ExportRecord
from dashboard.mount import Exporter

LEASE = timedelta(minutes=3)
"""Longer than the longest wait for Autumn and the longest wait for the client together."""
RECORD_RETENTION = timedelta(days=90)
"""How long the record of an export is stored."""
RECENT = timedelta(minutes=1)
MAX_IN_GROUP = 3
MAX_IN_HOUR = 60
"""Records that one exporter, or the recipients of one link together, can make in an hour."""
LONGEST_QUERY = 500

Ending = ExportRecord.Ending


class AlreadyExporting(Exception):
    """The exporter has an export that runs."""


class TooManyThisHour(Exception):
    """The exporter, or their group, has taken MAX_IN_HOUR exports in the past hour."""


class TooManyExports(Exception):
    """As many exports run as this process has threads for, or as the exporter's group may have."""


class BrokenOff(ConnectionResetError):
    """The file is not whole, and must not look it. The server ends a connection on which this is raised."""

    def __init__(self, ending: Ending, sentence: str) -> None:
        super().__init__(errno.ECONNRESET, sentence)
        self.ending = ending
        self.sentence = sentence


class ExportLease:
    """A running export's row."""

    def __init__(self, record: ExportRecord, exporter: Exporter) -> None:
        self.record = record
        self._exporter = exporter

    @classmethod
    def take(cls, exporter: Exporter, file: str, query: str) -> ExportLease:
        """Takes the lease.

        AlreadyExporting while the exporter has another, TooManyExports while their group has enough,
        TooManyThisHour where they have taken enough.
        """
        now = timezone.now()
        _refuse_many(exporter, now)
        _open(exporter).filter(seen_at__lt=now - LEASE).update(ended_at=now, ending=Ending.LOST)
        others = ExportRecord.objects.filter(
            taker__startswith=exporter.group, ended_at=None, seen_at__gt=now - LEASE
        )
        if exporter.group and others.exclude(taker=exporter.key).count() >= MAX_IN_GROUP:
            raise TooManyExports
        record = ExportRecord(
            taker=exporter.key,
            who=exporter.name,
            file=file,
            query=shortened(query),
            began_at=now,
            seen_at=now,
        )
        try:
            with transaction.atomic():
                record.save()
        except IntegrityError:
            raise AlreadyExporting from None
        return cls(record, exporter)

    def renew(self) -> None:
        """Says that it runs, and how far it is. Raises BrokenOff where it may not go on."""
        record = self.record
        if not self._write(seen_at=timezone.now()):
            raise BrokenOff(Ending.STOPPED, messages.EXPORT_STOPPED)
        if not self._exporter.still_has_access():
            raise BrokenOff(Ending.REVOKED, messages.EXPORT_ACCESS_LOST.format(exporter=record.who))

    def end(self, ending: Ending, sentence: str = "") -> bool:
        """Releases the lease; False where it had been closed already."""
        count_export(self.record.file, ending.value, self.record.rows)
        return self._write(ended_at=timezone.now(), ending=ending, sentence=sentence)

    def fail(self, kind: object, error: BaseException | None, trace: object) -> None:
        """For an ExitStack: ends it with the sentence of what is on its way up."""
        self.end(Ending.FAILED, getattr(error, "sentence", messages.EXPORT_NOT_STARTED))

    def _write(self, **changes: object) -> bool:
        record = self.record
        row = ExportRecord.objects.filter(pk=record.pk, ended_at=None)
        counts = {"rows": record.rows, "unreadable": record.unreadable, "total": record.total}
        return row.update(**counts, **changes) == 1


def record_finished(exporter: Exporter, file: str, query: str, rows: int) -> None:
    """A record of what was given at once, without a lease. Raises TooManyThisHour."""
    now = timezone.now()
    _refuse_many(exporter, now)
    ExportRecord.objects.create(
        taker=exporter.key,
        who=exporter.name,
        file=file,
        query=shortened(query),
        rows=rows,
        began_at=now,
        seen_at=now,
        ended_at=now,
        ending=Ending.WHOLE,
    )
    count_export(file, Ending.WHOLE.value, rows)


def stop(exporter: Exporter) -> None:
    """Ends the exporter's export, if there is one: its stream stops at the next renewal."""
    _open(exporter).update(ended_at=timezone.now(), ending=Ending.STOPPED)


def latest(exporter: Exporter) -> ExportRecord | None:
    """The streamed export that runs, or the one that ended a moment ago."""
    now = timezone.now()
    running = _open(exporter).filter(seen_at__gt=now - LEASE).first()
    recent = ExportRecord.objects.filter(
        taker=exporter.key, ended_at__gt=now - RECENT, file__startswith="events."
    )
    return running or recent.order_by("-ended_at").first()


def _open(exporter: Exporter) -> QuerySet[ExportRecord]:
    return ExportRecord.objects.filter(taker=exporter.key, ended_at=None)


def _refuse_many(exporter: Exporter, now: datetime) -> None:
    same = {"taker__startswith": exporter.group} if exporter.group else {"taker": exporter.key}
    recent = ExportRecord.objects.filter(**same, began_at__gt=now - timedelta(hours=1))
    if recent.count() >= MAX_IN_HOUR:
        raise TooManyThisHour


def shortened(query: str) -> str:
    """The query string for a record: of a long one, its beginning and its digest."""
    if len(query) <= LONGEST_QUERY:
        return query
    return f"{query[:LONGEST_QUERY]}… sha256:{hashlib.sha256(query.encode()).hexdigest()}"
