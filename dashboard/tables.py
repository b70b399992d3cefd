"""Rows of a list → a table as the page draws it: ready texts and ready links, nothing left to decide. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from dashboard.explain import Told, pretty, why
from dashboard.formats import exact_moment, full_label, label, moment, number, relative, zone_name
from dashboard.place import Page, Place
from usage.listing import EventPage, place_of
from usage.query import Position, Query
from usage.results import Event
from usage.rows import MISSING, flatten, lookup, text_of

DEFAULT_COLUMNS = 3
FEW_VALUES = 20
"""A property with more values than this on a page says little at a glance, and is no column unless chosen."""
REST = 4


@dataclass(frozen=True, slots=True)
class Cell:
    """A column's value in a row; `title` has what `text` cut off. A row without the property has none."""

    text: str
    title: str


@dataclass(frozen=True, slots=True)
class Detail:
    """An open row."""

    id: str
    when: str
    value: str
    feature: str
    json: str
    why: list[list[Told]]
    link: str


@dataclass(frozen=True, slots=True)
class Row:
    """One event. `href` opens it, or closes the open one."""

    id: str
    time: str
    title: str
    customer: Cell
    customer_href: str
    feature: Cell
    value: str
    cells: tuple[Cell | None, ...]
    rest: tuple[tuple[str, str], ...]
    href: str
    detail: Detail | None


@dataclass(frozen=True, slots=True)
class Table:
    """A page of rows and the way around it."""

    columns: tuple[str, ...]
    with_customer: bool
    zone: str
    rows: tuple[Row, ...]
    apart: Detail | None
    numbers: str
    newest: str | None
    next: str | None
    unfinished: str | None
    scanned: int


def table(
    place: Place, page: Page, query: Query, listed: EventPage, now: int, found: Event | None = None
) -> Table:
    """The table of `listed`. `found`: the open event where it is not among the rows on display."""
    columns = query.columns or _common(listed.events)
    pinned = query if query.until is not None else query.having(**_here(query), until=listed.until)
    maker = _Rows(place, page, pinned, columns, now)
    following = None if listed.next is None else _on(pinned, listed.next)
    more = None if following is None else place.url(page, following)
    return Table(
        columns=tuple(map(full_label, columns)),
        with_customer=query.customer_id is None,
        zone=zone_name(now, query.zone),
        rows=tuple(maker.row(event) for event in listed.events),
        apart=None if found is None else maker.detail(found),
        numbers=_numbers(query, len(listed.events)),
        newest=place.url(page, query.having()) if query.before is not None else None,
        next=None if listed.unfinished else more,
        unfinished=more if listed.unfinished else None,
        scanned=listed.scanned,
    )


def _here(query: Query) -> dict[str, Any]:
    return {"before": query.before, "page": query.page, "event": query.event}


def _on(query: Query, at: Position) -> Query:
    return query.having(until=query.until, before=at, page=query.page + 1)


def _numbers(query: Query, shown: int) -> str:
    first = (query.page - 1) * query.per_page
    return f"{number(first + 1)}–{number(first + shown)}" if shown else "0"


def _common(events: Iterable[Event]) -> tuple[str, ...]:
    """The commonest properties of these rows that tell rows apart."""
    counts: Counter[str] = Counter()
    values: dict[str, set[str]] = {}
    for event in events:
        for path, value in flatten(event.properties, depth=1):
            if isinstance(value, str | int | float | bool):
                counts[path] += 1
                values.setdefault(path, set()).add(text_of(value))
    telling = [path for path in counts if len(values[path]) <= FEW_VALUES and len(path) <= 24]
    return tuple(sorted(telling, key=lambda path: (-counts[path], path))[:DEFAULT_COLUMNS])


def _cell(value: Any) -> Cell | None:
    if value is MISSING:
        return None
    text = text_of(value)
    return Cell(label(text), full_label(text))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Makes rows: what is the same for all of them is worked out once."""

    place: Place
    page: Page
    query: Query
    columns: Sequence[str]
    now: int

    def row(self, event: Event) -> Row:
        at = place_of(event)
        is_open = self.query.event == at
        here = {"until": self.query.until, "before": self.query.before, "page": self.query.page}
        zone: tzinfo = self.query.zone
        return Row(
            id=event.id,
            time=moment(event.timestamp, zone, millis=True),
            title=f"{exact_moment(event.timestamp, zone)}, {relative(event.timestamp, self.now)}",
            customer=Cell(label(event.customer_id), full_label(event.customer_id)),
            customer_href=self.place.url("usage", Query(customer_id=event.customer_id, tz=self.query.tz)),
            feature=Cell(label(event.feature_id), full_label(event.feature_id)),
            value=number(event.value),
            cells=tuple(_cell(lookup(event.properties, path)) for path in self.columns),
            rest=self._rest(event),
            href=self.place.url(self.page, self.query.having(**here, event=None if is_open else at)),
            detail=self.detail(event) if is_open else None,
        )

    def detail(self, event: Event) -> Detail:
        zone = self.query.zone
        alone = Query(
            customer_id=self.query.customer_id,
            tz=self.query.tz,
            start=event.timestamp - 60_000 if event.timestamp >= 60_000 else 0,
            end=event.timestamp + 60_000,
            event=place_of(event),
        )
        return Detail(
            id=full_label(event.id),
            when=exact_moment(event.timestamp, zone),
            value=number(event.value),
            feature=full_label(event.feature_id),
            json=pretty(event),
            why=why(event, zone),
            link=self.place.url("events", alone),
        )

    def _rest(self, event: Event) -> tuple[tuple[str, str], ...]:
        others = ((path, value) for path, value in event.properties.items() if path not in self.columns)
        return tuple(
            (label(path, 24), label(text_of(value), 32))
            for (path, value), _ in zip(others, range(REST), strict=False)
        )
