"""Names of customers, stored in the database across restarts, and read from Autumn in the background."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

import structlog
from cachetools import TTLCache
from django.db import Error

from dashboard.models import CustomerName
from usage.api.names import LARGEST_PAGE
from usage.api.waiting import in_background
from usage.catalog import Customer
from usage.errors import UsageError
from usage.query import BadQuery
from usage.service import Usage

MOST = 20_000
"""Names of one source; those that were read longest ago go first."""
FRESH_MS = 6 * 3_600_000
"""How long a name is not read again."""
KEPT_MS = 90 * 86_400_000
"""How long a name is stored that no page has shown since; checked when other names are stored."""
MAX_ABSENT = 5_000
"""Customers without a name to read that are remembered as such."""
MAX_WANTED = 200
"""Customers that wait for their names; what is beyond is wanted again by the next page."""
CALLS_PER_ROUND = 10
"""Names that are read one by one after a page."""
LISTED_FROM = 3
"""From this many names on, a page of the newest customers is read first, which may have them all."""
LIST_EVERY_MS = 600_000
PAUSE_MS = 60_000
"""After a call that failed."""
RELOAD_MS = 10_000
"""How old what other processes have stored may be."""
OVERLAP_MS = 60_000
"""Rows may be stored this much later than they were read."""
BATCH = 500

log = structlog.get_logger(__name__)


class StoredName(NamedTuple):
    """A customer's name and email address, empty where there is none. `read_at`: epoch ms."""

    name: str
    email: str
    read_at: int


