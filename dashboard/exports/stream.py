"""A file on its way: batches of rows in, pieces of bytes out, and the truth about its end.

Only a whole file ends its iteration. Everything else raises, which makes the server cut the connection; the
last chunk is never sent then, so that no client takes the part for the whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import structlog

from dashboard import messages
from dashboard.exports.connection import STALLED_S, Connection
from dashboard.exports.files import FileRows
from dashboard.exports.lease import BrokenOff, Ending, ExportLease
from usage.errors import UsageError
from usage.events.pages import Batch

PIECE = 64 * 1024
"""Bytes that are handed to the server at once."""
CHECK_INTERVAL_S = 0.25

log = structlog.get_logger(__name__)


class Stream:
    """The pieces of a file. However it ends, the lease is released, and how it ended is recorded."""

    def __init__(
        self, lease: ExportLease, connection: Connection, pieces: Iterator[bytes], freed: Callable[[], None]
    ) -> None:
        self._lease = lease
        self._connection = connection
        self._pieces = pieces
        self._freed = freed
        self._checked_at = time.monotonic()
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        how, piece = (Ending.FAILED, messages.EXPORT_INTERRUPTED), None
        try:
            self._connection.send_head()
            self._wait_for_client()
            if self._connection.has_left():
                raise BrokenOff(Ending.LEFT, messages.DOWNLOAD_CANCELED)
            piece = next(self._pieces, None)
            self._check(at_once=piece is None)
            how = (Ending.WHOLE, "")
        except BrokenOff as broken:
            how = (broken.ending, broken.sentence)
            raise
        except UsageError as error:
            how = (Ending.FAILED, error.sentence)
            raise BrokenOff(*how) from error
        finally:
            if piece is None or how[0] is not Ending.WHOLE:
                self._end(*how)
        if piece is None:
            raise StopIteration
        return piece

    def close(self) -> None:
        """Called by the server after the last piece, and when it cannot send one."""
        self._end(Ending.LEFT, messages.DOWNLOAD_CANCELED)

    def _wait_for_client(self) -> None:
        """Until it has taken most of what was sent. A stopped export stops here too."""
        limit = time.monotonic() + STALLED_S
        while not self._connection.can_take_more(within_s=CHECK_INTERVAL_S):
            self._check(at_once=False)
            if time.monotonic() > limit:
                raise BrokenOff(Ending.LEFT, messages.DOWNLOAD_CANCELED)

    def _check(self, at_once: bool) -> None:
        now = time.monotonic()
        if now - self._checked_at < CHECK_INTERVAL_S and not at_once:
            return
        self._checked_at = now
        self._lease.renew()
        if self._connection.has_left():
            raise BrokenOff(Ending.LEFT, messages.DOWNLOAD_CANCELED)

    def _end(self, ending: Ending, sentence: str) -> None:
        if self._ended:
            return
        self._ended = True
        self._freed()
        self._lease.end(ending, sentence)
        record = self._lease.record
        tell = log.info if ending in (Ending.WHOLE, Ending.STOPPED, Ending.LEFT) else log.warning
        tell("export.ended", file=record.file, rows=record.rows, ending=ending.value, sentence=sentence)


def pieces(
    first: Batch,
    others: Iterator[Batch],
    rows: FileRows,
    lease: ExportLease,
    count: Callable[[bool], int | None],
    *,
    closed: bool = False,
) -> Iterator[bytes]:
    """The file's bytes, a few at a time; at least one piece for each batch, so that a scan can be stopped
    too.

    `count`: Autumn's own count of the events, fetched anew if True. Where the window is `closed`, a file with
    fewer events than that is not whole.
    """
    record, read = lease.record, 0
    yield rows.head
    if closed or first.more:
        record.total = count(False)
    for batch in chain([first], others):
        yield from _cut(rows.of(batch.events))
        record.rows += len(batch.events)
        record.unreadable += batch.bad_rows + batch.repaired_rows
        read += len(batch.read) + batch.bad_rows
    if closed and record.total is not None and read < record.total:
        again = count(True)
        if again is not None and read < again:
            sentence = messages.EXPORT_LACKS_EVENTS.format(rows=read, count=again)
            raise BrokenOff(Ending.FAILED, sentence)


def _cut(data: bytes) -> Iterable[bytes]:
    return (data[at : at + PIECE] for at in range(0, max(1, len(data)), PIECE))
