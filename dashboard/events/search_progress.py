"""How far a search through single rows has come: events.list filters by no property, so each row is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.events.client_state import ClientState
from dashboard.events.table import going_on, pinned_at
from dashboard.formats import moment, number
from dashboard.mount import Mount
from usage.events.pages import EventPage
from usage.query import Query


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """The line below the table. `on`: where the search goes on, as a page.

    `more`: where, as further rows of this one. `runs`: it goes on by itself, as the page is not full yet.
    """

    scanned: int
    found: int
    scanned_text: str
    found_text: str
    back: str
    percent: int | None
    on: str | None
    more: str | None
    runs: bool


def search_progress(
    mount: Mount, query: Query, listed: EventPage, now: int, before: ClientState
) -> SearchProgress:
    """The state of the search for `query` after the step that gave `listed`."""
    scanned, found = before.scanned + listed.scanned, before.found + len(listed.events)
    following = None if listed.next is None else going_on(pinned_at(query, listed.until), listed.next)
    return SearchProgress(
        scanned=scanned,
        found=found,
        scanned_text=number(scanned),
        found_text=number(found),
        back="" if listed.next is None else moment(listed.next.timestamp, query.zone),
        percent=_percent(query, listed, now),
        on=None if following is None else mount.url("events", following),
        more=None if following is None else mount.part("more", following),
        runs=listed.unfinished and found < query.per_page,
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
