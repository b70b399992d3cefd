"""One question to Autumn, decoded, checked and dated: what the readers of lists and charts are built on.

Every call of a scope goes out with its customer in it, and every row that comes back is checked against it: a blank
customer would mean the whole organisation (trap 3), and a dropped key an unfiltered answer (trap 4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from usage.deadline import Deadline
from usage.freshness import Dated, Freshness, freshness_of
from usage.known import Directory, sightings
from usage.results import Aggregate, Event, decode_aggregate, decode_rows
from usage.scope import Scope
from usage.upstream import Upstream

log = structlog.get_logger("usage")

FRESH_NOW_S = 15.0
FRESH_CLOSED_S = 600.0
"""How long an answer counts as fresh: one whose window touches now, and one whose window is closed (trap 17)."""

CLOSED_AFTER_MS = 600_000
"""A window that ended this long ago is closed: ingestion lags by seconds, not by minutes."""


@dataclass(frozen=True, slots=True)
class RowsAnswer:
    """Rows that belong to the question. `read`: how many the answer had in all, counted for offsets."""

    events: list[Event]
    has_more: bool
    read: int
    dated: Dated
    bad_rows: int = 0
    foreign_rows: int = 0

    @property
    def fresh(self) -> Freshness:
        """When and from where, with what was left out."""
        return freshness_of([self.dated], bad_rows=self.bad_rows, foreign_rows=self.foreign_rows)


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
        self._upstream = upstream
        self._known = known
        self._pool = pool
        self.scope = scope

    def within(self, scope: Scope) -> Calls:
        """The same calls, bound to a scope."""
        return Calls(self._upstream, self._known, self._pool, scope)

    def rows(self, body: Mapping[str, Any], *, closed: bool, asking: Asking) -> RowsAnswer:
        """One events.list call. Rows of others than were asked for are dropped, counted and logged."""
        self._check_customer(body)
        dated = self._ask("events.list", body, decode_rows, closed, asking)
        rows = decode_rows(dated.body)
        events = [event for event in rows.events if self._belongs(event, body)]
        foreign = len(rows.events) - len(events)
        if foreign:
            log.error("foreign_rows", security=True, customer=_hashed(body.get("customer_id")), rows=foreign)
        self._known.note(sightings(events))
        read = len(rows.events) + rows.bad_rows
        return RowsAnswer(events, rows.has_more, read, dated, rows.bad_rows, foreign)

    def aggregate(self, body: Mapping[str, Any], *, closed: bool, asking: Asking) -> AggregateAnswer:
        """One events.aggregate call."""
        self._check_customer(body)
        dated = self._ask("events.aggregate", body, decode_aggregate, closed, asking)
        return AggregateAnswer(_only(decode_aggregate(dated.body), body["feature_id"]), dated)

    def side_by_side(self, *asks: Callable[[], Any]) -> list[Any]:
        """All of them at once: latency beats parsing. The first error is raised when all are done."""
        futures: list[Future[Any]] = [self._pool.submit(ask) for ask in asks[1:]]
        results = [asks[0]()] if asks else []
        return results + [future.result() for future in futures]

    def _ask(
        self, endpoint: Any, body: Mapping[str, Any], decode: Callable[[bytes], object], closed: bool, asking: Asking
    ) -> Any:
        strip = self._strip if self.scope is not None and endpoint == "events.list" else None
        if not asking.keep:
            return self._upstream.direct(
                endpoint, body, deadline=asking.deadline, check=decode, urgent=asking.urgent, transform=strip
            )
        return self._upstream.answer(
            endpoint,
            body,
            fresh_s=FRESH_CLOSED_S if closed else FRESH_NOW_S,
            deadline=asking.deadline,
            check=decode,
            scope=self.scope.key if self.scope is not None else "staff",
            urgent=asking.urgent,
            refresh=asking.refresh,
            transform=strip,
        )

    def _strip(self, body: bytes) -> bytes:
        """What a scope may see of a list answer, encoded anew: hidden properties are never cached (hardening.md)."""
        scope, rows = self.scope, decode_rows(body)
        if scope is None:
            return body
        kept = [scope.strip(event) for event in rows.events if scope.admits(event)]
        foreign = len(rows.events) - len(kept)
        if foreign:
            log.error("foreign_rows", security=True, customer=_hashed(scope.customer_id), rows=foreign)
        # A row that is left out stays as an unreadable one: offsets count it, and the page says how many there were.
        return msgspec.json.encode({"list": [*kept, *[None] * (foreign + rows.bad_rows)], "has_more": rows.has_more})

    def _belongs(self, event: Event, body: Mapping[str, Any]) -> bool:
        if self.scope is not None and not self.scope.admits(event):
            return False
        return body.get("customer_id") in (None, event.customer_id)

    def _check_customer(self, body: Mapping[str, Any]) -> None:
        if self.scope is not None and body.get("customer_id") != self.scope.customer_id:
            raise ValueError("a scope's call must name its customer")


def _only(figures: Aggregate, features: Iterable[str]) -> Aggregate:
    """Zero-filled for every feature that was asked for (trap 11), without any that was not (trap 4)."""
    asked = list(features)
    bins = [
        msgspec.structs.replace(item, values={name: item.values.get(name, 0.0) for name in asked})
        for item in figures.bins
    ]
    return Aggregate(bins, {name: total for name, total in figures.total.items() if name in asked})


def _hashed(customer_id: object) -> str:
    return hashlib.sha256(str(customer_id).encode()).hexdigest()[:12]
