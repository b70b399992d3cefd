"""What arrived since: the rows above those that a page shows, for the page that keeps asking."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from dashboard.mount import Mount
from usage.events.match import matches
from usage.events.pages import MAX_LIMIT, SPARE, position_of
from usage.freshness import Freshness
from usage.query import Position, Query
from usage.results import Event

MAX_AGE_MS = 4_000
"""The greatest age of a cached list that the live tail accepts.

All who watch the same list share its calls, so this is their pace together.
"""
MAX_ROWS = 100


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Rows newer than the page's, newest first.

    `missed`: there are more than these. `until`: the list's pinned end.
    """

    events: tuple[Event, ...]
    missed: bool
    until: int
    fresh: Freshness


def arrivals(mount: Mount, query: Query, newest_shown: Position | None, now: int) -> Arrivals:
    """The rows above `newest_shown`, by a call at most that gives way to people who wait for a page."""
    limit = MAX_LIMIT if query.has_row_filters else min(MAX_LIMIT, query.per_page + SPARE)
    newest = mount.usage.newest(query, now, limit=limit)
    if now - newest.fresh.fetched_at * 1000 > MAX_AGE_MS:
        newest = mount.usage.newest(query, now, limit=limit, refresh=True, urgent=False)
    above = list(
        takewhile(lambda event: newest_shown is None or position_of(event) > newest_shown, newest.events)
    )
    found = [event for event in above if matches(query, event)]
    missed = len(found) > MAX_ROWS or (
        newest_shown is not None and bool(above) and len(above) == len(newest.events)
    )
    return Arrivals(tuple(found[:MAX_ROWS]), missed, int(newest.fresh.fetched_at * 1000) + 1, newest.fresh)
