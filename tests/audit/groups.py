"""Customers whose property values are the hostile part."""

from __future__ import annotations

from collections.abc import Callable

from tests.audit.calendars import DAY, HOUR
from tests.audit.making import Owner
from tests.audit.world import Customer

ARN = "arn:aws:lambda:eu-central-1:123456789012:"


def folded(owner: Owner) -> Customer:
    """More groups than one answer has, in every day."""
    for number in range(300):
        for _ in range(3):
            day = owner.now - owner.rng.randrange(28) * DAY - owner.rng.randrange(DAY) - 300_000
            owner.add("folded", day, 1 + number % 9, {"user": f"u{number}"})
    return owner.made()


def named_other(owner: Owner) -> Customer:
    """Real groups that are called as Autumn and the product call what they fold."""
    for day in range(80):
        for name in ("Other", "AUTUMN_RESERVED"):
            owner.add("labels", owner.now - day * DAY - 400_000, 50 if name == "Other" else 5, {"team": name})
        owner.add("labels", owner.now - day * DAY - 500_000, 9, {"team": f"team {day % 40}"})
    return owner.made()


def look_alike(owner: Owner) -> Customer:
    """Values with a long beginning in common, and ones that mean something to a page, a URL or a file."""
    values = [f"{ARN}{name}" for name in ("one", "two", "three")]
    values += ["(none)", "No value or not reported", "a,b", "50%", '"q"', "x:y:z", " lead", "=cmd()", "Ünï"]
    for value in values:
        for _ in range(4):
            owner.add("names", owner.past(18), owner.some((1, 2)), {"arn": value, "g": value[:1]})
    return owner.made()


def json_types(owner: Owner) -> Customer:
    """One property in every type of JSON; dotted keys; values that Autumn's roll-up leaves out."""
    scalars = [200, 200.0, "200", True, "true", False, None, "", {}, 404, "x", -1]
    for value in [*scalars, 1.5, "8a6e0804-2bd0-4672-b79d-d97027f9071a", "f" * 70, ["x", "y"], {"b": 1}]:
        for _ in range(3):
            owner.add("typed", owner.past(20), 1, {"v": value})
    for _ in range(8):
        owner.add("dotted", owner.past(20), 3, {"a.b": owner.some("mn")})
        owner.add("dotted", owner.past(20), 5, {"a": {"b": owner.some("mn")}, "status": owner.some((1, "1"))})
        owner.add("typed", owner.past(20), 1)
    return owner.made()


def filtered(owner: Owner) -> Customer:
    """The groups a, b and c with sums that a filter, an exclusion and a bound tell apart."""
    for name, value in (("a", 5), ("a", 0), ("b", 10), ("b", 15), ("c", 10)):
        for _ in range(100):
            owner.add(
                "metered", owner.past(20), value, {"g": name, "obj": {"x.y": "z"}, "plan": owner.some("pq")}
            )
    return owner.made()


def facets(owner: Owner) -> Customer:
    """More values than a list of top values shows."""
    for number in range(14):
        for _ in range(107 - 7 * number if number < 12 else 3):
            owner.add("facets", owner.past(10), 1, {"g": f"n{number}", "id": owner.rng.getrandbits(64)})
    return owner.made()


def flat_group(owner: Owner) -> Customer:
    """Group a stays as it was while the others fall."""
    for day in range(70):
        moment = owner.now - day * DAY - 7 * HOUR
        owner.add("trend", moment, 10, {"group": "a"})
        owner.add("trend", moment - HOUR, 10 if day < 30 else 70, {"group": "b"})
    return owner.made()


GROUPED: dict[str, Callable[[Owner], Customer]] = {
    make.__name__: make
    for make in (folded, named_other, look_alike, json_types, filtered, facets, flat_group)
}
