"""One question with all that its truth depends on: the world, the moment and what the server can tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from tests.audit import truth
from tests.audit.asks import Ask
from tests.audit.calendars import is_off_hour
from tests.audit.truth import Group, Reading, Sums
from tests.audit.windows import Compared, Span, Tie, compared, default_size, span_of
from tests.audit.world import Row, World


@dataclass(frozen=True)
class Requested:
    """A question as it was answered at `now`, epoch milliseconds.

    `late`: the late rows have arrived. `cycle_span`: what is taken for the billing cycle instead of the
    customer's own.
    `ahead`: whether rows after `now` may count.
    """

    ask: Ask
    world: World
    age: str
    now: int
    late: bool = False
    customer_id: str | None = None
    cycle_span: Span | None = None
    ahead: bool = True

    @property
    def customer(self) -> str | None:
        """Whom it is about: a shared page does not name its customer."""
        return self.ask.customer_id or self.customer_id

    @cached_property
    def rows(self) -> list[Row]:
        """All rows of the customer, entity and features, whenever they were."""
        ask = self.ask
        wanted = {name for feature in ask.feature_id for name in self.world.names_of(feature)}
        return [
            row
            for row in self.world.rows(late=self.late)
            if self.customer in (None, row.customer_id)
            and (not wanted or row.feature_id in wanted)
            and ask.entity_id in (None, row.entity_id)
        ]

    @cached_property
    def late_ids(self) -> frozenset[str]:
        """The ids of the rows that arrive late."""
        return frozenset(row.id for each in self.world.customers for row in each.late)

    @cached_property
    def compared(self) -> Compared | None:
        """Both sides of the comparison, where there is one."""
        return None if self.ask.compare is None or self.is_cycle else compared(self.ask, self.now)

    @property
    def is_cycle(self) -> bool:
        """Whether the window is a billing cycle."""
        return self.ask.range is not None and self.ask.range.endswith(("bc", "cycle"))

    @cached_property
    def span(self) -> Span:
        """The window that the answer is about."""
        if self.is_cycle:
            if self.cycle_span is not None:
                return self.cycle_span
            known = next((each.cycle for each in self.world.customers if each.id == self.customer), None)
            return Span(known.start if known else self.now - 1, self.now)
        return self.compared.current if self.compared else span_of(self.ask, self.now)

    @cached_property
    def size(self) -> str:
        """The interval of the chart."""
        whole = self.span if self.is_cycle else span_of(self.ask, self.now)
        return self.ask.bin_size or default_size(whole)

    def readings(self) -> Iterator[Reading]:
        """Every allowed way to read this question."""
        ends = (self.span.start, self.span.end)
        ties: tuple[Tie, ...] = (0, -1) if any(is_off_hour(ms, self.ask.tz) for ms in ends) else (0,)
        future = any(row.timestamp > self.now for row in self.rows)
        ahead = (True, False) if future and self.ahead else (self.ahead,)
        late = (True, False) if self.late and any(row.id in self.late_ids for row in self.rows) else (True,)
        named = set(self.world.event_names) | {
            name for row in self.world.event_names.values() for name in row
        }
        mixed = any(row.feature_id in named for row in self.rows)
        sure = not mixed or (bool(self.ask.feature_id) and self.age != "older")
        merged = (True,) if sure else (True, False)
        for choice in product(ties, ahead, late, merged, self._exact()):
            yield Reading(*choice)

    def _exact(self) -> tuple[bool, ...]:
        """Charts of billing cycles: exact where the server can be, else perhaps by whole hours."""
        if not self.is_cycle:
            return (False,)
        return (True,) if self.age == "newest" else (True, False)

    def features_of(self, stored: str, reading: Reading) -> list[str]:
        """The features that a stored name counts for."""
        if not reading.merged:
            return [stored] if not self.ask.feature_id or stored in self.ask.feature_id else []
        owners = [feature for feature in self.world.features if stored in self.world.names_of(feature)]
        wanted = self.ask.feature_id
        if stored in wanted and stored not in self.world.features:
            return [stored]  # an event name that was asked for as it is
        return [owner for owner in owners if not wanted or owner in wanted] or ([] if wanted else [stored])

    def _present(self, reading: Reading) -> list[Row]:
        names = () if reading.merged else self.ask.feature_id
        return [
            row
            for row in self.rows
            if (reading.late or row.id not in self.late_ids) and (not names or row.feature_id in names)
        ]

    def by_feature(self, reading: Reading, span: Span | None = None) -> dict[str, Sums]:
        """The sums of each feature that has rows in the window."""
        ask = self.ask.having(bin_size=self.size)
        pairs = truth.charted(self._present(reading), ask, span or self.span, self.now, reading)
        return truth.by_feature(pairs, ask.measure, lambda stored: self.features_of(stored, reading))

    def by_group(self, reading: Reading, feature: str, span: Span | None = None) -> dict[Group, Sums]:
        """The sums of each group of one feature."""
        ask = self.ask.having(bin_size=self.size)
        rows = [row for row in self._present(reading) if feature in self.features_of(row.feature_id, reading)]
        pairs = truth.charted(rows, ask, span or self.span, self.now, reading)
        return truth.by_group(pairs, ask.group_by or "", ask.measure)

    def listed(self, reading: Reading) -> list[Row]:
        """The rows of a list or file of events, newest first."""
        return truth.listed(self._present(reading), self.ask, self.span, self.now, ahead=reading.ahead)


def named(sums: dict[Group, Sums], name: str | None) -> Sums:
    """The sums of the group with this name, under whatever type its values are."""
    found = Sums()
    for group, each in sums.items():
        if group.name == name:
            for label, part in each.items():
                found[label].parts.extend(part.parts)
    return found


def altogether(sums: dict[Group, Sums]) -> Sums:
    """All groups, and the rows without one."""
    found = Sums()
    for each in sums.values():
        for label, part in each.items():
            found[label].parts.extend(part.parts)
    return found
