"""From Autumn's bins to the bins of a chart: summed, grouped, compared and reconciled. Pure: no call, no
clock.

The traps that live here: 7 (bins and totals), 10 (viewer's days), 12 (folded groups), 13 (events without the
property).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from usage.freshness import Freshness
from usage.notes import Note
from usage.query import Query
from usage.results import RESERVED, AutumnBin
from usage.window import Bins, BinSize

MAX_LINES = 8
"""A chart draws this many series by name; the rest is Other."""

Kind = Literal["feature", "group", "other", "none"]
Bound = Literal["exact", "unknown"]
"""What a figure says of the true one. That it is a lower bound cannot be known: values may be negative."""


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a chart: a value for each bin.

    `kind`: a feature, a group value, `other` (all groups outside the top ones) or `none` (events without a
    value, or whose value Autumn does not report); the last two have no name. `folded`, `previous_folded`:
    bins in which a part of this group is inside Other, so that the value there is not known.
    `members`: how many groups Other holds, of those that Autumn named. `previous`: values of the previous
    period, bin by bin.
    """

    kind: Kind
    name: str
    values: tuple[float, ...]
    previous: tuple[float, ...] | None = None
    folded: frozenset[int] = frozenset()
    members: int = 0
    previous_folded: frozenset[int] = frozenset()

    @property
    def total(self) -> float:
        """The sum over all bins."""
        return exact(sum(self.values))

    @property
    def previous_total(self) -> float | None:
        """The sum over all bins of the previous period; None without a comparison."""
        return None if self.previous is None else exact(sum(self.previous))

    @property
    def bound(self) -> Bound:
        """What `total` says of the true sum."""
        return "unknown" if self.folded else "exact"

    def bound_at(self, at: int) -> Bound:
        """What the value of a bin, and that of the previous period beside it, say of the true ones."""
        return "unknown" if at in self.folded or at in self.previous_folded else "exact"

    @property
    def is_comparable(self) -> bool:
        """Whether both periods are exact, so that there is a change to show."""
        return self.previous is not None and not self.folded and not self.previous_folded


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Whether the bins are all that Autumn has: what they sum to, and its own total and count.

    `total`, `count`: of the same events, None where Autumn's answer does not tell. `reason`: why the two
    differ, as a sentence, where it is known.
    """

    bars: float
    total: float | None
    count: int | None
    reason: str | None = None

    @property
    def difference(self) -> float | None:
        """Autumn's total minus the bars; 0 where they differ by no more than floats do, None if unknown."""
        if self.total is None:
            return None
        return 0.0 if is_near(self.total, self.bars) else exact(self.total - self.bars)


@dataclass(frozen=True, slots=True)
class FeatureTotal:
    """A feature over the window: the sum of its bins and Autumn's own count, None where that is not known.

    `values`: for each bin. `previous_values`: those of the previous period, None without a comparison.
    `is_contradicted`: Autumn's total of the same events is another one, so no bin can be relied on.
    """

    feature_id: str
    reconciliation: Reconciliation
    values: tuple[float, ...]
    previous_values: tuple[float, ...] | None = None
    is_contradicted: bool = False

    @property
    def sum(self) -> float:
        """The sum of all bins."""
        return self.reconciliation.bars

    @property
    def count(self) -> int | None:
        """Autumn's count of its events, None where that is not known."""
        return self.reconciliation.count

    @property
    def previous(self) -> float | None:
        """The sum of the previous period; None without a comparison."""
        return None if self.previous_values is None else exact(sum(self.previous_values))

    @property
    def is_used(self) -> bool:
        """Whether it has events in either period: a value of 0 in each bin may be that of events."""
        has_total = bool(self.count) or bool(self.reconciliation.total)
        return has_total or any(self.values) or any(self.previous_values or ())


