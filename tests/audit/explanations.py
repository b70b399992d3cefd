"""Checks what an explanation says of a change: the sums of each value in both periods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tests.audit.findings import Finding, fewest
from tests.audit.markup import parsed
from tests.audit.requested import Requested, named
from tests.audit.truth import Group, Reading

TIMES = frozenset({"$hour", "$weekday"})
OF_PLANS = "$plan_id"
"""Older servers report the versions of plans."""
MOST = 4


@dataclass(frozen=True, slots=True)
class ExplainedValue:
    """A row of an explanation; None where it says that a figure is not known."""

    group_by: str
    value: str
    before: float | None
    after: float | None


def explained_values(text: str) -> list[ExplainedValue]:
    """The rows of a page, without those of hours and weekdays, Other, and events without a value."""
    return [
        ExplainedValue(
            _grouping(path), value, _figure(row.get("data-before")), _figure(row.get("data-after"))
        )
        for row in parsed(text).all("tr", has="data-path")
        if (path := row.get("data-path") or "") not in TIMES and (value := row.get("data-value"))
    ]


def _grouping(path: str) -> str:
    return path if path.startswith("$") else f"properties.{path}"


def _figure(text: str | None) -> float | None:
    return float(text) if text else None


def explanation(requested: Requested, feature: str, rows: Iterable[ExplainedValue]) -> list[Finding]:
    """The findings in the rows of a feature's change."""
    shown = [row for row in rows if row.group_by != OF_PLANS or requested.age == "newest"]

    def judge(reading: Reading) -> list[Finding]:
        return [finding for row in shown for finding in _row(requested, feature, row, reading)]

    return fewest(requested.readings(), judge)[:MOST]


def _row(requested: Requested, feature: str, row: ExplainedValue, reading: Reading) -> Iterator[Finding]:
    of_row = replace(requested, query=requested.query.having(group_by=row.group_by))
    periods = of_row.compared
    if periods is None or not periods.sure:
        return
    spans = {"before": periods.previous, "after": periods.current}
    right = {name: of_row.by_group(reading, feature, span) for name, span in spans.items()}
    if not _is_reported([group for groups in right.values() for group in groups], row.value):
        return
    for name, figure in (("before", row.before), ("after", row.after)):
        sums = named(right[name], row.value).whole
        if figure is not None and not sums.is_near(figure):
            label = f"{row.group_by} {row.value[:40]} {name}: {figure:.12g}"
            yield Finding("explained sum", label, f"{sums.value:.12g}")


def _is_reported(groups: Iterable[Group], name: str) -> bool:
    """Whether a value is certain to be a group of this name: lists and large numbers have other texts."""
    alike = [group.reported for group in groups if group.name == name]
    return bool(alike) and all(alike)
