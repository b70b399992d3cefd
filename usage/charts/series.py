"""A chart's figures, and Autumn's bins summed into those of a chart. Pure: no call, no clock.

The traps that live here: 7 (bins and totals), 10 (viewer's days).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from usage.freshness import Freshness
from usage.notes import Note
from usage.query import Query
from usage.results import AutumnBin
from usage.window import Bins, BinSize

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
    `requested`: Autumn's count of all that was requested, which may be of an hour more than the window.
    """

    feature_id: str
    reconciliation: Reconciliation
    values: tuple[float, ...]
    previous_values: tuple[float, ...] | None = None
    is_contradicted: bool = False
    requested: int = 0

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

    @property
    def may_be_used(self) -> bool:
        """Whether it may have events that sum to nothing: their count is not known, but is of something."""
        return self.count is None and self.requested > 0


@dataclass(frozen=True, slots=True)
class Series:
    """A chart's figures, and everything a page says about them.

    `size`: of the bins. `focus`: the feature that is drawn, None where there is none. `lines`: the feature,
    or its groups, largest first, then Other, then those without a group. `features`: all that have events,
    most events first, and `count` Autumn's count of their events, None where that is not known. `running`:
    the bin that `now` lies in, whose value still moves. `previous`: the previous period, bin by bin, over the
    same elapsed time, and `previous_bins` its bins. `notes`: what these figures leave out. `named`: the lines
    that are drawn where no groups are chosen; colors go by these. `plans`: of each balance that anything was
    deducted from, None where it has none. `serial`: those with the same one have the same figures.
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
    plans: Mapping[str, str | None] = field(default_factory=dict)
    serial: int | None = field(default=None, compare=False)

    @property
    def drawn_feature(self) -> FeatureTotal | None:
        """The feature that is drawn, with all of its groups; None where there is none."""
        return next((total for total in self.features if total.feature_id == self.focus), None)

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
    for index, cell in cells:
        for name, value in cell.items():
            if value and name in sums:  # most are zeros
                sums[name][index] += value
    return sums


def feature_line(name: str, values: Sequence[float], previous: Sequence[float] | None) -> Line:
    """The one line of a feature without groups."""
    return Line("feature", name, exact_values(values), None if previous is None else exact_values(previous))


def exact_values(values: Iterable[float]) -> tuple[float, ...]:
    """Each of them rounded as `exact` does."""
    return tuple([round(value, 10) + 0.0 if value else 0.0 for value in values])  # most are zeros
