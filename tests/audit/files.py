"""Checks files: `/usage/export.csv` cell by cell, files of events row by row."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from tests.audit.causes import explained
from tests.audit.file_reading import Cell, FileRow
from tests.audit.findings import Finding, cost, fewest
from tests.audit.requested import Requested, all_groups, named
from tests.audit.truth import Bin, Group, Reading, Sums, shown_properties

Lines = dict[tuple[str, str, str], list[Cell]]
MOST = 3
LARGEST_PLAIN = 1e21
SAID_IN_NAMES = {"feature missing": "features-seen-so-far", "cycle in whole hours": "whole-hours"}
"""Kinds of differences, and the words in a file's name that announce them."""


def usage_file(requested: Requested, cells: list[Cell], name: str = "") -> list[Finding]:
    """The findings in a usage file; what it leaves out is in its `name`."""
    said = {kind for kind, words in SAID_IN_NAMES.items() if words in name}
    return [replace(each, said=name) if each.kind in said else each for each in _in_cells(requested, cells)]


def _in_cells(requested: Requested, cells: list[Cell]) -> list[Finding]:
    lines: Lines = defaultdict(list)
    for cell in cells:
        lines[cell.feature, cell.kind, cell.group].append(cell)
    return explained(
        requested, lambda each: fewest(each.readings(), lambda reading: _with_labels(each, reading, lines))
    )


def _with_labels(requested: Requested, reading: Reading, lines: Lines) -> list[Finding]:
    """Check by the dates as written; if these are those of the previous day, that is one finding."""
    plain = _judged(requested, reading, lines, shifted=False)
    if not plain or requested.size == "hour":
        return plain
    shifted = _judged(requested, reading, lines, shifted=True)
    if cost(shifted) >= cost(plain):
        return plain
    first = next(iter(lines.values()))[0]
    return [*shifted, Finding("local date", first.start, "the date that the page shows")]


def _judged(requested: Requested, reading: Reading, lines: Lines, *, shifted: bool) -> list[Finding]:
    if not requested.query.has_groups:
        return _features(requested, reading, lines, shifted)
    return _groups(requested, reading, lines, shifted)


def label(requested: Requested, start: str, *, shifted: bool = False) -> Bin:
    """The bin that a `period_start` names."""
    moment = datetime.fromisoformat(start)
    if requested.size == "hour":
        return round(moment.timestamp() * 1000)
    return (moment + timedelta(hours=12 if shifted else 0)).date()


def _features(requested: Requested, reading: Reading, lines: Lines, shifted: bool) -> list[Finding]:
    right = requested.by_feature(reading)
    found = []
    for feature, sums in sorted(right.items()):
        if (feature, "", "") not in lines and sums.whole.count:
            found.append(Finding("feature missing", "no row", f"{feature}: {sums.whole.value:.12g}"))
    before = None
    if requested.compared is not None and requested.compared.sure:
        before = requested.by_feature(reading, requested.compared.previous)
    for (feature, _, _), cells in lines.items():
        found += _line(requested, cells, right.get(feature, Sums()), feature, "value", shifted)
        if before is not None:
            found += _previous(cells, before.get(feature, Sums()), feature)
    return _no_rows(requested, lines) or _once(found, "previous missing")


def _once(found: list[Finding], kind: str) -> list[Finding]:
    """The findings, only the first of this kind."""
    first = next((each for each in found if each.kind == kind), None)
    return [each for each in found if each.kind != kind or each is first]


def _no_rows(requested: Requested, lines: Lines) -> list[Finding]:
    """A bin with a zero has a row, even if the chart is empty."""
    if lines or not (requested.query.feature_id or requested.rows):
        return []
    return [Finding("no rows", "header only", "a row for each bin")]


