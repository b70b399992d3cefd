"""A condition as a person types it: `status=503`, `-status:200`, `properties.status:503`, `status is 503`."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from usage import messages
from usage.query import PropertyFilter

_SIGNS = re.compile(
    r"(?P<minus>[-!]?)\s*(?P<path>[^:=!<>\s][^:=!<>]*)(?P<sign>!=|==|[:=])\s*(?P<value>.+)", re.S
)
_WORDS = re.compile(r"(?P<path>\S+)\s+(?P<sign>is not|is)\s+(?P<value>.+)", re.S | re.I)
_QUOTED = re.compile(r"([\"'])(.*)\1", re.S)


class TypedCondition(NamedTuple):
    """A condition, and the parameter that it belongs to."""

    parameter: Literal["filter", "exclude"]
    condition: PropertyFilter


def parse_typed(text: str) -> TypedCondition:
    """The condition that `text` clearly means. Raises ValueError with a sentence where it means none.

    The sign that comes first counts, so that a value may contain others: `url=https://a:1`.
    """
    text = text.strip()
    found = _SIGNS.fullmatch(text) or _WORDS.fullmatch(text)
    if found is None:
        raise ValueError(messages.NOT_A_TYPED_FILTER)
    parts = found.groupdict()
    path, value = parts["path"].rstrip().removeprefix("properties."), parts["value"]
    if quoted := _QUOTED.fullmatch(value):
        value = quoted[2]
    excludes = bool(parts.get("minus")) != (parts["sign"].lower() in ("!=", "is not"))
    return TypedCondition("exclude" if excludes else "filter", PropertyFilter(path, value))
