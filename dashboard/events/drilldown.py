"""The events behind one bar, and whether they add up to it: counted by Autumn's
aggregate, listed row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dashboard import messages
from dashboard.events.left_out import left_out
from dashboard.events.table import table, zone_of
from dashboard.formats import minute_text, number, plain
from dashboard.mount import Mount
from usage.charts.series import Reconciliation, Series, exact, is_near
from usage.errors import Unsupported
from usage.events.pages import EventPage
from usage.freshness import Freshness, freshness_of
from usage.query import Query
from usage.window import local

UNKNOWN = Reconciliation(0.0, None, None)
NO_ROWS_FOR = {
    "$entity_id": messages.LIST_WITHOUT_ENTITIES,
    "$plan_id": messages.LIST_WITHOUT_PLANS,
}


@dataclass(frozen=True, slots=True)
class DrilldownCheck:
    """The line that reconciles rows with their bar. `agrees` is None where nothing can be said for sure yet.

    `bar`, `count`: what Autumn's figures say of just this bar, as text; empty where they don't. `shown`,
    `total`, `events`, `sum`: the bar's sum, Autumn's sum and count, and the sum of the rows, as plain
    decimals; empty where unknown, and sums of several features. `reason`: why they differ or can't be
    compared, `code`: its notice.
    """

    agrees: bool | None
    shown: str
    total: str
    events: str
    sum: str
    bar: str
    count: str
    listed: str
    rows: str
    reason: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Drilldown:
    """The events behind the bars of a mount's charts."""

    mount: Mount

    def context(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        """The rows of the bar that `query` names by its window, and what Autumn counts there."""
        listed = self.mount.usage.page(query, now, refresh=refresh)
        plain = replace(
            query.having(),
            group_by=None,
            group=(),
            focus=None,
            compare=None,
            chart="bars",
            measure="sum",
            bin_size=None,
        )
        parts = [listed.fresh]
        try:
            series = self.mount.usage.series(plain, now, refresh=refresh)
            check = self._checked(query, series, listed, now)
            if check.agrees is False and not _are_together(series.fresh, listed.fresh):
                listed = self.mount.usage.page(query, now, refresh=True)
                series = self.mount.usage.series(plain, now, refresh=True)
                check = self._checked(query, series, listed, now)
            parts = [series.fresh, listed.fresh]
        except Unsupported as error:
            check = _check_line(UNKNOWN, listed, None, error.sentence)
        return {
            "as_of": _as_of(freshness_of(parts), query),
            "table": table(self.mount, "events", query, listed, now),
            "window": _window(query, now),
            "check": check,
            "left_out": left_out(listed.fresh) if check.code != "unreadable-rows" else None,
            "what": "bar" if names_a_line(query) else "bin",
        }

    def _checked(self, query: Query, series: Series, listed: EventPage, now: int) -> DrilldownCheck:
        """The check, its sums with their unit where they are of one feature."""
        check = check_rows(query, series, listed, now)
        features = {event.feature_id for event in listed.events} if not query.feature_id else query.feature_id
        if len(features) != 1:
            return check
        unit = self.mount.labels.unit_of(next(iter(features)))
        return replace(
            check,
            bar=check.bar and unit.after(check.bar, float(check.shown)),
            listed=check.listed and unit.after(check.listed, float(check.sum)),
        )


def _are_together(one: Freshness, other: Freshness) -> bool:
    """Whether both were fetched at one moment, and may be compared."""
    return abs(one.fetched_at - other.fetched_at) <= 1


def _as_of(fresh: Freshness, query: Query) -> str:
    at = local(int(fresh.fetched_at * 1000), query.zone)
    return f"as of {at:%H:%M:%S}" + ("" if fresh.source != "stale" else ", stale")


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
    """Compares what Autumn counts with the rows, once all of them are listed."""
    counted = _counted(series)
    if query.measure == "deducted":
        return _check_line(counted, listed, None, messages.ROWS_OF_DEDUCTIONS)
    if any(note.code == "filters-not-applied" for note in series.notes):
        return _check_line(counted, listed, None, messages.COUNT_WITHOUT_FILTERS, "filters-not-applied")
    if query.group and (reason := NO_ROWS_FOR.get(query.group_by or "")):
        return _check_line(counted, listed, None, reason)
    if listed.next is not None or query.before is not None:
        return _check_line(counted, listed, None, "")
    if _agrees(counted, listed):
        return _check_line(counted, listed, True, "")
    reason, code = _cause(query, series, counted, listed, now)
    return _check_line(counted, listed, False, reason, code)


def _counted(series: Series) -> Reconciliation:
    """What Autumn counts: of one feature its sum too, of several just the number of events."""
    if len(series.features) == 1:
        return series.features[0].reconciliation
    return Reconciliation(0.0, None if series.features else 0.0, series.count)


def _agrees(counted: Reconciliation, listed: EventPage) -> bool:
    sums = [counted.bars, counted.total] if counted.total is not None else []
    has_sum = all(is_near(each, _sum_of(listed)) for each in sums if each is not None)
    return has_sum and counted.count in (None, len(listed.events))


def _cause(
    query: Query, series: Series, counted: Reconciliation, listed: EventPage, now: int
) -> tuple[str, str]:
    """Why rows and count differ, as a sentence, and the code of its notice."""
    if listed.fresh.bad_rows:
        return messages.UNREADABLE_ROWS.format(count=listed.fresh.bad_rows), "unreadable-rows"
    if any(note.code == "windows-widened" for note in series.notes):
        return messages.COUNT_IN_WHOLE_HOURS, "windows-widened"
    zeros = sum(event.value == 0 for event in listed.events)
    missing = exact(counted.bars - _sum_of(listed))
    if counted.count == len(listed.events) and zeros and missing in range(1, zeros + 1):
        return messages.VALUES_NOT_STORED.format(count=int(missing)), "rows-disagree"
    running = query.end is None or query.end > now - 60_000
    if running:
        return messages.EVENTS_STILL_ARRIVE, "events-arriving"
    return messages.CAUSE_UNKNOWN, "rows-disagree"


def _sum_of(listed: EventPage) -> float:
    return exact(sum(event.value for event in listed.events))


def _check_line(
    counted: Reconciliation, listed: EventPage, agrees: bool | None, reason: str, code: str = ""
) -> DrilldownCheck:
    one = len({event.feature_id for event in listed.events}) <= 1 or counted.total is not None
    return DrilldownCheck(
        agrees=agrees,
        total="" if counted.total is None else plain(counted.total),
        events="" if counted.count is None else str(counted.count),
        sum=plain(_sum_of(listed)) if one else "",
        shown="" if counted.total is None else plain(counted.bars),
        bar="" if counted.total is None else number(counted.bars),
        count="" if counted.count is None else f"{counted.count:,}",
        listed=number(_sum_of(listed)) if one else "",
        rows=f"{len(listed.events):,}",
        reason=reason,
        code=code,
    )


def _window(query: Query, now: int) -> str:
    window = query.window(now)
    if window is None:
        return ""
    zone = query.zone
    last = f"{local(window.end, zone):%H:%M}" if window.length < 86_400_000 else minute_text(window.end, zone)
    return f"{minute_text(window.start, zone)} – {last} {zone_of((window.start, window.end), query)}"
