"""What this Autumn server can do.

Older ones drop fields they don't know without a word (trap 4), so each is probed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

from cachetools import TTLCache

from usage.api.calls import CallOptions, Calls
from usage.errors import Refused
from usage.query import FIXED_GROUPS

# The field, not the `$customer_id` that the sentence about `group_by` names.
_CUSTOMER_REQUIRED = re.compile(r"(?<!\$)\bcustomer_id\b")

PROBE_FEATURE = "capability-probe"
NAMED_FIELDS = ("bin_size", "max_groups", "customer_id")
"""Fields of which the refusal of the probe names at least one."""
FORGOTTEN_S = 60.0
"""How often an answer that contradicts the capabilities may have them found out anew."""
REMEMBERED_S = 3600.0
"""How long a server's capabilities are taken for unchanged."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`grouping`: `max_groups`, `filter_by`, `entity_id` are known. `organization`: aggregates without a
    customer.

    `weeks`: bins of a week. `groupings`: what is not a property and can be grouped by, such as `$plan_id`.
    `exact_edges`: figures can begin inside an hour; servers that know `timezone` let them. `counts`: bins can
    have numbers of events. `deductions`: figures can be what was deducted from balances; `feature_groups`: by
    the feature that deducted.
    """

    grouping: bool
    organization: bool
    weeks: bool
    groupings: frozenset[str] = frozenset()
    exact_edges: bool = False
    counts: bool = False
    deductions: bool = False
    feature_groups: bool = False


def probe(calls: Calls, options: CallOptions) -> Capabilities:
    """One call that every server refuses: its 400 names each field that it knows, and the bin sizes that it
    has.

    Without a customer the refusal also says whether one is required; within a scope, which always names its
    customer, `organization` is False.
    """
    body: dict[str, object] = {
        "feature_id": [PROBE_FEATURE],
        "range": "24h",
        "bin_size": "x",
        "max_groups": 0,
        "group_by": "x",
        "timezone": 1,
        "measure": "x",
        "aggregate_on": "x",
    }
    if calls.scope is not None:
        body["customer_id"] = calls.scope.customer_id
    try:
        calls.aggregate(body, closed=False, options=options)
    except Refused as refusal:
        if refusal.status != 400 or not any(name in refusal.detail for name in NAMED_FIELDS):
            raise  # not the expected refusal, so it says nothing of what the server can do
        organization = calls.scope is None and not _CUSTOMER_REQUIRED.search(refusal.detail)
        return Capabilities(
            "max_groups" in refusal.detail,
            organization,
            "week" in refusal.detail,
            frozenset(word for word in FIXED_GROUPS if word in refusal.detail),
            "timezone" in refusal.detail,
            "measure" in refusal.detail,
            "aggregate_on" in refusal.detail,
            "$feature_id" in refusal.detail,
        )
    return Capabilities(grouping=False, organization=False, weeks=False)


class CapabilityCache:
    """The server's capabilities, found out once an hour, for staff and all scopes. `clock`: epoch seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._by_staff: TTLCache[bool, Capabilities] = TTLCache(2, REMEMBERED_S, timer=clock)
        self._forgotten: TTLCache[str, bool] = TTLCache(1, FORGOTTEN_S, timer=clock)
        self._lock = Lock()

    def get(self, calls: Calls, options: CallOptions) -> Capabilities:
        """What this server can do; within a scope, only what it can answer about its customer."""
        is_staff = calls.scope is None
        with self._lock:
            can = self._by_staff.get(True) or self._by_staff.get(is_staff)
        if can is None:
            # What another server answered a moment ago is remembered: after `forget`, the cache is not used.
            can = probe(calls, replace(options, use_cache=not self._was_forgotten()))
            with self._lock:
                self._by_staff[is_staff] = can
        return can if is_staff else replace(can, organization=False)

    def known(self) -> Capabilities | None:
        """What this server can do, as far as it was found out within the hour."""
        with self._lock:
            return self._by_staff.get(True) or self._by_staff.get(False)

    def _was_forgotten(self) -> bool:
        with self._lock:
            return "" in self._forgotten

    def forget(self) -> bool:
        """Find out anew the next time. False where that would be the same again: within FORGOTTEN_S."""
        with self._lock:
            if "" in self._forgotten:
                return False
            self._forgotten[""] = True
            self._by_staff.clear()
            return True
