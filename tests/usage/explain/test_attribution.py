"""What each value of a dimension accounts for."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from usage.charts.groups import GroupSums
from usage.explain.attribution import (
    HOUR_OF_DAY,
    Attribution,
    Dimension,
    DimensionLine,
    attribute,
)
from usage.explain.dimensions import grouped_dimension
from usage.explain.noise import unit_of_events


def dimension(name: str = "properties.user", **values: tuple[float, float]) -> Dimension:
    lines = [DimensionLine("value", value, before, after) for value, (before, after) in values.items()]
    return Dimension(name, tuple(lines))


def attributed(*dimensions: Dimension, unit: float = 1.0) -> Attribution:
    before, after = (sum(getattr(line, name) for line in dimensions[0].lines) for name in ("before", "after"))
    return attribute(before, after, dimensions, unit=unit)


def test_new_value_is_the_single_cause() -> None:
    """The model that its events have, and others too, ranks behind it."""
    found = attributed(
        dimension("properties.model", large=(500, 1450), small=(500, 550)),
        dimension(ana=(600, 630), bo=(400, 420), job=(0, 950)),
    )
    assert found.cause == "single"
    first = found.rows[0]
    assert (first.line.value, first.is_new, first.share) == ("job", True, 0.95)


def test_large_value_that_grew_with_all_others_is_no_cause() -> None:
    found = attributed(dimension(ana=(9000, 18000), bo=(500, 1000), chen=(500, 1000)))
    assert (found.cause, found.cause_rows) == ("none", ())
    assert found.rows[0].line.value != "ana" or not found.rows[0].counts


def test_two_values_are_several() -> None:
    found = attributed(dimension(ana=(900, 1900), bo=(900, 1800), chen=(900, 910), dara=(800, 790)))
    assert found.cause == "several"
    assert [row.line.value for row in found.cause_rows] == ["ana", "bo"]


def test_vanished_value() -> None:
    found = attributed(dimension(ana=(500, 505), bo=(400, 0), chen=(400, 398)))
    assert (found.cause, found.rows[0].line.value, found.rows[0].is_gone) == ("single", "bo", True)
    assert not found.rows[0].is_offsetting


def test_shift_between_values_with_the_same_sum() -> None:
    found = attributed(dimension(ana=(500, 100), bo=(400, 800), chen=(400, 400), dara=(200, 200)))
    assert found.cause == "several"
    assert {row.line.value for row in found.cause_rows} == {"ana", "bo"}
    assert {row.share for row in found.cause_rows} == {None}


def test_few_events_have_no_cause() -> None:
    """The same ratios that many events make clear."""
    few, many = dimension(ana=(2, 6), bo=(2, 2)), dimension(ana=(2000, 6000), bo=(2000, 2000))
    assert attributed(few).cause == "none"
    assert attributed(many).cause == "single"


def test_nothing_looked_at_is_unknown() -> None:
    hours = Dimension(HOUR_OF_DAY, (DimensionLine("value", "0", 1, 9, prior=1.0),))
    assert attributed(hours).cause == "unknown"
    assert attribute(1, 9, ()).cause == "unknown"


def test_spike_does_not_make_its_hour_the_cause() -> None:
    """Hours and weekdays rank last, unless the shape says that they moved each time."""
    lines = [
        DimensionLine("value", str(hour), 100, 100 + 900 * (hour == 3), prior=1 / 24) for hour in range(24)
    ]
    hours = Dimension(HOUR_OF_DAY, tuple(lines))
    users = dimension(ana=(1200, 1650), bo=(1200, 1650))
    plain = attribute(2400, 3300, (hours, users), unit=1.0)
    assert (plain.cause, plain.rows[0].group_by) == ("none", "properties.user")
    regular = attribute(2400, 3300, (hours, users), unit=1.0, regular={(HOUR_OF_DAY, "3")})
    assert (regular.cause, regular.rows[0].line.value) == ("single", "3")


def test_plan_versions_rank_last() -> None:
    """One that replaces another has all events since: it says when, not why."""
    plans = dimension("$plan_id", v1=(1000, 0), v2=(0, 1950))
    users = dimension(ana=(600, 630), bo=(400, 420), job=(0, 900))
    found = attribute(1000, 1950, (plans, users), unit=1.0, no_cause={"$plan_id"})
    assert (found.cause, found.rows[0].line.value) == ("single", "job")
    assert [row.group_by for row in found.rows[-2:]] == ["$plan_id"] * 2


def test_of_the_same_events_the_rare_value_comes_first() -> None:
    """The model has a little more of its own than the job that uses it."""
    models = dimension("properties.model", embed=(10, 930), chat=(990, 1000))
    users = dimension(ana=(600, 610), bo=(400, 410), job=(0, 910))
    assert [row.line.value for row in attributed(models, users).rows[:2]] == ["job", "embed"]


def test_value_that_may_be_inside_other_is_not_named() -> None:
    """It is new only where it cannot have been folded, and counts only where Other is too small to matter."""

    def folded(other: float) -> Attribution:
        lines = (
            DimensionLine("value", "ana", 1000 - other, 1000 - other),
            DimensionLine("value", "job", 0, 900, is_exact_before=False),
            DimensionLine("other", "", other, other),
        )
        return attribute(1000, 1900, [Dimension("properties.user", lines)], unit=1.0)

    assert (folded(20).cause, folded(20).rows[0].is_new) == ("single", False)
    assert folded(490).cause == "none"


def test_usage_from_nothing_and_to_nothing() -> None:
    from_nothing = attributed(dimension(ana=(0, 500), bo=(0, 400)))
    to_nothing = attributed(dimension(ana=(500, 0), bo=(400, 0)))
    assert all(math.isfinite(row.excess) for row in (*from_nothing.rows, *to_nothing.rows))
    assert from_nothing.cause == to_nothing.cause == "none"


def test_values_that_take_each_other_back_are_noise() -> None:
    """Seats that are added and removed: their net is small, and says little."""
    assert unit_of_events([3.0] * 10) == 3
    assert unit_of_events([1.0, -1.0] * 50 + [1.0] * 4) == 26
    assert unit_of_events([]) == 0


AMOUNTS = st.one_of(
    st.integers(-10_000, 1_000_000).map(float), st.floats(-1e6, 1e9, allow_nan=False, width=32)
)
BINS = st.lists(AMOUNTS, min_size=3, max_size=3)
GROUPS = st.dictionaries(st.text(max_size=3), BINS, max_size=6)


@given(GROUPS, GROUPS, BINS, BINS, BINS, BINS)
def test_shares_add_up_to_the_change(
    current: dict[str, list[float]],
    previous: dict[str, list[float]],
    rest: list[float],
    rest_before: list[float],
    whole: list[float],
    whole_before: list[float],
) -> None:
    """Values, Other, and what is not reported sum to the change, whatever Autumn left out; or the remainder
    says by how much not.
    """
    none = frozenset[int]()
    made = grouped_dimension(
        "properties.x",
        GroupSums(current, rest, {}, none),
        GroupSums(previous, rest_before, {}, none),
        whole,
        whole_before,
    )
    before, after = math.fsum(whole_before), math.fsum(whole)
    scale = max(1.0, *(abs(line.before) + abs(line.after) for line in made.lines), abs(before), abs(after))
    missing = made.remainder(after - before)
    total = math.fsum(line.change for line in made.lines) + missing
    assert math.isclose(total, after - before, abs_tol=1e-7 * scale)
    assert abs(missing) <= 1e-6 * scale
    rows = attribute(before, after, [made], unit=1.0).rows
    assert all(math.isfinite(row.excess) for row in rows)
    shares = [row.share for row in rows if row.share is not None]
    assert not shares or all(map(math.isfinite, shares))
