"""What arrived since: the rows above those that a page shows, for a page with the live tail on."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.events.client_state import ClientState
from dashboard.events.table import next_page_query, pinned_query
from dashboard.formats import number
from dashboard.mount import Mount
from usage.events.match import matches
from usage.events.pages import MAX_LIMIT, SPARE, Newest, position_of
from usage.freshness import Freshness
from usage.query import Position, Query
from usage.results import Event
from usage.window import hour_end

MAX_AGE_MS = 4_000
"""The greatest age of a cached list that the live tail accepts.

All who watch the same list share its calls, so this is their pace together.
"""
WITHIN_S = 2.0
"""How long a poll waits for an answer: the next one comes soon."""
MAX_ROWS = 100
LATE_MS = 120_000
"""Events may arrive this much later than newer ones; the page drops those that it has."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Rows that the page may not have, newest first: those above its own, and those that may have come late.

    `missed`: how many more there are between these and the page's own, `misses_more` if there may be others.
    `until`: the list's pinned end.
    """

    events: tuple[Event, ...]
    missed: int
    misses_more: bool
    until: int
    fresh: Freshness


def arrivals(mount: Mount, query: Query, newest_shown: Position | None, now: int) -> Arrivals:
    """The rows above `newest_shown`, and those of the time just before it, which the page may have already.

    By a call at most that gives way to people who wait for a page, and another one where more have arrived
    than a page has.
    """
    limit = MAX_LIMIT if query.has_row_filters else min(MAX_LIMIT, query.per_page + SPARE)
    newest = mount.usage.newest(query, now, limit=limit, within_s=WITHIN_S)
    if now - newest.fresh.fetched_at * 1000 > MAX_AGE_MS:
        newest = _again(mount, query, limit, now)
    if limit < MAX_LIMIT and _ends_above(newest, newest_shown):
        newest = _again(mount, query, MAX_LIMIT, now)
    since = 0 if newest_shown is None else newest_shown.timestamp - LATE_MS
    above = [event for event in newest.events if newest_shown is None or position_of(event) > newest_shown]
    found = [event for event in newest.events if event.timestamp >= since and matches(query, event)]
    return Arrivals(
        events=tuple(found[:MAX_ROWS]),
        missed=max(0, sum(matches(query, event) for event in above) - MAX_ROWS),
        misses_more=_ends_above(newest, newest_shown),
        until=hour_end(now),
        fresh=newest.fresh,
    )


@dataclass(frozen=True, slots=True)
class MissedRows:
    """How many rows live tail has left out since it is on, `more` if at least. `href`: the list below those
    that it added last, which has them all.
    """

    count: int
    count_text: str
    more: bool
    href: str


def missed_rows(mount: Mount, query: Query, news: Arrivals, before: ClientState) -> MissedRows | None:
    """What `news` leaves out, with what earlier answers did; None if `news` leaves out nothing."""
    if not news.events or not (news.missed or news.misses_more):
        return None
    count, more = before.missed + news.missed, before.misses_more or news.misses_more
    pinned = pinned_query(query, news.until)
    below = next_page_query(pinned, position_of(news.events[-1]), query.columns)
    return MissedRows(count, number(count), more, mount.url("events", below))


def _again(mount: Mount, query: Query, limit: int, now: int) -> Newest:
    return mount.usage.newest(query, now, limit=limit, refresh=True, urgent=False, within_s=WITHIN_S)


def _ends_above(newest: Newest, newest_shown: Position | None) -> bool:
    """Whether rows may lie between the last of `newest` and `newest_shown`."""
    if newest.whole or newest_shown is None or not newest.events:
        return False
    return position_of(newest.events[-1]) > newest_shown
