"""One query with everything that its result depends on: the world, the time and the server's capabilities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from tests.audit import truth
from tests.audit.calendars import is_off_hour
from tests.audit.query import Query
from tests.audit.truth import Group, Reading, Sums
from tests.audit.windows import Compared, Span, Tie, compared, default_size, hour_end, span_of
from tests.audit.world import Row, World


@dataclass(frozen=True)
class Requested:
    """A query as answered at `now`, epoch milliseconds.

    `late`: the late rows have arrived. `cycle_span`: replaces the customer's own billing cycle.
    """

    query: Query
    world: World
    age: str
    now: int
    late: bool = False
    customer_id: str | None = None
    cycle_span: Span | None = None

    @property
    def customer(self) -> str | None:
        """The customer of the query: a shared page does not name it."""
        return self.query.customer_id or self.customer_id

    @cached_property
    def rows(self) -> list[Row]:
        """All rows of the customer, entity and features, at any time."""
        query = self.query
        wanted = {name for feature in query.feature_id for name in self.world.names_of(feature)}
        return [
            row
            for row in self.world.rows(late=self.late)
            if self.customer in (None, row.customer_id)
            and (not wanted or row.feature_id in wanted)
            and query.entity_id in (None, row.entity_id)
        ]

    @cached_property
    def late_ids(self) -> frozenset[str]:
        """The ids of the rows that arrive late."""
        return frozenset(row.id for each in self.world.customers for row in each.late)

    @cached_property
    def compared(self) -> Compared | None:
        """Both periods of the comparison, or None."""
        return None if self.query.compare is None or self.is_cycle else compared(self.query, self.now)

    @property
    def is_cycle(self) -> bool:
        """Whether the window is a billing cycle."""
        return self.query.range is not None and self.query.range.endswith(("bc", "cycle"))

    @cached_property
    def span(self) -> Span:
        """The window of the answer."""
        if self.is_cycle:
            if self.cycle_span is not None:
                return self.cycle_span
            known = next((each.cycle for each in self.world.customers if each.id == self.customer), None)
            end = hour_end(self.now)
            return Span(known.start if known else self.now - 1, min(known.end, end) if known else end)
        return self.compared.current if self.compared else span_of(self.query, self.now)

    @cached_property
    def size(self) -> str:
        """The interval of the chart."""
        whole = self.span if self.is_cycle else span_of(self.query, self.now)
        return self.query.bin_size or default_size(whole)

    def readings(self) -> Iterator[Reading]:
        """Every allowed interpretation of this query."""
        ends = (self.span.start, self.span.end)
        ties: tuple[Tie, ...] = (0, -1) if any(is_off_hour(ms, self.query.tz) for ms in ends) else (0,)
        late = (True, False) if self.late and any(row.id in self.late_ids for row in self.rows) else (True,)
        named = set(self.world.event_names) | {
            name for row in self.world.event_names.values() for name in row
        }
        mixed = any(row.feature_id in named for row in self.rows)
        sure = not mixed or (bool(self.query.feature_id) and self.age != "older")
        merged = (True,) if sure else (True, False)
        for choice in product(ties, late, merged, self._exact()):
            yield Reading(*choice)

    def _exact(self) -> tuple[bool, ...]:
        """Charts of billing cycles are exact if the server supports it, otherwise possibly by whole hours."""
        if not self.is_cycle:
            return (False,)
        return (True,) if self.age == "newest" else (True, False)

    def features_of(self, stored: str, reading: Reading) -> list[str]:
        """The features that an event with this stored name counts for; balances have one."""
        if self.query.measure == "deducted":
            return [stored]
        if not reading.merged:
            return [stored] if not self.query.feature_id or stored in self.query.feature_id else []
        owners = [feature for feature in self.world.features if stored in self.world.names_of(feature)]
        wanted = self.query.feature_id
        found = [owner for owner in owners if not wanted or owner in wanted]
        if stored in wanted and stored not in found:
            return [*found, stored]  # an event name that was requested as it is
        return found or ([] if wanted else [stored])

    def _present(self, reading: Reading) -> list[Row]:
        names = () if reading.merged else self.query.feature_id
        return [
            row
            for row in self.rows
            if (reading.late or row.id not in self.late_ids) and (not names or row.feature_id in names)
        ]

    def _added(self, reading: Reading) -> list[Row]:
        """The rows that a chart adds up; of deducted amounts, all by events of the features and all from
        their balances.
        """
        if self.query.measure != "deducted":
            return self._present(reading)
        chosen = self.query.feature_id
        wanted = {
            name for each in chosen for name in (self.world.names_of(each) if reading.merged else (each,))
        }
        every = replace(self, query=self.query.having(feature_id=()))._present(reading)
        return [
            part
            for row in every
            for part in truth.drawn(row)
            if not wanted or {row.feature_id, part.feature_id} & wanted
        ]

    def by_feature(self, reading: Reading, span: Span | None = None) -> dict[str, Sums]:
        """The sums of each feature that has rows in the window."""
        query = self.query.having(bin_size=self.size)
        pairs = truth.charted(self._added(reading), query, span or self.span, self.now, reading)
        return truth.by_feature(pairs, query.measure, lambda stored: self.features_of(stored, reading))

    def by_group(self, reading: Reading, feature: str, span: Span | None = None) -> dict[Group, Sums]:
        """The sums of each group of one feature."""
        query = self.query.having(bin_size=self.size)
        rows = [row for row in self._added(reading) if feature in self.features_of(row.feature_id, reading)]
        pairs = truth.charted(rows, query, span or self.span, self.now, reading)
        return truth.by_group(pairs, query.group_by, query.measure)

    def listed(self, reading: Reading) -> list[Row]:
        """The rows of a list or file of events, newest first."""
        return truth.listed(self._present(reading), self.query, self.span, self.now)


def named(sums: dict[Group, Sums], name: str | None) -> Sums:
    """The sums of the group with this name, for values of any type."""
    found = Sums()
    for group, each in sums.items():
        if group.name == name:
            for label, part in each.items():
                found[label].parts.extend(part.parts)
    return found


def all_groups(sums: dict[Group, Sums]) -> Sums:
    """All groups, and the rows without one."""
    found = Sums()
    for each in sums.values():
        for label, part in each.items():
            found[label].parts.extend(part.parts)
    return found
