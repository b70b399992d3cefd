"""The value and properties of an event of the story."""

from functools import cache
from random import Random
from typing import TypeVar

from usage.sample.story.cast import (
    CLIENTS,
    ENDPOINTS,
    HOSTILE,
    HOSTILE_CUSTOMERS,
    MODELS,
    PEOPLE,
    REGIONS,
    STATUSES,
    TIERS,
    Customer,
)

Properties = dict[str, object]
T = TypeVar("T")

MOVING_CUSTOMER, MOVING_FROM, MOVING_TO = "globex", "gpt-large", "sonata-2"
# Days from the story's epoch between which the move happens.
MOVE_BEGINS, MOVE_DAYS = -60, 45


def properties_of(customer: Customer, feature: str, day: float, rng: Random) -> tuple[float, Properties]:
    """``day`` counts from the story's epoch, negative before it. The properties are as they are stored."""
    properties: Properties = {
        "endpoint": _favored(ENDPOINTS[feature], rng),
        "status": STATUSES[int(rng.random() * len(STATUSES))],
        "user": f"{_favored(PEOPLE, rng)}@{_domain(customer.id)}",
        "request_id": f"req_{rng.getrandbits(48):012x}",
        "trial": rng.random() < (0.7 if customer.plan in (None, "free") else 0.04),
        "meta": {"tier": _favored(TIERS, rng), "client": {"version": _favored(CLIENTS, rng)}},
    }
    if rng.random() > 0.12:
        properties["region"] = _region(customer, rng)
    if feature == "ai_tokens" or (feature == "api_calls" and rng.random() < 0.4):
        properties["model"] = _model(customer, day, rng)
    if feature == "emails" and rng.random() < 0.3:
        properties["tags"] = ["digest", "weekly"] if rng.random() < 0.5 else ["receipt"]
    if customer.id in HOSTILE_CUSTOMERS:
        _poison(properties, rng)
    if properties.get("region", "") is None:
        del properties["region"]
    return _value(feature, rng), properties


def _favored(choices: tuple[T, ...], rng: Random) -> T:
    """One of the choices, the first ones more often."""
    return choices[int(len(choices) * rng.random() ** 2)]


@cache
def _domain(customer_id: str) -> str:
    named = customer_id.isascii() and customer_id.replace("-", "").isalnum()
    return f"{customer_id if named else 'mail'}.example"


def _region(customer: Customer, rng: Random) -> str | None:
    """The nearest region most of the time; sometimes a null, which is not a group."""
    if rng.random() < 0.01:
        return None
    nearest = abs(customer.shift) % len(REGIONS)
    return REGIONS[(nearest + int(len(REGIONS) * rng.random() ** 3)) % len(REGIONS)]


def _model(customer: Customer, day: float, rng: Random) -> str:
    if customer.id == MOVING_CUSTOMER and rng.random() < 0.85:
        return MOVING_TO if rng.random() < (day - MOVE_BEGINS) / MOVE_DAYS else MOVING_FROM
    first = len(customer.id)
    return MODELS[(first + int(len(MODELS) * rng.random() ** 2)) % len(MODELS)]


def _poison(properties: Properties, rng: Random) -> None:
    for name in ("endpoint", "user", "region", "model"):
        if rng.random() < 0.5:
            properties[name] = HOSTILE[int(rng.random() * len(HOSTILE))]
    if rng.random() < 0.1:
        properties["<b onmouseover=alert(1)>key"] = {"__proto__": {"polluted": True}}


def _value(feature: str, rng: Random) -> float:
    draw = rng.random()
    if feature == "ai_tokens":
        return 80 + int(7200 * draw**3)
    if feature == "emails":
        return 1 + int(40 * draw**4)
    if feature == "storage_gb":
        return round(0.05 + 6 * draw**2, 3)
    if feature == "seats":
        return 1 if draw < 0.75 else -1
    return 1
