"""Which filters of a query Autumn can apply to figures."""

from __future__ import annotations

import re

from usage.events.match import EXACT_UP_TO
from usage.query import Query
from usage.scope import Scope

MAX_FILTERS = 5
_WIRE_PATH = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")


def wire_filters(query: Query, scope: Scope | None) -> dict[str, str]:
    """`filter_by`: the property filters that Autumn can apply to aggregates, at most five, with one value
    each. To Autumn an empty value is every event without the property. Within a scope, only listed paths:
    Autumn's figures would tell whether a guess about another one is right.
    """
    paths = [item.path for item in query.filter]
    single = [
        item
        for item in query.filter
        if _compares_text(item.value)
        and paths.count(item.path) == 1
        and _WIRE_PATH.fullmatch(item.path)
        and (scope is None or scope.lists(item.path))
    ]
    return {item.path: item.value for item in single[:MAX_FILTERS]}


def _compares_text(value: str) -> bool:
    """Whether Autumn finds the events with this value: it compares texts, of single values only, and writes
    large numbers its own way.
    """
    if value == "null" or value.startswith(("[", "{")):
        return False
    try:
        return bool(value) and not abs(float(value)) >= EXACT_UP_TO
    except ValueError:
        return True


def conditions(query: Query) -> int:
    """How many conditions on rows a query has."""
    return (
        len(query.filter) + len(query.exclude) + (query.value_min is not None) + (query.value_max is not None)
    )
