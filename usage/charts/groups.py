"""From Autumn's groups to the lines of a chart: summed, ranked, compared. Pure: no call, no clock.

The traps that live here: 12 (folded groups), 13 (events without the property).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from usage import messages
from usage.charts.moves import Move
from usage.charts.series import Line, exact, exact_values, is_near
from usage.errors import TooLarge
from usage.results import RESERVED, AutumnBin
from usage.window import Bins

MAX_SUMS = 1_000_000
"""Groups times bins that are summed: a group has a sum in each bin, in whichever it occurs."""
MAX_LINES = 8
"""A chart draws this many series by name; the rest is Other."""


@dataclass(frozen=True, slots=True)
class GroupSums:
    """One feature's groups, summed into bins; what Autumn folded away, and where it did.

    `folded`: the bins in which a part of a group is folded. `folded_bins`: those in which any group is.
    """

    values: dict[str, list[float]]
    rest: list[float]
    folded: dict[str, frozenset[int]]
    folded_bins: frozenset[int]

    def sums(self) -> list[float]:
        """All groups and the rest together, bin by bin."""
        return [sum(column) for column in zip(self.rest, *self.values.values(), strict=True)]


def by_group(
    periods: Sequence[AutumnBin],
    names: Sequence[str],
    bins: Bins,
    max_groups: int,
    *,
    by_window: bool = False,
) -> GroupSums:
    """The groups of a feature that is tracked under `names`, of which Autumn keeps `max_groups` in each bin.

    A folded bin has at least that many groups, or a negative sum of the others: Autumn keeps the largest. In
    any other bin the reserved name is a group that is called so. `by_window`: it keeps the same groups in all
    bins. TooLarge for more than MAX_SUMS.
    """
    count = len({group for each in periods for name in names for group in _groups(each, name)})
    if count * max(len(bins), len(periods)) > MAX_SUMS:
        raise TooLarge(messages.RESPONSE_TOO_LARGE)
    sums_of = _by_group_of_window if by_window else _by_group
    found = [sums_of(periods, name, bins, max_groups) for name in names]
    groups = {group for each in found for group in each.values}
    empty = [0.0] * len(bins)
    return GroupSums(
        {
            group: [
                sum(c) for c in zip(empty, *(each.values.get(group, empty) for each in found), strict=True)
            ]
            for group in groups
        },
        [sum(column) for column in zip(empty, *(each.rest for each in found), strict=True)],
        {
            group: frozenset[int]().union(*(each.folded.get(group, each.folded_bins) for each in found))
            for group in groups
        },
        frozenset[int]().union(*(each.folded_bins for each in found)),
    )


def group_moves(
    periods: Sequence[AutumnBin], names: Sequence[str], max_groups: int, start: int
) -> tuple[tuple[Move, ...], bool]:
    """The groups of a feature that moved from the periods before `start` to those from there on, the largest
    change first, without what Autumn folded; and whether it folded none.
    """
    sums: dict[str, list[float]] = {}
    named, folded = Counter[str](), 0
    for name in names:
        cells = [(each.period >= start, _groups(each, name)) for each in periods]
        may_fold = _may_fold({group for _, values in cells for group in values}, max_groups)
        for is_after, values in cells:
            is_folded = may_fold and _is_folded(values, max_groups)
            folded += is_folded
            for group, value in values.items():
                if group == RESERVED and is_folded:
                    continue
                sums.setdefault(group, [0.0, 0.0])[is_after] += value
                named[group] += bool(value) and is_folded
    moves = [
        Move(group, exact(after), exact(before), named[group] == folded)
        for group, (before, after) in sums.items()
    ]
    moved = [move for move in moves if move.change]
    return tuple(sorted(moved, key=lambda move: (-abs(move.change), move.id))), not folded


def _groups(period: AutumnBin, name: str) -> Mapping[str, float]:
    return (period.grouped_values or {}).get(name, {})


def _by_group(periods: Sequence[AutumnBin], name: str, bins: Bins, max_groups: int) -> GroupSums:
    groups = (_groups(item, name) for item in periods)
    cells = list(zip(bins.indexes(item.period for item in periods), groups, strict=True))
    names = {group for _, values in cells for group in values}
    may_fold = _may_fold(names, max_groups)
    sums = {group: [0.0] * len(bins) for group in names if group != RESERVED or not may_fold}
    rest, folded, folded_bins = [0.0] * len(bins), {group: set[int]() for group in sums}, set[int]()
    for index, values in cells:
        is_folded = may_fold and _is_folded(values, max_groups)
        for group, value in values.items():
            if group == RESERVED and is_folded:
                rest[index] += value
            elif value:
                sums.setdefault(group, [0.0] * len(bins))[index] += value
            elif is_folded:
                folded[group].add(index)
        if is_folded:
            folded_bins.add(index)
            for group in sums.keys() - values.keys():
                folded.setdefault(group, set()).add(index)
            folded.setdefault(RESERVED, set()).add(index)
    marks = {group: frozenset(folded.get(group, ())) for group in sums}
    return GroupSums(sums, rest, marks, frozenset(folded_bins))


def _by_group_of_window(periods: Sequence[AutumnBin], name: str, bins: Bins, max_groups: int) -> GroupSums:
    """The same where a group is folded in all bins or in none."""
    groups = [_groups(item, name) for item in periods]
    names = {group for values in groups for group in values}
    own = names - {RESERVED} if _may_fold(names, max_groups) else names
    sums = {group: [0.0] * len(bins) for group in own}
    rest, folded_bins = [0.0] * len(bins), set[int]()
    for index, values in zip(bins.indexes(item.period for item in periods), groups, strict=True):
        for group, value in values.items():
            if group in sums:
                sums[group][index] += value
            else:
                rest[index] += value
                folded_bins.add(index)
    return GroupSums(sums, rest, dict.fromkeys(sums, frozenset[int]()), frozenset(folded_bins))


def _may_fold(names: Set[str], max_groups: int) -> bool:
    return RESERVED in names and len(names) > max_groups


def _is_folded(values: Mapping[str, float], max_groups: int) -> bool:
    """Whether groups are folded in a bin, also where what they hold sums to nothing."""
    named = sum(1 for group, value in values.items() if value and group != RESERVED)
    return named >= max_groups or values.get(RESERVED, 0.0) < 0


def group_lines(
    current: GroupSums,
    whole: Sequence[float],
    previous: tuple[GroupSums, Sequence[float]] | None,
    only: tuple[str, ...] = (),
) -> tuple[Line, ...]:
    """A line for each of the largest groups, then Other, then what the feature has beyond its groups (trap
    13).

    `whole`: the feature's ungrouped values. `previous`: the same two of the previous period. `only`: just
    these groups.
    """
    empty = [0.0] * len(whole)
    before = previous[0] if previous is not None else None
    names = {*current.values, *(before.values if before else ()), *only}
    by_size = sorted(names, key=lambda name: (-sum(map(abs, current.values.get(name, empty))), name))
    if only:
        return tuple(_group_line(name, current, before, empty) for name in by_size if name in only)
    top, small = by_size[:MAX_LINES], by_size[MAX_LINES:]
    lines = [_group_line(name, current, before, empty) for name in top]
    other = _other_line(lines, small, current, before, empty)
    return (*lines, *other, *_none_line(current, whole, previous))


def _group_line(name: str, current: GroupSums, before: GroupSums | None, empty: list[float]) -> Line:
    return Line(
        "group",
        name,
        exact_values(current.values.get(name, empty)),
        None if before is None else exact_values(before.values.get(name, empty)),
        _folded(current, name),
        previous_folded=frozenset() if before is None else _folded(before, name),
    )


def _folded(groups: GroupSums, name: str) -> frozenset[int]:
    """The bins in which a part of a group may be folded: one that no answer names may be in any of them."""
    return groups.folded.get(name, groups.folded_bins)


def _other_line(
    lines: Sequence[Line],
    small: Sequence[str],
    current: GroupSums,
    before: GroupSums | None,
    empty: list[float],
) -> tuple[Line, ...]:
    """All other groups. It is not exact where it holds a part of a group that has a line of its own."""
    rest_before = before.rest if before is not None else empty
    if not (small or any(current.rest) or any(rest_before)):
        return ()
    values = [sum(c) for c in zip(current.rest, *(current.values.get(n, empty) for n in small), strict=True)]
    previous = None
    if before is not None:
        columns = zip(before.rest, *(before.values.get(n, empty) for n in small), strict=True)
        previous = exact_values(sum(column) for column in columns)
    return (
        Line(
            "other",
            "",
            exact_values(values),
            previous,
            frozenset[int]().union(*(line.folded for line in lines)),
            len(small),
            frozenset[int]().union(*(line.previous_folded for line in lines)),
        ),
    )


def _none_line(
    current: GroupSums, whole: Sequence[float], previous: tuple[GroupSums, Sequence[float]] | None
) -> tuple[Line, ...]:
    missing = _gaps(whole, current.sums())
    before = None if previous is None else _gaps(previous[1], previous[0].sums())
    if not any(missing) and not any(before or ()):
        return ()
    return (Line("none", "", missing, before),)


def _gaps(whole: Sequence[float], part: Sequence[float]) -> tuple[float, ...]:
    return tuple(0.0 if is_near(a, b) else exact(a - b) for a, b in zip(whole, part, strict=True))
