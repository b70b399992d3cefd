"""Customers and features by name, decoded from the wire into frozen typed values with bounds on everything.

Source: `customers.get`, `customers.list` and `features.list` at version 2.1. Fields that the product does not need are
dropped. An answer that breaks the contract is Malformed; single rows of a list that do are counted and left out.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

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


class Subscription(msgspec.Struct, frozen=True):
    """A customer's subscription to a plan. `status`: `active` (past due ones too) or `scheduled`.

    `current_period_start`, `current_period_end`: epoch milliseconds, [start, end); both None where Autumn has no
    period. `plan_id`: None only where a scope hides plans.
    """

    plan_id: str | None
    status: str
    past_due: bool
    current_period_start: int | None
    current_period_end: int | None


class Grant(msgspec.Struct, frozen=True):
    """One part of a balance. `granted`: included and prepaid, in the feature's unit.

    `interval`: `month`, `one_off` …, every `interval_count` of which it resets; None where it never does.
    `resets_at`, `expires_at`: epoch milliseconds.
    """

    granted: float
    plan_id: str | None
    interval: str | None
    interval_count: float
    resets_at: int | None
    expires_at: int | None


class Balance(msgspec.Struct, frozen=True):
    """What a customer has of one feature, in its unit; of an unlimited one only `usage` says something.

    `remaining` is never negative; `usage` may exceed `granted`. `next_reset_at`: epoch milliseconds of the next reset
    of any of its grants, None where there is none.
    """

    feature_id: str
    granted: float
    remaining: float
    usage: float
    unlimited: bool
    overage_allowed: bool
    next_reset_at: int | None
    grants: tuple[Grant, ...]


class Customer(msgspec.Struct, frozen=True):
    """A customer. `name`, `email`: None where there is none; a scope never has the email address."""

    id: str
    name: str | None
    email: str | None
    subscriptions: tuple[Subscription, ...]
    balances: tuple[Balance, ...]


class CustomerPage(msgspec.Struct, frozen=True):
    """Customers that match a search, newest first, each once; those without an ID are left out.

    `matches`: how many there are on all pages by Autumn's count, in which an underscore matches any character.
    `next_offset`: where the next page starts, None on the last one. `bad_rows`: rows that broke the contract.
    """

    customers: tuple[Customer, ...]
    matches: int
    next_offset: int | None
    bad_rows: int


class CreditCost(msgspec.Struct, frozen=True):
    """What one unit of a metered feature costs in credits."""

    metered_feature_id: str
    credit_cost: float


class FeatureName(msgspec.Struct, frozen=True):
    """A feature. `type`: `boolean`, `metered`, `credit_system` or `ai_credit_system`.

    `name` falls back to the ID, the unit (`singular`, `plural`) to the name. `consumable`: used up (True) or held, as
    seats are. `event_names`: other names under which its usage is tracked. `credit_schema`: None where Autumn does not
    send it, which on a credit system means that the rates are not known.
    """

    id: str
    name: str
    type: str
    consumable: bool
    event_names: tuple[str, ...]
    credit_schema: tuple[CreditCost, ...] | None
    singular: str
    plural: str
    archived: bool


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
    """An answer of `customers.get`. Malformed if it breaks the contract, or is of a customer without an ID."""
    wire = _decoded(body, _WireCustomer)
    if wire.id is None:
        raise Malformed("Autumn sent a customer without an ID.")
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


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed("Autumn sent an invalid response to the request for names.") from None


def _decoded_row(raw: msgspec.Raw, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(raw, type=kind)
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
