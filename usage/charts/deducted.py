"""What was deducted from balances, in the shape of any other figures: features are those of the balances.
Pure: no call, no clock.

Source: `aggregate_on: "deducted"`. Periods without deductions are absent; figures are in the balances' units.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from usage.charts.series import is_near
from usage.results import RESERVED, Aggregate, AutumnBin, DeductionBin, Total

OTHER = "Other"
"""The name under which Autumn sums all but the top groups of a balance. A group can have it, too."""


def by_balance(answer: Aggregate) -> Aggregate:
    """Figures of the features whose balances were drawn on, and as their groups the balances by ID.

    A feature's total is the number of deductions, only to rank features by: Autumn has no total of amounts.
    """
    found = answer.deductions or []
    counts = Counter[str]()
    for each in found:
        counts.update({feature: value.events for feature, value in each.values.items()})
    totals = {feature: Total(count, 0.0) for feature, count in counts.items()}
    return Aggregate([_by_balance(each) for each in found], totals)


def _by_balance(each: DeductionBin) -> AutumnBin:
    groups: dict[str, dict[str, float]] = {}
    for feature, value in each.values.items():
        balances = groups[feature] = {}
        for balance in value.balances:
            balances[balance.balance_id] = balances.get(balance.balance_id, 0.0) + balance.deducted
    deducted = {feature: value.deducted for feature, value in each.values.items()}
    return AutumnBin(each.period, deducted, groups)


def by_group_of_balance(answer: Aggregate, max_groups: int) -> Aggregate:
    """Groups by the balance that was drawn on; RESERVED has those that Autumn folded, as in other answers.

    Deductions of events without the property are in a group without a name, and left out.
    """
    found = answer.deductions or []
    names: dict[str, set[str]] = {}
    for each in found:
        for balance, groups in (each.grouped_values or {}).items():
            names.setdefault(balance, set()).update(groups)
    folding = {balance for balance, groups in names.items() if len(groups - {OTHER}) >= max_groups}
    return Aggregate([_by_group(each, folding) for each in found])


def _by_group(each: DeductionBin, folding: set[str]) -> AutumnBin:
    grouped = {
        balance: {
            RESERVED if name == OTHER and balance in folding else name: group.deducted
            for name, group in groups.items()
            if name
        }
        for balance, groups in (each.grouped_values or {}).items()
    }
    return AutumnBin(each.period, {}, grouped)


def balances_of(feature: str, answers: Iterable[Aggregate]) -> tuple[str, ...]:
    """The balances of a feature in answers of `by_balance`."""
    bins = [each for answer in answers for each in answer.bins]
    return tuple(sorted({name for each in bins for name in (each.grouped_values or {}).get(feature, {})}))


def plans_of(answers: Iterable[Aggregate]) -> dict[str, str | None]:
    """The plan of each balance in Autumn's answers; None where it has none."""
    return {
        balance.balance_id: balance.plan_id
        for answer in answers
        for each in answer.deductions or ()
        for value in each.values.values()
        for balance in value.balances
    }


def adds_up(bins: Sequence[AutumnBin]) -> bool:
    """Whether the balances in an answer of `by_balance` are all that was deducted."""
    return all(
        is_near(value, sum((each.grouped_values or {}).get(feature, {}).values()))
        for each in bins
        for feature, value in each.values.items()
    )
