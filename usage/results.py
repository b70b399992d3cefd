"""Autumn's answers, decoded straight from the wire into frozen typed values; source: the contract, version
2.1.

Anything that is not in the contract is Malformed, except single rows of a list: those are counted and left
out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from usage import messages
from usage.errors import Malformed
from usage.query import MAX_MOMENT

RESERVED = "AUTUMN_RESERVED"
"""The name under which Autumn sums all but a bin's top groups (trap 12). A group can have it, too."""

LARGEST = 1e300
"""No value is beyond this: some millions of them can be summed before a float is at its end."""

Amount = Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
T = TypeVar("T")


class Reset(msgspec.Struct, frozen=True):
    """When a balance refills. `resets_at`: epoch milliseconds."""

    interval: str
    interval_count: int | float | msgspec.UnsetType | None = (
        msgspec.UNSET
    )  # left out by most, so exports do too
    resets_at: int | float | None = None


class Deduction(msgspec.Struct, frozen=True):
    """What one event took from one balance. `value` in the balance's own unit."""

    balance_id: str
    feature_id: str
    value: int | float
    plan_id: str | None = None
    reset: Reset | None = None


class Event(msgspec.Struct, frozen=True, gc=False):
    """One usage event. `timestamp`: epoch milliseconds. `feature_id`: the name it was tracked under (trap
    18).

    What was decoded from JSON has no cycles, so the garbage collector need not walk over it.
    """

    id: str
    timestamp: int
    feature_id: str
    customer_id: str
    value: int | float
    properties: dict[str, Any] = {}
    deductions: list[Deduction] | None = None


class EventList(msgspec.Struct, frozen=True):
    """A list answer as decoded: rows newest first, and whether more follow.

    `read`: how many rows it had, which is what offsets count. Of these, `bad_rows` could not be read or were
    there twice, and `foreign_rows` belonged to other customers or features.
    """

    events: list[Event]
    has_more: bool
    read: int
    bad_rows: int = 0
    foreign_rows: int = 0


class AutumnBin(msgspec.Struct, frozen=True):
    """One of Autumn's bins.

    `period`: its start in epoch ms, UTC. Values by feature, then by group where requested.
    """

    period: int
    values: dict[str, Amount]
    grouped_values: dict[str, dict[str, Amount]] | None = None


class Total(msgspec.Struct, frozen=True):
    """Autumn's own count of events and sum of values for a feature over the whole range.

    `count` is None only where it was of more than a link may show.
    """

    count: int | None
    sum: Amount


class Aggregate(msgspec.Struct, frozen=True):
    """An aggregate answer: its bins in time order; totals by feature, without features that had no event."""

    bins: list[AutumnBin] = msgspec.field(name="list")
    total: dict[str, Total] = {}


class _WireRow(Event, frozen=True, gc=False):
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
_rows = msgspec.json.Decoder(EventList)


def decode_rows(body: bytes) -> EventList:
    """A list answer.

    Rows that break the contract are counted in `bad_rows`; Malformed if the answer itself does.
    """
    try:
        whole = _strict.decode(body)
    except msgspec.ValidationError:
        return _decode_each(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed(messages.INVALID_EVENT_LIST) from None
    return _checked(whole.rows, len(whole.rows), whole.has_more)


def encode_rows(rows: EventList) -> bytes:
    """Rows as they are cached for a scope, which may see less of them than Autumn sent."""
    return msgspec.json.encode(rows)


def decode_cached_rows(body: bytes) -> EventList:
    """What `encode_rows` wrote. Malformed where something else did."""
    try:
        return _rows.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed(messages.INVALID_CACHED_LIST) from None


def cut_aggregate(answer: Aggregate, end: int) -> bytes:
    """The answer without its bins at or after `end` (epoch ms), encoded: what lies there must not be cached.

    Autumn's totals have it too: it is subtracted from the sums, and the counts are then not known.
    """
    inside = [item for item in answer.bins if item.period < end]
    beyond = answer.bins[len(inside) :]
    total = {name: _cut_total(name, total, inside, beyond) for name, total in answer.total.items()}
    return msgspec.json.encode(Aggregate(inside, total))


def _cut_total(name: str, total: Total, inside: Sequence[AutumnBin], beyond: Sequence[AutumnBin]) -> Total:
    within, after = (sum(item.values.get(name, 0.0) for item in part) for part in (inside, beyond))
    if not after or abs(total.sum - within) <= 1e-9 * max(1.0, abs(within)):
        return total
    return Total(None, total.sum - after)


def decode_aggregate(body: bytes) -> Aggregate:
    """An aggregate answer, bins in time order. Malformed if it is not what the contract promises."""
    try:
        answer = _aggregate.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed(messages.INVALID_USAGE) from None
    periods = [item.period for item in answer.bins]
    if len(set(periods)) < len(periods) or any(not 0 <= period < MAX_MOMENT for period in periods):
        raise Malformed(messages.INVALID_INTERVALS)
    return msgspec.structs.replace(answer, bins=sorted(answer.bins, key=lambda item: item.period))


class MemoizedDecoder(Generic[T]):
    """A decoder that remembers its last result: an answer is checked when it comes, and read right after."""

    def __init__(self, decode: Callable[[bytes], T]) -> None:
        self._decode = decode
        self._last: tuple[bytes, T] | None = None

    def __call__(self, body: bytes) -> T:
        last = self._last
        if last is None or last[0] is not body:
            self._last = last = (body, self._decode(body))
        return last[1]


def _decode_each(body: bytes) -> EventList:
    try:
        whole = _loose.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed(messages.EVENT_LIST_WITHOUT_ROWS) from None
    events = [event for event in map(_decode_row, whole.rows) if event is not None]
    return _checked(events, len(whole.rows), whole.has_more)


def _decode_row(raw: msgspec.Raw) -> Event | None:
    try:
        row = _row.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return Event(
        row.id,
        row.timestamp,
        row.feature_id,
        row.customer_id,
        row.value,
        row.properties or {},
        row.deductions,
    )


def _checked(events: list[Event], read: int, has_more: bool) -> EventList:
    """Without rows that cannot be, and with each id once."""
    if _all_possible(events):
        return EventList(events, has_more, read, read - len(events))
    possible = {event.id: event for event in reversed(events) if _possible(event)}
    return EventList(list(reversed(possible.values())), has_more, read, read - len(possible))


def _all_possible(events: list[Event]) -> bool:
    """The same, for all of them at once: on nearly every page there is nothing to leave out."""
    ids = {event.id for event in events}
    times, values = [event.timestamp for event in events], [event.value for event in events]
    possible = _span(times, 0, MAX_MOMENT - 1) and _span(values, -LARGEST, LARGEST)
    return possible and len(ids) == len(events) and "" not in ids


def _span(numbers: Sequence[float], least: float, most: float) -> bool:
    return not numbers or (least <= min(numbers) and max(numbers) <= most)


def _possible(event: Event) -> bool:
    return 0 <= event.timestamp < MAX_MOMENT and -LARGEST <= event.value <= LARGEST and bool(event.id)
