"""A percent chart's figures: the part that each group has of all that the feature has in an interval."""

from __future__ import annotations

from dataclasses import dataclass

from usage.charts.series import Series


@dataclass(frozen=True, slots=True)
class GroupShares:
    """`lines`: for each line a percentage of each bin, 0 where it has none. `without`: the bins with usage
    that has no shares: some of it is negative, or the groups, which may be read later, exceed the total.
    """

    lines: tuple[tuple[float, ...], ...]
    without: frozenset[int]


def shares_of(series: Series, size: int) -> GroupShares:
    """The shares of the first `size` bins: of the whole feature, also where only some groups are chosen."""
    feature = series.drawn_feature
    whole = series.totals if feature is None else feature.values
    columns = list(zip(*(line.values for line in series.lines), strict=True))[:size]
    shares, without = list[list[float]](), set[int]()
    for at, (column, total) in enumerate(zip(columns, whole, strict=False)):
        # Sums of floats differ a little from Autumn's own.
        is_shared = total > 0 and min(column) >= 0 and sum(column) <= total * (1 + 1e-9)
        shares.append([_percent(value, total) if is_shared else 0.0 for value in column])
        if not is_shared and (total or any(column)):
            without.add(at)
    return GroupShares(tuple(zip(*shares, strict=True)), frozenset(without))


def _percent(value: float, total: float) -> float:
    """To six digits, a fraction of a pixel: a chart has thousands of these."""
    return float(f"{min(100 * (value / total), 100.0):.6g}")
