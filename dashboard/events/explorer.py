"""The event browser: its page, and the parts that the page fetches for itself once its rows are there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dashboard import messages
from dashboard.events.check_results import check_results
from dashboard.events.client_state import ClientState
from dashboard.events.facets import facet_panel
from dashboard.events.filter_links import FilterLinks, can_name
from dashboard.events.histogram import Histogram, histogram_of
from dashboard.events.left_out import left_out
from dashboard.events.live_tail import arrivals, missed_rows
from dashboard.events.search_progress import search_progress
from dashboard.events.table import EventTable, table
from dashboard.formats import full_label, number
from dashboard.mount import Mount
from usage.errors import Unsupported
from usage.events.checks import checks_of
from usage.events.facets import MAX_PATHS, facets_of
from usage.events.match import flatten, matches
from usage.events.pages import EventPage
from usage.query import Query, is_path
from usage.results import Event

OFFERED_PATHS = 40
"""How many properties of the newest rows are offered to group by, and as columns."""


@dataclass(frozen=True, slots=True)
class Explorer:
    """The event explorer of a mount. `client_state`: what the page that requests a part shows already."""

    mount: Mount
    client_state: ClientState = field(default_factory=ClientState)

    def page(self, query: Query, now: int, refresh: bool) -> dict[str, Any]:
        """One page of rows, and the open one."""
        listed = self.mount.usage.page(query, now, refresh=refresh)
        found = self._apart(query, listed, now)
        paths = paths_of(listed.events)
        rows = table(self.mount, "events", query, listed, now, found)
        aside = query.having(until=listed.until)
        return {
            "table": rows,
            "progress": search_progress(self.mount, query, listed, now, ClientState(), rows.chosen)
            if query.has_row_filters
            else None,
            "aside": aside,
            "key": part_key(self.mount, aside),
            "missing": query.event is not None and found is None and not _on_page(query, listed),
            "paths": paths,
            "listed": listed,
            "column_picker": column_picker(self.mount, query, rows, paths),
            "live": self._live(query, listed, now),
            "fresh": listed.fresh,
            "notes": listed.notes,
        }

    def histogram(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """Usage over the window, and how many events it has: one call answers both."""
        histogram: Histogram | None = None
        ungrouped = query.having(group_by=None, group=(), focus=None, compare=None)
        plain = replace(ungrouped, chart="bars", measure="sum")
        try:
            series = self.mount.usage.series(plain, now, refresh=refresh)
            histogram = histogram_of(series, self.mount, query)
            sentence = None
        except Unsupported as error:
            sentence = error.sentence
        count = self.mount.usage.count(query.having(), now)
        return {
            "histogram": histogram,
            "sentence": sentence,
            "total": None if count is None else number(count),
        }

    def facets(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """Top values of the newest rows, and checks on them: one call answers both."""
        newest = self.mount.usage.newest(query, now, refresh=refresh)
        matching = [event for event in (*newest.ahead, *newest.events) if matches(query, event)]
        checks = checks_of(matching, now)
        if self.mount.shared:  # what distinguishes events may be what the link hides
            checks = replace(checks, duplicates=())
        facets = facets_of(newest.events, query)
        return {
            "facets": facet_panel(facets, FilterLinks(self.mount, "events", query)),
            "uncounted": messages.PROPERTIES_NOT_COUNTED if facets.left_out else None,
            "left_out": left_out(newest.fresh),
            "whole": newest.whole,
            "checked": number(checks.rows),
            "checks": check_results(checks, self.mount, query),
        }

    def more(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """The next step of a search: what it found, and where it stands."""
        listed = self.mount.usage.page(query, now, refresh=refresh)
        columns = self.client_state.columns
        return {
            "table": table(self.mount, "events", query, listed, now, columns=columns),
            "progress": search_progress(self.mount, query, listed, now, self.client_state, columns),
            "left_out": left_out(listed.fresh),
        }

    def live(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """What arrived above the rows that the page shows, and how old that news is."""
        news = arrivals(self.mount, query, self.client_state.newest, now)
        listed = EventPage(news.events, news.until, None, len(news.events), False, news.fresh)
        state, columns = self.client_state, self.client_state.columns
        return {
            "table": table(self.mount, "events", query.having(), listed, now, columns=columns),
            "left_out": left_out(news.fresh),
            "missed": missed_rows(self.mount, query.having(columns=columns), news, state),
            "behind": max(0, now - int(news.fresh.fetched_at * 1000)),
        }

    def _live(self, query: Query, listed: EventPage, now: int) -> str | None:
        """The URL for new rows, if they would be at the top."""
        window = query.window(now)
        is_newest = query.before is None and window is not None and window.end > now - 60_000
        return self.mount.part("live", query) if is_newest else None

    def _apart(self, query: Query, listed: EventPage, now: int) -> Event | None:
        if query.event is None or _on_page(query, listed):
            return None
        return self.mount.usage.event(query, query.event, now)


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """A property that can be a column."""

    path: str
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class ColumnPicker:
    """The form that chooses columns. `carried`: the rest of the query; `usual`: without any chosen."""

    action: str
    carried: tuple[tuple[str, str], ...]
    choices: tuple[ColumnChoice, ...]
    usual: str | None


def column_picker(mount: Mount, query: Query, rows: EventTable, paths: Iterable[str]) -> ColumnPicker:
    """The choice of columns: those on display first, in their order, then what else the rows have."""
    names = [name for name in dict.fromkeys((*rows.chosen, *paths)) if can_name(name) and is_path(name)]
    bare = query.having(columns=())
    shown = replace(bare, customer_id=None) if mount.shared else bare
    return ColumnPicker(
        action=mount.url("events"),
        carried=tuple(shown.to_params()),
        choices=tuple(ColumnChoice(name, full_label(name), name in rows.chosen) for name in names),
        usual=mount.url("events", bare) if query.columns else None,
    )


def part_key(mount: Mount, query: Query) -> str:
    """Names a part by what it shows: while that stays the same, the page keeps the part that it has
    (hx-preserve).
    """
    return hashlib.blake2b(mount.params(query).encode(), digest_size=6).hexdigest()


def page_title(mount: Mount, query: Query) -> str:
    """Whose events these are."""
    scope = mount.usage.scope
    customer = query.customer_id if scope is None else scope.customer_id
    if customer is None:
        return "All customers"
    return full_label(mount.labels.of_customer(customer) or customer)


def paths_of(events: Iterable[Event]) -> tuple[str, ...]:
    """The commonest properties of these rows, by name."""
    counts: dict[str, int] = {}
    for event in events:
        for path, value in flatten(event.properties):
            is_counted = path in counts or (len(counts) < MAX_PATHS and is_path(path))
            if is_counted and not isinstance(value, list | dict):
                counts[path] = counts.get(path, 0) + 1
    return tuple(sorted(sorted(counts, key=lambda path: (-counts[path], path))[:OFFERED_PATHS]))


def _on_page(query: Query, listed: EventPage) -> bool:
    return any((event.timestamp, event.id) == query.event for event in listed.events)
