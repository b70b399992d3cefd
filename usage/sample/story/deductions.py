"""The balances, plans and resets that an event of the story is deducted from."""

from functools import lru_cache
from zlib import crc32

from usage.sample.story.cast import Customer
from usage.sample.windows import DAY, Subscription, cycle_number, cycle_start

Deduction = dict[str, object]
INTERVALS: dict[str, Deduction] = {
    "week": {"interval": "week"},
    "month": {"interval": "month"},
    "quarter": {"interval": "month", "interval_count": 3},
    "year": {"interval": "year"},
}


def deductions_of(
    customer: Customer, anchor: int | None, feature: str, timestamp: int, value: float, luck: bytes
) -> list[Deduction] | None:
    """None for customers without a plan, and for some events of the others.

    ``anchor`` is the start of the first billing cycle. Bytes of ``luck`` decide: one event in thirty is
    split between the plan's balance and a top-up, which has neither plan nor reset.
    """
    if customer.plan is None or luck[2] < 10:
        return None
    topped_up = round(value * 0.4, 3) if luck[3] < 8 and value > 1 else 0
    own: Deduction = {
        "balance_id": balance_id(customer.id, feature),
        "feature_id": feature,
        "plan_id": customer.plan,
        "reset": None if feature == "seats" else reset_after(anchor, customer.interval, timestamp),
        "value": round(value - topped_up, 3),
    }
    if not topped_up:
        return [own]
    return [
        own,
        own
        | {
            "balance_id": balance_id(customer.id, "topup"),
            "plan_id": None,
            "reset": None,
            "value": topped_up,
        },
    ]


@lru_cache(maxsize=1024)
def balance_id(customer_id: str, feature: str) -> str:
    """``topup`` as the feature: the balance that was bought in addition to the plan's."""
    return f"bal_{crc32(customer_id.encode()):08x}_{feature}"


def reset_after(anchor: int | None, interval: str, timestamp: int) -> Deduction | None:
    """The reset that follows a moment, of the cycles that began at ``anchor`` (both epoch milliseconds)."""
    if anchor is None:
        return None
    following, reset, reset_after_it = _next_resets(anchor, interval, timestamp // DAY)
    return reset if timestamp < following else reset_after_it


@lru_cache(maxsize=64)
def _next_resets(anchor: int, interval: str, day: int) -> tuple[int, Deduction, Deduction]:
    """When the next cycle starts, which may be within the day, the reset of then, and the one after."""
    subscription = Subscription(anchor, interval)
    current = cycle_number(subscription, day * DAY)
    following, after = cycle_start(subscription, current + 1), cycle_start(subscription, current + 2)
    length = INTERVALS[interval]
    return following, length | {"resets_at": following}, length | {"resets_at": after}
