"""Where a chart's parts lead: the same query with one thing changed, never a string put together by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlencode

from usage.charts.series import Kind
from usage.query import BadQuery, PropertyFilter, Query

PROPERTY = "properties."
MAX_EVENT_NAMES = 50
"""Features that a query string can name."""


@dataclass(frozen=True, slots=True)
class Links:
    """Links of one page: `base` is where its charts live, `events` where its rows do."""

    query: Query
    focus: str | None
    base: str
    events: str

    def to(self, **changes: object) -> str | None:
        """The usage page with other parameters; None where no query can ask for
        them, such as a blank name.
        """
        query = self._asking(**changes)
        return None if query is None else f"{self.base}?{query.to_query_string()}"

    def bins(self, edges: Sequence[int], feature: str | None = None) -> list[str]:
        """For each bin, all events of every line that the chart shows, or of one `feature`.

        Of hundreds of links only two numbers differ.
        """
        shown = self._of_chart() if feature is None else self._of_feature(feature)
        pairs = shown.having(range=None, start=0, end=1).to_params()
        names, parts = [name for name, _ in pairs], [urlencode([pair]) for pair in pairs]
        first, last = names.index("start"), names.index("end")
        hrefs = []
        for start, end in pairwise(edges):
            parts[first], parts[last] = f"start={start}", f"end={end}"
            hrefs.append(f"{self.events}?{'&'.join(parts)}")
        return hrefs

    def rows_of(self, kind: Kind, name: str) -> str:
        """The query string of one line's events; the link of a bin adds its `start` and `end`."""
        query = self._of_chart()
        if kind == "feature":
            query = self._of_feature(name)
        elif query.measure == "deducted":
            return _without_window(query)
        elif kind == "group" and self.query.group_by == "$customer_id" and name.strip():
            query = query.having(group=(), group_by=None, customer_id=name)
        elif kind == "group" and self._can_filter(name):
            query = query.having(group=(name,), filter=self._only(name))
        elif kind == "group":
            query = query.having(group=(name,))
        return _without_window(query)

    def range(self) -> str:
        """The query string of the usage page without its window, which a selection adds; bins fit themselves
        to it.
        """
        return _without_window(self.query.having(bin_size=None))

    def only(self, kind: Kind, name: str) -> str | None:
        """Only this line, or all of them again. Other and (none) have no name to ask for."""
        if kind == "feature":
            return self.to(feature_id=() if self.query.feature_id == (name,) else (name,))
        if kind == "group" and name:
            return self.to(group=() if self.query.group == (name,) else (name,))
        return None

    def hide(self, name: str) -> str | None:
        """The same chart without this line, or with it again."""
        left = tuple(other for other in self.query.hide if other != name)
        return self.to(hide=left if name in self.query.hide else (*left, name))

    def feature(self, name: str) -> str | None:
        """A card's link: this feature in the chart, alone where all were in panels."""
        chart = "bars" if self.query.chart == "panels" else self.query.chart
        return self.to(focus=name, group=(), hide=(), chart=chart)

    def explain(self, feature: str) -> str | None:
        """What explains the change of a feature; None without a comparison, and of deducted balances."""
        if self.query.compare is None or self.query.measure == "deducted" or not feature.strip():
            return None
        query = self._asking(focus=feature, group=(), hide=())
        return None if query is None else f"{self.base}explain/?{query.to_query_string()}"

    def by_event_name(self, name: str, event_names: tuple[str, ...]) -> str | None:
        """A feature, and beside it each other name of its events as if it were a feature of its own; None
        where there is none, or there are too many.
        """
        others = [other for other in event_names if other != name and other.strip()]
        if not others or len(others) >= MAX_EVENT_NAMES:
            return None
        return self.to(feature_id=(name, *others), focus=name, group=(), hide=())

    def _asking(self, **changes: object) -> Query | None:
        try:
            return self.query.having(**changes)
        except BadQuery:
            return None

    def _of_feature(self, name: str) -> Query:
        query = self._of_chart()
        # Rows cannot be chosen by the balance that they drew on.
        return query.having(feature_id=(name,)) if name.strip() and query.measure != "deducted" else query

    def _of_chart(self) -> Query:
        shown = self.query.having(bin_size=None, compare=None, chart="bars", focus=None)
        if self.query.chart == "panels":
            return shown.having(group=())  # they show features as a whole
        if self.focus and self.focus.strip() and shown.measure != "deducted":
            shown = shown.having(feature_id=(self.focus,))
        chosen = self.query.group
        if chosen and all(map(self._can_filter, chosen)):
            return shown.having(filter=self._only(*chosen))
        if len(chosen) == 1 and self.query.group_by == "$customer_id" and chosen[0].strip():
            return shown.having(group=(), group_by=None, customer_id=chosen[0])
        return shown

    def _can_filter(self, name: str) -> bool:
        return bool(name) and (self.query.group_by or "").startswith(PROPERTY)

    def _only(self, *names: str) -> tuple[PropertyFilter, ...]:
        path = (self.query.group_by or "").removeprefix(PROPERTY)
        others = (item for item in self.query.filter if item.path != path)
        return (*others, *(PropertyFilter(path, name) for name in names))


def _without_window(query: Query) -> str:
    pairs = query.having(range=None, start=0, end=1).to_params()
    return urlencode([pair for pair in pairs if pair[0] not in ("start", "end")])
