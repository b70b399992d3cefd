"""Checks pages: their figures, lists and reconciliation, and whether they report omissions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tests.audit.causes import explained
from tests.audit.files import ids
from tests.audit.findings import Finding, fewest
from tests.audit.part_reading import TopValue
from tests.audit.reading import Check, FeatureMark, GroupMark, Page, shown_as
from tests.audit.requested import Requested, all_groups, named
from tests.audit.truth import Group, Reading, Sum, Sums, at_path, shown_properties, text_of
from tests.audit.world import Row

EXPLAINS: dict[str, frozenset[str]] = {
    "feature missing": frozenset(
        {"features-not-listed", "features-not-drawn", "partial", "unknown-customer"}
    ),
    "count": frozenset({"filters-not-applied", "partial", "stale", "events-arriving"}),
    "rows missing": frozenset({"unreadable-rows", "missed-rows", "future-rows", "partial", "stale"}),
}
FIGURES = frozenset({"filters-not-applied", "partial", "stale", "events-arriving", "rows-disagree"})
"""Notices that explain a figure."""
OF_DRAWN = frozenset({"group sum", "sum of groups", "negative rest"})
"""About the feature that is drawn, whose check stands below the chart; others may be ticked beside it."""
MOST = 4
CHANGE_DIGITS = 6e-4
"""Changes are written as percentages with one decimal place."""


def usage_page(requested: Requested, page: Page) -> list[Finding]:
    """The findings in a page of charts."""

    def judge(each: Requested) -> list[Finding]:
        found = fewest(each.readings(), lambda reading: _judged(each, reading, page))
        return [_with_words(page, one) for one in found]

    widened = page.notices & {"windows-widened", "approximate-zone"}
    found = explained(requested, judge)[: 2 * MOST]
    return [
        replace(each, said=", ".join(sorted(widened))) if each.kind == "cycle in whole hours" else each
        for each in found
    ]


def _judged(requested: Requested, reading: Reading, page: Page) -> list[Finding]:
    found = _features(requested, reading, page)
    if requested.query.has_groups and page.groups:
        found += _groups(requested, reading, page)
    return found + _unmarked(requested, page)


def _with_words(page: Page, finding: Finding) -> Finding:
    """The finding with the page's explanation: a notice, or the absence of the check mark."""
    codes = page.notices & EXPLAINS.get(finding.kind, FIGURES)
    if codes:
        return replace(finding, said=finding.said or ", ".join(sorted(codes)))
    drawn = {page.check.reconciled} if page.check else {None}
    is_of_drawn = finding.kind in OF_DRAWN and page.check is not None
    ticks = drawn if is_of_drawn else drawn | {mark.reconciled for mark in page.features}
    if finding.said or "yes" in ticks or ticks == {None}:
        return finding
    return replace(finding, said="not ticked")


def _features(requested: Requested, reading: Reading, page: Page) -> list[Finding]:
    right, found = requested.by_feature(reading), []
    before = None
    if requested.compared is not None and requested.compared.sure:
        before = requested.by_feature(reading, requested.compared.previous)
    for feature, sums in sorted(right.items()):
        marks = [mark for mark in page.features if page.named(feature, mark)]
        if not marks and sums.whole.count:
            found.append(Finding("feature missing", "not on the page", f"{feature}: {sums.whole.value:.12g}"))
        for mark in marks[:1]:
            found += _feature(mark, sums.whole, None if before is None else before.get(feature, Sums()).whole)
    for mark in page.features:
        if mark.sum and not any(page.named(feature, mark) for feature in right):
            found.append(Finding("feature sum", f"{mark.name}: {mark.sum:.12g}", "0"))
    return found


def _feature(mark: FeatureMark, right: Sum, before: Sum | None) -> list[Finding]:
    found, said = [], "" if mark.reconciled in (None, "yes") else "not ticked"
    if not right.is_near(mark.sum):
        found.append(Finding("feature sum", f"{mark.name}: {mark.sum:.12g}", f"{right.value:.12g}", said))
    if mark.count is not None and mark.count != right.count:
        found.append(Finding("count", f"{mark.name}: {mark.count}", str(right.count), said))
    if before is not None and not found:
        found += _change(mark, right, before)
    return found


def _change(mark: FeatureMark | GroupMark, right: Sum, before: Sum) -> list[Finding]:
    """The change as a fraction; None if the previous sum is zero or less."""
    if before.value <= 1e-9 or mark.change is None:
        return []
    fraction = right.value / before.value - 1
    if abs(fraction - mark.change) <= CHANGE_DIGITS + 1e-6 * abs(fraction):
        return []
    return [Finding("change", f"{mark.name[:40]}: {mark.change:+.4f}", f"{fraction:+.4f}")]


