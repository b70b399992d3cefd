"""Where the pages are mounted: at the root for staff, below a share link, or below its preview."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from dashboard import messages
from dashboard.names.labels import Labels
from usage.query import BadQuery, Query
from usage.service import Usage
from usage.window import HOUR_MS, floor_hour

Page = Literal["overview", "events", "usage"]
Part = Literal["histogram", "facets", "more", "live", "drilldown", "rows", "explain"]


@dataclass(frozen=True, slots=True)
class Exporter:
    """Who takes an export. `key`: whose lease it takes; `name`: for the record.

    `still_has_access` is called repeatedly while the file is sent. `group`: how the keys of all begin that
    share a limit of exports between them; empty for those who share none.
    """

    key: str
    name: str
    still_has_access: Callable[[], bool]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount of the pages: its service, its address, and who is there.

    `names`: how the names of its routes begin. `exporter`: who takes an export from here. `context`: what its
    templates show beside the page. `entrance`: where its root leads, where that is not the overview.
    `snapshot_groupings`: what a snapshot's figures can be grouped by; None where figures are live. `labels`:
    what customers and features are called here.
    """

    usage: Usage
    exporter: Exporter
    root: str = "/"
    snapshot_groupings: tuple[str, ...] | None = None
    names: str = ""
    entrance: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    labels: Labels = field(default_factory=Labels)

    @property
    def shared(self) -> bool:
        """Whether this is a share: one customer, and no way out."""
        return self.usage.scope is not None

    @property
    def one_period(self) -> bool:
        """Whether one stretch of time is shown here and no other."""
        scope = self.usage.scope
        return scope is not None and scope.end is not None

    @property
    def exports(self) -> bool:
        """Whether figures may be taken away from here."""
        scope = self.usage.scope
        return scope is None or scope.exports

    def resolved(self, query: Query) -> Query:
        """What `query` means here: a share's own period where it names none.

        BadQuery for what no share answers.
        """
        scope = self.usage.scope
        if scope is None:
            return query
        if query.customer_id is not None:
            raise BadQuery("customer_id", messages.LINK_SHOWS_ONE_CUSTOMER)
        if scope.end is None or query.start is not None:
            return query
        if query.range != "30d":
            raise BadQuery("range", messages.LINK_SHOWS_ONE_PERIOD)
        return replace(query, range=None, start=scope.start or 0, end=scope.end)

    def url(self, page: Page, query: Query | None = None) -> str:
        """The address of a page, looking at `query`."""
        path = self.root if page == "overview" else f"{self.root}{page}/"
        return path if query is None else f"{path}?{self.params(query)}"

    def part(self, part: Part, query: Query) -> str:
        """The address of a part of the event browser."""
        return f"{self.root}events/{part}/?{self.params(query)}"

    def rows(self, query: Query) -> str:
        """The address of the rows of a usage page after `before`."""
        return f"{self.url('usage')}rows/?{self.params(query)}"

    def explain(self, query: Query, suffix: str = "/") -> str:
        """The address of what explains a change: its page, or its file."""
        return f"{self.url('usage')}explain{suffix}?{self.params(query)}"

    def export(self, page: Page, suffix: str, query: Query) -> str:
        """The address of everything that `query` matches, as a file."""
        return f"{self.url(page)}export.{suffix}?{self.params(query)}"

    def params(self, query: Query) -> str:
        """The query string of `query` here: a share's has no customer in it."""
        return (replace(query, customer_id=None) if self.shared else query).to_query_string()

    def frozen(self, page: Page, query: Query, now: int) -> str | None:
        """The address of the same view with its dates instead of a range that moves on; None where none
        moves.

        It ends with the last full hour, the last that Autumn's figures can tell apart.
        """
        window = query.window(now)
        if query.range is None or window is None:
            return None
        end = min(window.end, max(floor_hour(now), window.start + HOUR_MS))
        return self.url(page, query.having(range=None, start=window.start, end=end))
