"""How much of a change each value of each dimension accounts for. Pure: no call, no clock.

The package's docstring has the method, its source and its limits.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from usage.charts.series import exact, is_near

RowKind = Literal["value", "other", "none"]
Cause = Literal["single", "several", "none", "unknown"]

HOUR_OF_DAY, WEEKDAY = "$hour", "$weekday"
TIME_DIMENSIONS = frozenset({HOUR_OF_DAY, WEEKDAY})
"""Dimensions that are read from the bins. Their values are numbers: hours from 0, weekdays from Monday, 0."""

MAIN_PART = 0.5
"""The part of a change that a cause accounts for, at least."""
FEW_UNITS = 25
"""A line with a smaller sum than that of about so many events does not tell a ratio."""
MATERIAL = 0.02
"""The part of the usage of the larger period that a row must have moved by, at least."""
SMALL_CHANGE = 0.05
"""Below this part of usage a change is taken for none, and rows count in both directions."""
NOISE_TIMES_OF_WHOLE = 3.0
"""A change of the whole within so many times its standard error is taken for none, too."""
NOISE_TIMES = 4.0
"""How many times its standard error a row must have moved by."""
SAME_EVENTS = 0.95
"""Rows with this part of the first one's excess may be of the same events."""
MOST_VALUES = 3
"""How many values of one dimension can be one cause."""
COMPARABLE = 1 / 3
"""A value belongs to the same cause as a larger one if it moved by this part of it, at least."""


