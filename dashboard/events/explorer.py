"""The event browser: its page, and the parts that the page fetches for itself once its rows are there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dashboard.events.checks import findings_of
from dashboard.events.client_state import Display
from dashboard.events.facets import picks_of
from dashboard.events.filter_links import Narrow, can_name
from dashboard.events.histogram import Bars, bars_of
from dashboard.events.live_tail import arrivals
from dashboard.events.search_progress import scan_of
from dashboard.events.table import Table, table
from dashboard.formats import full_label, number
from dashboard.mount import Place
from usage.errors import Unsupported
from usage.events.checks import checks_of
from usage.events.facets import facets_of
from usage.events.match import flatten, matches
from usage.events.pages import EventPage
from usage.query import Query
from usage.results import Event

GROUPABLE = 40
"""So many of the newest rows' properties are offered to group by, and as columns."""


@dataclass(frozen=True, slots=True)
class Browser:
    """The event browser of a place. `display`: what the page that asks for a part shows already."""

    place: Place
    display: Display = field(default_factory=Display)

    def page(self, query: Query, now: int, refresh: bool) -> dict[str, Any]:
        """One page of rows, and the open one."""
        listed = self.place.usage.page(query, now, refresh=refresh)
        found = self._apart(query, listed, now)
        paths = paths_of(listed.events)
        rows = table(self.place, "events", query, listed, now, found)
        aside = query.having(until=listed.until)
        return {
            "table": rows,
            "scan": scan_of(self.place, query, listed, now, Display()) if query.has_row_filters else None,
            "aside": aside,
            "key": key_of(self.place, aside),
            "missing": query.event is not None and found is None and not _on_page(query, listed),
            "paths": paths,
            "picker": picker_of(self.place, query, rows, paths),
            "live": self._live(query, listed, now),
            "fresh": listed.fresh,
        }

    def histogram(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """Usage over the window, and how many events it has: one call answers both."""
        bars: Bars | None = None
        plain = replace(query.having(), group_by=None, group=(), focus=None, compare=None, chart="bars")
        try:
            series = self.place.usage.series(plain, now, refresh=refresh)
            bars = bars_of(series, self.place, query)
            sentence = None
        except Unsupported as error:
            sentence = error.sentence
        count = self.place.usage.count(query.having(), now)
        return {"bars": bars, "sentence": sentence, "total": None if count is None else number(count)}

    def facets(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """What the newest rows have in common, and what looks wrong with them: one call answers both."""
        newest = self.place.usage.newest(query, now, refresh=refresh)
        matching = [event for event in (*newest.ahead, *newest.events) if matches(query, event)]
        checks = checks_of(matching, now)
        if self.place.shared:  # what tells events apart may be what the link hides
            checks = replace(checks, duplicates=())
        return {
            "picks": picks_of(facets_of(newest.events), Narrow(self.place, "events", query)),
            "whole": newest.whole,
            "checked": number(checks.rows),
            "findings": findings_of(checks, self.place, query),
        }

    def more(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """The next step of a search: what it found, and where it stands."""
        listed = self.place.usage.page(query, now, refresh=refresh)
        return {
            "table": table(self.place, "events", query, listed, now, columns=self.display.columns),
            "scan": scan_of(self.place, query, listed, now, self.display),
        }

    def live(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """What arrived above the rows that the page shows, and how old that news is."""
        news = arrivals(self.place, query, self.display.top, now)
        listed = EventPage(news.events, news.until, None, len(news.events), False, news.fresh)
        behind = max(0, now - int(news.fresh.fetched_at * 1000))
        return {
            "table": table(self.place, "events", query.having(), listed, now, columns=self.display.columns),
            "missed": news.missed,
            "behind": behind,
        }

    def _live(self, query: Query, listed: EventPage, now: int) -> str | None:
        """Where the page asks for what is new: only where that would come on top."""
        window = query.window(now)
        is_newest = query.before is None and window is not None and window.end > now - 60_000
        return self.place.part("live", query) if is_newest else None

    def _apart(self, query: Query, listed: EventPage, now: int) -> Event | None:
        if query.event is None or _on_page(query, listed):
            return None
        return self.place.usage.event(query, query.event, now)


@dataclass(frozen=True, slots=True)
class Offer:
    """A property that can be a column."""

    path: str
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Picker:
    """The form that chooses columns. `carried`: the rest of the query; `usual`: without any chosen."""

    action: str
    carried: tuple[tuple[str, str], ...]
    offers: tuple[Offer, ...]
    usual: str | None


def picker_of(place: Place, query: Query, rows: Table, paths: Iterable[str]) -> Picker:
    """The choice of columns: those on display first, in their order, then what else the rows have."""
    names = [name for name in dict.fromkeys((*rows.chosen, *paths)) if can_name(name)]
    bare = query.having(columns=())
    shown = replace(bare, customer_id=None) if place.shared else bare
    return Picker(
        action=place.url("events"),
        carried=tuple(shown.to_params()),
        offers=tuple(Offer(name, full_label(name), name in rows.chosen) for name in names),
        usual=place.url("events", bare) if query.columns else None,
    )


def key_of(place: Place, query: Query) -> str:
    """Names a part by what it shows: while that stays the same, the page keeps the part that it has (hx-preserve)."""
    return hashlib.blake2b(place.params(query).encode(), digest_size=6).hexdigest()


def title_of(place: Place, query: Query) -> str:
    """Whose events these are."""
    scope = place.usage.scope
    customer = query.customer_id if scope is None else scope.customer_id
    return "All customers" if customer is None else full_label(customer)


def paths_of(events: Iterable[Event]) -> tuple[str, ...]:
    """The commonest properties of these rows, by name."""
    counts: dict[str, int] = {}
    for event in events:
        for path, value in flatten(event.properties):
            if not isinstance(value, list | dict):
                counts[path] = counts.get(path, 0) + 1
    return tuple(sorted(sorted(counts, key=lambda path: (-counts[path], path))[:GROUPABLE]))


def _on_page(query: Query, listed: EventPage) -> bool:
    return any((event.timestamp, event.id) == query.event for event in listed.events)
