"""Autumn's answers, decoded straight from the wire into frozen typed values; source: the contract, version
2.1.

Anything that is not in the contract is Malformed, except within a row of a list: it is shown without what
cannot be read, or left out, and counted (`usage.wire_rows`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from usage import messages
from usage.errors import Malformed, TooLarge, Unsupported
from usage.query import MAX_MOMENT
from usage.wire_rows import MAX_DEPTH, REPLACEMENT, WireRows, parts_of, readable

RESERVED = "AUTUMN_RESERVED"
"""The name under which Autumn sums all but a bin's top groups (trap 12). A group can have it, too."""

MAX_PARTS = 300_000
"""Values and names in one answer, at most: each takes up to 200 bytes once it is decoded."""
MAX_ROW_PARTS = MAX_PARTS // 15
"""The same in one row, so that fifteen rows, the fewest that are requested, always fit."""

MAX_CELLS = 1_000_000
"""Values and names in one answer of figures, at most. They take less: most names are there many times."""

LONGEST_ID = 500
"""Characters of an event's ID: a place in a list is named by it, in addresses."""

LARGEST = 1e300
"""No value is beyond this: some millions of them can be summed before a float is at its end."""

Amount = Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
T = TypeVar("T")
AnyBin = TypeVar("AnyBin", "AutumnBin", "DeductionBin")


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
    there twice, and `foreign_rows` belonged to other customers or features. `repaired_rows` are among
    `events`: something in them could not be read, and was replaced or left out.
    """

    events: list[Event]
    has_more: bool
    read: int
    bad_rows: int = 0
    foreign_rows: int = 0
    repaired_rows: int = 0


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


class BalanceDeduction(msgspec.Struct, frozen=True):
    """What was deducted from one balance, in its own unit."""

    balance_id: str
    deducted: Amount
    plan_id: str | None = None


class FeatureDeduction(msgspec.Struct, frozen=True):
    """What was deducted from the balances of one feature, by how many deductions, and from which of them."""

    deducted: Amount
    events: Annotated[int, msgspec.Meta(ge=0)]
    balances: list[BalanceDeduction]


class GroupDeduction(msgspec.Struct, frozen=True):
    """What the events of one group deducted from a balance."""

    deducted: Amount


class DeductionBin(msgspec.Struct, frozen=True):
    """What was deducted in one of Autumn's bins, by the feature of the balances; then, where requested, by
    balance and group.
    """

    period: int
    values: dict[str, FeatureDeduction]
    grouped_values: dict[str, dict[str, GroupDeduction]] | None = None


class Aggregate(msgspec.Struct, frozen=True):
    """An aggregate answer: its bins in time order; totals by feature, without features that had no event.

    `deductions`: where requested, the bins in which anything was deducted.
    """

    bins: list[AutumnBin] = msgspec.field(name="list")
    total: dict[str, Total] = {}
    deductions: list[DeductionBin] | None = None


class _WireRow(Event, frozen=True, gc=False):
    properties: dict[str, Any] | None = None  # type: ignore[assignment]  # null on the wire, {} in ours


class _WireList(msgspec.Struct):
    rows: list[Event] = msgspec.field(name="list")
    has_more: bool


class _PartialRow(Event, frozen=True, gc=False):
    """A row of which parts cannot be decoded."""

    properties: msgspec.Raw = msgspec.Raw(b"null")  # type: ignore[assignment]
    deductions: msgspec.Raw = msgspec.Raw(b"null")  # type: ignore[assignment]


class _Rest(msgspec.Struct):
    has_more: bool


class _RawList(_Rest):
    rows: list[msgspec.Raw] = msgspec.field(name="list")


_strict = msgspec.json.Decoder(_WireList)
_CONTAINERS = frozenset((dict, list))
_rest = msgspec.json.Decoder(_Rest)
_raw_list = msgspec.json.Decoder(_RawList)
_row = msgspec.json.Decoder(_WireRow)
_partial = msgspec.json.Decoder(_PartialRow)
_properties = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)
_deductions: msgspec.json.Decoder[list[Deduction] | None] = msgspec.json.Decoder(list[Deduction] | None)
_aggregate = msgspec.json.Decoder(Aggregate)
_rows = msgspec.json.Decoder(EventList)


def decode_rows(body: bytes) -> EventList:
    """A list answer.

    Rows that break the contract are counted: in `bad_rows` where they are left out, in `repaired_rows` where
    something in them is. Malformed if the answer itself breaks it, TooLarge if it has more than MAX_PARTS.
    """
    # Of three bytes of JSON, at most two begin a part or end one, as in `[],`: most answers need no count.
    if len(body) > MAX_PARTS // 2 * 3 and parts_of(body) > MAX_PARTS:
        return _decode_each(body)
    try:
        whole = _strict.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _decode_each(body)
    if _are_deep(_containers(whole.rows)):
        return _decode_each(body)
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


def encode_aggregate(answer: Aggregate) -> bytes:
    """Figures as they are cached for a scope."""
    return msgspec.json.encode(answer)


def without_objects(answer: Aggregate) -> Aggregate:
    """The answer without groups that are objects: their text has all keys of the object, for Autumn also
    those that a row has apart, by a name with a dot. Their part counts as not reported.

    Unsupported where Autumn folded groups, as the number of its groups then says which figures are known.
    """
    groups = {name for each in answer.bins for of in (each.grouped_values or {}).values() for name in of}
    objects = {name for name in groups if name.startswith("{")}
    if not objects:
        return answer
    if RESERVED in groups:
        raise Unsupported(messages.TOO_MANY_GROUPS, status=400)
    bins = [_with_groups(each, groups - objects) for each in answer.bins]
    return msgspec.structs.replace(answer, bins=bins)


def _with_groups(each: AutumnBin, groups: set[str]) -> AutumnBin:
    if each.grouped_values is None:
        return each
    grouped = {
        feature: {name: value for name, value in of.items() if name in groups}
        for feature, of in each.grouped_values.items()
    }
    return msgspec.structs.replace(each, grouped_values=grouped)


def cut_aggregate(answer: Aggregate, end: int) -> Aggregate:
    """The answer without its bins at or after `end` (epoch ms): what lies there must not be cached.

    Autumn's totals have it too: it is subtracted from the sums, and the counts are then not known. Each bin
    names the groups of all bins (trap 12): those without a figure in the others are left out.
    """
    inside = [item for item in answer.bins if item.period < end]
    if len(inside) == len(answer.bins):
        return answer
    beyond = answer.bins[len(inside) :]
    total = {name: _cut_total(name, total, inside, beyond) for name, total in answer.total.items()}
    grouped = [of for each in inside for of in (each.grouped_values or {}).values()]
    groups = {name for of in grouped for name, value in of.items() if value}
    bins = [_with_groups(each, groups) for each in inside]
    return msgspec.structs.replace(answer, bins=bins, total=total)


def _cut_total(name: str, total: Total, inside: Sequence[AutumnBin], beyond: Sequence[AutumnBin]) -> Total:
    within, after = (sum(item.values.get(name, 0.0) for item in part) for part in (inside, beyond))
    if not after or abs(total.sum - within) <= 1e-9 * max(1.0, abs(within)):
        return total
    return Total(None, total.sum - after)


def decode_aggregate(body: bytes) -> Aggregate:
    """An aggregate answer, bins in time order. Malformed if it is not what the contract promises, TooLarge
    if it has more than MAX_CELLS.
    """
    if parts_of(body) > MAX_CELLS:
        raise TooLarge(messages.RESPONSE_TOO_LARGE)
    try:
        answer = _aggregate.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed(messages.INVALID_USAGE) from None
    deductions = None if answer.deductions is None else _in_time_order(answer.deductions)
    return msgspec.structs.replace(answer, bins=_in_time_order(answer.bins), deductions=deductions)


def _in_time_order(bins: list[AnyBin]) -> list[AnyBin]:
    periods = [item.period for item in bins]
    if len(set(periods)) < len(periods) or any(not 0 <= period < MAX_MOMENT for period in periods):
        raise Malformed(messages.INVALID_INTERVALS)
    return sorted(bins, key=lambda item: item.period)


def decode_deductions(body: bytes) -> Aggregate:
    """The answer to a request with `aggregate_on: "deducted"`. Malformed where it has no deductions."""
    answer = decode_aggregate(body)
    if answer.deductions is None:
        raise Malformed(messages.INVALID_USAGE)
    return answer


def decode_counts(body: bytes) -> Aggregate:
    """The answer to a request with `measure: "count"`, whose bins have numbers of events: so have its totals,
    which Autumn sends as ever. An answer that was cut for a scope has them already.
    """
    answer = decode_aggregate(body)
    counts = {
        name: total if total.count is None else Total(total.count, float(total.count))
        for name, total in answer.total.items()
    }
    return msgspec.structs.replace(answer, total=counts)


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
        whole = _raw_list.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    else:
        # Counted first: what is decoded of too large an answer would take more memory than the answer.
        if sum(_row_parts(bytes(raw)) for raw in whole.rows) > MAX_PARTS:
            raise TooLarge(messages.RESPONSE_TOO_LARGE)
        answer = _decode_all(((bytes(raw), False) for raw in whole.rows), whole)
        if not _are_deep(_containers(answer.events)):
            return answer
    rows = WireRows(body)
    return _decode_all(rows, rows)


def _decode_all(rows: Iterable[tuple[bytes, bool]], rest: _Rest | WireRows) -> EventList:
    """The events of `rows`, each with whether it was cut."""
    events, repaired = list[Event](), set[str]()
    read = parts = 0
    for raw, was_cut in rows:
        read += 1
        event, is_whole = _decode_row(raw)
        if event is None:
            continue
        parts += _row_parts(raw)
        if parts > MAX_PARTS:
            raise TooLarge(messages.RESPONSE_TOO_LARGE)
        events.append(event)
        if was_cut or not is_whole:
            repaired.add(event.id)
    answer = _checked(events, read, _has_more(rest))
    return msgspec.structs.replace(answer, repaired_rows=sum(event.id in repaired for event in answer.events))


def _row_parts(raw: bytes) -> int:
    """Of a row with more than MAX_ROW_PARTS, no property is decoded."""
    return min(parts_of(raw), MAX_ROW_PARTS)


def _has_more(rest: _Rest | WireRows) -> bool:
    if isinstance(rest, _Rest):
        return rest.has_more
    try:
        return _rest.decode(rest.rest).has_more
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed(messages.INVALID_EVENT_LIST) from None


def _decode_row(raw: bytes) -> tuple[Event | None, bool]:
    """The event, None where it cannot be shown at all; and whether nothing in it was replaced."""
    text = readable(raw)
    try:
        if parts_of(text) <= MAX_ROW_PARTS:
            row: Event = _row.decode(text)
            return _event(row, row.properties or {}, row.deductions), text == raw
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        partial = _partial.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None, False
    return _event(partial, _readable_properties(partial.properties), _readable_deductions(partial)), False


def _event(row: Event, properties: dict[str, Any], deductions: list[Deduction] | None) -> Event:
    return Event(row.id, row.timestamp, row.feature_id, row.customer_id, row.value, properties, deductions)


def _readable_properties(raw: msgspec.Raw) -> dict[str, Any]:
    """Each property that can be decoded, and REPLACEMENT for each that cannot; none where there are too
    many.
    """
    if parts_of(bytes(raw)) > MAX_ROW_PARTS:
        return {}
    try:
        found = _properties.decode(raw) or {}
    except (msgspec.DecodeError, RecursionError):
        return {}
    return {name: _readable_value(value) for name, value in found.items()}


def _readable_value(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return REPLACEMENT


def _readable_deductions(row: _PartialRow) -> list[Deduction] | None:
    if parts_of(bytes(row.deductions)) > MAX_ROW_PARTS:
        return None
    try:
        return _deductions.decode(row.deductions)
    except (msgspec.DecodeError, RecursionError):
        return None


def _containers(events: Sequence[Event]) -> list[Any]:
    """Properties that hold others."""
    values = list(chain.from_iterable(event.properties.values() for event in events))
    if _CONTAINERS.isdisjoint(map(type, values)):
        return []
    return [value for value in values if type(value) in _CONTAINERS]


def _are_deep(containers: list[Any]) -> bool:
    """Whether objects and lists are nested MAX_DEPTH deep: to encode them again could fail.

    Level by level, which takes a fraction of the time that a look into each one takes.
    """
    for _ in range(MAX_DEPTH - 2):
        if not containers:
            return False
        inner = chain.from_iterable(each.values() if type(each) is dict else each for each in containers)
        containers = [value for value in inner if type(value) in _CONTAINERS]
    return bool(containers)


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
    return possible and len(ids) == len(events) and _span(list(map(len, ids)), 1, LONGEST_ID)


def _span(numbers: Sequence[float], least: float, most: float) -> bool:
    return not numbers or (least <= min(numbers) and max(numbers) <= most)


def _possible(event: Event) -> bool:
    is_named = 0 < len(event.id) <= LONGEST_ID
    return is_named and 0 <= event.timestamp < MAX_MOMENT and -LARGEST <= event.value <= LARGEST
