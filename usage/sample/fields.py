"""Checks of the fields of a request, and the messages for invalid ones.

A check takes the given value (UNSET if there is none), the field's name, and the list of problems to add
to. It returns the value as the server reads it.
"""

import math
from collections.abc import Callable, Mapping

from msgspec import UNSET

from usage.sample.errors import ApiError

Fields = dict[str, object]
Problems = list[str]
Check = Callable[[object, str, Problems], object]

NAMES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (str, "string"),
    (int, "number"),
    (float, "number"),
    (list, "array"),
    (dict, "object"),
)


def parsed(checks: Mapping[str, Check], given: Fields) -> Fields:
    """The given fields, checked. Raises ApiError with every problem, in the order of the checks."""
    problems: Problems = []
    read = {name: check(given.get(name, UNSET), name, problems) for name, check in checks.items()}
    if problems:
        head = "[Validation Errors] " if len(problems) > 1 else ""
        raise ApiError("invalid_inputs", head + "; ".join(problems))
    return {name: value for name, value in read.items() if value is not UNSET}


def optional(check: Check) -> Check:
    """An optional field."""
    return lambda value, name, problems: UNSET if value is UNSET else check(value, name, problems)


def text(value: object, name: str, problems: Problems) -> object:
    """Any text."""
    if not isinstance(value, str):
        problems.append(f"{name}: must be a string (received {_kind(value)})")
    return value


def filled(value: object, name: str, problems: Problems) -> object:
    """A text that is not empty."""
    if value == "":
        problems.append(f"{name}: cannot be empty")
    return text(value, name, problems)


def features(value: object, name: str, problems: Problems) -> object:
    """A text that is not empty, or a list of such."""
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) and each for each in names):
        problems.append(f"{name}: Invalid input")
    return value


def one_of(*choices: str) -> Check:
    """One of some texts."""

    def check(value: object, name: str, problems: Problems) -> object:
        if value not in choices:
            problems.append(f"{name}: must be one of: {', '.join(choices)}")
        return value

    return check


def literal(choice: str) -> Check:
    """One text only."""

    def check(value: object, name: str, problems: Problems) -> object:
        if value != choice:
            problems.append(f'{name}: Invalid input: expected "{choice}"')
        return value

    return check


def number(value: object, name: str, problems: Problems) -> object:
    """Any number that a JavaScript date can hold."""
    if not _is_number(value):
        problems.append(f"{name}: must be a number (received {_kind(value)})")
        return value
    return _within(value, name, problems, 0, LAST_MS)


def whole(least: int, most: int) -> Check:
    """A whole number, ``100.0`` too."""

    def check(value: object, name: str, problems: Problems) -> object:
        if not _is_number(value):
            problems.append(f"{name}: must be a number (received {_kind(value)})")
            return value
        if isinstance(value, float) and not value.is_integer():
            problems.append(f"{name}: Invalid input: expected int, received number")
            return value
        return _within(int(value), name, problems, least, most)  # type: ignore[call-overload]  # a number

    return check


def coerced(check: Check) -> Check:
    """A number that may be given as JavaScript's ``Number()`` reads it: a text of digits, null as 0."""
    return lambda value, name, problems: check(_as_number(value), name, problems)


def range_of(bound: Check) -> Check:
    """An object with ``start`` and ``end``."""

    def check(value: object, name: str, problems: Problems) -> object:
        if not isinstance(value, dict):
            problems.append(f"{name}: must be an object (received {_kind(value)})")
            return value
        return tuple(bound(value.get(end, UNSET), f"{name}.{end}", problems) for end in ("start", "end"))

    return check


def filters(value: object, name: str, problems: Problems) -> object:
    """At most five texts by property."""
    if not isinstance(value, dict):
        problems.append(f"{name}: must be an object (received {_kind(value)})")
        return value
    before = len(problems)
    for key, each in value.items():
        text(each, f"{name}.{key}", problems)
    if len(value) > 5 and len(problems) == before:
        problems.append(f"{name}: filter_by supports a maximum of 5 filters")
    return value


LAST_MS = 8_640_000_000_000_000
"""The last millisecond that a date of JavaScript can hold: the service is written in it."""


def _within(value: object, name: str, problems: Problems, least: int, most: int) -> object:
    assert isinstance(value, int | float)  # noqa: S101 the type checker cannot see it
    if value < least:
        problems.append(f"{name}: Too small: expected number to be >={least}")
    if value > most:
        problems.append(f"{name}: Too big: expected number to be <={most}")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _as_number(value: object) -> object:
    if value is None or isinstance(value, bool):
        return int(bool(value))
    if not isinstance(value, str):
        return value if isinstance(value, int | float) or value is UNSET else math.nan
    try:
        return float(value.strip() or 0)
    except ValueError:
        return math.nan


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if value is UNSET:
        return "undefined"
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return next(name for kind, name in NAMES if isinstance(value, kind))
