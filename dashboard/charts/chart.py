"""A series as a picture: what is drawn where, in which color, under which label.

Drawn by `svg` and by `figure`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from dashboard import formats
from dashboard.charts import colors
from dashboard.charts.shares import GroupShares, shares_of
from dashboard.charts.ticks import Tick, bin_labels, bin_times, time_ticks, value_range, value_ticks
from dashboard.names.labels import NO_UNIT, Labels, Unit
from usage.charts.allowance import Allowance
from usage.charts.series import Kind, Line, Series, exact
from usage.query import ChartType, Measure

# Sums of the largest floats overflow; what is drawn stays where arithmetic works.
MAX_DRAWN = 1e300
PERCENT_TICKS = tuple(Tick(at, f"{at}{formats.GAP}%") for at in (0, 25, 50, 75, 100))

FIXED_LABELS = {"other": "Other", "none": "No value or not reported"}

MEASURED: dict[Measure, str] = {
    "sum": "{feature}",
    "count": "{feature} events",
    "deducted": "{feature} deducted",
}
ALL_MEASURED: dict[Measure, str] = {
    "sum": "Usage by feature",
    "count": "Events by feature",
    "deducted": "Deducted by feature",
}
"""The title of panels."""

BinValues = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """One line as it is drawn. `values`: what it shows in each bin: running sums in a cumulative chart, in a
    percent chart shares, of which `amounts` has the figures.

    `label` fits a row, `title` is the whole name; `slot` is the CSS class of its color. `id_text`: the ID
    where the label is another name, else empty.
    """

    kind: Kind
    name: str
    label: str
    title: str
    slot: str
    values: BinValues
    previous: BinValues | None
    folded: frozenset[int]
    id_text: str = ""
    amounts: BinValues | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that a picture of a series needs. Bins are drawn at 0, 1, 2, … on a linear axis.

    `hidden`: lines that are listed, but not drawn. `stacked`: lines stand on each other, negative ones below
    zero. `drawn`: how many bins have begun, the others stay blank. `previous`: the previous period, for all
    lines together. `folded`: bins in which some group is partly inside Other. `unit`: of the feature that is
    drawn. `granted`: what its plan grants in the time on display, where a running sum can be compared with
    it. `without_shares`: the bins of a percent chart that stay blank, though there is usage.
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
    unit: Unit = NO_UNIT
    granted: float | None = None
    hidden: frozenset[int] = frozenset()
    without_shares: frozenset[int] = frozenset()

    @property
    def has_bars(self) -> bool:
        return self.shape in ("bars", "percent")

    @property
    def visible(self) -> tuple[DrawnLine, ...]:
        """The lines that are drawn."""
        return tuple(line for at, line in enumerate(self.lines) if at not in self.hidden)

    def stack(self) -> list[list[tuple[float, float]]]:
        """For each visible line, from where to where its part of every bin goes."""
        return stack([line.values for line in self.visible], apart=self.has_bars)

    def extent(self, at: int) -> tuple[float, float]:
        """The lowest and highest value that a bin's bar reaches."""
        values = [line.values[at] for line in self.visible]
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


def chart_of(
    series: Series,
    color_peers: Collection[str] = (),
    labels: Labels | None = None,
    allowance: Allowance | None = None,
    feature_slots: Mapping[str, str] | None = None,
) -> Chart:
    """The picture of `series`, as its query requests it; for panels, of all their features together.

    `color_peers`: the groups that colors are shared out among. `labels`: what customers and features are
    called. `allowance`: of the feature that is drawn. `feature_slots`: the colors of features.
    """
    labels = labels or Labels()
    shape = _shape_of(series)
    drawn = _begun_bins(series)
    shares = shares_of(series, drawn) if shape == "percent" else None
    lines = _drawn_lines(series, shape, _slots(series, color_peers, feature_slots), drawn, labels)
    lines = lines if shares is None else _as_shares(lines, shares)
    hidden = frozenset(
        at for at, line in enumerate(lines) if can_hide(line) and line.name in series.query.hide
    )
    visible = [line for at, line in enumerate(lines) if at not in hidden]
    previous = None if series.previous is None else _drawn_values(series.previous, shape, drawn)
    stacked = _is_stacked(shape, visible)
    if hidden or shares is not None or (not stacked and len(lines) > 1):
        # A sum has no place among lines that don't stand on each other, nor that of all lines above some.
        previous = None
    is_whole = not hidden and (stacked or len(lines) == 1)
    granted = _granted(allowance, series, shape) if is_whole else None
    extremes = _extremes(visible, previous, shape, stacked, granted)
    low, high = extremes if shares is None else value_range(0, 100)
    size = series.size
    times = bin_times(series.bins, size, series.query.zone)
    return Chart(
        shape=shape,
        stacked=stacked,
        title=chart_title(series, labels),
        unit=labels.measured_in(series.focus, series.query.measure) if series.focus else NO_UNIT,
        lines=lines,
        labels=bin_labels(times, size),
        x_ticks=time_ticks(times, size),
        y_ticks=value_ticks(low, high) if shares is None else PERCENT_TICKS,
        granted=granted,
        low=low,
        high=high,
        drawn=drawn,
        running=series.running,
        previous=previous,
        hidden=hidden,
        without_shares=frozenset() if shares is None else shares.without,
        folded=tuple(
            sorted({at for line in visible if line.kind == "group" for at in line.folded if at < drawn})
        ),
    )


