"""The events behind the product: rows, features and customers, and the file that loads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

Properties = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One event.

    `timestamp`: epoch milliseconds; `micros`: 0–999 after them; `value` None is a null in JSON.
    """

    id: str
    customer_id: str
    feature_id: str
    timestamp: int
    value: float | None = 1
    properties: Properties = field(default_factory=dict)
    micros: int = 0
    entity_id: str | None = None
    plan_id: str | None = None
    deductions: tuple[dict[str, Any], ...] = ()

    @property
    def listed(self) -> float:
        """The value in a list: a null is 0 there."""
        return 0 if self.value is None else self.value

    @property
    def summed(self) -> float:
        """The value in sums: a null is 1 there."""
        return 1 if self.value is None else self.value

    @property
    def order(self) -> tuple[int, int, bytes]:
        """The sort key of Autumn: stored time, then the bytes of the id."""
        return self.timestamp, self.micros, self.id.encode()


@dataclass(frozen=True, slots=True)
class Cycle:
    """A customer's current billing period, [start, end) in epoch milliseconds."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Customer:
    """A generated customer. `late`: rows that arrive after the first queries."""

    id: str
    kind: str
    rows: tuple[Row, ...]
    late: tuple[Row, ...] = ()
    name: str | None = None
    cycle: Cycle | None = None


@dataclass(frozen=True)
class World:
    """All customers of one run of the product, and the features with more than a name."""

    customers: tuple[Customer, ...]
    event_names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def rows(self, *, late: bool) -> Iterator[Row]:
        """The rows of all customers; `late`: including those that arrive late."""
        for customer in self.customers:
            yield from customer.rows
            if late:
                yield from customer.late

    def names_of(self, feature: str) -> tuple[str, ...]:
        """The stored names of a feature's events."""
        return (feature, *self.event_names.get(feature, ()))

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The features of `features.list`: the named ones, and stored names without a feature."""
        stored = {row.feature_id for row in self.rows(late=True)}
        return tuple(sorted({*self.event_names, *stored - self._only_event_names}))

    @cached_property
    def _only_event_names(self) -> set[str]:
        return {name for names in self.event_names.values() for name in names}

    def write(self, path: Path, *, late: bool) -> None:
        """Write the file that the sample backend loads."""
        with path.open("w") as file:
            for line in (*self._features(), *self._customers()):
                file.write(json.dumps(line) + "\n")
            for row in self.rows(late=late):
                file.write(json.dumps(_as_line(row)) + "\n")

    def _features(self) -> Iterator[dict[str, Any]]:
        for feature in self.features:
            known = {"id": feature, "name": f"Feature {feature}", "type": "metered", "consumable": True}
            names = list(self.event_names.get(feature, ()))
            display = {"singular": "unit", "plural": "units"}
            yield {"feature": {**known, "event_names": names, "display": display, "archived": False}}

    def _customers(self) -> Iterator[dict[str, Any]]:
        for customer in self.customers:
            if customer.cycle is not None:
                yield {"customer": _with_plan(customer, customer.cycle)}


def _with_plan(customer: Customer, cycle: Cycle) -> dict[str, Any]:
    plan = {
        "id": f"cus_prod_{customer.kind}",
        "plan_id": "pro",
        "auto_enable": False,
        "add_on": False,
        "status": "active",
        "past_due": False,
        "canceled_at": None,
        "expires_at": None,
        "trial_ends_at": None,
        "started_at": cycle.start,
        "current_period_start": cycle.start,
        "current_period_end": cycle.end,
        "quantity": 1,
        "scope": "customer",
    }
    empty: dict[str, Any] = {"metadata": {}, "billing_controls": {}, "flags": {}, "balances": {}}
    none = {"email": None, "fingerprint": None, "stripe_id": None}
    return {
        "id": customer.id,
        "name": customer.name,
        "created_at": cycle.start,
        "env": "sandbox",
        "send_email_receipts": False,
        "purchases": [],
        "licenses": [],
        "subscriptions": [plan],
        **empty,
        **none,
    }


def _as_line(row: Row) -> dict[str, Any]:
    names = ("id", "customer_id", "feature_id", "timestamp", "value", "properties")
    line: dict[str, Any] = {name: getattr(row, name) for name in names}
    optional = {"micros": row.micros, "entity_id": row.entity_id, "plan_id": row.plan_id}
    line |= {name: value for name, value in optional.items() if value}
    if row.deductions:
        line["deductions"] = list(row.deductions)
    return line
