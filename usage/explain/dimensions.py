"""Which dimensions of a feature can explain its change, and their lines from Autumn's bins. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from usage import messages
from usage.charts.groups import GroupSums
from usage.charts.series import exact, exact_values, is_near
from usage.events.match import flatten, text_of
from usage.explain.attribution import HOUR_OF_DAY, WEEKDAY, Dimension, DimensionLine, RowKind
from usage.explain.shape import TimedBins, bin_moments
from usage.query import is_path
from usage.results import Event
from usage.scope import Scope

MOST_PROPERTIES = 8
"""As many of the commonest properties are looked at."""
MOST_PATHS = 200
"""Properties that are counted among the newest rows, at most."""
FEW_ROWS = 20
"""Among fewer rows it is usual that each has a value of its own."""
OWN_VALUES = 0.5
"""Where more of the rows than this part have values of their own, a property names events, not groups."""
LINES_WITH_BINS = 20
"""The lines of a dimension that have values for a small chart: those that moved most."""

Reason = Literal["error", "filter", "folded", "limit", "link", "own-values", "short", "unsupported"]

_GROUPABLE = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*\Z")


@dataclass(frozen=True, slots=True)
class NotLookedAt:
    """What an explanation leaves out: a grouping, by its name in `group_by`, or a filter, by its parameter.

    `reason`: a stable code; "folded" is looked at, but not all of its values are known.
    """

    name: str
    reason: Reason
    sentence: str


class ChosenProperties(NamedTuple):
    """The paths to look at, the commonest first, and the others."""

    paths: tuple[str, ...]
    left_out: tuple[NotLookedAt, ...]


def choose_properties(
    events: Iterable[Event], scope: Scope | None, filtered: Collection[str] = ()
) -> ChosenProperties:
    """The commonest properties of `events` whose values can be groups: texts, numbers and booleans.

    `filtered`: those of which Autumn's figures have one value only.
    """
    rows, values, counted = Counter[str](), defaultdict[str, set[str]](set), 0
    for event in events:
        counted += 1
        for path, value in flatten(event.properties):
            if path not in filtered and _is_scalar(value) and (path in rows or len(rows) < MOST_PATHS):
                rows[path] += 1
                values[path].add(text_of(value))
    paths, left_out = list[str](), list[NotLookedAt]()
    for path, count in sorted(rows.items(), key=lambda item: (-item[1], item[0])):
        has_own = counted >= FEW_ROWS and len(values[path]) > max(OWN_VALUES * count, FEW_ROWS / 2)
        group_by = f"properties.{path}"
        if not is_path(path) or not _GROUPABLE.match(path):
            left_out.append(NotLookedAt(group_by, "unsupported", messages.NOT_A_GROUP_BY))
        elif scope is not None and not scope.may_group(group_by):
            left_out.append(NotLookedAt(group_by, "link", messages.GROUP_NOT_IN_LINK))
        elif has_own:
            left_out.append(NotLookedAt(group_by, "own-values", messages.OWN_VALUES))
        elif len(paths) == MOST_PROPERTIES:
            left_out.append(beyond_limit(group_by))
        else:
            paths.append(path)
    return ChosenProperties(tuple(paths), tuple(left_out))


def beyond_limit(group_by: str) -> NotLookedAt:
    """A grouping for which there is no call left."""
    return NotLookedAt(group_by, "limit", messages.TOO_MANY_DIMENSIONS)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and value != ""


def grouped_dimension(
    group_by: str,
    current: GroupSums,
    previous: GroupSums,
    whole: Sequence[float],
    whole_before: Sequence[float],
) -> Dimension:
    """The lines of a grouping: each group, Other, and what the feature has beyond its groups.

    `whole`, `whole_before`: the feature's own values in the bins of the groups.
    """
    empty, empty_before = [0.0] * len(whole), [0.0] * len(whole_before)
    lines = [
        _line(group, current, previous, empty, empty_before)
        for group in current.values.keys() | previous.values.keys()
    ]
    lines.sort(key=lambda line: (-abs(line.change), -abs(line.after), line.value))
    lines = [
        line if at < LINES_WITH_BINS else replace(line, values=(), previous=())
        for at, line in enumerate(lines)
    ]
    if any(current.rest) or any(previous.rest):
        lines.append(_of_bins("other", "", current.rest, previous.rest))
    missing, missing_before = _gap(whole, current.sums()), _gap(whole_before, previous.sums())
    if sum(missing) or sum(missing_before):
        lines.append(_of_bins("none", "", missing, missing_before))
    return Dimension(group_by, tuple(lines))


def _line(
    group: str,
    current: GroupSums,
    previous: GroupSums,
    empty: Sequence[float],
    empty_before: Sequence[float],
) -> DimensionLine:
    line = _of_bins(
        "value", group, current.values.get(group, empty), previous.values.get(group, empty_before)
    )
    return replace(
        line,
        is_exact_before=not previous.folded.get(group, previous.folded_bins),
        is_exact_after=not current.folded.get(group, current.folded_bins),
    )


def _of_bins(
    kind: RowKind,
    value: str,
    values: Sequence[float],
    before: Sequence[float],
) -> DimensionLine:
    return DimensionLine(
        kind,
        value,
        exact(sum(before)),
        exact(sum(values)),
        values=exact_values(values),
        previous=exact_values(before),
    )


def _gap(whole: Sequence[float], part: Sequence[float]) -> tuple[float, ...]:
    """What the feature has beyond its groups: none where the two are one but for the rounding of floats."""
    if is_near(sum(whole), sum(part)):
        return (0.0,) * len(whole)
    return tuple(0.0 if is_near(a, b) else exact(a - b) for a, b in zip(whole, part, strict=True))


def time_dimensions(
    before: TimedBins, after: TimedBins, zone: ZoneInfo, *, has_hours: bool
) -> tuple[tuple[Dimension, ...], tuple[NotLookedAt, ...]]:
    """The hours of the day and the weekdays, where both periods have all of them.

    `before` has the real bins of its own period: an hour or weekday is expected to have its mean there, as
    often as the later period has it. `has_hours`: the bins are hours.
    """
    found, left_out = list[Dimension](), list[NotLookedAt]()
    for name, count in ((HOUR_OF_DAY, 24), (WEEKDAY, 7)):
        if name == HOUR_OF_DAY and not has_hours:
            left_out.append(NotLookedAt(name, "short", messages.TOO_LONG_FOR_HOURS))
            continue
        keys, keys_before = (_keys(name, bin_moments(each.starts, zone)) for each in (after, before))
        if len(set(keys)) < count or len(set(keys_before)) < count:
            left_out.append(NotLookedAt(name, "short", messages.TOO_SHORT_FOR_TIMES))
        else:
            found.append(_time_dimension(name, before, after, keys, keys_before))
    return tuple(found), tuple(left_out)


def _keys(name: str, moments: Iterable[datetime]) -> list[int]:
    return [moment.hour if name == HOUR_OF_DAY else moment.weekday() for moment in moments]


def _time_dimension(
    name: str, before: TimedBins, after: TimedBins, keys: Sequence[int], keys_before: Sequence[int]
) -> Dimension:
    sums, sums_before = _summed(keys, after.values), _summed(keys_before, before.values)
    bins, bins_before = Counter(keys), Counter(keys_before)
    expected = {key: sums_before[key] / bins_before[key] * bins[key] for key in sums}
    total = sum(expected.values())
    return Dimension(
        name,
        tuple(
            DimensionLine(
                "value",
                str(key),
                exact(sums_before[key]),
                exact(sums[key]),
                prior=expected[key] / total if total > 0 else None,
            )
            for key in sorted(sums)
        ),
    )


def _summed(keys: Sequence[int], values: Sequence[float]) -> dict[int, float]:
    sums = defaultdict[int, float](float)
    for key, value in zip(keys, values, strict=True):
        sums[key] += value
    return dict(sums)


def regular_values(kind: str, parts: Iterable[Hashable]) -> frozenset[tuple[str, str]]:
    """The values of a time dimension that a shape says to have moved each time."""
    name = {"weekday": WEEKDAY, "hour": HOUR_OF_DAY}.get(kind)
    return frozenset() if name is None else frozenset((name, str(part)) for part in parts)
