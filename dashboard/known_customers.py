"""Customers and features seen in responses, stored in the database across restarts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import structlog
from django.db import Error

from dashboard.forms import MAX_TEXT_LENGTH
from dashboard.models import Sighting
from usage.known_customers import InMemoryKnownCustomers, Seen

MOST = 50_000
STEP_MS = 3_600_000
"""A newer sighting is worth a write when it is this much newer."""

BATCH = 500
"""Rows in one statement."""

log = structlog.get_logger(__name__)

Pair = tuple[str, str]


class StoredKnownCustomers(InMemoryKnownCustomers):
    """Known customers that start with what the database holds. `save` writes what is new, at the end of a
    request.

    `source`: where figures come from (settings.AUTUMN_SOURCE); nothing seen elsewhere is offered.
    """

    def __init__(self, source: str) -> None:
        super().__init__(MOST)
        self._source = source
        self._written: dict[Pair, int] = {}
        self._pending: dict[Pair, int] = {}
        self._load()

    def note(self, sightings: Iterable[Seen]) -> None:
        items = [item for item in sightings if _can_be_chosen(item.customer_id, item.feature_id)]
        super().note(items)
        with self._lock:
            for item in items:
                pair = (item.customer_id, item.feature_id)
                if item.last_seen >= self._written.get(pair, -STEP_MS) + STEP_MS:
                    self._pending[pair] = max(item.last_seen, self._pending.get(pair, 0))

    def save(self) -> None:
        """Writes what is new.

        If the database refuses, this is tried again after the next request.
        """
        with self._lock:
            pending, self._pending = self._pending, {}
        if not pending:
            return
        try:
            self._write(pending)
        except Error as error:
            log.warning("sightings_not_saved", error=type(error).__name__, pairs=len(pending))
            with self._lock:
                _keep_newest(self._pending, pending)
            return
        with self._lock:
            if len(self._written) > 2 * MOST:  # then each is written once more, which does no harm
                self._written.clear()
            _keep_newest(self._written, pending)

    def _load(self) -> None:
        """Reads the newest, and drops what is older than the room that there is."""
        mine = Sighting.objects.filter(source=self._source).order_by("-last_seen")
        if oldest := next(iter(mine.values_list("last_seen", flat=True)[MOST : MOST + 1]), None):
            mine.filter(last_seen__lte=oldest).delete()
        rows = mine[:MOST].values_list("customer_id", "feature_id", "last_seen")
        seen = [Seen(customer, feature, last) for customer, feature, last in rows]
        super().note(seen)
        self._written = {(item.customer_id, item.feature_id): item.last_seen for item in seen}

    def _write(self, pending: dict[Pair, int]) -> None:
        """Other processes write the same rows: one that is newer stays as it is."""
        rows = [
            Sighting(
                key=self._key(pair),
                source=self._source,
                customer_id=pair[0],
                feature_id=pair[1],
                last_seen=last_seen,
            )
            for pair, last_seen in sorted(pending.items())
        ]
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            Sighting.objects.bulk_create(batch, ignore_conflicts=True)
            stored = dict(
                Sighting.objects.filter(key__in=[row.key for row in batch]).values_list("key", "last_seen")
            )
            for row in batch:
                if row.last_seen > stored.get(row.key, row.last_seen):
                    older = Sighting.objects.filter(key=row.key, last_seen__lt=row.last_seen)
                    older.update(last_seen=row.last_seen)

    def _key(self, pair: Pair) -> str:
        return hashlib.sha256("\0".join((self._source, *pair)).encode()).hexdigest()


def _can_be_chosen(*ids: str) -> bool:
    """Whether pages accept these ids. Others would only fill the database."""
    return all("\0" not in each and len(each) <= MAX_TEXT_LENGTH for each in ids)


def _keep_newest(known: dict[Pair, int], more: dict[Pair, int]) -> None:
    """Adds `more` to `known`; what is newer there stays."""
    for pair, moment in more.items():
        known[pair] = max(moment, known.get(pair, 0))
