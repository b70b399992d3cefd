"""Names the cause of a difference: the known fault with which the answer would be correct.

Each known fault is a way to misinterpret the query; an answer that is correct for the misinterpreted query
has that fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from itertools import combinations

from tests.audit.calendars import HOUR, day_start
from tests.audit.findings import BY_ITSELF, Finding
from tests.audit.requested import Requested
from tests.audit.windows import Span
from tests.audit.world import Row

Judge = Callable[[Requested], list[Finding]]
Misread = Callable[[Requested], Requested | None]
MOST_AT_ONCE = 3


def explained(requested: Requested, judge: Judge) -> list[Finding]:
    """The faults of an answer: the fewest known causes that explain it, or else each difference."""
    found = judge(requested)
    silent = [each for each in found if not each.said and each.kind not in BY_ITSELF]
    if not silent:
        return found
    for names, altered in _misreadings(requested):
        rest = judge(altered)
        if all(each.kind in BY_ITSELF for each in rest):
            first = silent[0]
            return [*rest, *(Finding(name, f"{first.kind}: {first.shown}", first.right) for name in names)]
    return found


def _misreadings(requested: Requested) -> Iterator[tuple[tuple[str, ...], Requested]]:
    """The query as one known fault misinterprets it, then as two do, and so on."""
    known = [name for name, misread in MISREADINGS.items() if misread(requested) is not None]
    for size in range(1, min(MOST_AT_ONCE, len(known)) + 1):
        for names in combinations(known, size):
            altered: Requested | None = requested
            for name in names:
                altered = altered and MISREADINGS[name](altered)
            if altered is not None:
                yield names, altered


def _unfiltered(requested: Requested) -> Requested | None:
    query = requested.query
    if not (query.filter or query.exclude or query.value_min or query.value_max):
        return None
    return replace(requested, query=query.having(filter=(), exclude=(), value_min=None, value_max=None))


def _without_end_date(requested: Requested) -> Requested | None:
    query = requested.query
    if query.end is None or not re.fullmatch(r"\d{4}-\d\d-\d\d", query.end):
        return None
    end = day_start(date.fromisoformat(query.end), query.tz)
    return replace(requested, query=query.having(end=str(end), end_ms=end)) if end > query.start_ms else None


def _stored_names(requested: Requested) -> Requested | None:
    if not requested.world.event_names:
        return None
    return replace(requested, world=replace(requested.world, event_names={}))


def _whole_hours_of_cycle(requested: Requested) -> Requested | None:
    if not requested.is_cycle or requested.cycle_span is not None:
        return None
    start = requested.span.start
    return replace(requested, cycle_span=Span(start - start % HOUR, requested.span.end))


def _one_cycle_to_now(requested: Requested) -> Requested | None:
    """Servers before September 2026 return one cycle's length before now for `1bc`."""
    own = next((each.cycle for each in requested.world.customers if each.id == requested.customer), None)
    if not requested.is_cycle or requested.cycle_span is not None or own is None:
        return None
    start = requested.now - (own.end - own.start)
    return replace(requested, cycle_span=Span(start - start % HOUR, requested.now))


def _without_last_second(requested: Requested) -> Requested | None:
    """Newer servers cut bounds to whole seconds: a window that ends at 23:59:59.999 ends a second early."""
    ends = [
        span.end
        for span in (requested.span, requested.compared.previous if requested.compared else None)
        if span
    ]
    if requested.age != "newest" or requested.is_cycle:
        return None

    def stored(rows: tuple[Row, ...]) -> tuple[Row, ...]:
        return tuple(row for row in rows if not any(end - 1000 < row.timestamp < end for end in ends))

    customers = tuple(
        replace(each, rows=stored(each.rows), late=stored(each.late)) for each in requested.world.customers
    )
    return replace(requested, world=replace(requested.world, customers=customers))


MISREADINGS: dict[str, Misread] = {
    "filters ignored": _unfiltered,
    "end date left out": _without_end_date,
    "event names left out": _stored_names,
    "cycle in whole hours": _whole_hours_of_cycle,
    "cycle is one length to now": _one_cycle_to_now,
    "last second of the window left out": _without_last_second,
}
