"""What a share link may see: one customer, less of it or all of it. It can narrow a query, never widen one.

Every call of a share goes out through `narrow` and every row comes back through `admits` and `strip`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import msgspec

from usage import messages
from usage.catalog import Balance, Customer
from usage.errors import Unsupported
from usage.query import BadQuery, Query
from usage.results import Aggregate, DeductionBin, Event, FeatureDeduction
from usage.window import Window, ceil_hour, floor_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One customer, and how much of its usage a link shows.

    `features`: None for all. `event_names`: other names that their events are stored under. `properties`: the
    paths that are listed. Each is visible with what is nested in its value; all other keys are absent, also
    `region.tier` beside a listed `region`. `start`, `end`: bounds in epoch milliseconds, [start, end), where
    set; charts show the whole hours inside them.
    `deductions`, `plans`, `exports`, `customer_name`, `balances`: off unless allowed.
    """

    customer_id: str
    features: frozenset[str] | None = None
    event_names: frozenset[str] = frozenset()
    properties: frozenset[str] = frozenset()
    start: int | None = None
    end: int | None = None
    deductions: bool = False
    plans: bool = False
    exports: bool = False
    customer_name: bool = False
    balances: bool = False

    def __post_init__(self) -> None:
        if not self.customer_id.strip():
            raise ValueError("a scope needs a customer: a blank one would mean all customers (trap 3)")
        if self.features is not None and not all(name.strip() for name in self.features or [""]):
            raise ValueError(
                "a scope needs a feature, or None for all: an empty list would be no filter on the wire"
            )

    @property
    def key(self) -> str:
        """Names this scope in cache keys: equal scopes share answers, different ones never do."""
        shape = [
            self.customer_id,
            None if self.features is None else sorted(self.features),
            sorted(self.event_names),
            sorted(self.properties),
            [self.start, self.end, self.deductions, self.plans, self.customer_name, self.balances],
        ]
        return hashlib.sha256(msgspec.json.encode(shape)).hexdigest()[:24]

    def narrow(self, query: Query) -> Query:
        """`query`, bound to this scope's customer and features.

        BadQuery names the field that requests more.
        """
        if query.customer_id not in (None, self.customer_id):
            raise BadQuery("customer_id", messages.LINK_SHOWS_ONE_CUSTOMER)
        if query.entity_id is not None:
            raise BadQuery("entity_id", messages.ENTITIES_NOT_IN_LINK)
        if query.measure == "deducted" and not self.deductions:
            raise BadQuery("measure", messages.DEDUCTIONS_NOT_IN_LINK)
        self._check_paths(query)
        return replace(query, customer_id=self.customer_id, feature_id=self._features(query))

    def bound(self, window: Window) -> Window | None:
        """The part of `window` within this scope's bounds, or None where nothing of it is."""
        start = max(window.start, self.start if self.start is not None else window.start)
        end = min(window.end, self.end if self.end is not None else window.end)
        return Window(start, end) if start < end else None

    def hours(self, window: Window) -> Window | None:
        """The part of a chart's `window` whose hours lie wholly within this scope's bounds, or None."""
        start = max(window.start, window.start if self.start is None else ceil_hour(self.start))
        end = min(window.end, window.end if self.end is None else floor_hour(self.end))
        return Window(start, end) if start < end else None

    @property
    def is_bounded(self) -> bool:
        """Whether it shows a part of time only."""
        return self.start is not None or self.end is not None

    def covers(self, ms: int) -> bool:
        """Whether a moment lies within this scope's bounds."""
        return (self.start is None or ms >= self.start) and (self.end is None or ms < self.end)

    def admits(self, event: Event) -> bool:
        """Whether a row is of this scope's customer and features; one that isn't
        should not have come back.
        """
        return event.customer_id == self.customer_id and self._has(event.feature_id)

    def strip(self, event: Event) -> Event:
        """The row with nothing but what may be seen: allowed properties, deductions and plans only where
        allowed.

        Deductions are those from balances of features that are shown. None left is as none at all: that there
        were others must not show either.
        """
        properties = _visible_properties(event.properties, self.properties)
        taken = event.deductions if self.deductions else None
        deductions = [item for item in taken or () if self._has(item.feature_id)]
        if not self.plans:
            deductions = [msgspec.structs.replace(item, plan_id=None) for item in deductions]
        return msgspec.structs.replace(event, properties=properties, deductions=deductions or None)

    def strip_deducted(self, answer: Aggregate) -> Aggregate:
        """The answer with what shown features deducted from balances of shown features, within the bounds.

        Where a link does not show all features, groups are the features that deducted (`$feature_id`): the
        balance's own figure has the hidden ones too. Unsupported where Autumn folded groups that cannot be
        told apart.
        """
        if answer.deductions is None:
            return answer
        end = None if self.end is None else floor_hour(self.end)
        inside = [each for each in answer.deductions if end is None or each.period < end]
        found = [self._deducted(each) for each in inside] if self.deductions else []
        return msgspec.structs.replace(answer, deductions=[each for each in found if each.values])

    def _deducted(self, each: DeductionBin) -> DeductionBin:
        groups = each.grouped_values or {}
        if self.features is None:
            names = {name for of in groups.values() for name in of}
            objects = {name for name in names if name.startswith("{")}  # they have keys that are not listed
            if objects and "Other" in names:
                raise Unsupported(messages.TOO_MANY_GROUPS, status=400)
            own = {id_: {n: of[n] for n in of.keys() - objects} for id_, of in groups.items()}
            values = {name: self._balances(value) for name, value in each.values.items()}
            return DeductionBin(each.period, values, own if each.grouped_values is not None else None)
        if any("Other" in of for of in groups.values()) and not self._has("Other"):
            raise Unsupported(messages.TOO_MANY_GROUPS, status=400)
        parts = {
            id_: [group.deducted for name, group in of.items() if self._has(name)]
            for id_, of in groups.items()
        }
        shown = {name: self._balances(value, parts) for name, value in each.values.items() if self._has(name)}
        return DeductionBin(each.period, {name: value for name, value in shown.items() if value.balances})

    def _balances(
        self, value: FeatureDeduction, parts: dict[str, list[float]] | None = None
    ) -> FeatureDeduction:
        """The balances of one feature; `parts`: what shown features deducted from each, if not all are
        shown.
        """
        balances = value.balances
        if not self.plans:
            balances = [msgspec.structs.replace(item, plan_id=None) for item in balances]
        if parts is None:
            return msgspec.structs.replace(value, balances=balances)
        own = [
            msgspec.structs.replace(item, deducted=sum(parts[item.balance_id]))
            for item in balances
            if parts.get(item.balance_id)
        ]
        return FeatureDeduction(sum(item.deducted for item in own), 0, own)

    def strip_customer(self, customer: Customer) -> Customer:
        """The scope's customer without an email address: its name, plans, and balances of features that are
        shown, each where allowed.
        """
        balances = [item for item in customer.balances if self.balances and self._has(item.feature_id)]
        subscriptions = customer.subscriptions
        if not self.plans:
            balances = [_without_plans(item) for item in balances]
            subscriptions = tuple(msgspec.structs.replace(item, plan_id=None) for item in subscriptions)
        return Customer(
            customer.id,
            customer.name if self.customer_name else None,
            None,
            subscriptions,
            tuple(balances),
        )

    def lists(self, path: str) -> bool:
        """Whether a property path is one of the link's own. Only such a path may reach Autumn, to which a key
        with a dot and a nested one are the same path, though a link may show one of the two.
        """
        return path in self.properties

    def shows(self, path: str) -> bool:
        """Whether a property path may be looked up in rows that `strip` returned: it is listed, or below one
        that is.
        """
        parts = path.split(".")
        return any(".".join(parts[:depth]) in self.properties for depth in range(1, len(parts) + 1))

    def may_group(self, group_by: str) -> bool:
        """Whether figures may be grouped so: by listed properties, and by plan where plans may be seen."""
        if group_by == "$plan_id":
            return self.plans
        return group_by.startswith("properties.") and self.lists(group_by.removeprefix("properties."))

    def _has(self, feature: str) -> bool:
        return self.features is None or feature in self.features or feature in self.event_names

    def _features(self, query: Query) -> tuple[str, ...]:
        if self.features is None:
            return query.feature_id
        for feature in (*query.feature_id, *([query.focus] if query.focus else [])):
            if feature not in self.features:
                field = "feature_id" if feature in query.feature_id else "focus"
                raise BadQuery(field, messages.FEATURE_NOT_IN_LINK)
        return query.feature_id or tuple(sorted(self.features))

    def _check_paths(self, query: Query) -> None:
        requested = [("filter", f.path) for f in query.filter] + [("exclude", f.path) for f in query.exclude]
        requested += [("columns", path) for path in query.columns]
        for field, path in requested:
            if not self.shows(path):
                raise BadQuery(field, messages.PROPERTY_NOT_IN_LINK)
        if query.group_by is not None and not self.may_group(query.group_by):
            raise BadQuery("group_by", messages.GROUP_NOT_IN_LINK)


def _without_plans(balance: Balance) -> Balance:
    grants = tuple(msgspec.structs.replace(item, plan_id=None) for item in balance.grants)
    return msgspec.structs.replace(balance, grants=grants)


@lru_cache(256)
def _paths_above(allowed: frozenset[str]) -> frozenset[str]:
    """Each path that an allowed one lies below."""
    return frozenset(path[:dot] for path in allowed for dot, character in enumerate(path) if character == ".")


def _visible_properties(
    properties: dict[str, Any], allowed: frozenset[str], prefix: str = ""
) -> dict[str, Any]:
    above = _paths_above(allowed)
    visible: dict[str, Any] = {}
    for name, value in properties.items():
        path = f"{prefix}{name}"
        if path in allowed:
            visible[name] = value
        elif isinstance(value, dict) and path in above:
            inner = _visible_properties(value, allowed, f"{path}.")
            if inner:
                visible[name] = inner
    return visible
