"""Customers and features by name, as frozen typed values with what the product needs of them.

Source: Autumn's `customers.get`, `customers.list` and `features.list` at version 2.1.
"""

from __future__ import annotations

import msgspec


class Subscription(msgspec.Struct, frozen=True):
    """A customer's subscription to a plan. `status`: `active` (past due ones too) or `scheduled`.

    `current_period_start`, `current_period_end`: epoch milliseconds, [start, end); both None where Autumn has
    no period. `plan_id`: None only where a scope hides plans.
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

    `remaining` is never negative; `usage` may exceed `granted`. `next_reset_at`: epoch milliseconds of the
    next reset of any of its grants, None where there is none.
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

    `matches`: how many there are on all pages by Autumn's count, in which an underscore matches any
    character. `next_offset`: where the next page starts, None on the last one. `bad_rows`: rows that broke
    the contract.
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

    `name` falls back to the ID, the unit (`singular`, `plural`) to the name. `consumable`: used up (True) or
    held, as seats are. `event_names`: other names under which its usage is tracked. `credit_schema`: None
    where Autumn does not send it, which on a credit system means that the rates are not known.
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
