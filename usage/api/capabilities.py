"""What this Autumn server can do. Older ones drop fields they don't know without a word (trap 4), so each is asked."""

from __future__ import annotations

from dataclasses import dataclass

from usage.api.calls import Asking, Calls
from usage.errors import Refused

PROBE_FEATURE = "capability-probe"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`grouping`: `max_groups`, `filter_by`, `entity_id` are known. `organisation`: aggregates without a customer."""

    grouping: bool
    organisation: bool


def probe(calls: Calls, asking: Asking) -> Capabilities:
    """One call that a newer server must refuse: 400 for `max_groups: 0`. An older one answers it, or misses a customer.

    Without a customer the refusal tells both at once; with one (all that a share may ask), `organisation` is False.
    """
    body: dict[str, object] = {
        "feature_id": [PROBE_FEATURE],
        "range": "24h",
        "bin_size": "hour",
        "max_groups": 0,
    }
    if calls.scope is not None:
        body["customer_id"] = calls.scope.customer_id
    try:
        calls.aggregate(body, closed=False, asking=asking)
    except Refused as refusal:
        if refusal.status != 400:
            raise
        return Capabilities(
            "max_groups" in refusal.detail, calls.scope is None and "customer_id" not in refusal.detail
        )
    return Capabilities(grouping=False, organisation=calls.scope is None)
