"""The chart as inline SVG: there with the page, without a script, in the very place where Plotly will draw
it.

The plot area has fixed margins and is as wide as the page lets it be. Within it, x is a bin's number and y
counts thin rows from the top, both stretched; labels and grid are placed in percent by attributes: the page
allows no inline style.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from dashboard.charts.chart import Chart
from dashboard.charts.ticks import Tick
from dashboard.formats import compact, label

BAR = 0.72

ToRow = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart as SVG, in the parts that the page places. `view`: the view box of `marks` and `hits`.

    `hits`: the areas that are clicked; empty where the script makes them. `hatch_name`: its pattern's id on
    the page.
    """

    axes: Markup
    marks: Markup
    hatch: Markup
    hits: Markup
    view: str
    hatch_name: str


def drawing(chart: Chart, hatch_name: str, hit_areas: Markup) -> Drawing:
    """The whole picture of `chart`. `hatch_name` is the pattern's id on the page."""
    return Drawing(
        axes(chart), marks(chart), hatch(chart, hatch_name), hit_areas, view_box(chart), hatch_name
    )


def _height(chart: Chart) -> int:
    """A quarter of a pixel each; where bars are hair-thin, most of a pixel, for the sake of bytes."""
    return 1000 if len(chart.labels) <= 200 else 400


def view_box(chart: Chart) -> str:
    return f"-.5 0 {len(chart.labels)} {_height(chart)}"


def _row_scale(chart: Chart) -> ToRow:
    scale = _height(chart) / (chart.high - chart.low)
    return lambda value: str(round(scale * (chart.high - value)))


def axes(chart: Chart) -> Markup:
    """Grid lines and labels. They stay when Plotly takes over, so no label moves."""
    values = (_value_label(chart, tick) for tick in chart.y_ticks)
    times = (_time_label(len(chart.labels), tick) for tick in chart.x_ticks)
    granted = Markup("") if chart.granted is None else _granted_label(chart, chart.granted)
    name = "" if chart.shape == "percent" else chart.unit.many
    unit = Markup('<text class="unit" x="-36" y="-8">{}</text>').format(label(name, 24))
    # Numbers and dates of our own making, and one text that is escaped.
    return Markup("".join([*values, *times, unit if name else "", granted]))  # noqa: S704


def _value_label(chart: Chart, tick: Tick) -> str:
    at = f"{100 * (chart.high - tick.at) / (chart.high - chart.low):.2f}%"
    grid = f'<line class="grid{"" if tick.at else " zero"}" x2="100%" y1="{at}" y2="{at}"/>'
    return f'{grid}<text class="y" x="-8" y="{at}" dy=".32em">{tick.text}</text>'


def _granted_label(chart: Chart, granted: float) -> Markup:
    """What stands at the line of the allowance, above it or, at the top of the chart, below."""
    part = (chart.high - granted) / (chart.high - chart.low)
    text = Markup('<text class="granted" x="8" y="{}" dy="{}">granted: {}</text>')
    return text.format(f"{100 * part:.2f}%", "1.2em" if part < 0.08 else "-.5em", compact(granted))


def _time_label(size: int, tick: Tick) -> str:
    """A label near the right edge ends there, so as not to hang over it."""
    percent = 100 * (tick.at + 0.5) / size
    kind = "x" + (" last" if percent > 96 else "") + ("" if tick.narrow else " roomy")
    where = 'x="100%" dx="10"' if percent > 96 else f'x="{percent:.2f}%"'
    return f'<text class="{kind}" {where} y="100%" dy="20">{tick.text}</text>'


