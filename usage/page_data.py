"""A chart and the newest events behind it: what a page of usage shows at once."""

from __future__ import annotations

from dataclasses import dataclass

from usage.charts.series import Series
from usage.events.pages import EventPage
from usage.freshness import Freshness, freshness_of
from usage.query import Query


@dataclass(frozen=True, slots=True)
class UsagePage:
    """`series` is None where this server has no such figures; `sentence` says so."""

    series: Series | None
    sentence: str | None
    page: EventPage

    @property
    def fresh(self) -> Freshness:
        """The older of the two, with the list's own counts of rows."""
        rows = self.page.fresh
        parts = [rows] if self.series is None else [self.series.fresh, rows]
        return freshness_of(parts, bad_rows=rows.bad_rows, foreign_rows=rows.foreign_rows)


def chart_rows(query: Query) -> Query:
    """The rows that a chart of `query` shows: a grouped one is of one feature, known beforehand where it is
    named.
    """
    return query if query.group_by is None or query.focus is None else query.having(feature_id=(query.focus,))
