"""The remaining allowances of a customer, and its current billing periods.

The story continues while the sample runs, so both are calculated on each request. A store without
the story returns what was put into it.
"""

import sqlite3
from collections.abc import Mapping

import msgspec

from usage.sample.names.catalog import Body, feature_bodies
from usage.sample.numbers import number
from usage.sample.story.profiles import PROFILES
from usage.sample.windows import HOUR, Subscription, cycle_number, cycle_start

FOREVER = 0

# Of whole hours by the roll-up, before the first of them by the events.
USED = """
SELECT feature_id, sum(v) FROM (
    SELECT feature_id, sum AS v FROM hours
    WHERE customer_id = :customer AND feature_id IN (SELECT value FROM json_each(:names)) AND hour >= :hour
    UNION ALL
    SELECT feature_id, value FROM events
    WHERE customer_id = :customer AND timestamp >= :start AND timestamp < :hour
) GROUP BY 1
"""


def brought_up_to(now: int, connection: sqlite3.Connection, bodies: list[Body]) -> list[Body]:
    """The customers as they are at ``now`` (epoch milliseconds)."""
    if connection.execute("SELECT 1 FROM story").fetchone() is None:
        return bodies
    features = {feature["id"]: feature for feature in feature_bodies(connection)}
    for body in (body for body in bodies if body["id"] in PROFILES):
        anchor, interval = connection.execute(
            "SELECT subscribed_at, interval FROM customers WHERE customer_id = ?", [body["id"]]
        ).fetchone() or (None, "month")
        if anchor is not None:
            _move_periods(body, Subscription(anchor, interval), now)
        _fill_balances(connection, body, features, anchor, now)
    return bodies


def _move_periods(body: Body, subscription: Subscription, now: int) -> None:
    current = cycle_number(subscription, now)
    start, end = cycle_start(subscription, current), cycle_start(subscription, current + 1)
    for each in body["subscriptions"]:
        each["current_period_start"], each["current_period_end"] = start, end
        if each["status"] == "scheduled":
            each |= {"started_at": end, "current_period_start": None, "current_period_end": None}
        if each["canceled_at"] is not None:
            each["expires_at"] = end


def _fill_balances(
    connection: sqlite3.Connection, body: Body, features: Mapping[str, Body], anchor: int | None, now: int
) -> None:
    for feature, balance in body["balances"].items():
        start, end = _cycle(balance["breakdown"][0]["reset"], anchor, now)
        _fill(balance, _drawn(connection, body["id"], features[feature], start), end)
    for limit in body["billing_controls"].get("usage_limits", []):
        limit["usage"] = body["balances"][limit["feature_id"]]["usage"]


def _cycle(reset: Body | None, anchor: int | None, now: int) -> tuple[int, int | None]:
    """Start and end of the balance's cycle that ``now`` lies in; a balance without a reset has one cycle."""
    if reset is None or anchor is None:
        return FOREVER, None
    interval = "quarter" if reset.get("interval_count") == 3 else reset["interval"]
    subscription = Subscription(anchor, interval)
    current = cycle_number(subscription, now)
    return cycle_start(subscription, current), cycle_start(subscription, current + 1)


def _drawn(connection: sqlite3.Connection, customer_id: str, feature: Body, start: int) -> float:
    """What was drawn from a feature's balance since ``start``: by its name and event names, or in credits."""
    costs = dict.fromkeys([feature["id"], *feature["event_names"]], 1.0)
    costs |= {each["metered_feature_id"]: each["credit_cost"] for each in feature.get("credit_schema", [])}
    hour = -(-start // HOUR) * HOUR
    names = msgspec.json.encode([*costs]).decode()
    values = {"customer": customer_id, "names": names, "start": start, "hour": hour}
    used: dict[str, float] = dict(connection.execute(USED, values).fetchall())
    return max(0.0, sum(used.get(name, 0) * cost for name, cost in costs.items()))


def _fill(balance: Body, drawn: float, resets_at: int | None) -> None:
    """Use up grants in their order; what exceeds them all is overage of the first."""
    left = drawn
    for part in balance["breakdown"]:
        granted = part["included_grant"] + part["prepaid_grant"]
        part["usage"] = min(left, granted)
        left -= part["usage"]
        if part["reset"] is not None:
            part["reset"]["resets_at"] = resets_at
    balance["breakdown"][0]["usage"] += left
    for part in balance["breakdown"]:
        granted = part["included_grant"] + part["prepaid_grant"]
        part |= {"usage": number(part["usage"]), "remaining": number(max(0, granted - part["usage"]))}
    whole = sum(part["included_grant"] + part["prepaid_grant"] for part in balance["breakdown"])
    balance |= {
        "granted": whole,
        "usage": number(drawn),
        "remaining": number(max(0, whole - drawn)),
        "next_reset_at": None if balance["unlimited"] else resets_at,
    }
