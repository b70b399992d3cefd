"""A short run of the auditor over the served product."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.audit.run import Run
from tests.audit.world import World

pytestmark = pytest.mark.slow

CASES = 12


def with_repeated_rows(world: World) -> World:
    """A wrong expectation: each customer's rows count twice."""
    return replace(
        world,
        customers=tuple(
            replace(each, rows=(*each.rows, *(replace(row, id=f"{row.id}_again") for row in each.rows)))
            for each in world.customers
        ),
    )


def silent(seed: int, age: str, cases: int) -> list[str]:
    """The differences of a run that the product does not say."""
    reported: list[str] = []
    run = Run(seed=seed, age=age, write=reported.append)
    run.cases(cases)
    assert run.done == cases
    return [text for text in reported if "[SILENT]" in text]


def test_short_run_finds_no_silent_difference() -> None:
    assert silent(7, "current", 6) == []


@pytest.mark.slow
@pytest.mark.parametrize("age", ["older", "current", "newest"])
def test_run_at_each_age_finds_no_silent_difference(age: str) -> None:
    assert silent(1000, age, 150) == []


@pytest.mark.slow
def test_short_run_finds_a_planted_difference() -> None:
    reported: list[str] = []
    run = Run(seed=4, age="current", write=reported.append, falsify=with_repeated_rows)
    run.cases(CASES)
    assert run.done == CASES
    assert {"rows missing", "feature sum", "value"} & {each.finding.kind for each in run.differences}
    assert all("--seed 4" in text for text in reported)
