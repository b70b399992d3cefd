"""What each page shows of a query: the service's results, made ready for the templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dashboard import messages, services
from dashboard.charts.legend import bound_sign
from dashboard.charts.picture import PictureSubject
from dashboard.events.client_state import ClientState
from dashboard.events.columns import usual_columns
from dashboard.events.explorer import Explorer, page_title, paths_of
from dashboard.events.table import row_numbers, table, zone_of
from dashboard.explain.context import Explain
from dashboard.formats import compact, date_text, exact_moment, full_label, label, number, relative
from dashboard.mount import Mount, Page
from dashboard.pages.add_filter import MAX_PROPERTIES, MAX_VALUES
from dashboard.pages.chart_part import cards_part, chart_part
from dashboard.pages.filter_bar import active_filters
from dashboard.pages.moved import moved_panel
from dashboard.pages.no_matches import no_matches
from dashboard.pages.page_customer import PlanText, plan_texts
from dashboard.pages.status_bar import status_bar
from dashboard.web.templates import PackedHtml
from usage.catalog import Customer
from usage.charts.series import Bound, Series
from usage.errors import UsageError
from usage.events.facets import Facets, facets_of
from usage.events.pages import EventPage, position_of
from usage.freshness import Freshness, freshness_of
from usage.page_data import UsagePage, chart_rows
from usage.query import BadQuery, Query
from usage.window import local

NEWEST = 10
FIRST_ROWS = 25
"""Rows that a usage page comes with: the others are sent when somebody scrolls to them."""
MAX_SEEN = 1_000
"""Rows of which it is counted what can be filtered by."""
SEEN_BYTES = 100_000
"""What these counts take, about."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A customer among the busiest: `share` of the largest, in percent, for the bar behind the figure.

    `id_text`: the ID where `name` is another, else empty. `bound`: what `sum` says of the true one.
    """

    id: str
    name: str
    title: str
    id_text: str
    href: str
    sum: str
    bound: Bound
    share: int


@dataclass(frozen=True, slots=True)
class PageContexts:
    """The contexts of the pages of one mount. `client_state`: what the page that asks shows already."""

    mount: Mount
    client_state: ClientState = field(default_factory=ClientState)

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
        feature, busiest_missing, moved, moves_missing = None, None, None, None
        if series is not None and series.features:
            feature = series.focus or series.features[0].feature_id
            try:
                busiest, ranked_at = self._busiest(wide, feature, now)
                parts.append(ranked_at)
            except (UsageError, BadQuery) as error:
                busiest_missing = messages.BUSIEST_NOT_LOADED.format(error=error.sentence)
            try:
                moves = self.mount.usage.moves(series, feature)
                moved = moved_panel(self.mount, moves, wide)
                parts.append(moves.fresh)
            except (UsageError, BadQuery) as error:
                moves_missing = messages.MOVES_NOT_LOADED.format(error=error.sentence)
        rows = data.fresh
        fresh = freshness_of(
            parts,
            bad_rows=rows.bad_rows,
            foreign_rows=rows.foreign_rows,
            repaired_rows=rows.repaired_rows,
        )
        newest = replace(data.page, events=data.page.events[:NEWEST], next=None)
        return {
            "cards": None if series is None else cards_part(self.mount, series, wide),
            "sentence": data.sentence or (messages.CYCLES_NEED_A_CUSTOMER if query.is_cycle else None),
            "is_partial": data.is_partial,
            "notes": data.page.notes,
            "busiest": busiest,
            "busiest_missing": busiest_missing,
            "moved": moved,
            "moves_missing": moves_missing,
            "feature": None if feature is None else full_label(self.mount.labels.feature_text(feature)),
            "table": table(self.mount, "overview", wide, newest, now),
            "paths": (),
            "status_bar": status_bar(self.mount, query, fresh, now),
        }

    def events(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """One page of rows, and the open one."""
        exports = _exports(self.mount, "events", query, {"CSV": "csv", "JSON Lines": "jsonl"})
        page = Explorer(self.mount).page(query, now, refresh)
        shown = {
            "refreshed": refresh,
            "title": page_title(self.mount, query),
            "exports": exports,
            "seen": SeenProperties.of(page["listed"]).facets,
            "no_matches": no_matches(self.mount, "events", query, page["listed"]),
        }
        return page | shown | {"status_bar": status_bar(self.mount, query, page["fresh"], now)}

    def usage(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """The chart, its legend and cards, and the newest events behind it."""
        self.mount.labels.begin_details(query.customer_id)
        shown = _drawn(query)
        data = self.mount.usage.usage_page(shown, now, refresh=refresh)
        customer, seen = self.mount.labels.details(), SeenProperties.of(data.page)
        return {
            "chart": None if data.series is None else self._chart(data.series, query, customer),
            "plans": () if customer is None else self._plans(customer, query),
            "sentence": data.sentence,
            "is_partial": data.is_partial,
            "notes": data.page.notes,
            **self._first_rows(query, data.page, seen.columns, now),
            "whole": shown.group_by is None or len(chart_rows(shown).feature_id) == 1,
            "all_events": self.mount.url("events", chart_rows(shown).having(group_by=query.group_by)),
            "exports": _exports(self.mount, "usage", query, {"CSV": "csv"})
            if data.series is not None
            else (),
            "title": page_title(self.mount, query),
            "lead": _lead(data, query, now),
            "paths": seen.paths,
            "seen": seen.facets,
            "no_matches": no_matches(self.mount, "usage", query, data.page),
            "compared": _compared_dates(data.series),
            "status_bar": status_bar(self.mount, query, data.fresh, now),
        }

    def _first_rows(
        self, query: Query, listed: EventPage, columns: tuple[str, ...], now: int
    ) -> Mapping[str, Any]:
        """The rows that are sent with the page, and where the others are; all of them where it has them
        already, or one is open.
        """
        has_all = query.event is not None or self.client_state.rows > FIRST_ROWS
        first = listed if has_all else replace(listed, events=listed.events[:FIRST_ROWS])
        more = len(listed.events) - len(first.events)
        last = query.having(until=listed.until, before=position_of(first.events[-1])) if more else None
        return {
            "table": table(self.mount, "usage", query, first, now, columns=query.columns or columns),
            "more": number(more),
            "more_rows": None if last is None else self.mount.rows(last),
        }

    def rows(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """The rows after `before` of a usage page, which the page requests when it is scrolled to them."""
        of_chart = chart_rows(_drawn(query)).having()
        listed = self.mount.usage.page(of_chart, now, refresh=refresh)
        places = [position_of(event) for event in listed.events]
        if query.before in places:
            events = listed.events[places.index(query.before) + 1 :]
        else:  # more have arrived since than a page has
            listed = self.mount.usage.page(replace(of_chart, until=query.until, before=query.before), now)
            events = listed.events[: query.per_page - FIRST_ROWS]
        listed, pinned = replace(listed, events=events), query.having(until=query.until)
        return {
            "table": table(self.mount, "usage", pinned, listed, now, columns=self.client_state.columns),
            "numbers": row_numbers(query.having(), FIRST_ROWS + len(events)),
        }

    def explanation(self, step: int | None, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """Why usage changed, as far as that step."""
        found = Explain(self.mount, step).context(query, now, refresh)
        return {**found, "status_bar": status_bar(self.mount, query, found["fresh"], now)}

    def _plans(self, customer: Customer, query: Query) -> tuple[PlanText, ...]:
        """The active plans; none where one period is shown, to which today's do not belong."""
        return () if self.mount.one_period else plan_texts(customer, query.zone)

    def _chart(self, series: Series, requested: Query, customer: Customer | None) -> PackedHtml:
        return chart_part(self.mount, series, requested, self._subject(requested), customer)

    def _subject(self, query: Query) -> PictureSubject:
        """Whose usage a picture of the chart shows, and under which conditions."""
        scope = self.mount.usage.scope
        customer = query.customer_id if scope is None else scope.customer_id
        conditions = tuple(each.text for each in active_filters(query, self.mount, "usage"))
        if customer is None:
            return PictureSubject(conditions=conditions)
        name = full_label(self.mount.labels.customer_text(customer))
        return PictureSubject(name, customer, conditions)

    def _busiest(self, query: Query, feature: str, now: int) -> tuple[tuple[Ranked, ...], Freshness]:
        busiest = self.mount.usage.busiest(query, feature, now)
        ranked = busiest.customers[:NEWEST]
        unit = self.mount.labels.unit_of(feature)
        largest = max((abs(each.sum) for each in ranked), default=0) or 1
        rows = []
        for each in ranked:
            name, bound = self.mount.labels.of_customer(each.id), each.bound
            rows.append(
                Ranked(
                    id=each.id,
                    name=label(name or each.id),
                    title=full_label(self.mount.labels.customer_text(each.id)),
                    id_text=label(each.id) if name else "",
                    href=self.mount.url("usage", query.having(customer_id=each.id, focus=None)),
                    sum=bound_sign(bound) + unit.after(compact(each.sum), each.sum),
                    bound=bound,
                    share=round(100 * abs(each.sum) / largest),
                )
            )
        return tuple(rows), busiest.fresh


