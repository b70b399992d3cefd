"""A page of a list → a table with the way around it: ready texts and ready links, nothing left to decide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from dashboard.events.columns import Column
from dashboard.events.detail import EventDetail, event_detail
from dashboard.events.rows import drawn_rows, has_customers, links_of_cells
from dashboard.formats import number, zone_name
from dashboard.mount import Mount, Page
from dashboard.web.templates import PackedHtml
from usage.events.pages import EventPage
from usage.query import Position, Query
from usage.results import Event


@dataclass(frozen=True, slots=True)
class EventTable:
    """A page of rows and the way around it.

    `base`: where the script adds a condition when a cell is clicked. `value_width`: the class of its width.
    `next`: it names the columns, so that those chosen from the first page's rows stay.
    """

    columns: tuple[Column, ...]
    value_width: str
    chosen: tuple[str, ...]
    with_customer: bool
    zone: str
    base: str
    rows: Markup | PackedHtml
    apart: EventDetail | None
    numbers: str
    newest: str | None
    next: str | None

    @property
    def columns_header(self) -> str:
        """The columns, as the page repeats them when it requests further rows."""
        return ",".join(quote(path, safe="") for path in self.chosen)


def table(
    mount: Mount,
    page: Page,
    query: Query,
    listed: EventPage,
    now: int,
    found: Event | None = None,
    columns: tuple[str, ...] | None = None,
) -> EventTable:
    """The table of `listed`. `found`: the open event where it is not among the rows on display.

    `columns`: those of the table that these rows are for, if there is one already.
    """
    pinned = pinned_query(query, listed.until)
    drawn = drawn_rows(mount, page, pinned, listed, now, columns)
    chosen = drawn.chosen
    searches = listed.unfinished and query.has_row_filters
    following = None if listed.next is None or searches else next_page_query(pinned, listed.next, chosen)
    apart = None
    if found is not None:
        apart = event_detail(found, mount, links_of_cells(mount, page, pinned, chosen), now)
    return EventTable(
        columns=drawn.columns,
        value_width=drawn.value_width,
        chosen=chosen,
        with_customer=has_customers(mount, query),
        zone=zone_of(_first_and_last(query, listed, now), query),
        base=mount.url("events" if page == "overview" else page, query.having()),
        rows=drawn.html,
        apart=apart,
        numbers=row_numbers(query, len(listed.events)),
        newest=mount.url(page, query.having()) if query.before is not None else None,
        next=None if following is None else mount.url(page, following),
    )


def zone_of(moments: Iterable[int], query: Query) -> str:
    """The offset in force at all of these moments, or the zone's name where there is more than one."""
    offsets = {zone_name(ms, query.zone) for ms in moments}
    return offsets.pop() if len(offsets) == 1 else query.tz


def _first_and_last(query: Query, listed: EventPage, now: int) -> list[int]:
    """The first and the last moment of a table: of its rows, and of those that a search may still find."""
    events = listed.events
    ends = [events[0].timestamp, events[-1].timestamp] if events else [now]
    window = query.window(now) if listed.unfinished else None
    return ends if window is None else [*ends, window.start]


def pinned_query(query: Query, until: int) -> Query:
    """The query of a page as its own links repeat it: what arrives later is not on it."""
    here = {"before": query.before, "page": query.page, "event": query.event}
    return query if query.until is not None else query.having(**here, until=until)


def next_page_query(pinned: Query, at: Position, columns: tuple[str, ...]) -> Query:
    """The page after `pinned`, with the same columns."""
    return pinned.having(until=pinned.until, before=at, page=_page_number(pinned) + 1, columns=columns)


def _page_number(query: Query) -> int:
    """Without a position in the list a page is the first, whatever it is called."""
    return 1 if query.before is None else query.page


def row_numbers(query: Query, shown: int) -> str:
    """The numbers of these rows.

    Unknown for later pages of a search, which does not count earlier matches.
    """
    if query.has_row_filters:
        return f"{number(shown)} matches"
    first = (_page_number(query) - 1) * query.per_page
    return f"{number(first + 1)}–{number(first + shown)}" if shown else "0"