@dataclass(frozen=True, slots=True)
class Series:
    """A chart's figures, and everything a page says about them.

    `size`: of the bins. `focus`: the feature that is drawn, None where there is none. `lines`: the feature,
    or its groups, largest first, then Other, then those without a group. `features`: all that have events,
    most events first, and `count` Autumn's count of their events, None where that is not known. `running`:
    the bin that `now` lies in, whose value still moves. `previous`: the previous period, bin by bin, over the
    same elapsed time, and `previous_bins` its bins. `notes`: what these figures leave out. `named`: the lines
    that are drawn where no groups are chosen; colors go by these.
    """

    query: Query
    bins: Bins
    size: BinSize
    now: int
    lines: tuple[Line, ...]
    features: tuple[FeatureTotal, ...]
    focus: str | None
    reconciliation: Reconciliation
    fresh: Freshness
    count: int | None = None
    running: int | None = None
    previous: tuple[float, ...] | None = None
    previous_bins: Bins | None = None
    notes: tuple[Note, ...] = field(default=())
    named: tuple[str, ...] = ()

    @property
    def totals(self) -> tuple[float, ...]:
        """All lines together, bin by bin."""
        empty = (0.0,) * len(self.bins)
        return tuple(
            exact(sum(values)) for values in zip(empty, *(line.values for line in self.lines), strict=True)
        )


def exact(value: float) -> float:
    """Rounded to Autumn's ten places, so that sums of floats show no rounding errors; never minus
    zero.
    """
    return round(value, 10) + 0.0


def is_near(one: float, other: float) -> bool:
    """Whether two sums are one but for the rounding of floats: beyond 2^53 Autumn's own differ by as much."""
    return abs(exact(one - other)) <= 1e-9 * max(1.0, abs(one), abs(other))


def by_name(periods: Sequence[AutumnBin], names: Iterable[str], bins: Bins) -> dict[str, list[float]]:
    """The values of each stored name, summed into `bins`; zeros for one without events. `periods` in time
    order.
    """
    sums = {name: [0.0] * len(bins) for name in names}
    cells = list(
        zip(bins.indexes(item.period for item in periods), (item.values for item in periods), strict=True)
    )
    for name, values in sums.items():
        for index, cell in cells:
            values[index] += cell.get(name, 0.0)
    return sums


@dataclass(frozen=True, slots=True)
class GroupSums:
    """One feature's groups, summed into bins; what Autumn folded away, and where it did.

    `folded`: the bins in which a part of a group is folded. `folded_bins`: those in which any group is.
    """

    values: dict[str, list[float]]
    rest: list[float]
    folded: dict[str, frozenset[int]]
    folded_bins: frozenset[int]

    def sums(self) -> list[float]:
        """All groups and the rest together, bin by bin."""
        return [sum(column) for column in zip(self.rest, *self.values.values(), strict=True)]


def by_group(periods: Sequence[AutumnBin], names: Sequence[str], bins: Bins, max_groups: int) -> GroupSums:
    """The groups of a feature that is tracked under `names`, of which Autumn keeps `max_groups` in each bin.

    A folded bin has at least that many groups, or a negative sum of the others: Autumn keeps the largest. In
    any other bin the reserved name is a group that is called so.
    """
    found = [_by_group(periods, name, bins, max_groups) for name in names]
    groups = {group for each in found for group in each.values}
    empty = [0.0] * len(bins)
    return GroupSums(
        {
            group: [
                sum(c) for c in zip(empty, *(each.values.get(group, empty) for each in found), strict=True)
            ]
            for group in groups
        },
        [sum(column) for column in zip(empty, *(each.rest for each in found), strict=True)],
        {
            group: frozenset[int]().union(*(each.folded.get(group, each.folded_bins) for each in found))
            for group in groups
        },
        frozenset[int]().union(*(each.folded_bins for each in found)),
    )


def _by_group(periods: Sequence[AutumnBin], name: str, bins: Bins, max_groups: int) -> GroupSums:
    groups = ((item.grouped_values or {}).get(name, {}) for item in periods)
    cells = list(zip(bins.indexes(item.period for item in periods), groups, strict=True))
    names = {group for _, values in cells for group in values}
    may_fold = RESERVED in names and len(names) > max_groups
    sums = {group: [0.0] * len(bins) for group in names if group != RESERVED or not may_fold}
    rest, folded, folded_bins = [0.0] * len(bins), {group: set[int]() for group in sums}, set[int]()
    for index, values in cells:
        is_folded = may_fold and _is_folded(values, max_groups)
        for group, value in values.items():
            if group == RESERVED and is_folded:
                rest[index] += value
            elif value:
                sums.setdefault(group, [0.0] * len(bins))[index] += value
            elif is_folded:
                folded[group].add(index)
        if is_folded:
            folded_bins.add(index)
            for group in sums.keys() - values.keys():
                folded.setdefault(group, set()).add(index)
            folded.setdefault(RESERVED, set()).add(index)
    marks = {group: frozenset(folded.get(group, ())) for group in sums}
    return GroupSums(sums, rest, marks, frozenset(folded_bins))