def _chart_feature(requested: Requested, reading: Reading, page: Page) -> str | None:
    """The feature of the groups: as marked, else the only one or the focus; None if unknown."""
    features = list(requested.by_feature(reading))
    known = page.chart_feature or requested.query.focus
    if known is not None or len(features) == 1:
        return known or features[0]
    whole = sum(group.sum for group in page.groups)
    fitting = [
        name for name in features if all_groups(requested.by_group(reading, name)).whole.is_near(whole)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _groups(requested: Requested, reading: Reading, page: Page) -> list[Finding]:
    feature = _chart_feature(requested, reading, page)
    if feature is None:
        return []
    right, found = requested.by_group(reading, feature), list[Finding]()
    before = None
    if requested.compared is not None and requested.compared.sure:
        before = requested.by_group(reading, feature, requested.compared.previous)
    names = {group.name for group in right if group.name is not None}
    for mark in page.groups:
        if mark.kind == "value":
            found += _group(page, mark, [n for n in names if page.named(n, mark)], right, before)
        elif mark.sum < 0 and all(part >= 0 for each in right.values() for part in each.whole.parts):
            found.append(Finding("negative rest", f"{mark.kind}: {mark.sum:.12g}", "none below 0"))
    labels = Counter(mark.label for mark in page.groups if mark.label)
    found += [
        Finding("same label", f"{times} × {label[:60]}", "told apart")
        for label, times in labels.items()
        if times > 1
    ]
    drawn = sum(mark.sum for mark in page.groups)
    if not requested.query.group and not all_groups(right).whole.is_near(drawn):
        found.append(Finding("sum of groups", f"{drawn:.12g}", f"{all_groups(right).whole.value:.12g}"))
    return found


def _group(
    page: Page, mark: GroupMark, names: list[str], right: dict[Group, Sums], before: dict[Group, Sums] | None
) -> list[Finding]:
    if len(names) != 1:
        return []
    sums = named(right, names[0]).whole
    if not sums.is_near(mark.sum):
        said = (
            mark.bound
            if mark.bound == "unknown" or (mark.bound == "at-least" and mark.sum <= sums.value)
            else ""
        )
        return [Finding("group sum", f"{mark.name[:40]}: {mark.sum:.12g}", f"{sums.value:.12g}", said)]
    return [] if before is None else _change(mark, sums, named(before, names[0]).whole)


def _unmarked(requested: Requested, page: Page) -> list[Finding]:
    """Notices that a window needs for any figures."""
    bounds = (requested.query.start_ms, requested.query.end_ms or 0)
    inside = (
        requested.query.start is not None
        and any(ms % 3_600_000 and ms < requested.now for ms in bounds)
        and requested.query.tz == "UTC"
    )
    if inside and page.features and "windows-widened" not in page.notices:
        return [Finding("widened without a word", "no notice", "windows-widened")]
    return []


def drill_down(requested: Requested, check: Check | None, page: Page) -> list[Finding]:
    """The findings in the line above a bar's events."""
    if check is None:
        return [Finding("drill-down missing", "no line that reconciles", "one")]
    return explained(
        requested, lambda each: fewest(each.readings(), lambda reading: _drilled(each, reading, check, page))
    )


def _drilled(requested: Requested, reading: Reading, check: Check, page: Page) -> list[Finding]:
    rows = requested.listed(reading)
    listed, summed = Sum([row.listed for row in rows]), Sum([row.summed for row in rows])
    found = []
    if check.reconciled == "unknown" and len(page.rows) < len(rows):
        return []  # only the first rows are listed, and the line does not compare them
    if page.following is None and check.listed is not None and not listed.is_near(check.listed):
        found.append(Finding("drill-down rows", f"{check.listed:.12g}", f"{listed.value:.12g}"))
    if check.total is not None and not summed.is_near(check.total):
        found.append(Finding("drill-down total", f"{check.total:.12g}", f"{summed.value:.12g}"))
    if check.events is not None and check.events != len(rows) and page.following is None:
        found.append(Finding("drill-down count", str(check.events), str(len(rows))))
    explained = ", ".join(sorted(page.notices & FIGURES)) or (
        "" if check.reconciled == "yes" else "not ticked"
    )
    return [replace(each, said=explained) for each in found]


def list_of_events(
    requested: Requested, rows: list[tuple[int, str]], notices: frozenset[str], ended: bool
) -> list[Finding]:
    """The findings in the rows of all pages of a list."""
    if not ended:
        return []
    return explained(
        requested,
        lambda each: fewest(each.readings(), lambda reading: _in_order(each.listed(reading), rows, notices)),
    )


def _in_order(right: list[Row], rows: list[tuple[int, str]], notices: frozenset[str]) -> list[Finding]:
    found = ids([name for _, name in rows], [row.id for row in right])
    codes = ", ".join(sorted(notices & EXPLAINS["rows missing"]))
    if not found and [name for _, name in rows] != [row.id for row in right]:
        found = [Finding("order", "another order", "newest first, by microseconds and id")]
    return [replace(each, said=codes) for each in found]


def count(requested: Requested, shown: int) -> list[Finding]:
    """Whether the number of matches is correct."""

    def judge(each: Requested) -> list[Finding]:
        counts = {len(each.listed(reading)) for reading in each.readings()}
        return [] if shown in counts else [Finding("list count", str(shown), str(sorted(counts)))]

    return explained(requested, judge)


def top_values(requested: Requested, shown: list[TopValue]) -> list[Finding]:
    """Whether values are counted correctly among a thousand rows; selected ones are always counted."""
    plain = replace(
        requested, query=requested.query.having(filter=(), exclude=(), value_min=None, value_max=None)
    )
    rows = plain.listed(Reading())[:1000]
    found = []
    for each in shown:
        right = sum(
            shown_as(text_of(at_path(shown_properties(row.properties), each.path))) == each.value
            for row in rows
            if _has(row, each.path)
        )
        if right and each.chosen and not each.count:
            found.append(Finding("chosen value not counted", f"{each.path}:{each.value[:40]} 0", str(right)))
        elif right and right != each.count:
            found.append(Finding("top value", f"{each.path}:{each.value[:40]} {each.count}", str(right)))
    for condition in requested.query.filter:
        path, _, value = condition.partition(":")
        right = sum(
            text_of(at_path(shown_properties(row.properties), path)) == value
            for row in rows
            if _has(row, path)
        )
        if right and shown and not any((each.path, each.value) == (path, shown_as(value)) for each in shown):
            found.append(Finding("chosen value not counted", "no line", f"{condition[:60]} {right}"))
    return found[:MOST]


def _has(row: Row, path: str) -> bool:
    value = at_path(shown_properties(row.properties), path)
    return isinstance(value, str | int | float | list)
