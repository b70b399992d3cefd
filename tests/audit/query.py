"""Queries to the product: the parameters of its query string, and no derived values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query string.

    `start`, `end`: as written; `start_ms`, `end_ms`: the same moments in epoch milliseconds.
    """

    customer_id: str | None = None
    feature_id: tuple[str, ...] = ()
    entity_id: str | None = None
    range: str | None = None
    start: str | None = None
    end: str | None = None
    start_ms: int = 0
    end_ms: int | None = None
    bin_size: str | None = None
    group_by: str | None = None
    focus: str | None = None
    group: tuple[str, ...] = ()
    chart: str | None = None
    measure: str | None = None
    filter: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    value_min: str | None = None
    value_max: str | None = None
    compare: str | None = None
    tz: str = "UTC"
    columns: tuple[str, ...] = ()
    per_page: int | None = None

    @property
    def has_groups(self) -> bool:
        """Whether a chart has lines within a feature: its groups, or its balances."""
        return self.group_by is not None or self.measure == "deducted"

    def params(self) -> list[tuple[str, str]]:
        """The pairs of the query string, without absent parameters."""
        found: list[tuple[str, str]] = []
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name.endswith("_ms") or value is None:
                continue
            found += [(name, str(item)) for item in (value if isinstance(value, tuple) else (value,))]
        return found

    def url(self, path: str) -> str:
        """The address of a page or file with this query."""
        return f"{path}?{urlencode(self.params())}"

    def having(self, **changes: Any) -> Query:
        """The query with some parameters changed."""
        return replace(self, **changes)

    def between(self, start: int, end: int) -> Query:
        """The same query in [start, end), epoch milliseconds, written as digits."""
        return replace(self, range=None, start=str(start), start_ms=start, end=str(end), end_ms=end)
