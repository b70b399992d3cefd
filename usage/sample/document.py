"""An event's properties as the database stores them, and as a list shows them.

A key with a dot is a path; null and ``{}`` are not stored; a whole number has no fraction, and a date no
slashes.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

SLASHED_DATE = re.compile(r"\d{4}/(0[1-9]|1[0-2])/(0[1-9]|[12]\d|3[01])")
# Most texts are stored unchanged: those without null, {}, a key with a dot, such a date, 1.0 or 1e9. Each has
# its own pattern that starts with literal characters: one pattern for all takes four times as long.
DOTTED_KEY = re.compile(r'\.(?:[^"\\]|\\.)*":')
SLASHES = re.compile(r"/\d\d/")
WHOLE = re.compile(r"\.0[,\]}]")
EXPONENT = re.compile(r"e\+?\d+[,\]}]")
LONG_NUMBER = re.compile(r"\d{16}")


def stored(properties: Mapping[str, Any]) -> str:
    """Properties as JSON text. Raises ValueError where one path has two values."""
    text = encoded(properties).decode()
    return encoded(_nested(properties)).decode() if _may_change(text) else text


def _may_change(text: str) -> bool:
    return (
        "null" in text
        or "{}" in text
        or DOTTED_KEY.search(text) is not None
        or SLASHES.search(text) is not None
        or WHOLE.search(text) is not None
        or EXPONENT.search(text) is not None
    )


def shown(text: str) -> bytes:
    """Stored properties as a list returns them: whole numbers above 2^53 are doubles there."""
    if LONG_NUMBER.search(text) is None:
        return text.encode()
    return encoded(json.loads(text, parse_int=_double))


def encoded(value: object) -> bytes:
    """Compact JSON. Lone surrogates are escaped and whole numbers may have any length."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return re.sub("[\ud800-\udfff]", lambda lone: f"\\u{ord(lone[0]):04x}", text).encode()


def _double(digits: str) -> int | float:
    value = int(digits)
    return value if abs(value) < 2**53 else float(digits)


def _nested(properties: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in properties.items():
        normalized = _normalized(value)
        if normalized is not None and normalized != {}:
            _place(nested, key.split(".") if "." in key.strip(".") else [key], normalized)
    return nested


def _place(nested: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        nested = nested.setdefault(part, {})
        if not isinstance(nested, dict):
            raise ValueError(f"{'.'.join(path)} has two values")
    there = nested.get(path[-1])
    if isinstance(there, dict) and isinstance(value, dict):
        for part, inner in value.items():
            _place(there, [part], inner)
    elif there is None:
        nested[path[-1]] = value
    else:
        raise ValueError(f"{'.'.join(path)} has two values")


def _normalized(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("/", "-") if SLASHED_DATE.fullmatch(value) else value
    if isinstance(value, dict):
        return _nested(value)
    if isinstance(value, list):
        return [_normalized(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value) if abs(value) < 1e21 else value
    return value
