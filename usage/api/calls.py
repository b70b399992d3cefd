"""One call to Autumn, decoded, checked and dated: what the readers of lists and charts are built on.

Every call of a scope goes out with its customer in it, and every row that comes back is checked against it: a
blank customer would mean the whole organization (trap 3), and a dropped key an unfiltered answer (trap 4).
"""

from __future__ import annotations

import contextvars
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Generic, TypeVar

import msgspec
import structlog
from cachetools import TTLCache

from usage import messages
from usage.api.cache import Cached
from usage.api.client import Endpoint
from usage.api.deadline import Deadline
from usage.api.gateway import AnswerSource
from usage.errors import TooLarge
from usage.freshness import FetchInfo
from usage.known_customers import KnownCustomers, sightings
from usage.results import (
    Aggregate,
    Event,
    EventList,
    MemoizedDecoder,
    cut_aggregate,
    decode_aggregate,
    decode_cached_rows,
    decode_counts,
    decode_deductions,
    decode_rows,
    encode_aggregate,
    encode_rows,
    without_objects,
)
from usage.scope import Scope
from usage.window import floor_hour
from usage.wire_rows import parts_of

log = structlog.get_logger("usage")

FRESH_NOW_S = 15.0
FRESH_CLOSED_S = 600.0
"""How long an answer counts as fresh: one whose window touches now, and one whose
window is closed (trap 17).
"""

CLOSED_AFTER_MS = 600_000
"""A window that ended this long ago is closed: ingestion lags by seconds, not by minutes."""

FEWER = 4
"""How many times fewer rows are requested where an answer was too large."""
MOST_TIMES_FEWER = 3
REMEMBERED_S = 600.0
REMEMBERED_LIMITS = 1000

Body = Mapping[str, object]
T = TypeVar("T")


class ListLimits:
    """How many rows of a customer fit into one answer, where that is fewer than were requested.

    Remembered for ten minutes, in one process; share one between all `Calls`. Safe to share between threads.
    """

    def __init__(self) -> None:
        self._limits: TTLCache[object, int] = TTLCache(REMEMBERED_LIMITS, REMEMBERED_S)
        self._lock = Lock()

    def within(self, customer: object, limit: int) -> int:
        """At most `limit`, and no more than fitted last."""
        with self._lock:
            return min(limit, self._limits.get(customer, limit))

    def set(self, customer: object, limit: int) -> None:
        """Remember that more than `limit` rows of this customer did not fit."""
        with self._lock:
            self._limits[customer] = limit


class _SingleCall(Generic[T]):
    """A call that is made once, however often it is run."""

    def __init__(self, call: Callable[[], T]) -> None:
        self.result: Future[T] = Future()
        self._call = call
        self._begun = Lock()

    def run(self) -> None:
        if not self._begun.acquire(blocking=False):
            return
        try:
            result = self._call()
        except BaseException as error:
            self.result.set_exception(error)
        else:
            self.result.set_result(result)


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """Rows that belong to the question, and what the answer had beside them. `limit`: how many were
    requested. `parts`: how many names and values it has, at most. `body`: as on the wire, or what a scope
    may see of it.
    """

    body: bytes
    rows: EventList
    fetch_info: FetchInfo
    limit: int
    parts: int

    @property
    def events(self) -> list[Event]:
        """The rows, newest first."""
        return self.rows.events


