"""A series as a picture: what is drawn where, in which color, under which label.

Drawn by `svg` and by `figure`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate

from dashboard import formats
from dashboard.charts import colors
from dashboard.charts.ticks import Tick, bin_labels, bin_times, time_ticks, value_range, value_ticks
from usage.charts.series import Kind, Line, Series, exact
from usage.query import ChartType

# Sums of the largest floats overflow; what is drawn stays where arithmetic works.
MAX_DRAWN = 1e300
FIXED_LABELS = {"other": "Other", "none": "No value or not reported"}

BinValues = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """One line as it is drawn. `values`: what it shows in each bin, running sums in a cumulative chart.

    `label` fits a row, `title` is the whole name; `slot` is the CSS class of its color.
    """

    kind: Kind
    name: str
    label: str
    title: str
    slot: str
    values: BinValues
    previous: BinValues | None
    folded: frozenset[int]


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that a picture of a series needs. Bins are drawn at 0, 1, 2, … on a linear axis.

    `stacked`: lines stand on each other, negative ones below zero. `drawn`: how many bins have begun, the
    others stay blank. `previous`: the previous period, for all lines together. `folded`: bins in which some
    group is partly inside Other.
    """

    shape: ChartType
    stacked: bool
    title: str
    lines: tuple[DrawnLine, ...]
    labels: tuple[str, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    low: float
    high: float
    drawn: int
    running: int | None
    previous: BinValues | None
    folded: tuple[int, ...]

    def stack(self) -> list[list[tuple[float, float]]]:
        """For each line, from where to where its part of every bin goes."""
        return stack([line.values for line in self.lines], apart=self.shape == "bars")

    def extent(self, at: int) -> tuple[float, float]:
        """The lowest and highest value that a bin's bar reaches."""
        values = [line.values[at] for line in self.lines]
        return sum(v for v in values if v < 0), sum(v for v in values if v > 0)


def stack(lines: Sequence[BinValues], *, apart: bool) -> list[list[tuple[float, float]]]:
    """Each line on top of those before it.

    `apart`: negative parts grow downwards from zero, as Plotly stacks bars.
    """
    size = len(lines[0]) if lines else 0
    up, down = [0.0] * size, [0.0] * size
    parts = []
    for values in lines:
        part = []
        for at, value in enumerate(values):
            ends = down if apart and value < 0 else up
            part.append((ends[at], ends[at] + value))
            ends[at] += value
        parts.append(part)
    return parts


def chart_of(series: Series, color_peers: Collection[str] = ()) -> Chart:
    """The picture of `series`, as its query requests it.

    `color_peers`: the names that colors are shared out among.
    """
    shape = series.query.chart
    drawn = _begun_bins(series)
    lines = _drawn_lines(series, shape, color_peers, drawn)
    previous = None if series.previous is None else _drawn_values(series.previous, shape, drawn)
    stacked = _is_stacked(shape, lines)
    if not stacked and len(lines) > 1:
        previous = None  # a sum has no place among lines that don't stand on each other
    low, high = _extremes(lines, previous, shape, stacked)
    size = series.size
    times = bin_times(series.bins, size, series.query.zone)
    return Chart(
        shape=shape,
        stacked=stacked,
        title=chart_title(series),
        lines=lines,
        labels=bin_labels(times, size),
        x_ticks=time_ticks(times, size),
        y_ticks=value_ticks(low, high),
        low=low,
        high=high,
        drawn=drawn,
        running=series.running,
        previous=previous,
        folded=tuple(
            sorted({at for line in series.lines if line.kind == "group" for at in line.folded if at < drawn})
        ),
    )


def chart_title(series: Series) -> str:
    """What the chart shows: a feature by its groups, or features."""
    by = series.query.group_by
    feature = formats.label(series.focus) if series.focus else "Usage"
    return feature if by is None else f"{feature} by {formats.label(formats.dimension_name(by))}"


def label_of(line: Line) -> str:
    """A line's name in a row. A group that is itself called like one of ours stands in quotes."""
    if line.kind == "other":
        return f"Other ({line.members:,})" if line.members else "Other"
    if line.kind == "none":
        return FIXED_LABELS["none"]
    text = formats.label(line.name)
    mistakable = text.startswith("Other") or (line.name in (*FIXED_LABELS.values(), formats.BLANK))
    return f"“{text}”" if mistakable else text


def _begun_bins(series: Series) -> int:
    return sum(start <= series.now for start in series.bins.starts) or len(series.bins)


def _drawn_lines(
    series: Series, shape: ChartType, color_peers: Collection[str], drawn: int
) -> tuple[DrawnLine, ...]:
    names = [line.name for line in series.lines if line.kind in ("feature", "group")]
    dimension = colors.dimension(series.query, series.focus)
    slots = colors.slots(series.query.customer_id, dimension, names, color_peers)
    labels = _unique([label_of(line) for line in series.lines])
    return tuple(
        DrawnLine(
            kind=line.kind,
            name=line.name,
            label=label,
            title=formats.full_label(line.name) if line.kind in ("feature", "group") else label_of(line),
            slot={"other": colors.OTHER, "none": colors.NONE}.get(line.kind) or slots[line.name],
            values=_drawn_values(line.values, shape, drawn),
            previous=None if line.previous is None else _drawn_values(line.previous, shape, drawn),
            folded=line.folded,
        )
        for line, label in zip(series.lines, labels, strict=True)
    )


def _unique(labels: Sequence[str]) -> list[str]:
    """Labels, numbered where long names look alike when they are cut."""
    return [
        f"{label} #{labels[: at + 1].count(label)}" if labels.count(label) > 1 else label
        for at, label in enumerate(labels)
    ]


def _drawn_values(values: BinValues, shape: ChartType, drawn: int) -> BinValues:
    shown = values[:drawn]
    if max(map(abs, shown), default=0) > MAX_DRAWN:
        shown = tuple(min(max(value, -MAX_DRAWN), MAX_DRAWN) for value in shown)
    return tuple(map(exact, accumulate(shown))) if shape == "cumulative" else shown


def _is_stacked(shape: ChartType, lines: Sequence[DrawnLine]) -> bool:
    """Areas that shrink below zero would cover each other; such sums are drawn as plain lines."""
    if shape == "cumulative":
        return all(value >= 0 for line in lines for value in line.values)
    return shape == "bars"


def _extremes(
    lines: Sequence[DrawnLine], previous: BinValues | None, shape: ChartType, stacked: bool
) -> tuple[float, float]:
    reached = [*(previous or ()), 0.0]
    if stacked:
        for part in stack([line.values for line in lines], apart=shape == "bars"):
            reached += [end for _, end in part]
    else:
        reached += [value for line in lines for value in (*line.values, *(line.previous or ()))]
    return value_range(min(reached), max(reached))
