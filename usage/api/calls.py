"""One question to Autumn, decoded, checked and dated: what the readers of lists and charts are built on.

Every call of a scope goes out with its customer in it, and every row that comes back is checked against it: a blank
customer would mean the whole organisation (trap 3), and a dropped key an unfiltered answer (trap 4).
"""

from __future__ import annotations

import contextvars
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import structlog

from usage.api.cache import Cached
from usage.api.client import Endpoint
from usage.api.deadline import Deadline
from usage.api.gateway import Upstream
from usage.freshness import Dated
from usage.known_customers import Directory, sightings
from usage.results import (
    Aggregate,
    Event,
    Once,
    Rows,
    decode_aggregate,
    decode_kept_rows,
    decode_rows,
    encode_rows,
)
from usage.scope import Scope

log = structlog.get_logger("usage")

FRESH_NOW_S = 15.0
FRESH_CLOSED_S = 600.0
"""How long an answer counts as fresh: one whose window touches now, and one whose window is closed (trap 17)."""

CLOSED_AFTER_MS = 600_000
"""A window that ended this long ago is closed: ingestion lags by seconds, not by minutes."""

Body = Mapping[str, object]
T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class RowsAnswer:
    """Rows that belong to the question, and what the answer had beside them."""

    rows: Rows
    dated: Dated

    @property
    def events(self) -> list[Event]:
        """The rows, newest first."""
        return self.rows.events


@dataclass(frozen=True, slots=True)
class AggregateAnswer:
    """Figures of the features that were asked for, and of no others."""

    figures: Aggregate
    dated: Dated


@dataclass(frozen=True, slots=True)
class Asking:
    """How a call is made: by when, whether a person waits for it, whether what is kept may answer it."""

    deadline: Deadline
    urgent: bool = True
    refresh: bool = False
    keep: bool = True


class Calls:
    """The two calls, for staff (`scope` None) or for the holder of a link."""

    def __init__(
        self, upstream: Upstream, known: Directory, pool: ThreadPoolExecutor, scope: Scope | None = None
    ) -> None:
        self.upstream = upstream
        self._known = known
        self._pool = pool
        self.scope = scope

    def within(self, scope: Scope) -> Calls:
        """The same calls, bound to a scope."""
        return Calls(self.upstream, self._known, self._pool, scope)

    def through(self, upstream: Upstream) -> Calls:
        """The same calls, made through `upstream`."""
        return Calls(upstream, self._known, self._pool, self.scope)

    def rows(self, body: Body, *, closed: bool, asking: Asking) -> RowsAnswer:
        """One events.list call. Rows of others than were asked for are dropped, counted and logged."""
        read = Once(decode_rows)
        if self.scope is None:
            dated = self._ask("events.list", body, read, closed, asking)
            rows = self._of_customer(read(dated.body), body)
        else:
            dated = self._ask("events.list", body, read, closed, asking, self._stripper(self.scope, read))
            rows = decode_kept_rows(dated.body)
        self._known.note(sightings(rows.events))
        return RowsAnswer(rows, dated)

    def aggregate(self, body: Body, *, closed: bool, asking: Asking) -> AggregateAnswer:
        """One events.aggregate call."""
        read = Once(decode_aggregate)
        dated = self._ask("events.aggregate", body, read, closed, asking)
        asked = body["feature_id"]
        return AggregateAnswer(_only(read(dated.body), asked if isinstance(asked, list) else [asked]), dated)

    def side_by_side(self, *asks: Callable[[], T]) -> list[T]:
        """All of them at once, since latency costs more than parsing. Raises the first one's error that has one."""
        context = contextvars.copy_context
        futures: list[Future[T]] = [self._pool.submit(context().run, ask) for ask in asks[1:]]
        results = [ask() for ask in asks[:1]]
        return results + [future.result() for future in futures]

    def both(self, first: Callable[[], T], second: Callable[[], S]) -> tuple[T, S]:
        """Two different questions at once. Raises the first one's error, else the second one's."""
        future = self._pool.submit(contextvars.copy_context().run, second)
        return first(), future.result()

    def _ask(
        self,
        endpoint: Endpoint,
        body: Body,
        check: Callable[[bytes], object],
        closed: bool,
        asking: Asking,
        strip: Callable[[bytes], bytes] | None = None,
    ) -> Cached:
        self._check_customer(body)
        if not asking.keep:
            return self.upstream.direct(
                endpoint, body, deadline=asking.deadline, check=check, urgent=asking.urgent, transform=strip
            )
        return self.upstream.answer(
            endpoint,
            body,
            fresh_s=FRESH_CLOSED_S if closed else FRESH_NOW_S,
            deadline=asking.deadline,
            check=check,
            scope=self.scope.key if self.scope is not None else "staff",
            urgent=asking.urgent,
            refresh=asking.refresh,
            transform=strip,
        )

    def _of_customer(self, rows: Rows, body: Body) -> Rows:
        customer = body.get("customer_id")
        if customer is None:
            return rows
        return _without_foreign(
            rows, [event for event in rows.events if event.customer_id == customer], customer
        )

    def _stripper(self, scope: Scope, read: Callable[[bytes], Rows]) -> Callable[[bytes], bytes]:
        """Encodes a list answer anew, with what `scope` may see: the rest is never even cached (hardening.md)."""

        def strip(body: bytes) -> bytes:
            rows = read(body)
            own = _without_foreign(
                rows, [event for event in rows.events if scope.admits(event)], scope.customer_id
            )
            # Bounds on the wire are whole seconds: rows beyond the scope's own are expected, and nobody else's.
            inside = [scope.strip(event) for event in own.events if scope.covers(event.timestamp)]
            return encode_rows(msgspec.structs.replace(own, events=inside))

        return strip

    def _check_customer(self, body: Body) -> None:
        if self.scope is not None and body.get("customer_id") != self.scope.customer_id:
            log.error("scope_escape", security=True, customer=_hashed(self.scope.customer_id))
            raise ValueError("a scope's call must name its customer")


def _without_foreign(rows: Rows, own: list[Event], customer_id: object) -> Rows:
    foreign = len(rows.events) - len(own)
    if not foreign:
        return rows
    log.error("foreign_rows", security=True, customer=_hashed(customer_id), rows=foreign)
    return msgspec.structs.replace(rows, events=own, foreign_rows=foreign)


def _only(figures: Aggregate, asked: Sequence[object]) -> Aggregate:
    """Zero-filled for every feature that was asked for (trap 11), without any that was not (trap 4)."""
    names = [str(name) for name in asked]
    exactly = set(names)
    bins = [
        item
        if item.values.keys() == exactly
        else msgspec.structs.replace(item, values={name: item.values.get(name, 0.0) for name in names})
        for item in figures.bins
    ]
    return Aggregate(bins, {name: total for name, total in figures.total.items() if name in names})


def _hashed(customer_id: object) -> str:
    return hashlib.sha256(str(customer_id).encode()).hexdigest()[:12]
