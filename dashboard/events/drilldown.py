"""The events behind one bar, and whether they add up to it: counted by Autumn's
aggregate, listed row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dashboard import messages
from dashboard.events.table import table, zone_of
from dashboard.formats import minute_text, number, plain
from dashboard.mount import Mount
from usage.charts.series import Reconciliation, Series, exact
from usage.errors import Unsupported
from usage.events.pages import EventPage
from usage.query import Query
from usage.window import local

NO_ROWS_FOR = {
    "$entity_id": messages.LIST_WITHOUT_ENTITIES,
    "$plan_id": messages.LIST_WITHOUT_PLANS,
}


@dataclass(frozen=True, slots=True)
class DrilldownCheck:
    """The line that reconciles rows with their bar. `agrees` is None where nothing can be said for sure yet.

    `bar`, `count`: what Autumn's figures say, where there are any of just this bar. `of`: how many rows there
    are in all, where Autumn counts the same as is listed. `total`, `events`, `sum`: Autumn's sum and count,
    and the sum of the rows, as plain decimals, empty where unknown.
    """

    agrees: bool | None
    total: str
    events: str
    sum: str
    bar: str | None
    count: str | None
    listed: str
    rows: str
    of: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Drilldown:
    """The events behind the bars of a mount's charts."""

    mount: Mount

    def context(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """The rows of the bar that `query` names by its window, and what Autumn counts there."""
        listed = self.mount.usage.page(query, now, refresh=refresh)
        plain = replace(
            query.having(), group_by=None, group=(), focus=None, compare=None, chart="bars", bin_size=None
        )
        try:
            check = check_rows(query, self.mount.usage.series(plain, now, refresh=refresh), listed, now)
        except Unsupported as error:
            check = _drilldown_check(None, listed, None, error.sentence, of=None)
        return {
            "table": table(self.mount, "events", query, listed, now),
            "window": _window(query, now),
            "check": check,
            "what": "bar" if names_a_line(query) else "bin",
        }


def names_a_line(query: Query) -> bool:
    """Whether these rows are those of lines of a chart.

    Other and (none) have no name, and so open a whole bin.
    """
    if query.group_by is None:
        return len(query.feature_id) == 1
    path = query.group_by.removeprefix("properties.")
    chosen = {item.value for item in query.filter if item.path == path}
    return query.group_by != path and bool(chosen) and chosen == set(query.group)


def check_rows(query: Query, series: Series, listed: EventPage, now: int) -> DrilldownCheck:
    """Compares the sum that Autumn counts with that of the rows, once all of them are listed."""
    counted = series.reconciliation
    if any(note.code == "filters-not-applied" for note in series.notes):
        return _drilldown_check(counted, listed, None, messages.COUNT_WITHOUT_FILTERS, of=None)
    rows = exact(sum(event.value for event in listed.events))
    is_complete = listed.next is None and query.before is None
    agrees = abs(exact(counted.total - rows)) <= 1e-9 * max(1.0, abs(rows)) and counted.count == len(
        listed.events
    )
    reason = NO_ROWS_FOR.get(query.group_by or "") if query.group else None
    if reason is None and is_complete and not agrees:
        running = query.end is None or query.end > now - 60_000
        reason = messages.EVENTS_STILL_ARRIVE if running else messages.CAUSE_UNKNOWN
    certain = agrees if is_complete and (agrees or not NO_ROWS_FOR.get(query.group_by or "")) else None
    return _drilldown_check(counted, listed, certain, reason, of=f"{counted.count:,}")


def _drilldown_check(
    counted: Reconciliation | None, listed: EventPage, agrees: bool | None, reason: str | None, of: str | None
) -> DrilldownCheck:
    return DrilldownCheck(
        agrees=agrees,
        total="" if counted is None else plain(counted.total),
        events="" if counted is None else plain(counted.count),
        sum=plain(exact(sum(event.value for event in listed.events))),
        bar=None if counted is None else number(counted.total),
        count=None if counted is None else f"{counted.count:,}",
        listed=number(exact(sum(event.value for event in listed.events))),
        rows=f"{len(listed.events):,}",
        of=of,
        reason=reason,
    )


def _window(query: Query, now: int) -> str:
    window = query.window(now)
    if window is None:
        return ""
    zone = query.zone
    last = f"{local(window.end, zone):%H:%M}" if window.length < 86_400_000 else minute_text(window.end, zone)
    return f"{minute_text(window.start, zone)} – {last} {zone_of((window.start, window.end), query)}"
