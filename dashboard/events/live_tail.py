"""What arrived since: the rows above those that a page shows, for a page with the live tail on."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.mount import Mount
from usage.events.match import matches
from usage.events.pages import MAX_LIMIT, SPARE, position_of
from usage.freshness import Freshness
from usage.query import Position, Query
from usage.results import Event
from usage.window import hour_end

MAX_AGE_MS = 4_000
"""The greatest age of a cached list that the live tail accepts.

All who watch the same list share its calls, so this is their pace together.
"""
MAX_ROWS = 100
LATE_MS = 120_000
"""Events may arrive this much later than newer ones; the page drops those that it has."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Rows that the page may not have, newest first: those above its own, and those that may have come late.

    `missed`: there are more than these. `until`: the list's pinned end.
    """

    events: tuple[Event, ...]
    missed: bool
    until: int
    fresh: Freshness


def arrivals(mount: Mount, query: Query, newest_shown: Position | None, now: int) -> Arrivals:
    """The rows above `newest_shown`, and those of the time just before it, which the page may have already.

    By a call at most that gives way to people who wait for a page.
    """
    limit = MAX_LIMIT if query.has_row_filters else min(MAX_LIMIT, query.per_page + SPARE)
    newest = mount.usage.newest(query, now, limit=limit)
    if now - newest.fresh.fetched_at * 1000 > MAX_AGE_MS:
        newest = mount.usage.newest(query, now, limit=limit, refresh=True, urgent=False)
    since = 0 if newest_shown is None else newest_shown.timestamp - LATE_MS
    above = [event for event in newest.events if newest_shown is None or position_of(event) > newest_shown]
    found = [event for event in newest.events if event.timestamp >= since and matches(query, event)]
    is_cut = not newest.whole and bool(newest.events) and newest.events[-1].timestamp >= since
    missed = sum(matches(query, event) for event in above) > MAX_ROWS or (
        newest_shown is not None and is_cut and len(above) == len(newest.events)
    )
    return Arrivals(tuple(found[:MAX_ROWS]), missed, hour_end(now), newest.fresh)