def _line(
    requested: Requested, cells: list[Cell], right: Sums, name: str, kind: str, shifted: bool
) -> list[Finding]:
    """Every bin of one line; a lower bound only has to be one."""
    shown: dict[Bin, float] = defaultdict(float)
    bounds: dict[Bin, str] = {}
    for cell in cells:
        at = label(requested, cell.start, shifted=shifted)
        shown[at] += float(cell.value)
        bounds[at] = cell.bound
    wrong = [
        _cell(name, kind, at, shown.get(at), right[at].value, bounds.get(at, "exact"))
        for at in sorted({*shown, *right}, key=str)
        if not right[at].is_near(shown.get(at, 0.0))
    ]
    silent = [each for each in wrong if not each.said]
    return (silent or wrong)[:MOST]


def _cell(name: str, kind: str, at: Bin, shown: float | None, right: float, bound: str) -> Finding:
    said = bound if bound == "unknown" or (bound == "at-least" and (shown or 0) <= right) else ""
    written = "no row" if shown is None else f"{shown:.12g}"
    return Finding(kind, f"{name[:40]} {at}: {written}", f"{right:.12g}", said)


def _previous(cells: list[Cell], right: Sums, name: str) -> list[Finding]:
    if cells[0].previous is None:
        return [
            Finding("previous missing", "no column previous_value", f"{name[:40]}: {right.whole.value:.12g}")
        ]
    shown = sum(float(cell.previous) for cell in cells if cell.previous)
    if right.whole.is_near(shown):
        return []
    said = "bound" if any(cell.bound != "exact" for cell in cells) else ""
    return [Finding("previous value", f"{name[:40]}: {shown:.12g}", f"{right.whole.value:.12g}", said)]


def _groups(requested: Requested, reading: Reading, lines: Lines, shifted: bool) -> list[Finding]:
    if not lines:
        return _no_rows(requested, lines)
    feature = next(iter(lines))[0]
    right = requested.by_group(reading, feature)
    found = _focus(requested, reading, feature)
    for (_, kind, name), cells in lines.items():
        if kind == "value":
            truth = named(right, name)
            group = Group(name)
            if truth or group in right:
                found += _line(requested, cells, truth, name, "group value", shifted)
            elif any(float(cell.value) for cell in cells) and not any(not g.reported for g in right):
                found.append(Finding("group unknown", name[:60], "no such group"))
    if not requested.query.group:
        found += _whole(requested, lines, right, shifted) + _without(lines, right)
    found += _marks(requested, lines, right)
    if requested.compared is not None and requested.compared.sure and not found:
        before = requested.by_group(reading, feature, requested.compared.previous)
        for (_, kind, name), cells in lines.items():
            if kind == "value" and all(group.reported for group in before):
                found += _previous(cells, named(before, name), name)
    return _once(found, "previous missing")


def _focus(requested: Requested, reading: Reading, feature: str) -> list[Finding]:
    """The feature of the groups: the requested one, or the one with most events.

    Autumn's counts beside a comparison may have the running hour, which its sums are without.
    """
    if requested.query.focus is not None:
        return [] if feature == requested.query.focus else [Finding("focus", feature, requested.query.focus)]
    until_now = replace(requested, query=requested.query.having(compare=None))
    found = [_most_events(each, reading, feature) for each in (requested, until_now)]
    return found[0] if all(found) else []


def _most_events(requested: Requested, reading: Reading, feature: str) -> list[Finding]:
    counts = {name: sums.whole.count for name, sums in requested.by_feature(reading).items()}
    most = max(counts.values(), default=0)
    if counts.get(feature, 0) == most:
        return []
    return [Finding("focus", f"{feature} ({counts.get(feature, 0)} events)", f"one with {most} events")]


def _whole(requested: Requested, lines: Lines, right: dict[Group, Sums], shifted: bool) -> list[Finding]:
    """All lines sum to the feature."""
    cells = [cell for each in lines.values() for cell in each]
    bounded = any(cell.bound != "exact" for cell in cells)
    wrong = _line(requested, cells, all_groups(right), "all groups", "sum of groups", shifted)
    return [Finding(one.kind, one.shown, one.right, "bound" if bounded else one.said) for one in wrong[:1]]


