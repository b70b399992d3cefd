"""How far a search through single rows has come: events.list filters by no property, so each row is looked
at.
"""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.events.client_state import ClientState
from dashboard.events.table import next_page_query, pinned_query
from dashboard.formats import moment, number
from dashboard.mount import Mount
from usage.events.pages import EventPage
from usage.query import Query


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """The line at the head of the list. `next_page`: where the search goes on, as a page.

    `next_step`: where, as further rows of this one. `continues`: it goes on by itself, as the page is not
    full yet.
    """

    searched: int
    matches: int
    searched_text: str
    matches_text: str
    back_to: str
    percent: int | None
    next_page: str | None
    next_step: str | None
    continues: bool


def search_progress(
    mount: Mount,
    query: Query,
    listed: EventPage,
    now: int,
    client_state: ClientState,
    columns: tuple[str, ...],
) -> SearchProgress:
    """The state of the search for `query` after the step that gave `listed`. `columns`: the table's."""
    searched, matches = client_state.searched + listed.scanned, client_state.matches + len(listed.events)
    following = None
    if listed.next is not None:
        following = next_page_query(pinned_query(query, listed.until), listed.next, columns)
    return SearchProgress(
        searched=searched,
        matches=matches,
        searched_text=number(searched),
        matches_text=number(matches),
        back_to="" if listed.next is None else moment(listed.next.timestamp, query.zone),
        percent=_percent(query, listed, now),
        next_page=None if following is None else mount.url("events", following),
        next_step=None if following is None else mount.part("more", following),
        continues=listed.unfinished and matches < query.per_page,
    )


def _percent(query: Query, listed: EventPage, now: int) -> int | None:
    """By time, which is known, not by rows, which aren't. A billing cycle's bounds are Autumn's."""
    window = query.window(now)
    if listed.next is None:
        return 100
    if window is None:
        return None
    whole = max(1, min(window.end, listed.until) - window.start)
    return max(0, min(99, 100 * (listed.until - listed.next.timestamp) // whole))