def can_hide(line: Line | DrawnLine) -> bool:
    """Whether a line can be named in `hide`: Other and events without a value cannot."""
    return line.kind in ("feature", "group") and bool(line.name.strip())


def chart_title(series: Series, labels: Labels) -> str:
    """What the chart shows: a feature by its groups, or features."""
    if series.query.chart == "panels":
        return ALL_MEASURED[series.query.measure]
    by = series.query.dimension
    feature = formats.label(labels.feature_text(series.focus)) if series.focus else "Usage"
    measured = MEASURED[series.query.measure].format(feature=feature)
    return measured if by is None else f"{measured} by {formats.label(formats.dimension_name(by))}"


def _label_of(line: Line, name: str) -> str:
    """A line's name in a row. A group that is itself called like one of ours stands in quotes."""
    if line.kind == "other":
        return f"Other ({line.members:,})" if line.members else "Other"
    if line.kind == "none":
        return FIXED_LABELS["none"]
    text = formats.label(name)
    mistakable = text.startswith("Other") or (name in (*FIXED_LABELS.values(), formats.BLANK))
    return f"“{text}”" if mistakable else text


def _begun_bins(series: Series) -> int:
    return sum(start <= series.now for start in series.bins.starts) or len(series.bins)


def _shape_of(series: Series) -> ChartType:
    """How the lines are drawn: panels have bars, and so has a feature whose groups could not be loaded."""
    shape = series.query.chart
    is_grouped = all(line.kind != "feature" for line in series.lines)
    return "bars" if shape == "panels" or (shape == "percent" and not is_grouped) else shape


def _slots(
    series: Series, color_peers: Collection[str], feature_slots: Mapping[str, str] | None
) -> Mapping[str, str]:
    """The color of each line that has one of its own."""
    features = frozenset(line.name for line in series.lines if line.kind == "feature")
    if features:
        return {**colors.feature_slots(features, frozenset({features})), **(feature_slots or {})}
    groups = [line.name for line in series.lines if line.kind == "group"]
    dimension = colors.group_dimension(series.query, series.focus)
    return colors.slots(series.query.customer_id, dimension, groups, color_peers)


def _as_shares(lines: Sequence[DrawnLine], shares: GroupShares) -> tuple[DrawnLine, ...]:
    pairs = zip(lines, shares.lines, strict=True)
    return tuple(replace(line, values=values, amounts=line.values, previous=None) for line, values in pairs)


def _drawn_lines(
    series: Series, shape: ChartType, slots: Mapping[str, str], drawn: int, labels: Labels
) -> tuple[DrawnLine, ...]:
    names = [_display_name(line, series, labels) for line in series.lines]
    texts = _unique(series.lines, names)
    return tuple(
        DrawnLine(
            kind=line.kind,
            name=line.name,
            label=text,
            title=_title_of(line, name) if line.kind in ("feature", "group") else _label_of(line, name),
            slot={"other": colors.OTHER, "none": colors.NONE}.get(line.kind) or slots[line.name],
            values=_drawn_values(line.values, shape, drawn),
            previous=None if line.previous is None else _drawn_values(line.previous, shape, drawn),
            folded=line.folded,
            id_text="" if name == line.name else formats.label(line.name, 24),
        )
        for line, name, text in zip(series.lines, names, texts, strict=True)
    )


def _display_name(line: Line, series: Series, labels: Labels) -> str:
    """What the customer, feature or balance's plan of a line is called; any other line by its own name."""
    if line.kind == "feature":
        return labels.feature_text(line.name)
    if line.kind == "group" and series.query.group_by == "$customer_id":
        return labels.of_customer(line.name) or line.name
    if line.kind == "group" and series.query.dimension == "$balance":
        return series.plans.get(line.name) or line.name
    return line.name


def _title_of(line: Line, name: str) -> str:
    whole = formats.full_label(name)
    return whole if name == line.name else f"{whole} ({formats.full_label(line.name)})"


def _unique(lines: Sequence[Line], names: Sequence[str]) -> list[str]:
    """Labels that are told apart: customers of one name by their IDs, long names that look alike when they
    are cut by numbers.
    """
    labels = [_label_of(line, name) for line, name in zip(lines, names, strict=True)]
    twice = {label for label, count in Counter(labels).items() if count > 1}
    with_ids = [
        f"{label} ({formats.label(line.name, 24)})" if label in twice and name != line.name else label
        for line, name, label in zip(lines, names, labels, strict=True)
    ]
    return [
        f"{label} #{with_ids[: at + 1].count(label)}" if with_ids.count(label) > 1 else label
        for at, label in enumerate(with_ids)
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
    return shape in ("bars", "percent")


def _granted(allowance: Allowance | None, series: Series, shape: ChartType) -> float | None:
    """What is granted in the cycle on display; None for other charts than a running sum of all usage."""
    if allowance is None or not allowance.is_in_chart or shape != "cumulative" or series.query.group:
        return None
    granted = allowance.balance.granted
    return None if allowance.balance.unlimited or not 0 < granted <= MAX_DRAWN else granted


def _extremes(
    lines: Sequence[DrawnLine],
    previous: BinValues | None,
    shape: ChartType,
    stacked: bool,
    granted: float | None,
) -> tuple[float, float]:
    reached = [*(previous or ()), granted or 0.0, 0.0]
    if stacked:
        for part in stack([line.values for line in lines], apart=shape != "cumulative"):
            reached += [end for _, end in part]
    else:
        reached += [value for line in lines for value in (*line.values, *(line.previous or ()))]
    return value_range(min(reached), max(reached))
