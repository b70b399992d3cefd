"""Generated causes, each planted among eight properties: the engine must name it, and nothing where there is
none.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.usage.explain.planted import KINDS, Kind, case, explained, is_found
from usage.window import HOUR_MS

CASES_OF_A_KIND = 23


@pytest.mark.slow
def test_planted_causes_rank_first() -> None:
    """Of 207 cases, 95 in 100 with a cause have it first, 90 in 100 without one name none."""
    missed, cases = list[tuple[Kind, int]](), Counter[bool]()
    for kind in KINDS:
        for seed in range(CASES_OF_A_KIND):
            planted = case(seed, kind)
            cases[kind != "none"] += 1
            if not is_found(planted, *explained(planted)):
                missed.append((kind, seed))
    print(f"missed: {missed}")
    assert sum(kind != "none" for kind, _ in missed) <= 0.05 * cases[True]
    assert sum(kind == "none" for kind, _ in missed) <= 0.1 * cases[False]


@pytest.mark.slow
def test_moments_of_spikes_and_levels() -> None:
    """Nine in ten are found as what they are, from within six hours of when they began."""
    found = 0
    for kind in ("spike", "level"):
        for seed in range(CASES_OF_A_KIND):
            planted = case(seed, "spike" if kind == "spike" else "level")
            _, shape = explained(planted)
            near = shape.start is not None and abs(shape.start - (planted.moment or 0)) <= 6 * HOUR_MS
            found += shape.kind == kind and near
    assert found >= 0.9 * 2 * CASES_OF_A_KIND


@pytest.mark.parametrize("kind", KINDS)
def test_one_cause_of_each_kind(kind: Kind) -> None:
    planted = case(1, kind)
    assert is_found(planted, *explained(planted))
