"""Customers with hostile property values."""

from __future__ import annotations

from collections.abc import Callable

from tests.audit.builder import CustomerBuilder
from tests.audit.calendars import DAY, HOUR
from tests.audit.world import Customer

ARN = "arn:aws:lambda:eu-central-1:123456789012:"


def folded(builder: CustomerBuilder) -> Customer:
    """More groups than one response has, on every day."""
    for number in range(300):
        for _ in range(3):
            day = builder.now - builder.rng.randrange(28) * DAY - builder.rng.randrange(DAY) - 300_000
            builder.add("folded", day, 1 + number % 9, {"user": f"u{number}"})
    return builder.build()


def named_other(builder: CustomerBuilder) -> Customer:
    """Groups with the names that Autumn and the product use for folded groups."""
    for day in range(80):
        for name in ("Other", "AUTUMN_RESERVED"):
            builder.add(
                "labels", builder.now - day * DAY - 400_000, 50 if name == "Other" else 5, {"team": name}
            )
        builder.add("labels", builder.now - day * DAY - 500_000, 9, {"team": f"team {day % 40}"})
    return builder.build()


def look_alike(builder: CustomerBuilder) -> Customer:
    """Values with a long common prefix, and ones with special characters for a page, a URL or a file."""
    values = [f"{ARN}{name}" for name in ("one", "two", "three")]
    values += ["(none)", "No value or not reported", "a,b", "50%", '"q"', "x:y:z", " lead", "=cmd()", "Ünï"]
    for value in values:
        for _ in range(4):
            builder.add("names", builder.past(18), builder.some((1, 2)), {"arn": value, "g": value[:1]})
    return builder.build()


def json_types(builder: CustomerBuilder) -> Customer:
    """One property in every type of JSON; dotted keys; values that Autumn's roll-up omits."""
    scalars = [200, 200.0, "200", True, "true", False, None, "", {}, 404, "x", -1]
    for value in [*scalars, 1.5, "8a6e0804-2bd0-4672-b79d-d97027f9071a", "f" * 70, ["x", "y"], {"b": 1}]:
        for _ in range(3):
            builder.add("typed", builder.past(20), 1, {"v": value})
    for _ in range(8):
        builder.add("dotted", builder.past(20), 3, {"a.b": builder.some("mn")})
        builder.add(
            "dotted", builder.past(20), 5, {"a": {"b": builder.some("mn")}, "status": builder.some((1, "1"))}
        )
        builder.add("typed", builder.past(20), 1)
    return builder.build()


def filtered(builder: CustomerBuilder) -> Customer:
    """The groups a, b and c with sums that distinguish a filter, an exclusion and a bound."""
    for name, value in (("a", 5), ("a", 0), ("b", 10), ("b", 15), ("c", 10)):
        for _ in range(100):
            builder.add(
                "metered",
                builder.past(20),
                value,
                {"g": name, "obj": {"x.y": "z"}, "plan": builder.some("pq")},
            )
    return builder.build()


def facets(builder: CustomerBuilder) -> Customer:
    """More values than a list of top values shows."""
    for number in range(14):
        for _ in range(107 - 7 * number if number < 12 else 3):
            builder.add("facets", builder.past(10), 1, {"g": f"n{number}", "id": builder.rng.getrandbits(64)})
    return builder.build()


def flat_group(builder: CustomerBuilder) -> Customer:
    """Group a stays the same while the others decrease."""
    for day in range(70):
        moment = builder.now - day * DAY - 7 * HOUR
        builder.add("trend", moment, 10, {"group": "a"})
        builder.add("trend", moment - HOUR, 10 if day < 30 else 70, {"group": "b"})
    return builder.build()


GROUPED: dict[str, Callable[[CustomerBuilder], Customer]] = {
    make.__name__: make
    for make in (folded, named_other, look_alike, json_types, filtered, facets, flat_group)
}
