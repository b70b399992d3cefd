"""Answers of the calls for names, decoded from the wire into the values of `usage.catalog`, with bounds on
everything.

Fields that the product does not need are dropped. An answer that breaks the contract is Malformed; single
rows of a list that do are counted and left out.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar, cast

import msgspec

from usage import messages
from usage.catalog import Balance, CreditCost, Customer, CustomerPage, FeatureName, Grant, Subscription
from usage.errors import Malformed
from usage.query import MAX_MOMENT
from usage.results import Amount
from usage.text import printable

ID_LIMIT = 256
"""Characters of an ID; an object with a longer one is not read."""
TEXT_LIMIT = 200
"""Characters of a name or an email address; the rest is cut off."""
MAX_FEATURES = 2_000
"""Features that are read; archived ones are last in the answer, so these are cut off first."""
MAX_PARTS = 1_000
"""Subscriptions, balances, grants, event names or credit costs of one object; one with more is not read."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_LIMIT)]
Word = Annotated[str, msgspec.Meta(max_length=64)]
Moment = Annotated[int, msgspec.Meta(ge=0, lt=MAX_MOMENT)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
IntervalCount = Annotated[float, msgspec.Meta(gt=0, le=1e6)]
T = TypeVar("T")
Parts = Annotated[list[T], msgspec.Meta(max_length=MAX_PARTS)]


class _WireSubscription(msgspec.Struct):
    plan_id: Id
    status: Word
    past_due: bool = False
    current_period_start: Moment | None = None
    current_period_end: Moment | None = None


class _WireReset(msgspec.Struct):
    interval: Word
    interval_count: IntervalCount | None = None
    resets_at: Moment | None = None


class _WireGrant(msgspec.Struct):
    included_grant: Amount = 0.0
    prepaid_grant: Amount = 0.0
    plan_id: Id | None = None
    reset: _WireReset | None = None
    expires_at: Moment | None = None


class _WireBalance(msgspec.Struct):
    feature_id: Id
    granted: Amount
    remaining: Amount
    usage: Amount
    unlimited: bool
    overage_allowed: bool = False
    next_reset_at: Moment | None = None
    breakdown: Parts[_WireGrant] = []


class _WireCustomer(msgspec.Struct):
    id: Id | None
    name: str | None = None
    email: str | None = None
    subscriptions: Parts[_WireSubscription] = []
    balances: Annotated[dict[str, _WireBalance], msgspec.Meta(max_length=MAX_PARTS)] = {}


class _WireCreditCost(msgspec.Struct):
    metered_feature_id: Annotated[str, msgspec.Meta(max_length=ID_LIMIT)]
    credit_cost: Amount


class _WireDisplay(msgspec.Struct):
    singular: str | None = None
    plural: str | None = None


class _WireFeature(msgspec.Struct):
    id: Id
    type: Word
    name: str | None = None
    consumable: bool = False
    event_names: Parts[Id] | None = None
    credit_schema: Parts[_WireCreditCost] | None = None
    display: _WireDisplay | None = None
    archived: bool = False


class _WireFeatures(msgspec.Struct):
    rows: list[msgspec.Raw] = msgspec.field(name="list")


class _WirePage(msgspec.Struct):
    total_filtered_count: Count
    rows: list[msgspec.Raw] = msgspec.field(name="list")


def decode_customer(body: bytes) -> Customer:
    """An answer of `customers.get`.

    Malformed if it breaks the contract, or is of a customer without an ID.
    """
    wire = _decoded(body, _WireCustomer)
    if wire.id is None:
        raise Malformed(messages.CUSTOMER_WITHOUT_ID)
    return _customer(wire, wire.id)


def decode_customer_page(body: bytes, *, search: str, offset: int, limit: int) -> CustomerPage:
    """An answer of `customers.list`, at most `limit` rows of it. Malformed if it breaks the contract.

    Autumn reads `%` and `_` in `search` as patterns, so rows that do not contain it literally are left out.
    """
    wire = _decoded(body, _WirePage)
    rows = [_decoded_row(raw, _WireCustomer) for raw in wire.rows[:limit]]
    found = {
        row.id: _customer(row, row.id)
        for row in reversed(rows)
        if row is not None and row.id is not None and _contains(row, search)
    }
    following = offset + limit
    return CustomerPage(
        customers=tuple(reversed(found.values())),
        matches=wire.total_filtered_count,
        next_offset=following if following < wire.total_filtered_count else None,
        bad_rows=rows.count(None),
    )


def decode_features(body: bytes) -> tuple[FeatureName, ...]:
    """An answer of `features.list`, each ID once. Malformed if it breaks the contract."""
    rows = [_decoded_row(raw, _WireFeature) for raw in _decoded(body, _WireFeatures).rows[:MAX_FEATURES]]
    found = {row.id: _feature(row) for row in reversed(rows) if row is not None}
    return tuple(reversed(found.values()))


def decode_cached(body: bytes, kind: type[T]) -> T:
    """What was encoded from one of the values above. Malformed where it was something else."""
    return _decoded(body, kind)


# Made once: msgspec can crash where two threads meet a new type at the same time.
_KINDS: tuple[Any, ...] = (
    *(_WireCustomer, _WirePage, _WireFeatures, _WireFeature),
    *(Customer, CustomerPage, tuple[FeatureName, ...]),
)
_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {kind: msgspec.json.Decoder(kind) for kind in _KINDS}


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return cast("T", _DECODERS[kind].decode(body))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed(messages.INVALID_NAMES) from None


def _decoded_row(raw: msgspec.Raw, kind: type[T]) -> T | None:
    try:
        return cast("T", _DECODERS[kind].decode(raw))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _contains(row: _WireCustomer, search: str) -> bool:
    return any(search.casefold() in (text or "").casefold() for text in (row.id, row.name, row.email))


def _customer(wire: _WireCustomer, customer_id: str) -> Customer:
    return Customer(
        customer_id,
        _short(wire.name),
        _short(wire.email),
        tuple(map(_subscription, wire.subscriptions)),
        tuple(map(_balance, wire.balances.values())),
    )


def _subscription(wire: _WireSubscription) -> Subscription:
    start, end = wire.current_period_start, wire.current_period_end
    if start is None or end is None or start >= end:
        start = end = None
    return Subscription(wire.plan_id, wire.status, wire.past_due, start, end)


def _balance(wire: _WireBalance) -> Balance:
    return Balance(
        wire.feature_id,
        wire.granted,
        wire.remaining,
        wire.usage,
        wire.unlimited,
        wire.overage_allowed,
        wire.next_reset_at,
        tuple(map(_grant, wire.breakdown)),
    )


def _grant(wire: _WireGrant) -> Grant:
    granted, reset = wire.included_grant + wire.prepaid_grant, wire.reset
    if reset is None:
        return Grant(granted, wire.plan_id, None, 1.0, None, wire.expires_at)
    count = reset.interval_count or 1.0
    return Grant(granted, wire.plan_id, reset.interval, count, reset.resets_at, wire.expires_at)


def _feature(wire: _WireFeature) -> FeatureName:
    name, display = _short(wire.name) or wire.id, wire.display or _WireDisplay()
    singular = _short(display.singular) or name
    costs = wire.credit_schema
    return FeatureName(
        wire.id,
        name,
        wire.type,
        wire.consumable,
        tuple(wire.event_names or ()),
        None
        if costs is None
        else tuple(
            CreditCost(each.metered_feature_id, each.credit_cost) for each in costs if each.metered_feature_id
        ),
        singular,
        _short(display.plural) or singular,
        wire.archived,
    )


def _short(text: str | None) -> str | None:
    """A name as it may be shown; None where nothing is left of it."""
    return printable(printable(text or "")[:TEXT_LIMIT]) or None
