"""``aggregate_on: "deducted"``: what events took from balances, by period and balance."""

import sqlite3
from collections import defaultdict
from typing import Any, NamedTuple

from msgspec import UNSET

from usage.sample.ages import Age
from usage.sample.aggregates.bins import Bins
from usage.sample.aggregates.sources import Span, Values, at_of, conditions, key_of
from usage.sample.aggregates.texts import plain_text
from usage.sample.names.catalog import Body, customer_body, feature_bodies
from usage.sample.numbers import number
from usage.sample.windows import Window
from usage.sample.wire import PROPERTIES, AggregateBody, cut_features, feature_list, lost_on_the_way

OTHER = "Other"
Answer = dict[str, Any]
GROUPED = ("$entity_id", "$feature_id")


class Part(NamedTuple):
    """What one group deducted from a balance in part of a period."""

    at: int
    balance: str
    feature: str
    plan: str | None
    interval: str | None
    interval_count: int | None
    group: str | None
    deducted: float
    events: int


class Rates:
    """The catalog's rates of features and the customer's balances."""

    def __init__(self, connection: sqlite3.Connection, body: AggregateBody) -> None:
        self._features: dict[str, Body] = {each["id"]: each for each in feature_bodies(connection)}
        customer = customer_body(connection, body.customer_id) or {}
        self._parts: dict[str, Body] = {
            part["id"]: part
            for balance in customer.get("balances", {}).values()
            for part in balance.get("breakdown", [])
        }
        requested = [name for name in feature_list(body.feature_id) if self.kind(name) != "credit_system"]
        self._requested = requested[0] if len(requested) == 1 else None

    def kind(self, feature: str) -> str:
        """An unknown feature counts as metered."""
        known = self._features.get(feature, {}).get("type")
        return "credit_system" if known == "credit_system" else "metered"

    def cost(self, system: str, feature: str | None = None) -> float | None:
        """Credits for one unit of a feature: of the only one requested, unless named."""
        schema = self._features.get(system, {}).get("credit_schema", [])
        wanted = feature or self._requested
        costs: list[float] = [each["credit_cost"] for each in schema if each["metered_feature_id"] == wanted]
        return costs[0] if costs else None

    def resets_at(self, balance: str) -> int | None:
        """Today's next reset."""
        reset = self._parts.get(balance, {}).get("reset") or {}
        found: int | None = reset.get("resets_at")
        return found


def deductions(
    connection: sqlite3.Connection, body: AggregateBody, age: Age, window: Window, bins: Bins
) -> list[Answer]:
    """Only periods that have any, and in them each balance, by id."""
    parts = _parts(connection, body, age, window, bins)
    largest = _largest(parts, body.max_groups)
    rates = Rates(connection, body)
    by_period: dict[int, list[Part]] = defaultdict(list)
    for part in parts:
        by_period[bins.period(part.at)].append(part)
    answers = []
    for period in sorted(by_period):
        answer: Answer = {"period": period, "values": _values(by_period[period], rates)}
        if _is_grouped(body):
            answer["grouped_values"] = _groups(by_period[period], largest, body, rates)
        answers.append(answer)
    return answers


def _is_grouped(body: AggregateBody) -> bool:
    """Groups of customers are left out."""
    return body.group_by is not UNSET and (body.group_by in GROUPED or body.group_by.startswith(PROPERTIES))


def _parts(
    connection: sqlite3.Connection, body: AggregateBody, age: Age, window: Window, bins: Bins
) -> list[Part]:
    """An event counts by its own name or by the feature whose balance it drew on; no names are all names."""
    if lost_on_the_way(body.customer_id, {}):
        return []
    by_property = body.group_by is not UNSET and body.group_by.startswith(PROPERTIES)
    span = Span(window.start, window.end, age.exact_bins or by_property)
    key, key_values = key_of(body)
    where, values = conditions(body, span)
    scope, names = _scope(body)
    sql = f"""SELECT {bins.sql}, balance, owner, plan, interval, interval_count, key,
            sum(value), count(*) FROM (
        SELECT {at_of(span)} AS at,
            part.value ->> '$.balance_id' AS balance, part.value ->> '$.feature_id' AS owner,
            part.value ->> '$.plan_id' AS plan, part.value ->> '$.reset.interval' AS interval,
            part.value ->> '$.reset.interval_count' AS interval_count, {key} AS key,
            part.value ->> '$.value' AS value
        FROM events, json_each(events.deductions) AS part
        WHERE customer_id = ? AND {where} AND {scope}
    ) GROUP BY 1, 2, 3, 4, 5, 6, 7"""  # noqa: S608 constants
    found = (Part(*row) for row in connection.execute(sql, [*key_values, body.customer_id, *values, *names]))
    if by_property:
        return [part._replace(group=plain_text(part.group)) for part in found]
    return [part for part in found if body.group_by != "$entity_id" or part.group is not None]


def _scope(body: AggregateBody) -> tuple[str, Values]:
    features = cut_features(feature_list(body.feature_id))
    if not features:
        return "true", []
    placeholders = ", ".join("?" * len(features))
    return f"(events.feature_id IN ({placeholders}) OR owner IN ({placeholders}))", [*features, *features]


def _values(parts: list[Part], rates: Rates) -> Answer:
    balances: dict[str, dict[str, list[Part]]] = defaultdict(lambda: defaultdict(list))
    for part in parts:
        balances[part.feature][part.balance].append(part)
    return {
        feature: {
            "feature_type": rates.kind(feature),
            **_sums([part for part in parts if part.feature == feature]),
            "balances": [_balance(drawn, rates) for _, drawn in sorted(each.items())],
        }
        for feature, each in sorted(balances.items())
    }


def _balance(parts: list[Part], rates: Rates) -> Answer:
    first = parts[0]
    reset: Answer | None = None
    if first.interval is not None:
        count = {} if first.interval_count is None else {"interval_count": first.interval_count}
        reset = {"interval": first.interval, **count, "resets_at": rates.resets_at(first.balance)}
    return {
        "balance_id": first.balance,
        "entity_id": None,
        "plan_id": first.plan,
        "reset": reset,
        "credit_cost": rates.cost(first.feature),
        **_sums(parts),
    }


def _sums(parts: list[Part]) -> Answer:
    return {
        "deducted": number(sum(part.deducted for part in parts)),
        "events": sum(part.events for part in parts),
    }


def _largest(parts: list[Part], most: int) -> set[tuple[str, str | None]]:
    """The groups that are named: for each balance those with the most in the whole window."""
    totals: dict[str, dict[str | None, float]] = defaultdict(lambda: defaultdict(float))
    for part in parts:
        totals[part.balance][part.group] += part.deducted
    return {
        (balance, group)
        for balance, groups in totals.items()
        for group in sorted(groups, key=lambda name: (-groups[name], name or ""))[:most]
    }


def _groups(
    parts: list[Part], largest: set[tuple[str, str | None]], body: AggregateBody, rates: Rates
) -> Answer:
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    owners = {part.balance: part.feature for part in parts}
    for part in parts:
        name = (part.group or "") if (part.balance, part.group) in largest else OTHER
        sums[part.balance][name] += part.deducted
    answer: Answer = {
        balance: {name: {"deducted": number(value)} for name, value in groups.items()}
        for balance, groups in sums.items()
    }
    if body.group_by == "$feature_id":
        for balance, groups in answer.items():
            for name, group in groups.items():
                group["credit_cost"] = rates.cost(owners[balance], name)
    return answer
