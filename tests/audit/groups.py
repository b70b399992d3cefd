"""Customers whose property values are the hostile part."""

from __future__ import annotations

from collections.abc import Callable

from tests.audit.calendars import DAY, HOUR
from tests.audit.making import Maker
from tests.audit.world import Customer

ARN = "arn:aws:lambda:eu-central-1:123456789012:"


def folded(maker: Maker) -> Customer:
    """More groups than one answer has, in every day."""
    for number in range(300):
        for _ in range(3):
            day = maker.now - maker.rng.randrange(28) * DAY - maker.rng.randrange(DAY) - 300_000
            maker.add("folded", day, 1 + number % 9, {"user": f"u{number}"})
    return maker.made()


def named_other(maker: Maker) -> Customer:
    """Real groups that are called as Autumn and the product call what they fold."""
    for day in range(80):
        for name in ("Other", "AUTUMN_RESERVED"):
            maker.add("labels", maker.now - day * DAY - 400_000, 50 if name == "Other" else 5, {"team": name})
        maker.add("labels", maker.now - day * DAY - 500_000, 9, {"team": f"team {day % 40}"})
    return maker.made()


def look_alike(maker: Maker) -> Customer:
    """Values with a long beginning in common, and ones that mean something to a page, a URL or a file."""
    values = [f"{ARN}{name}" for name in ("one", "two", "three")]
    values += ["(none)", "No value or not reported", "a,b", "50%", '"q"', "x:y:z", " lead", "=cmd()", "Ünï"]
    for value in values:
        for _ in range(4):
            maker.add("names", maker.past(18), maker.some((1, 2)), {"arn": value, "g": value[:1]})
    return maker.made()


def json_types(maker: Maker) -> Customer:
    """One property in every type of JSON; dotted keys; values that Autumn's roll-up leaves out."""
    scalars = [200, 200.0, "200", True, "true", False, None, "", {}, 404, "x", -1]
    for value in [*scalars, 1.5, "8a6e0804-2bd0-4672-b79d-d97027f9071a", "f" * 70, ["x", "y"], {"b": 1}]:
        for _ in range(3):
            maker.add("typed", maker.past(20), 1, {"v": value})
    for _ in range(8):
        maker.add("dotted", maker.past(20), 3, {"a.b": maker.some("mn")})
        maker.add("dotted", maker.past(20), 5, {"a": {"b": maker.some("mn")}, "status": maker.some((1, "1"))})
        maker.add("typed", maker.past(20), 1)
    return maker.made()


def filtered(maker: Maker) -> Customer:
    """The groups a, b and c with sums that a filter, an exclusion and a bound tell apart."""
    for name, value in (("a", 5), ("a", 0), ("b", 10), ("b", 15), ("c", 10)):
        for _ in range(100):
            maker.add(
                "metered", maker.past(20), value, {"g": name, "obj": {"x.y": "z"}, "plan": maker.some("pq")}
            )
    return maker.made()


def facets(maker: Maker) -> Customer:
    """More values than a list of top values shows."""
    for number in range(14):
        for _ in range(107 - 7 * number if number < 12 else 3):
            maker.add("facets", maker.past(10), 1, {"g": f"n{number}", "id": maker.rng.getrandbits(64)})
    return maker.made()


def flat_group(maker: Maker) -> Customer:
    """Group a stays as it was while the others fall."""
    for day in range(70):
        moment = maker.now - day * DAY - 7 * HOUR
        maker.add("trend", moment, 10, {"group": "a"})
        maker.add("trend", moment - HOUR, 10 if day < 30 else 70, {"group": "b"})
    return maker.made()


GROUPED: dict[str, Callable[[Maker], Customer]] = {
    make.__name__: make
    for make in (folded, named_other, look_alike, json_types, filtered, facets, flat_group)
}