def _without(lines: Lines, right: dict[Group, Sums]) -> list[Finding]:
    """The line of events without a group, in total; values that Autumn may not report can be in it."""
    cells = [cell for (_, kind, _), each in lines.items() if kind == "none" for cell in each]
    shown, truth = sum(float(cell.value) for cell in cells), named(right, None).whole
    positive = all(part >= 0 for sums in right.values() for part in sums.whole.parts)
    if positive and any(float(cell.value) < 0 for cell in cells):
        return [Finding("negative rest", f"{min(float(cell.value) for cell in cells):.12g}", "none below 0")]
    if truth.is_near(shown) or any(not group.reported for group in right) or not lines:
        return []
    if ("value" not in {kind for _, kind, _ in lines}) and not cells:
        return []
    said = "bound" if any(cell.bound != "exact" for cell in cells) else ""
    return [Finding("no group", f"{shown:.12g}", f"{truth.value:.12g}", said)]


def _marks(requested: Requested, lines: Lines, right: dict[Group, Sums]) -> list[Finding]:
    """If there are too few groups for folding, all are exact, and the largest has its line."""
    fold_from = 9 if requested.age == "older" else 250
    names = {group.name for group in right if group.name is not None}
    marked = [cell for each in lines.values() for cell in each if cell.bound != "exact"]
    if marked and len(names) <= min(fold_from, 200) and requested.size != "hour":
        return [Finding("marked without need", f"{len(marked)} cells", "exact", "bound")]
    if requested.query.group or not names or any(not group.reported for group in right):
        return []
    largest = max(names, key=lambda name: abs(named(right, name).whole.value))
    size, rest = abs(named(right, largest).whole.value), sum(abs(sums.whole.value) for sums in right.values())
    if size > rest / 4 and not any(kind == "value" and name == largest for _, kind, name in lines):
        return [Finding("group swallowed", "no line", f"{largest[:60]}: {size:.12g}")]
    return []


def events_file(requested: Requested, rows: list[FileRow], broken: bool) -> list[Finding]:
    """The findings in a file of events."""
    if broken:
        return [Finding("file cut", f"{len(rows)} rows", "a whole file", "the connection was cut")]
    return explained(
        requested, lambda each: fewest(each.readings(), lambda reading: _rows(each, reading, rows))
    )


def _rows(requested: Requested, reading: Reading, rows: list[FileRow]) -> list[Finding]:
    right = {row.id: row for row in requested.listed(reading)}
    found = ids([row.id for row in rows], list(right))
    for row in rows:
        known = right.get(row.id)
        if known is None:
            continue
        if float(row.value) != float(known.listed):
            found.append(Finding("row value", row.value, repr(known.listed)))
        elif "e" in row.value.lower() and 1 <= abs(known.listed) < LARGEST_PLAIN:
            found.append(Finding("row digits", row.value, f"{known.listed:.0f}"))
        if row.properties != shown_properties(known.properties) and not _is_same(row, known.properties):
            found.append(Finding("row properties", str(row.properties)[:80], str(known.properties)[:80]))
    return found[: 2 * MOST]


def _is_same(row: FileRow, properties: dict[str, object]) -> bool:
    """Whole numbers beyond 2^53 are doubles in lists."""
    right = shown_properties(properties)
    return row.properties.keys() == right.keys() and all(
        row.properties[name] == value
        or (isinstance(value, int) and float(row.properties[name]) == float(value))
        for name, value in right.items()
    )


def ids(shown: Iterable[str], right: list[str]) -> list[Finding]:
    """Rows that are missing, repeated, or extra."""
    seen, wanted = Counter(shown), set(right)
    kinds = {
        "rows missing": [name for name in right if name not in seen],
        "rows repeated": [name for name, times in seen.items() if times > 1],
        "rows too many": [name for name in seen if name not in wanted],
    }
    total = f"{len(right)} rows"
    return [
        Finding(kind, f"{len(names)} of {sum(seen.values())}, such as {names[0]}", total)
        for kind, names in kinds.items()
        if names
    ]