@dataclass(frozen=True, slots=True)
class AggregateAnswer:
    """Figures of the requested features, and of no others, decoded when they are read. `body`: as on the
    wire, or what a scope may see of it.
    """

    body: bytes
    fetch_info: FetchInfo
    read: Callable[[bytes], Aggregate]

    @property
    def figures(self) -> Aggregate:
        """The figures in `body`."""
        return self.read(self.body)


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How a call is made: by when, whether a person waits for it, whether it is fetched anew, whether it is
    cached.

    `moment`: calls with another one share no cached answer with this one.
    """

    deadline: Deadline
    urgent: bool = True
    refresh: bool = False
    use_cache: bool = True
    moment: str = ""


class Calls:
    """The two calls, for staff (`scope` None) or for the recipient of a link."""

    def __init__(
        self,
        gateway: AnswerSource,
        known_customers: KnownCustomers,
        pool: ThreadPoolExecutor,
        scope: Scope | None = None,
        limits: ListLimits | None = None,
    ) -> None:
        self._gateway = gateway
        self._limits = limits or ListLimits()
        self._known_customers = known_customers
        self._pool = pool
        self.scope = scope

    def rows(self, body: Body, limit: int, *, closed: bool, options: CallOptions) -> ListAnswer:
        """One events.list call for at most `limit` rows. Rows of other customers are dropped, counted and
        logged.

        Where the answer is too large, a quarter of the rows is requested, at most three times; then TooLarge.
        """
        customer = body.get("customer_id")
        limit = self._limits.within(customer, limit)
        for _ in range(MOST_TIMES_FEWER):
            try:
                return self._rows({**body, "limit": limit}, limit, closed, options)
            except TooLarge:
                # Others that wait for rows of the same customer may have found what fits.
                limit = self._limits.within(customer, max(1, limit // FEWER))
                self._limits.set(customer, limit)
        try:
            return self._rows({**body, "limit": limit}, limit, closed, options)
        except TooLarge:
            raise TooLarge(messages.EVENTS_TOO_LARGE.format(count=limit)) from None

    def _rows(self, body: Body, limit: int, closed: bool, options: CallOptions) -> ListAnswer:
        read = MemoizedDecoder(decode_rows)
        if self.scope is None:
            fetch_info = self._call("events.list", body, read, closed, options)
            rows = self._of_customer(read(fetch_info.body), body)
        else:
            fetch_info = self._call(
                "events.list", body, read, closed, options, self._stripper(self.scope, read, body)
            )
            rows = decode_cached_rows(fetch_info.body)
        self._known_customers.note(sightings(rows.events))
        return ListAnswer(fetch_info.body, rows, fetch_info, limit, parts_of(fetch_info.body))

    def aggregate(self, body: Body, *, closed: bool, options: CallOptions) -> AggregateAnswer:
        """One events.aggregate call."""
        read = MemoizedDecoder(_decoder_of(body))
        strip = None if self.scope is None else partial(_strip_figures, self.scope, read)
        fetch_info = self._call("events.aggregate", body, read, closed, options, strip)
        requested = body["feature_id"]
        only = partial(_only, read, requested if isinstance(requested, list) else [requested])
        return AggregateAnswer(fetch_info.body, fetch_info, MemoizedDecoder(only))

    def start(self, call: Callable[[], T]) -> Future[T]:
        """Runs `call` in the pool, within the caller's context; at once where the system has no room for
        another thread.
        """
        work = _SingleCall(partial(contextvars.copy_context().run, call))
        try:
            self._pool.submit(work.run)
        except RuntimeError:
            work.run()  # The pool has it in its queue as well, and may have begun.
        return work.result

    def side_by_side(self, *calls: Callable[[], T]) -> list[T]:
        """All of them at once, since latency costs more than parsing.

        Raises the first one's error that has one.
        """
        futures = [self.start(call) for call in calls[1:]]
        results = [call() for call in calls[:1]]
        return results + [future.result() for future in futures]

    def _call(
        self,
        endpoint: Endpoint,
        body: Body,
        check: Callable[[bytes], object],
        closed: bool,
        options: CallOptions,
        strip: Callable[[bytes], bytes] | None = None,
    ) -> Cached:
        self._check_customer(body)
        if not options.use_cache:
            return self._gateway.direct(
                endpoint, body, deadline=options.deadline, check=check, urgent=options.urgent, transform=strip
            )
        return self._gateway.answer(
            endpoint,
            body,
            fresh_s=FRESH_CLOSED_S if closed else FRESH_NOW_S,
            deadline=options.deadline,
            check=check,
            scope=f"{'staff' if self.scope is None else self.scope.key}{options.moment}",
            urgent=options.urgent,
            refresh=options.refresh,
            transform=strip,
        )

    def _of_customer(self, rows: EventList, body: Body) -> EventList:
        customer = body.get("customer_id")
        if customer is None:
            return rows
        return _without_foreign(
            rows, [event for event in rows.events if event.customer_id == customer], customer
        )

    def _stripper(
        self, scope: Scope, read: Callable[[bytes], EventList], body: Body
    ) -> Callable[[bytes], bytes]:
        """Encodes the answer to `body` anew, with what `scope` may see: the rest is never even cached."""
        names_features = "feature_id" in body

        def strip(body: bytes) -> bytes:
            rows = read(body)
            if not names_features:
                # Other features of the customer are expected, and how many rows they have is not to be seen.
                expected = [e for e in rows.events if scope.admits(e) or e.customer_id != scope.customer_id]
                rows = msgspec.structs.replace(rows, events=expected)
            own = _without_foreign(
                rows, [event for event in rows.events if scope.admits(event)], scope.customer_id
            )
            # Bounds on the wire are whole seconds: rows beyond the scope's own are expected, and of the same
            # customer.
            inside = [scope.strip(event) for event in own.events if scope.covers(event.timestamp)]
            return encode_rows(msgspec.structs.replace(own, events=inside))

        return strip

    def _check_customer(self, body: Body) -> None:
        if self.scope is not None and body.get("customer_id") != self.scope.customer_id:
            log.error("scope_escape", security=True, customer=_hashed(self.scope.customer_id))
            raise ValueError("a scope's call must name its customer")


def _decoder_of(body: Body) -> Callable[[bytes], Aggregate]:
    if "aggregate_on" in body:
        return decode_deductions
    return decode_counts if body.get("measure") == "count" else decode_aggregate


def _strip_figures(scope: Scope, read: Callable[[bytes], Aggregate], body: bytes) -> bytes:
    """An answer with what `scope` may see, encoded anew where that is less."""
    figures = read(body)
    own = scope.strip_deducted(without_objects(figures))
    if scope.end is not None:
        own = cut_aggregate(own, floor_hour(scope.end))
    return body if own is figures else encode_aggregate(own)


def _without_foreign(rows: EventList, own: list[Event], customer_id: object) -> EventList:
    foreign = len(rows.events) - len(own)
    if not foreign:
        return rows
    log.error("foreign_rows", security=True, customer=_hashed(customer_id), rows=foreign)
    return msgspec.structs.replace(rows, events=own, foreign_rows=foreign)


def _only(read: Callable[[bytes], Aggregate], requested: Sequence[object], body: bytes) -> Aggregate:
    """Zero-filled for every requested feature (trap 11), without any other (trap 4)."""
    figures = read(body)
    names = [str(name) for name in requested]
    exactly = set(names)
    bins = [
        item
        if item.values.keys() == exactly
        else msgspec.structs.replace(item, values={name: item.values.get(name, 0.0) for name in names})
        for item in figures.bins
    ]
    total = {name: total for name, total in figures.total.items() if name in names}
    return msgspec.structs.replace(figures, bins=bins, total=total)


def _hashed(customer_id: object) -> str:
    return hashlib.sha256(str(customer_id).encode()).hexdigest()[:12]