@dataclass(frozen=True, slots=True)
class DimensionLine:
    """One value's sums in both periods; `other`: all that Autumn folded; `none`: events without a value, or
    whose value Autumn does not report.

    `is_exact_before`, `is_exact_after`: no part of it is in Other; where one is, the sum is not known, and
    that of Other bounds it. `prior`: its expected share of the later period, where that is not its share of
    the earlier one. `values`, `previous`: for a small chart, bin by bin.
    """

    kind: RowKind
    value: str
    before: float
    after: float
    is_exact_before: bool = True
    is_exact_after: bool = True
    prior: float | None = None
    values: tuple[float, ...] = ()
    previous: tuple[float, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Whether no part of it is in Other."""
        return self.is_exact_before and self.is_exact_after

    @property
    def change(self) -> float:
        """By how much it rose; negative where it fell."""
        return exact(self.after - self.before)


@dataclass(frozen=True)
class Dimension:
    """All lines of one grouping, by its name in `group_by`, or one of TIME_DIMENSIONS."""

    group_by: str
    lines: tuple[DimensionLine, ...]

    @property
    def is_time(self) -> bool:
        """Whether it comes from the bins, not from a grouping of Autumn's."""
        return self.group_by in TIME_DIMENSIONS

    @cached_property
    def folded(self) -> float:
        """What Other holds in both periods together: by so much at most a line that is not exact is off."""
        return sum(abs(line.before) + abs(line.after) for line in self.lines if line.kind == "other")

    def remainder(self, change: float) -> float:
        """What the lines leave of the whole change: 0 where they add up to it."""
        total = exact(sum(line.change for line in self.lines))
        return 0.0 if is_near(total, change) else exact(change - total)


@dataclass(frozen=True, slots=True)
class AttributedRow:
    """A line of a dimension, with what it accounts for.

    `share`: of the whole change, None where that is 0. `excess`: what it has beyond its share, had it moved
    as most of its dimension did. `part`: that as a part of the change, None where there is none.
    `counts`: it is more than noise. `is_offsetting`: it moved against the change.
    """

    group_by: str
    line: DimensionLine
    share: float | None
    excess: float
    part: float | None
    counts: bool
    is_offsetting: bool

    @property
    def is_new(self) -> bool:
        """Whether there was none of it before."""
        return self.line.is_exact and self.line.before == 0 and self.line.after != 0

    @property
    def is_gone(self) -> bool:
        """Whether there is none of it any more."""
        return self.line.is_exact and self.line.after == 0 and self.line.before != 0


@dataclass(frozen=True, slots=True)
class Attribution:
    """`rows`: values of all dimensions, those first that account for most. `cause_rows`: those that are the
    cause.
    """

    rows: tuple[AttributedRow, ...]
    cause: Cause
    cause_rows: tuple[AttributedRow, ...]


@dataclass(frozen=True, slots=True)
class _Periods:
    """The whole of both periods. `unit`: the variance of a sum of events, for each unit of the sum."""

    before: float
    after: float
    unit: float

    @property
    def change(self) -> float:
        return exact(self.after - self.before)

    @property
    def size(self) -> float:
        return max(abs(self.before), abs(self.after))

    @property
    def is_small(self) -> bool:
        noise = math.sqrt(self.unit * (abs(self.before) + abs(self.after)))
        return abs(self.change) < max(SMALL_CHANGE * self.size, NOISE_TIMES_OF_WHOLE * noise)

    def prior(self, line: DimensionLine) -> float:
        """The share that a line had, from 0 to 1; 0 where the earlier period has no shares."""
        if line.prior is not None:
            return line.prior
        return min(max(line.before / self.before, 0.0), 1.0) if self.before > 0 else 0.0

    def noise(self, line: DimensionLine) -> float:
        """The standard error of what a line has beyond the others, if both periods have the same shares."""
        both, prior = self.before + self.after, self.prior(line)
        if self.before <= 0 or self.after <= 0:
            return math.sqrt(self.unit * self.size)
        share = min(max((line.before + line.after) / both, 0.0), 1.0)
        error = math.sqrt(self.unit * share * (1 - share) * self.after * (1 + self.after / self.before))
        return error / (1 - prior) if prior < 1 else math.inf

    def common_ratio(self, dimension: Dimension) -> float:
        """By what most lines of a dimension multiplied: their middle ratio, then that of all near it.

        Of two in the middle it is the one nearer to 1: that nothing happened to a line needs no cause.
        """
        whole = self.after / self.before if self.before > 0 else 0.0
        lines = [each for each in dimension.lines if each.before > max(FEW_UNITS * self.unit, 0.0)]
        if len(lines) < 2 or self.before <= 0 or self.after <= 0:
            return whole
        ratios = sorted(each.after / each.before for each in lines)
        middle = ratios[(len(ratios) - 1) // 2 : len(ratios) // 2 + 1]
        ratio = min(middle, key=lambda each: abs(math.log(max(each, 1e-9))))
        near = [each for each in lines if self._is_near(each, ratio)]
        return sum(each.after for each in near) / sum(each.before for each in near) if near else ratio

    def _is_near(self, line: DimensionLine, ratio: float) -> bool:
        error = math.sqrt(self.unit * (abs(line.after) + ratio * ratio * line.before))
        return abs(line.after - ratio * line.before) <= max(2 * error, 0.02 * ratio * line.before)


def attribute(
    before: float,
    after: float,
    dimensions: Sequence[Dimension],
    *,
    unit: float = 0.0,
    regular: Collection[tuple[str, str]] = (),
    no_cause: Collection[str] = (),
) -> Attribution:
    """The rows of all dimensions in order of rank, and whether one of them, or several, are the cause.

    `unit`: the variance of a sum of events, for each unit of the sum (`noise.py`). `regular`: the values of
    TIME_DIMENSIONS, each with its dimension, of which the shape shows that they moved each time: others rank
    last, because a single spike has a weekday and an hour, too. `no_cause`: dimensions that rank last, too.
    """
    periods = _Periods(before, after, unit)
    ranked = list[tuple[tuple[float, ...], AttributedRow]]()
    for at, dimension in enumerate(dimensions):
        surprise = sum(_surprise(periods, line) for line in dimension.lines)
        ratio = periods.common_ratio(dimension)
        for line in dimension.lines:
            if line.kind == "other":
                continue
            row = _row(periods, dimension, line, ratio, (dimension.group_by, line.value) in regular)
            tier = 2 if not row.counts else 1 if row.is_offsetting else 0
            weight = (1 - periods.prior(line)) / (periods.size or 1.0)
            size = round(abs(row.excess) * weight, 9)
            is_named = line.kind == "value"
            is_late = dimension.is_time and not row.counts
            ranked.append(((is_late, tier, -size, not is_named, -round(surprise, 9), at), row))
    ranked.sort(key=lambda item: item[0])
    rows = [row for _, row in ranked]
    can_be = _rarest_first(periods, [row for row in rows if row.group_by not in no_cause])
    cause, cause_rows = _cause(periods, dimensions, can_be)
    last = [row for row in rows if row.group_by in no_cause]
    return Attribution((*can_be, *last), cause, cause_rows)


def _rarest_first(periods: _Periods, rows: list[AttributedRow]) -> list[AttributedRow]:
    """With those at the top first that were rare before: figures of a few per cent less may be of the same
    events, of which a new user says more than the model that it uses.
    """
    if not rows or not rows[0].counts:
        return rows
    first = rows[0]
    same = [
        row
        for row in rows
        if row.counts
        and (row.excess > 0) == (first.excess > 0)
        and abs(row.excess) >= SAME_EVENTS * abs(first.excess)
    ]
    rest = [row for row in rows if row not in same]
    return sorted(same, key=lambda row: periods.prior(row.line)) + rest


def _row(
    periods: _Periods, dimension: Dimension, line: DimensionLine, ratio: float, is_regular: bool
) -> AttributedRow:
    change = periods.change
    expected = line.prior * periods.after if line.prior is not None else line.before * ratio
    excess = exact(line.after - expected)
    margin = 0.0 if line.is_exact else dimension.folded
    if dimension.is_time:
        counts = is_regular
    else:
        least = max(NOISE_TIMES * periods.noise(line), MATERIAL * periods.size)
        counts = abs(excess) - margin >= least and excess != 0
    return AttributedRow(
        dimension.group_by,
        line,
        line.change / change if change else None,
        excess,
        excess / change if change else None,
        counts,
        not periods.is_small and (excess > 0) != (change > 0),
    )


def _surprise(periods: _Periods, line: DimensionLine) -> float:
    """A line's part of the Jensen-Shannon divergence, in bits; 0 where sums are negative: then there are no
    shares.
    """
    if periods.before <= 0 or periods.after <= 0:
        return 0.0
    p, q = periods.prior(line), line.after / periods.after
    if p < 0 or q < 0:
        return 0.0
    # Not the logarithm of their ratio, which may be too small for a float.
    return sum(share * (1 + math.log2(share) - math.log2(p + q)) for share in (p, q) if share > 0) / 2


def _cause(
    periods: _Periods, dimensions: Sequence[Dimension], rows: Sequence[AttributedRow]
) -> tuple[Cause, tuple[AttributedRow, ...]]:
    if all(dimension.is_time for dimension in dimensions):
        return "unknown", ()
    first = rows[0] if rows and periods.before > 0 and periods.after > 0 else None
    if first is None or not first.counts or first.is_offsetting:
        return "none", ()
    beside = [row for row in rows if row.group_by == first.group_by and row.counts]
    near = [row for row in beside if abs(row.excess) >= COMPARABLE * abs(first.excess)]
    if periods.is_small:
        found = tuple(near[:MOST_VALUES])
        return ("several" if len(found) > 1 else "single"), found
    with_it = [row for row in near if not row.is_offsetting]
    if len(with_it) > MOST_VALUES or sum(row.part or 0.0 for row in with_it) < MAIN_PART:
        return "none", ()
    against = [row for row in near if row.is_offsetting and (first.part or 0.0) > 1 / MAIN_PART]
    found = (*with_it, *against)
    return ("several" if len(found) > 1 else "single"), found
