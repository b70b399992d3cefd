"""What arrived since: the rows above those that a page shows, for the page that keeps asking."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from django.http import HttpRequest

from dashboard.place import Place
from usage.freshness import Freshness
from usage.listing import place_of
from usage.query import Position, Query, parse_position
from usage.results import Event
from usage.rows import matches

HEADER = "Live-After"
AGE_MS = 4_000
"""What is kept may be this old. All who watch the same list share its calls, so this is their pace together."""
MOST = 100


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Rows newer than the page's, newest first. `missed`: there are more than these. `until`: the list's pinned end."""

    events: tuple[Event, ...]
    missed: bool
    until: int
    fresh: Freshness


def top_of(request: HttpRequest) -> Position | None:
    """The newest row that the page shows, as it says itself; None for an empty page."""
    try:
        return parse_position(request.headers.get(HEADER, ""))
    except ValueError:
        return None


def arrivals(place: Place, query: Query, top: Position | None, now: int) -> Arrivals:
    """The rows above `top`, by a call at most that gives way to people who wait for a page."""
    newest = query.having()
    events, until, fresh = _rows(place, newest, now, refresh=False)
    if now - fresh.fetched_at * 1000 > AGE_MS:
        events, until, fresh = _rows(place, newest, now, refresh=True)
    found = list(takewhile(lambda event: top is None or place_of(event) > top, events))
    missed = len(found) > MOST or (top is not None and bool(events) and len(found) == len(events))
    return Arrivals(tuple(found[:MOST]), missed, until, fresh)


def _rows(place: Place, query: Query, now: int, *, refresh: bool) -> tuple[tuple[Event, ...], int, Freshness]:
    """The newest rows that match: a page of them, or those among the newest thousand where each must be looked at."""
    if not query.has_row_filters:
        listed = place.usage.page(query, now, refresh=refresh, urgent=not refresh)
        return listed.events, listed.until, listed.fresh
    newest = place.usage.newest(query, now, refresh=refresh, urgent=not refresh)
    until = int(newest.fresh.fetched_at * 1000)
    return tuple(event for event in newest.events if matches(query, event)), until, newest.fresh
