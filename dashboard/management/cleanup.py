"""Deletes rows that are of no use any more: by the running site, after a request, at most once an hour."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import structlog
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core.signals import request_finished
from django.db import Error
from django.db.models import Q, QuerySet
from django.utils import timezone

from dashboard.exports.lease import RECORD_RETENTION
from dashboard.known_customers import MOST
from dashboard.models import Counter, CustomerName, ExportRecord, Sighting
from dashboard.names.stored import KEPT_MS
from dashboard.sharing.access_log import RETENTION
from dashboard.sharing.models import Share, Visit
from dashboard.web.database import close_old_connections

LINK_RETENTION = timedelta(days=365)
"""Of share links that have expired or were revoked, with their views and figures."""
ADMIN_LOG_RETENTION = timedelta(days=730)
EVERY_S = 3600.0
BATCH = 500
"""Rows that one statement deletes: other writers wait for it."""
MAX_BATCHES = 20
"""Of one table at a time. The rest waits for the next hour."""

USELESS: tuple[Callable[[datetime], QuerySet[Any]], ...] = (
    lambda now: Session.objects.filter(expire_date__lt=now),
    lambda now: Visit.objects.filter(at__lt=now - RETENTION),
    lambda now: Share._base_manager.filter(
        Q(expires_at__lt=now - LINK_RETENTION) | Q(revoked_at__lt=now - LINK_RETENTION)
    ),
    lambda now: LogEntry.objects.filter(action_time__lt=now - ADMIN_LOG_RETENTION),
    lambda now: ExportRecord.objects.filter(began_at__lt=now - RECORD_RETENTION),
    lambda now: Counter.objects.filter(expires_at__lte=now.timestamp()),
    lambda now: CustomerName.objects.filter(read_at__lt=now.timestamp() * 1000 - KEPT_MS),
    lambda now: Sighting.objects.order_by("-last_seen", "-pk")[MOST:],
)
"""Of each table that grows by itself, the rows that are of no use at a time."""

log = structlog.get_logger(__name__)


def clean(now: datetime) -> None:
    """Deletes them. A database that refuses is tried again in an hour."""
    for useless in USELESS:
        rows = useless(now)
        try:
            _delete(rows)
        except Error as error:
            log.warning("table_not_cleaned", table=rows.model.__name__, error=type(error).__name__)


def _delete(rows: QuerySet[Any]) -> None:
    for _ in range(MAX_BATCHES):
        keys = list(rows.values_list("pk", flat=True)[:BATCH])
        rows.model._base_manager.filter(pk__in=keys).delete()
        if len(keys) < BATCH:
            return


class _Hourly:
    """Lets one caller in each hour through."""

    def __init__(self) -> None:
        self._lock, self._due_at = Lock(), 0.0

    def is_due(self) -> bool:
        now = time.monotonic()
        with self._lock:
            if now < self._due_at:
                return False
            self._due_at = now + EVERY_S
            return True


def clean_hourly() -> None:
    """Clean from now on, after the first request of each hour in this process."""
    hourly = _Hourly()

    def clean_if_due(**signal: Any) -> None:
        if hourly.is_due():
            clean(timezone.now())
            close_old_connections()  # Django has closed the request's own before

    request_finished.connect(clean_if_due, weak=False, dispatch_uid="cleanup")
