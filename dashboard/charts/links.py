"""Where a chart's parts lead: the same query with one thing changed, never a string put together by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlencode

from usage.charts.series import Kind
from usage.query import BadQuery, PropertyFilter, Query

PROPERTY = "properties."


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

    def bins(self, edges: Sequence[int]) -> list[str]:
        """For each bin, all events of every line that the chart shows.

        Of hundreds of links only two numbers differ.
        """
        pairs = self._of_chart().having(range=None, start=0, end=1).to_params()
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
        if kind == "feature" and name.strip():
            query = query.having(feature_id=(name,))
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

    def feature(self, name: str) -> str | None:
        """A card's link: this feature in the chart."""
        return self.to(focus=name, group=())

    def _asking(self, **changes: object) -> Query | None:
        try:
            return self.query.having(**changes)
        except BadQuery:
            return None

    def _of_chart(self) -> Query:
        shown = self.query.having(bin_size=None, compare=None, chart="bars", focus=None)
        if self.focus and self.focus.strip():
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
