"""Names the cause of a difference: the known fault under which the answer is the right one.

Each known fault is a way to misread the question; an answer that is right for the misread question has that
fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from itertools import combinations

from tests.audit.asked import Asked
from tests.audit.calendars import HOUR, day_start
from tests.audit.findings import BY_ITSELF, Finding
from tests.audit.windows import Span
from tests.audit.world import Row

Judge = Callable[[Asked], list[Finding]]
Misread = Callable[[Asked], Asked | None]
MOST_AT_ONCE = 3


def explained(asked: Asked, judge: Judge) -> list[Finding]:
    """What is wrong with an answer: the fewest known causes that explain it, or else each difference."""
    found = judge(asked)
    silent = [each for each in found if not each.said and each.kind not in BY_ITSELF]
    if not silent:
        return found
    for names, altered in _misreadings(asked):
        rest = judge(altered)
        if all(each.kind in BY_ITSELF for each in rest):
            first = silent[0]
            return [*rest, *(Finding(name, f"{first.kind}: {first.shown}", first.right) for name in names)]
    return found


def _misreadings(asked: Asked) -> Iterator[tuple[tuple[str, ...], Asked]]:
    """The question as one known fault misreads it, then as two do, and so on."""
    known = [name for name, misread in MISREADINGS.items() if misread(asked) is not None]
    for size in range(1, min(MOST_AT_ONCE, len(known)) + 1):
        for names in combinations(known, size):
            altered: Asked | None = asked
            for name in names:
                altered = altered and MISREADINGS[name](altered)
            if altered is not None:
                yield names, altered


def _unfiltered(asked: Asked) -> Asked | None:
    ask = asked.ask
    if not (ask.filter or ask.exclude or ask.value_min or ask.value_max):
        return None
    return replace(asked, ask=ask.having(filter=(), exclude=(), value_min=None, value_max=None))


def _without_end_date(asked: Asked) -> Asked | None:
    ask = asked.ask
    if ask.end is None or not re.fullmatch(r"\d{4}-\d\d-\d\d", ask.end):
        return None
    end = day_start(date.fromisoformat(ask.end), ask.tz)
    return replace(asked, ask=ask.having(end=str(end), end_ms=end)) if end > ask.start_ms else None


def _stored_names(asked: Asked) -> Asked | None:
    if not asked.world.event_names:
        return None
    return replace(asked, world=replace(asked.world, event_names={}))


def _whole_hours_of_cycle(asked: Asked) -> Asked | None:
    if not asked.is_cycle or asked.cycle_span is not None:
        return None
    start = asked.span.start
    return replace(asked, cycle_span=Span(start - start % HOUR, asked.span.end))


def _one_cycle_to_now(asked: Asked) -> Asked | None:
    """Servers before September 2026 take `1bc` for one cycle's length before now."""
    own = next((each.cycle for each in asked.world.customers if each.id == asked.customer), None)
    if not asked.is_cycle or asked.cycle_span is not None or own is None:
        return None
    start = asked.now - (own.end - own.start)
    return replace(asked, cycle_span=Span(start - start % HOUR, asked.now))


def _to_the_hours_end(asked: Asked) -> Asked | None:
    if not any(row.timestamp > asked.now for row in asked.rows):
        return None
    return replace(asked, now=asked.now - asked.now % HOUR + HOUR - 1, ahead=False)


def _without_last_second(asked: Asked) -> Asked | None:
    """Newer servers cut bounds to whole seconds: a window asked until 23:59:59.999 ends a second early."""
    ends = [span.end for span in (asked.span, asked.compared.previous if asked.compared else None) if span]
    if asked.age != "newest" or asked.is_cycle:
        return None

    def kept(rows: tuple[Row, ...]) -> tuple[Row, ...]:
        return tuple(row for row in rows if not any(end - 1000 < row.timestamp < end for end in ends))

    customers = tuple(
        replace(each, rows=kept(each.rows), late=kept(each.late)) for each in asked.world.customers
    )
    return replace(asked, world=replace(asked.world, customers=customers))


MISREADINGS: dict[str, Misread] = {
    "filters ignored": _unfiltered,
    "end date left out": _without_end_date,
    "event names left out": _stored_names,
    "cycle in whole hours": _whole_hours_of_cycle,
    "cycle is one length to now": _one_cycle_to_now,
    "future rows only in charts of this hour": _to_the_hours_end,
    "last second of the window left out": _without_last_second,
}