def _is_folded(values: Mapping[str, float], max_groups: int) -> bool:
    """Whether groups are folded in a bin, also where what they hold sums to nothing."""
    named = sum(1 for group, value in values.items() if value and group != RESERVED)
    return named >= max_groups or values.get(RESERVED, 0.0) < 0


def feature_line(name: str, values: Sequence[float], previous: Sequence[float] | None) -> Line:
    """The one line of a feature without groups."""
    return Line("feature", name, _exact(values), None if previous is None else _exact(previous))


def group_lines(
    current: GroupSums,
    whole: Sequence[float],
    previous: tuple[GroupSums, Sequence[float]] | None,
    only: tuple[str, ...] = (),
) -> tuple[Line, ...]:
    """A line for each of the largest groups, then Other, then what the feature has beyond its groups (trap
    13).

    `whole`: the feature's ungrouped values. `previous`: the same two of the previous period. `only`: just
    these groups.
    """
    empty = [0.0] * len(whole)
    before = previous[0] if previous is not None else None
    names = {*current.values, *(before.values if before else ()), *only}
    by_size = sorted(names, key=lambda name: (-sum(map(abs, current.values.get(name, empty))), name))
    if only:
        return tuple(_group_line(name, current, before, empty) for name in by_size if name in only)
    top, small = by_size[:MAX_LINES], by_size[MAX_LINES:]
    lines = [_group_line(name, current, before, empty) for name in top]
    other = _other_line(lines, small, current, before, empty)
    return (*lines, *other, *_none_line(current, whole, previous))


def _group_line(name: str, current: GroupSums, before: GroupSums | None, empty: list[float]) -> Line:
    return Line(
        "group",
        name,
        _exact(current.values.get(name, empty)),
        None if before is None else _exact(before.values.get(name, empty)),
        _folded(current, name),
        previous_folded=frozenset() if before is None else _folded(before, name),
    )


def _folded(groups: GroupSums, name: str) -> frozenset[int]:
    """The bins in which a part of a group may be folded: one that no answer names may be in any of them."""
    return groups.folded.get(name, groups.folded_bins)


def _other_line(
    lines: Sequence[Line],
    small: Sequence[str],
    current: GroupSums,
    before: GroupSums | None,
    empty: list[float],
) -> tuple[Line, ...]:
    """All other groups. It is not exact where it holds a part of a group that has a line of its own."""
    rest_before = before.rest if before is not None else empty
    if not (small or any(current.rest) or any(rest_before)):
        return ()
    values = [sum(c) for c in zip(current.rest, *(current.values.get(n, empty) for n in small), strict=True)]
    previous = None
    if before is not None:
        columns = zip(before.rest, *(before.values.get(n, empty) for n in small), strict=True)
        previous = _exact(sum(column) for column in columns)
    return (
        Line(
            "other",
            "",
            _exact(values),
            previous,
            frozenset[int]().union(*(line.folded for line in lines)),
            len(small),
            frozenset[int]().union(*(line.previous_folded for line in lines)),
        ),
    )


def _none_line(
    current: GroupSums, whole: Sequence[float], previous: tuple[GroupSums, Sequence[float]] | None
) -> tuple[Line, ...]:
    missing = _gaps(whole, current.sums())
    before = None if previous is None else _gaps(previous[1], previous[0].sums())
    if not any(missing) and not any(before or ()):
        return ()
    return (Line("none", "", missing, before),)


def _gaps(whole: Sequence[float], part: Sequence[float]) -> tuple[float, ...]:
    return tuple(0.0 if is_near(a, b) else exact(a - b) for a, b in zip(whole, part, strict=True))


def _exact(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(exact(value) for value in values)
