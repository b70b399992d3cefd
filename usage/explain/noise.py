"""How much sums of events vary by chance: their variance for each unit of the sum. Pure.

For a sum of independent events (a compound Poisson process) the variance is the sum of the squared values, so
for each unit of the sum it is that over the sum of the values. Events that come in bursts vary more, which
the bins of the groups show.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median

FEWEST_BINS = 5
SMALLEST_SHARE = 0.01
"""Groups with a smaller share of a period say nothing about its noise."""


def unit_of_events(values: Iterable[float]) -> float:
    """The variance of a sum of events like these, for each unit of the sum; 0 without events.

    Values that take each other back make the sum small, and its variance no smaller.
    """
    squares = total = largest = 0.0
    for value in values:
        squares += value * value
        total += value
        largest = max(largest, abs(value))
    return squares / max(abs(total), largest) if largest else 0.0


def unit_of_bins(groups: Iterable[Sequence[float]], whole: Sequence[float]) -> float | None:
    """The same from one group's part of each bin of the `whole`: how far that part strays from its share. The
    median of all `groups`; None where there are too few bins, or too large ones.
    """
    filled = [at for at, total in enumerate(whole) if total > 0]
    total = sum(whole[at] for at in filled)
    if len(filled) < FEWEST_BINS:
        return None
    units = []
    for values in groups:
        share = sum(values[at] for at in filled) / total
        if SMALLEST_SHARE <= share <= 1 - SMALLEST_SHARE:
            strays = [values[at] - share * whole[at] for at in filled]
            units.append(sum(stray * stray for stray in strays) / (share * (1 - share)) / total)
    units = [unit for unit in units if math.isfinite(unit)]
    return median(units) if units else None
