"""Autumn's answers, decoded straight from the wire into frozen typed values; source: the contract, version 2.1.

Anything that is not in the contract is Malformed, except single rows of a list: those are counted and left out.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from usage.errors import Malformed
from usage.query import MAX_MOMENT

RESERVED = frozenset({"AUTUMN_RESERVED", "Other"})
"""The names under which Autumn sums what lies outside a bin's top groups (trap 12)."""


class Reset(msgspec.Struct, frozen=True):
    """When a balance refills. `resets_at`: epoch milliseconds."""

    interval: str
    interval_count: int | float | None = None
    resets_at: int | float | None = None


class Deduction(msgspec.Struct, frozen=True):
    """What one event took from one balance. `value` in the balance's own unit."""

    balance_id: str
    feature_id: str
    value: int | float
    plan_id: str | None = None
    reset: Reset | None = None


class Event(msgspec.Struct, frozen=True):
    """One usage event. `timestamp`: epoch milliseconds. `feature_id`: the name it was tracked under (trap 18)."""

    id: str
    timestamp: int
    feature_id: str
    customer_id: str
    value: int | float
    properties: dict[str, Any] = {}
    deductions: list[Deduction] | None = None


class Rows(msgspec.Struct, frozen=True):
    """A list answer as decoded: rows newest first, whether more follow, and how many rows could not be read."""

    events: list[Event]
    has_more: bool
    bad_rows: int = 0


class Bin(msgspec.Struct, frozen=True):
    """One of Autumn's bins. `period`: its start in epoch ms, UTC. Values by feature, then by group where asked."""

    period: int
    values: dict[str, float]
    grouped_values: dict[str, dict[str, float]] | None = None


class Total(msgspec.Struct, frozen=True):
    """Autumn's own count of events and sum of values for a feature over the whole range."""

    count: int
    sum: float


class Aggregate(msgspec.Struct, frozen=True):
    """An aggregate answer: its bins in time order; totals by feature, without features that had no event."""

    bins: list[Bin] = msgspec.field(name="list")
    total: dict[str, Total] = {}


class _WireRow(Event, frozen=True):
    properties: dict[str, Any] | None = None  # type: ignore[assignment]  # null on the wire, {} in ours


class _WireList(msgspec.Struct):
    rows: list[Event] = msgspec.field(name="list")
    has_more: bool


class _LooseList(msgspec.Struct):
    rows: list[msgspec.Raw] = msgspec.field(name="list")
    has_more: bool


_strict = msgspec.json.Decoder(_WireList)
_loose = msgspec.json.Decoder(_LooseList)
_row = msgspec.json.Decoder(_WireRow)
_aggregate = msgspec.json.Decoder(Aggregate)


def decode_rows(body: bytes) -> Rows:
    """A list answer. Rows that break the contract are counted in `bad_rows`; Malformed if the answer itself does."""
    try:
        whole = _strict.decode(body)
    except msgspec.ValidationError:
        return _decode_each(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed("Autumn's list of events could not be read: it is not the JSON that was promised.") from None
    events = [event for event in whole.rows if _possible(event)]
    return Rows(events, whole.has_more, len(whole.rows) - len(events))


def decode_aggregate(body: bytes) -> Aggregate:
    """An aggregate answer, bins in time order. Malformed if it is not what the contract promises."""
    try:
        answer = _aggregate.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed("Autumn's usage figures could not be read: they are not the JSON that was promised.") from None
    periods = [item.period for item in answer.bins]
    if len(set(periods)) < len(periods) or any(not 0 <= period < MAX_MOMENT for period in periods):
        raise Malformed("Autumn's usage figures have bins that cannot be: repeated, or outside of the calendar.")
    return msgspec.structs.replace(answer, bins=sorted(answer.bins, key=lambda item: item.period))


def _decode_each(body: bytes) -> Rows:
    try:
        whole = _loose.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed("Autumn's list of events could not be read: its rows are missing.") from None
    events = [event for event in map(_decode_row, whole.rows) if event is not None]
    return Rows(events, whole.has_more, len(whole.rows) - len(events))


def _decode_row(raw: msgspec.Raw) -> Event | None:
    try:
        row = _row.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    event = Event(
        row.id, row.timestamp, row.feature_id, row.customer_id, row.value, row.properties or {}, row.deductions
    )
    return event if _possible(event) else None


def _possible(event: Event) -> bool:
    return 0 <= event.timestamp < MAX_MOMENT and math.isfinite(event.value) and bool(event.id)