class CustomerNames:
    """Names by customer ID. Thread-safe; none of its methods waits for Autumn.

    `source`: where they come from (settings.AUTUMN_SOURCE). `usage`: the service of staff.
    """

    def __init__(self, source: str, usage: Usage) -> None:
        self._source = source
        self._usage = usage
        self._lock = threading.Lock()
        self._names: dict[str, StoredName] = {}
        self._pending: dict[str, StoredName] = {}
        self._wanted: dict[str, None] = {}
        self._coming: dict[str, Future[None]] = {}
        # Those that Autumn does not know, or whose names it does not give.
        self._absent: TTLCache[str, bool] = TTLCache(MAX_ABSENT, FRESH_MS, timer=usage.now)
        self._loaded_at = self._listed_at = self._paused_until = 0
        # One at a time: a call that the key may not make is refused once.
        self._caller = ThreadPoolExecutor(1, thread_name_prefix="names")
        self._has_round = False

    @property
    def is_reading(self) -> bool:
        """Whether names are on their way."""
        return self._has_round or bool(self._coming)

    def name(self, customer_id: str) -> str | None:
        """The stored name, or None. One that is missing or old is read after this page."""
        stored = self._names.get(customer_id)
        if not self._is_fresh(stored) and self._may_read():
            with self._lock:
                if len(self._wanted) < MAX_WANTED and customer_id not in self._absent:
                    self._wanted[customer_id] = None
        return (stored.name or None) if stored else None

    def all(self) -> dict[str, StoredName]:
        """Every stored name."""
        with self._lock:
            return dict(self._names)

    def start(self, customer_id: str) -> Future[None] | None:
        """Begins to read a name that is missing; None where there is nothing to wait for."""
        if customer_id in self._names or not self._may_read():
            return None
        with self._lock:
            if customer_id in self._absent:
                return None
            if customer_id not in self._coming and len(self._coming) < MAX_WANTED:
                with suppress(RuntimeError):  # the system has no room for another thread
                    self._coming[customer_id] = self._caller.submit(
                        in_background(self._read_one), customer_id
                    )
            return self._coming.get(customer_id)

    def note(self, customers: Iterable[Customer]) -> None:
        """Remembers what Autumn calls these customers."""
        now = self._usage.now()
        for customer in customers:
            self._put(customer.id, StoredName(customer.name or "", customer.email or "", now))

    def finish(self) -> None:
        """Stores what was read, and begins to read what pages lacked. Called after a response was sent."""
        self._save()
        with self._lock:
            if not self._wanted or self._has_round:
                return
            with suppress(RuntimeError):
                self._caller.submit(in_background(self._begin_round))
                self._has_round = True

    def reload(self) -> None:
        """Reads what other processes have stored, every ten seconds at most."""
        now = self._usage.now()
        with self._lock:
            since, is_due = self._loaded_at, now - self._loaded_at >= RELOAD_MS
            self._loaded_at = now if is_due else since
        if not is_due:
            return
        try:
            rows = CustomerName.objects.filter(source=self._source).order_by("-read_at")
            newer = rows.filter(read_at__gte=since - OVERLAP_MS)[:MOST]
            found = list(newer.values_list("customer_id", "name", "email", "read_at"))
        except Error as error:
            log.warning("names_not_loaded", error=type(error).__name__)
            return
        with self._lock:
            for customer_id, name, email, read_at in reversed(found):
                row = StoredName(name, email, read_at)
                if customer_id not in self._names or self._names[customer_id].read_at < row.read_at:
                    self._names[customer_id] = row

    def close(self) -> None:
        """Ends the thread that calls Autumn."""
        self._caller.shutdown(cancel_futures=True)

    def _is_fresh(self, stored: StoredName | None) -> bool:
        return stored is not None and self._usage.now() - stored.read_at < FRESH_MS

    def _may_read(self) -> bool:
        is_available = self._usage.missing_name_scope("customers.get") is None
        return is_available and self._usage.now() >= self._paused_until

    def _put(self, customer_id: str, stored: StoredName) -> None:
        if not _is_storable(customer_id):
            return
        with self._lock:
            self._names[customer_id] = self._pending[customer_id] = stored
            self._wanted.pop(customer_id, None)
            if len(self._names) > MOST:
                oldest = sorted(self._names, key=lambda each: self._names[each].read_at)
                for each in oldest[: MOST // 10]:
                    del self._names[each]

    def _read_one(self, customer_id: str) -> None:
        try:
            self._read(customer_id)
        finally:
            with self._lock:
                self._coming.pop(customer_id, None)

    def _read(self, customer_id: str) -> None:
        if not self._may_read():
            return
        try:
            customer = self._usage.named_customer(customer_id)
        except (UsageError, BadQuery) as error:
            self._pause(error)
            return
        if customer is not None:
            self.note([customer])
        elif self._usage.missing_name_scope("customers.get") is None:
            with self._lock:
                self._absent[customer_id] = True

    def _begin_round(self) -> None:
        now = self._usage.now()
        if len(self._wanted) >= LISTED_FROM and now - self._listed_at >= LIST_EVERY_MS and self._may_read():
            self._listed_at = now
            try:
                page = self._usage.find_customers("", limit=LARGEST_PAGE)
            except (UsageError, BadQuery) as error:
                self._pause(error)
            else:
                self.note(page.customers if page else ())
        self._next_of_round(CALLS_PER_ROUND)

    def _next_of_round(self, calls: int) -> None:
        """Reads one name. A page that waits for a name comes between two of these."""
        with self._lock:
            customer_id = next(iter(self._wanted), None)
            if customer_id is None or not calls or not self._may_read():
                self._wanted.clear()
                self._has_round = False
                return
            del self._wanted[customer_id]
        self._read(customer_id)
        self._caller.submit(in_background(self._next_of_round), calls - 1)

    def _pause(self, error: UsageError | BadQuery) -> None:
        log.info("names_not_read", error=type(error).__name__)
        wait_s = getattr(error, "retry_after_s", None) or 0
        self._paused_until = self._usage.now() + max(PAUSE_MS, int(wait_s * 1000))

    def _save(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, {}
        if not pending:
            return
        rows = [
            CustomerName(key=self._key(each), source=self._source, customer_id=each, **stored._asdict())
            for each, stored in sorted(pending.items())
        ]
        try:
            CustomerName.objects.bulk_create(
                rows,
                batch_size=BATCH,
                update_conflicts=True,
                unique_fields=["key"],
                update_fields=["name", "email", "read_at"],
            )
            self._delete_oldest()
        except Error as error:
            log.warning("names_not_saved", error=type(error).__name__, names=len(rows))
            with self._lock:
                self._pending = {**pending, **self._pending}

    def _delete_oldest(self) -> None:
        CustomerName.objects.filter(read_at__lt=self._usage.now() - KEPT_MS).delete()
        mine = CustomerName.objects.filter(source=self._source).order_by("-read_at")
        oldest = next(iter(mine.values_list("read_at", flat=True)[MOST : MOST + 1]), None)
        if oldest is not None:
            mine.filter(read_at__lte=oldest).delete()

    def _key(self, customer_id: str) -> str:
        return hashlib.sha256(f"{self._source}\0{customer_id}".encode()).hexdigest()


def _is_storable(customer_id: str) -> bool:
    """Whether a database takes the ID: no NUL, and nothing that UTF-8 lacks."""
    return "\0" not in customer_id and not any("\ud800" <= each <= "\udfff" for each in customer_id)
