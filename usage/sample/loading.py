"""Events from a file, instead of the story: JSON Lines.

A line is an event with ``id``, ``customer_id``, ``feature_id``, ``timestamp`` (epoch milliseconds), ``value``
(or null) and ``properties``; and where it has them ``micros``, ``entity_id``, ``plan_id``, ``deductions``. A
line with one key is of the catalog: ``{"feature": BODY}``, ``{"customer": BODY}``, or ``{"plan":
{"internal_id", "id"}}``.
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from usage.sample.store import Store

BATCH = 10_000


class Event(Struct, forbid_unknown_fields=True):
    """The fields of a line."""

    id: str
    customer_id: str
    feature_id: str
    timestamp: int
    value: float | int | None
    properties: dict[str, Any]
    micros: int = 0
    entity_id: str | None = None
    plan_id: str | None = None
    deductions: list[dict[str, Any]] | None = None


class Feature(Struct, forbid_unknown_fields=True):
    feature: dict[str, Any]


class Customer(Struct, forbid_unknown_fields=True):
    customer: dict[str, Any]


class PlanVersion(Struct):
    internal_id: str
    id: str


class Plan(Struct, forbid_unknown_fields=True):
    plan: PlanVersion


CATALOG = {"feature": Feature, "customer": Customer, "plan": Plan}


def load(store: Store, path: Path) -> None:
    """Put a file's events and catalog into a store without a story. Raises ValueError that names the line."""
    if store.has_story():
        raise ValueError("The database has the story, which a file's events would be mixed with")
    batch: list[dict[str, Any]] = []
    for number, entry in _entries(path):
        try:
            if isinstance(entry, Event):
                batch.append(msgspec.structs.asdict(entry))
            else:
                _describe(store, entry)
        except (KeyError, ValueError, sqlite3.Error) as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from error
        if len(batch) == BATCH:
            store.add(batch)
            batch.clear()
    store.add(batch)


def _entries(path: Path) -> Iterator[tuple[int, Event | Feature | Customer | Plan]]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                given = json.loads(line)
                kind = CATALOG.get(next(iter(given), ""), Event) if len(given) == 1 else Event
                yield number, msgspec.convert(given, kind)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{path.name}, line {number}: {error}") from error


def _describe(store: Store, entry: Feature | Customer | Plan) -> None:
    if isinstance(entry, Feature):
        store.put_feature(entry.feature)
    elif isinstance(entry, Customer):
        store.put_customer(entry.customer)
    else:
        store.add_plan(entry.plan.internal_id, entry.plan.id)