def marks(chart: Chart) -> Markup:
    """The series themselves, then the previous period, then the marks of bins with folded groups."""
    y = _row_scale(chart)
    draw = _bars if chart.has_bars else _areas if chart.stacked else _line_paths
    parts = [*draw(chart, y)]
    if chart.previous is not None and len(chart.previous) > 1:
        path = (_steps if chart.has_bars else _polyline)(chart.previous, y)
        parts.append(f'<path class="before" d="{path}"/>')
    if chart.granted is not None:
        last = len(chart.labels) - 0.5
        parts.append(f'<path class="granted" d="M-.5 {y(chart.granted)}H{last:g}"/>')
    if chart.folded and chart.has_bars:
        lift = (chart.high - chart.low) * 0.02
        dots = "".join(f"M{at} {y(chart.extent(at)[1] + lift)}h0" for at in chart.folded)
        parts.append(f'<path class="folded" d="{dots}"/>')
    return Markup("".join(parts))  # noqa: S704  numbers and class names of our own


def _bars(chart: Chart, y: ToRow) -> Iterable[str]:
    """A bar is a stroke as wide as itself: one short command for each, one path for each line."""
    for line, part in zip(chart.visible, chart.stack(), strict=True):
        ends = ((at, y(start), y(end)) for at, (start, end) in enumerate(part))
        path = "".join(f"M{at} {start}V{end}" for at, start, end in ends if start != end)
        yield f'<path class="bar {line.slot}" d="{path}"/>'


def _areas(chart: Chart, y: ToRow) -> Iterable[str]:
    for line, part in zip(chart.visible, chart.stack(), strict=True):
        top, floor = [end for _, end in part], [start for start, _ in part]
        back = "".join(f"L{at} {y(floor[at])}" for at in reversed(range(len(floor))))
        yield f'<path class="area {line.slot}" d="{_polyline(top, y)}{back}z"/>'
        yield f'<path class="line {line.slot}" d="{_polyline(top, y)}"/>'


def _line_paths(chart: Chart, y: ToRow) -> Iterable[str]:
    """The largest line is drawn last, above the others."""
    for line in reversed(chart.visible):
        if line.previous is not None and len(chart.lines) > 1:
            yield f'<path class="line faint {line.slot}" d="{_polyline(line.previous, y)}"/>'
        yield f'<path class="line {line.slot}" d="{_polyline(line.values, y)}"/>'


def _polyline(values: Sequence[float], y: ToRow) -> str:
    points = [f"{at} {y(value)}" for at, value in enumerate(values)]
    return "M" + "L".join(points) if len(points) > 1 else f"M{points[0]}h0"


def _steps(values: Sequence[float], y: ToRow) -> str:
    first, *rest = map(y, values)
    return (
        f"M0 {first}" + "".join(f"H{at + 0.5:g}V{value}" for at, value in enumerate(rest)) + f"H{len(rest)}"
    )


def hatch(chart: Chart, name: str) -> Markup:
    """The running bin's stripes (bars) or shade (lines), placed in percent so that they don't stretch."""
    if chart.running is None or chart.running >= chart.drawn:
        return Markup("")
    size, span = len(chart.labels), chart.high - chart.low
    low, high = chart.extent(chart.running) if chart.has_bars else (chart.low, chart.high)
    wide = BAR if chart.has_bars else 1
    box = (
        (chart.running + (1 - wide) / 2) / size,
        (chart.high - high) / span,
        wide / size,
        (high - low) / span,
    )
    x, y, width, height = (f"{100 * part:.2f}%" for part in box)
    fill = f'fill="url(#{name})"' if chart.has_bars else 'class="shade"'
    rectangle = Markup('<rect x="{}" y="{}" width="{}" height="{}" {}/>')
    return rectangle.format(x, y, width, height, Markup(fill))  # noqa: S704


def hits(hrefs: Sequence[str], names: Sequence[str]) -> Markup:
    """An unseen link over each bin, so that bars open their events without a script too."""
    each = (
        f'<a href="{escape(href)}" tabindex="-1"><title>{escape(name)}</title><path d="M{at} 0V1000"/></a>'
        for at, (href, name) in enumerate(zip(hrefs, names, strict=True))
    )
    return Markup("".join(each))  # noqa: S704  every part is escaped above
