"""What an explanation needs before its first call: the two periods, their bins, and how to ask for them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from usage import messages
from usage.api.calls import CallOptions
from usage.api.deadline import PAGE_S, Deadline
from usage.charts.chart_window import ChartWindow, chart_window_of
from usage.events.pages import EventReader
from usage.explain.explanation import ExplainRequest
from usage.features.names import FeatureCatalog
from usage.query import BadQuery, Query
from usage.query_resolver import QueryResolver
from usage.scope import Scope
from usage.window import DAY_MS

CALLS_OF_CYCLES = 2
"""Calls that tell when two billing cycles begin, at most."""
EXPLAIN_S = 30.0
"""Seconds for all calls of one request: it holds a thread."""
LONGEST_IN_HOURS_MS = 93 * DAY_MS
"""Longer periods are explained by days."""


@dataclass(frozen=True, slots=True)
class ExplainPreparation:
    """What reads a caller's events and resolves its queries."""

    resolver: QueryResolver
    reader: EventReader
    catalog: FeatureCatalog
    scope: Scope | None

    def request(self, query: Query, now: int, spent: int, *, refresh: bool) -> ExplainRequest:
        """The request of `query`, which is within the scope and has one feature. `spent`: calls made before.

        BadQuery where there is no previous period.
        """

        whole = Deadline.after(EXPLAIN_S)

        def new_options() -> CallOptions:
            return CallOptions(whole.within(PAGE_S), refresh=refresh)

        options = new_options()
        queries = self.resolver.chart_queries(query, now, options)
        names = self.catalog.named(query.feature_id, options).names
        if any("," in name for name in names):  # its bins have the events of its parts
            raise BadQuery("focus", messages.EXPLAIN_COMMA)
        window, cycle = self.resolver.window(query, now, options), None
        if window is None:
            cycle = self.resolver.cycle(queries, query, names, compared=True)
            window = cycle.window
        fine = replace(query, bin_size="hour" if window.length <= LONGEST_IN_HOURS_MS else "day")
        # Both periods of a cycle are requested at once, by whole hours.
        chart, fine_chart = (
            replace(chart_window_of(each, window, now, self.scope, cycle), cycle=None, previous_cycle=None)
            for each in (query, fine)
        )
        _check_compared(chart)
        listed, inside = replace(query, feature_id=names), self.resolver.inside(window)
        return ExplainRequest(
            query,
            query.feature_id[0],
            names,
            lambda: replace(queries, options=new_options()),
            lambda: self.reader.newest(listed, inside, now, new_options()),
            chart,
            fine_chart,
            self.scope,
            spent + (CALLS_OF_CYCLES if query.is_cycle else 0),
        )


def _check_compared(chart: ChartWindow) -> None:
    if chart.previous is None:
        reasons = [note.sentence for note in chart.notes if note.code == "no-comparison"]
        raise BadQuery("compare", " ".join(reasons))
