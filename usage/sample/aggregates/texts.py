"""The names that values of properties have as groups, in the roll-up and in rows."""

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

from usage.sample.document import encoded
from usage.sample.numbers import shortest

LONGEST_ROLLED = 64
# Hexadecimal digits, tokens (UUIDs among them), numbers with a decimal point.
NOT_ROLLED = re.compile(r"[0-9A-Fa-f]{24,}|[A-Za-z0-9_-]{32,}|-?\d+\.\d+(e-?\d+)?")


class Texts(NamedTuple):
    """None: no group."""

    rolled: str | None
    plain: str | None


@lru_cache(maxsize=100_000)
def texts(key: str | None) -> Texts:
    """The names of a property, given as JSON text. The roll-up has fewer values, but objects among them."""
    value = None if key is None else json.loads(key)
    plain = _plain(value) or None
    rolled = encoded(value).decode() if isinstance(value, dict | list) and value != {} else plain
    if rolled and (len(rolled) > LONGEST_ROLLED or NOT_ROLLED.fullmatch(rolled)):
        rolled = None
    return Texts(rolled, plain)


def plain_text(key: str | None) -> str:
    """The text that filters compare, empty for values without a group."""
    return texts(key).plain or ""


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_item, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return shortest(value)
    return "" if value is None or isinstance(value, dict) else str(value)


def _item(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, dict):
        value = encoded(value).decode()
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return _plain(value)
