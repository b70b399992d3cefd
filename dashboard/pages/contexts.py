"""What each page shows of a query: the service's results, made ready for the templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dashboard import messages
from dashboard.charts import Panel, chart_panel
from dashboard.events.explorer import Explorer, page_title, paths_of
from dashboard.events.table import table, zone_of
from dashboard.formats import compact, date_text, exact_moment, full_label, label, relative
from dashboard.mount import Mount, Page
from dashboard.pages.status_bar import status_bar
from usage.charts.series import Series
from usage.freshness import Freshness, freshness_of
from usage.page_data import UsagePage, chart_rows
from usage.query import Query
from usage.window import local

NEWEST = 10


@dataclass(frozen=True, slots=True)
class Ranked:
    """A customer among the busiest: `share` of the largest, in percent, for the bar behind the figure."""

    id: str
    name: str
    title: str
    href: str
    sum: str
    share: int


@dataclass(frozen=True, slots=True)
class PageContexts:
    """The contexts of the pages of one mount."""

    mount: Mount

    def overview(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """Totals, busiest customers, newest events."""
        days = (
            None if query.is_cycle else query.range
        )  # a cycle belongs to one customer, and none is chosen here
        wide = Query(range=days, start=query.start, end=query.end, tz=query.tz, focus=query.focus)
        data = self.mount.usage.usage_page(wide.having(per_page=50), now, refresh=refresh)
        series = data.series
        busiest: tuple[Ranked, ...] = ()
        parts = [data.fresh]
        feature = None
        if series is not None and series.features:
            feature = series.focus or series.features[0].feature_id
            busiest, ranked_at = self._busiest(wide, feature, now)
            parts.append(ranked_at)
        fresh = freshness_of(parts, bad_rows=data.fresh.bad_rows, foreign_rows=data.fresh.foreign_rows)
        newest = replace(data.page, events=data.page.events[:NEWEST], next=None)
        return {
            "panel": None if series is None else self._panel(series, wide),
            "sentence": data.sentence or (messages.CYCLES_NEED_A_CUSTOMER if query.is_cycle else None),
            "is_partial": data.is_partial,
            "notes": data.page.notes,
            "busiest": busiest,
            "feature": None if feature is None else full_label(feature),
            "table": table(self.mount, "overview", wide, newest, now),
            "paths": (),
            "status_bar": status_bar(self.mount, query, fresh, now),
        }

    def events(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """One page of rows, and the open one."""
        exports = _exports(self.mount, "events", query, {"CSV": "csv", "JSON Lines": "jsonl"})
        shown = {"title": page_title(self.mount, query), "exports": exports}
        page = Explorer(self.mount).page(query, now, refresh)
        return page | shown | {"status_bar": status_bar(self.mount, query, page["fresh"], now)}

    def usage(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """The chart, its legend and cards, and the newest events behind it."""
        data = self.mount.usage.usage_page(query, now, refresh=refresh)
        return {
            "panel": None if data.series is None else self._panel(data.series, query),
            "sentence": data.sentence,
            "is_partial": data.is_partial,
            "notes": data.page.notes,
            "table": table(self.mount, "usage", query, data.page, now),
            "whole": query.group_by is None or len(chart_rows(query).feature_id) == 1,
            "all_events": self.mount.url("events", chart_rows(query)),
            "exports": _exports(self.mount, "usage", query, {"CSV": "csv"})
            if data.series is not None
            else (),
            "title": page_title(self.mount, query),
            "lead": _lead(data, query, now),
            "paths": paths_of(data.page.events),
            "status_bar": status_bar(self.mount, query, data.fresh, now),
        }

    def _panel(self, series: Series, requested: Query) -> Panel:
        known = self.mount.usage.features(series.query.customer_id)
        panel = chart_panel(
            series,
            requested=requested,
            base_path=self.mount.url("usage"),
            events_path=self.mount.url("events"),
            features=known,
            color_peers=series.named if series.query.group_by else (),
            ranges=self.mount.snapshot_groupings is None,
        )
        return panel if self.mount.exports else replace(panel, export="")

    def _busiest(self, query: Query, feature: str, now: int) -> tuple[tuple[Ranked, ...], Freshness]:
        busiest = self.mount.usage.busiest(query, feature, now)
        ranked = busiest.customers[:NEWEST]
        largest = max((abs(value) for _, value in ranked), default=0) or 1
        rows = tuple(
            Ranked(
                id=name,
                name=label(name),
                title=full_label(name),
                href=self.mount.url("usage", query.having(customer_id=name, focus=None)),
                sum=compact(value),
                share=round(100 * abs(value) / largest),
            )
            for name, value in ranked
        )
        return rows, busiest.fresh


@dataclass(frozen=True, slots=True)
class Lead:
    """The line below the title: when something last happened, and which days are shown."""

    last: str
    last_title: str
    window: str


def _lead(data: UsagePage, query: Query, now: int) -> Lead:
    zone = query.zone
    newest = data.page.events[0].timestamp if data.page.events else None
    window = ""
    if data.series is not None:
        first, last = data.series.bins.edges[0], min(data.series.bins.edges[-1] - 1, now)
        dates = f"{date_text(local(first, zone))} – {date_text(local(last, zone))}"
        window = f"{dates}, {zone_of((first, last), query)}"
    if newest is None:
        return Lead("No events in this time range", "", window)
    return Lead(f"Last event {relative(newest, now)}", exact_moment(newest, zone), window)


def _exports(
    mount: Mount, page: Page, query: Query, suffixes: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Names and addresses of the files that can be taken from a page: of all its rows, as of when they are
    taken.
    """
    if not mount.exports:
        return ()
    whole = query.having(until=query.until)
    return tuple((name, mount.export(page, suffix, whole)) for name, suffix in suffixes.items())
