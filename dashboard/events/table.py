"""Rows of a list → a table as the page draws it: ready texts and ready links, nothing left to decide.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, quote_plus

from dashboard.charts.colors import feature_colors
from dashboard.events.columns import Column, columns_of, usual_columns, width_for
from dashboard.events.detail import EventDetail, event_detail
from dashboard.events.filter_links import FilterLinks
from dashboard.formats import (
    MAX_LABEL,
    date_text,
    full_label,
    label,
    number,
    offset_name,
    relative,
    whole_number,
    zone_name,
)
from dashboard.forms import MAX_TEXT_LENGTH
from dashboard.mount import Mount, Page
from usage.events.match import MISSING, lookup, text_of
from usage.events.pages import EventPage, position_of
from usage.query import Position, Query
from usage.results import Event
from usage.window import local

MAX_REST = 4
SHORT_NAME, SHORT_VALUE = 24, 32
PLACEHOLDER = Position(0, "x")


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in a row; `title` has what `text` cut off, `raw` the value itself, percent-encoded, where it is
    another.

    A row without the property has no cell. `id`: the customer's ID where `text` is a name. `slot`: the color
    of a feature.
    """

    text: str
    title: str
    raw: str | None = None
    id: str = ""
    slot: str = ""


@dataclass(frozen=True, slots=True)
class PropertyText:
    """One of a row's properties that have no column.

    `key`: its path, percent-encoded, where `name` is another.
    """

    name: str
    cell: Cell
    key: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """One event. `href` opens it, or closes the open one."""

    time: str
    title: str
    customer: Cell
    feature: Cell
    value: str
    cells: tuple[Cell | None, ...]
    rest: tuple[PropertyText, ...]
    href: str
    detail: EventDetail | None


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
    rows: tuple[Row, ...]
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
    if columns is None:
        columns = query.columns or usual_columns(listed.events or listed.read)
    pinned = pinned_query(query, listed.until)
    features = {event.feature_id for event in listed.events}
    renderer = _RowRenderer(mount, page, pinned, columns, now, features)
    rows = tuple(map(renderer.row, listed.events))
    searches = listed.unfinished and query.has_row_filters
    following = None if listed.next is None or searches else next_page_query(pinned, listed.next, columns)
    return EventTable(
        columns=columns_of(columns, listed.events),
        value_width=width_for(max((len(row.value) for row in rows), default=0)),
        chosen=columns,
        with_customer=query.customer_id is None and not mount.shared,
        zone=zone_of(_first_and_last(query, listed, now), query),
        base=mount.url("events" if page == "overview" else page, query.having()),
        rows=rows,
        apart=None if found is None else event_detail(found, mount, renderer.filter_links, now),
        numbers=_row_numbers(query, len(rows)),
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


def _row_numbers(query: Query, shown: int) -> str:
    """The numbers of these rows.

    Unknown for later pages of a search, which does not count earlier matches.
    """
    if query.has_row_filters:
        return f"{number(shown)} matches"
    first = (_page_number(query) - 1) * query.per_page
    return f"{number(first + 1)}–{number(first + shown)}" if shown else "0"


def _new_cell(text: str, most: int) -> Cell:
    shown = label(text, most)
    if shown == text:
        return Cell(text, text)
    # One character more than a filter may have says that there is none.
    return Cell(shown, full_label(text), quote(text[: MAX_TEXT_LENGTH + 1], safe=""))


def _named_cell(name: str, id_: str) -> Cell:
    title = f"{full_label(name)} ({full_label(id_)})"
    return Cell(label(name), title, quote(id_, safe=""), label(id_, SHORT_NAME))


def _quoted(event_id: str) -> str:
    plain = event_id.isascii() and event_id.isidentifier()
    return event_id if plain else quote_plus(event_id)


class _RowRenderer:
    """Renders rows. It caches what many of them have in common: cells, and the address around an event."""

    def __init__(
        self,
        mount: Mount,
        page: Page,
        query: Query,
        columns: Sequence[str],
        now: int,
        features: Collection[str],
    ) -> None:
        self.mount, self.page, self.query, self.columns, self.now = mount, page, query, columns, now
        self.filter_links = FilterLinks(
            mount, "events" if page == "overview" else page, query, tuple(columns)
        )
        self.colors = feature_colors(mount, query.customer_id, features)
        self._address = self._around_event()
        self._cells: dict[tuple[str, int], Cell] = {}
        self._named: dict[tuple[str, str], Cell] = {}

    def row(self, event: Event) -> Row:
        is_open = self.query.event == position_of(event)
        at = local(event.timestamp, self.query.zone)
        time = f"{date_text(at)} {at:%H:%M:%S}.{event.timestamp % 1000:03d}"
        return Row(
            time=time,
            title=f"{time} {offset_name(at)}, {relative(event.timestamp, self.now)}",
            customer=self._customer(event.customer_id),
            feature=self._feature(event.feature_id),
            value=whole_number(event.value),
            cells=tuple([self._cell_of(lookup(event.properties, path)) for path in self.columns]),
            rest=self._rest(event),
            href=self._closed() if is_open else self._opens(event),
            detail=event_detail(event, self.mount, self.filter_links, self.now) if is_open else None,
        )

    def _cell(self, text: str, most: int = MAX_LABEL) -> Cell:
        """Most values of a page are on it many times."""
        if len(text) > MAX_TEXT_LENGTH:
            return _new_cell(text, most)
        cell = self._cells.get((text, most))
        if cell is None:
            self._cells[text, most] = cell = _new_cell(text, most)
        return cell

    def _customer(self, customer_id: str) -> Cell:
        cell = self._named.get((customer_id, "customer"))
        if cell is None:
            name = self.mount.labels.of_customer(customer_id) if not self.mount.shared else None
            cell = self._cell(customer_id) if name is None else _named_cell(name, customer_id)
            self._named[customer_id, "customer"] = cell
        return cell

    def _feature(self, feature_id: str) -> Cell:
        cell = self._named.get((feature_id, "feature"))
        if cell is None:
            name = self.mount.labels.feature_text(feature_id)
            cell = self._cell(feature_id) if name == feature_id else _named_cell(name, feature_id)
            self._named[feature_id, "feature"] = cell = replace(cell, id="", slot=self.colors[feature_id])
        return cell

    def _cell_of(self, value: Any) -> Cell | None:
        return None if value is MISSING else self._cell(text_of(value))

    def _rest(self, event: Event) -> tuple[PropertyText, ...]:
        others = [path for path in event.properties if path not in self.columns][:MAX_REST]
        return tuple([self._property(path, text_of(event.properties[path])) for path in others])

    def _property(self, path: str, text: str) -> PropertyText:
        name = self._cell(path, SHORT_NAME)
        return PropertyText(name.text, self._cell(text, SHORT_VALUE), name.raw)

    def _closed(self) -> str:
        return self.mount.url(self.page, self._with(None))

    def _opens(self, event: Event) -> str:
        before, after = self._address
        return f"{before}{event.timestamp}%2C{_quoted(event.id)}{after}"

    def _around_event(self) -> tuple[str, str]:
        """The address of an open row, before and behind the event: a query string is too dear to make for
        each.
        """
        whole = self.mount.url(self.page, self._with(PLACEHOLDER))
        before, after = whole.split(f"event={quote_plus(str(PLACEHOLDER))}", 1)
        return f"{before}event=", after

    def _with(self, event: Position | None) -> Query:
        query = self.query
        return query.having(until=query.until, before=query.before, page=query.page, event=event)
