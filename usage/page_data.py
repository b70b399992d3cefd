"""A chart and the newest events behind it, fetched side by side: what a page of usage shows at once."""

from __future__ import annotations

from dataclasses import dataclass

from usage.charts.series import Series
from usage.errors import Unsupported
from usage.events.pages import EventPage
from usage.freshness import Freshness, freshness_of
from usage.query import Query
from usage.service import Usage


@dataclass(frozen=True, slots=True)
class Look:
    """`series` is None where this server has no such figures; `sentence` says so. `fresh` is the older of the two."""

    series: Series | None
    sentence: str | None
    page: EventPage
    fresh: Freshness


def of_chart(query: Query) -> Query:
    """The rows that a chart of `query` shows: a grouped one is of one feature, known beforehand where it is named."""
    return query if query.group_by is None or query.focus is None else query.having(feature_id=(query.focus,))


def look(usage: Usage, query: Query, now: int, *, refresh: bool = False) -> Look:
    """Both for `query`; the rows are the newest of `of_chart`. Raises what either raises, the chart's error first."""

    def chart() -> tuple[Series | None, str | None]:
        try:
            return usage.series(query, now, refresh=refresh), None
        except Unsupported as error:
            return None, error.sentence

    (series, sentence), page = usage.side_by_side(
        chart, lambda: usage.page(of_chart(query).having(), now, refresh=refresh)
    )
    parts = [page.fresh] if series is None else [series.fresh, page.fresh]
    fresh = freshness_of(parts, bad_rows=page.fresh.bad_rows, foreign_rows=page.fresh.foreign_rows)
    return Look(series, sentence, page, fresh)
