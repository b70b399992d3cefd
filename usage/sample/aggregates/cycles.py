"""The window of a call: a custom range, a preset, or a billing cycle of the customer."""

import sqlite3
from typing import Any

from msgspec import UNSET

from usage.sample.ages import Age
from usage.sample.errors import ApiError
from usage.sample.names.balances import brought_up_to
from usage.sample.names.catalog import Body, customer_body, feature_bodies
from usage.sample.windows import (
    DAYS,
    Period,
    Subscription,
    Window,
    current_period,
    custom_window,
    cycle_window,
    later,
    preset_window,
)
from usage.sample.wire import AggregateBody, feature_list


def window_of(connection: sqlite3.Connection, body: AggregateBody, age: Age, now: int) -> Window:
    """Raises ApiError customer_not_found. Without dates of its own a billing cycle is the last 24 hours."""
    if body.customer_id:
        _find(connection, body.customer_id)
    if body.custom_range is not UNSET:
        start, end = body.custom_range
        assert start is not UNSET and end is not UNSET  # noqa: S101, PT018 both are required in aggregates
        return custom_window(start, end)
    name = "1bc" if body.range is UNSET else body.range
    period = None if name in DAYS else _period(connection, body, age, now)
    if period is None:
        return preset_window(name if name in DAYS else "24h", body.bin_size, now, aligned=age.aligned_presets)
    return cycle_window(name, period, now, real=age.real_cycles)


def _find(connection: sqlite3.Connection, customer_id: str) -> None:
    """A customer is found by its internal id too."""
    known = "SELECT 1 FROM customers WHERE customer_id = :id OR internal_id = :id"
    named = "SELECT 1 FROM catalog_customers WHERE id = :id"
    if connection.execute(f"{known} UNION ALL {named}", {"id": customer_id}).fetchone() is None:
        raise ApiError("customer_not_found", f"Customer {customer_id} not found")


def _period(connection: sqlite3.Connection, body: AggregateBody, age: Age, now: int) -> Period | None:
    """The newest servers take the shortest cycle of the balances that fund a requested feature."""
    customer = customer_body(connection, body.customer_id) if body.customer_id else None
    if customer is None:
        return None
    brought_up_to(now, connection, [customer])
    if age.real_cycles:
        funding = _funding(connection, set(feature_list(body.feature_id)))
        periods = [*_balance_periods(customer, funding)]
        if periods:
            return min(periods, key=Period.length)
    return _anchored(connection, body.customer_id, now) or _subscribed(customer)


def _funding(connection: sqlite3.Connection, requested: set[str]) -> set[str]:
    """The features themselves and the credit systems that they draw on."""
    systems = {
        feature["id"]
        for feature in feature_bodies(connection)
        for each in feature.get("credit_schema", [])
        if each["metered_feature_id"] in requested
    }
    return requested | systems


def _balance_periods(customer: Body, features: set[str]) -> list[Period]:
    """The current cycle of each balance that is reset."""
    resets: list[dict[str, Any]] = [
        part["reset"]
        for feature, balance in customer.get("balances", {}).items()
        if feature in features
        for part in balance.get("breakdown", [])
        if part.get("reset") and part["reset"].get("resets_at")
    ]
    return [
        Period(
            later(each["resets_at"], each["interval"], -int(each.get("interval_count", 1))), each["resets_at"]
        )
        for each in resets
        if each["interval"] not in ("one_off", "multiple")
    ]


def _anchored(connection: sqlite3.Connection, customer_id: str, now: int) -> Period | None:
    found = connection.execute(
        "SELECT subscribed_at, interval FROM customers WHERE customer_id = ?", [customer_id]
    ).fetchone()
    if found is None or found[0] is None or found[0] > now:
        return None
    return current_period(Subscription(*found), now)


def _subscribed(customer: Body) -> Period | None:
    """The period of the first active plan that has one."""
    for each in customer.get("subscriptions", []):
        start, end = each.get("current_period_start"), each.get("current_period_end")
        if each.get("status") == "active" and start and end:
            return Period(start, end, first=each.get("started_at") == start)
    return None