@dataclass(frozen=True, slots=True)
class SeenProperties:
    """What the newest rows that were read for a page have in common, whether they match or not; the
    commonest properties of those that match, and those that are columns unless others are chosen.
    """

    facets: Facets
    paths: tuple[str, ...]
    columns: tuple[str, ...]

    @classmethod
    def of(cls, listed: EventPage) -> SeenProperties:
        """Counted once for the same answers."""
        rows = listed.read[:MAX_SEEN]

        def counted() -> SeenProperties:
            facets = facets_of(rows, paths=MAX_PROPERTIES, values=MAX_VALUES)
            return cls(facets, paths_of(listed.events), usual_columns(listed.events or listed.read))

        if not listed.bodies:
            return counted()
        ids = (tuple(event.id for event in each) for each in (rows, listed.events))
        size = sum(map(len, listed.bodies)) + SEEN_BYTES
        return services.rendered_parts().get(("seen", listed.bodies, *ids), counted, size=size)


def _drawn(query: Query) -> Query:
    """What a page draws of `query`. Panels show whole features: groups cost a call, and would be those of one
    feature only.
    """
    return replace(query, group_by=None, group=()) if query.chart == "panels" else query


def _compared_dates(series: Series | None) -> str:
    """The dates that a chart is compared with; empty without a comparison."""
    if series is None or series.previous_bins is None:
        return ""
    zone = series.query.zone
    start, end = series.previous_bins.named_ends(zone)
    first, last = date_text(local(start, zone)), date_text(local(end - 1, zone))
    return first if first == last else f"{first} – {last}"


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
        first, end = data.series.bins.named_ends(zone)
        last = min(end - 1, now)
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
