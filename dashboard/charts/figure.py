"""The chart as a Plotly figure: plain data, encoded once.

Colors come from the page's style when it is drawn.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
from markupsafe import Markup

from dashboard.charts.chart import BinValues, Chart, DrawnLine
from dashboard.charts.ticks import Tick
from dashboard.formats import GAP, label
from dashboard.names.labels import Unit

MARGIN = {"l": 52, "r": 16, "t": 14, "b": 34}
BAR_GAP = 0.28
# Plotly's own rule cuts names after fifteen characters.
WHOLE_NAMES = -1

UNSAFE = (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))
HARMLESS = {str, int, bool, type(None), msgspec.Raw}
_encoder = msgspec.json.Encoder()


def plotly_text(text: str) -> str:
    """Text that Plotly shows as it is: its labels are pseudo-HTML, links and styles included."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def embedded(value: Any) -> Markup:
    """JSON for a script element: nothing in it can end the element.

    ValueError for what JSON has no number for.
    """
    _refuse_non_finite(value)
    text = _encoder.encode(value).decode()
    for character, escape in UNSAFE:
        text = text.replace(character, escape)
    return Markup(text)  # noqa: S704  every < > & is gone


def _refuse_non_finite(value: Any) -> None:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("JSON has no NaN and no Infinity")
    elif isinstance(value, dict):
        _refuse_non_finite(list(value.values()))
    elif isinstance(value, list | tuple) and not HARMLESS.issuperset(map(type, value)):
        for item in value:
            _refuse_non_finite(item)


def figure(chart: Chart) -> dict[str, Any]:
    """`data` and `layout`. Without x, Plotly counts bins from 0; each of ours begins there."""
    return {
        "data": [*_line_traces(chart), *_beside(chart)],
        "layout": _layout(chart),
    }


def origins(chart: Chart) -> list[tuple[str, int]]:
    """For each trace of `figure`, in its order: the class of its color, and which line it shows (-1: none of
    them).
    """
    visible = [at for at in range(len(chart.lines)) if at not in chart.hidden]
    order = visible if chart.stacked else visible[::-1]
    own = [(chart.lines[at].slot, at) for at in order for _ in range(1 + _has_ghost(chart, chart.lines[at]))]
    return [*own, *[("edge", -1) for _ in _beside(chart)]]


def _beside(chart: Chart) -> list[dict[str, Any]]:
    """The traces that show no line of the chart."""
    return [*_previous_trace(chart), *_granted_trace(chart), *_folded_trace(chart)]


def _order(chart: Chart) -> tuple[DrawnLine, ...]:
    return chart.visible if chart.stacked else chart.visible[::-1]


def _has_ghost(chart: Chart, line: DrawnLine) -> bool:
    return not chart.stacked and len(chart.lines) > 1 and line.previous is not None


def _line_traces(chart: Chart) -> list[dict[str, Any]]:
    traces = []
    for line in _order(chart):
        if _has_ghost(chart, line):
            name = f"{line.label}, previous period"
            traces.append(_dashed_trace(line.previous or (), "linear", name, chart.unit))
        traces.append(_line_trace(chart, line))
    return traces


def _line_trace(chart: Chart, line: DrawnLine) -> dict[str, Any]:
    common = {
        "name": plotly_text(line.label),
        "y": _compact_values(line.values),
        **(_hover(line.values, chart.unit) if line.amounts is None else _share_hover(chart, line.amounts)),
    }
    if chart.has_bars:
        return {"type": "bar", **common}
    stacked = {"stackgroup": "all"} if chart.stacked else {}
    mode = "lines" if len(line.values) > 1 else "markers"
    return {"type": "scatter", "mode": mode, "line": {"width": 1.75}, **stacked, **common}


def _previous_trace(chart: Chart) -> list[dict[str, Any]]:
    if chart.previous is None or len(chart.previous) < 2:
        return []
    shape = "hvh" if chart.has_bars else "linear"
    return [_dashed_trace(chart.previous, shape, "previous period", chart.unit)]


def _granted_trace(chart: Chart) -> list[dict[str, Any]]:
    """The allowance, from the first bin's edge to the last one's: a cycle goes on after now."""
    if chart.granted is None:
        return []
    size = len(chart.labels)
    return [
        {
            **_dashed_trace((chart.granted,) * (size + 1), "linear", "granted", chart.unit),
            "x": [at - 0.5 for at in range(size + 1)],
            "hoverinfo": "skip",
            "hovertemplate": None,
            "line": {"width": 1.5, "dash": "8px,4px"},
        }
    ]


def _dashed_trace(values: BinValues, shape: str, name: str, unit: Unit) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": plotly_text(name),
        "y": _compact_values(values),
        "line": {"width": 1.5, "dash": "3px,3px", "shape": shape},
        **_hover(values, unit),
    }


def _hover(values: BinValues, unit: Unit) -> dict[str, Any]:
    """A value with its unit; a word for each value only where one of them is 1."""
    one, many = (f" {_template_text(label(word))}" if word else "" for word in (unit.one, unit.many))
    if one == many or 1 not in values:
        return {"hovertemplate": f"%{{y:,.15~r}}{many}"}
    words = [one if value == 1 else many for value in values]
    return {"hovertemplate": "%{y:,.15~r}%{customdata}", "customdata": words}


def _share_hover(chart: Chart, amounts: BinValues) -> dict[str, Any]:
    """A group's figure, and its share where it has one: 1,204 tokens (44 %)."""
    templates = []
    for at, amount in enumerate(amounts):
        share = "" if at in chart.without_shares else f" (%{{y:.3~r}}{GAP}%)"
        word = label(chart.unit.one if amount == 1 else chart.unit.many) if chart.unit.many else ""
        templates.append(f"%{{customdata:,.15~r}}{_template_text(f' {word}'.rstrip())}{share}")
    is_one = len(set(templates)) == 1
    return {"customdata": _compact_values(amounts), "hovertemplate": templates[0] if is_one else templates}


def _template_text(text: str) -> str:
    """Text that a template of Plotly's shows as it is."""
    return plotly_text(text).replace("%{", "%\u200b{")


def _folded_trace(chart: Chart) -> list[dict[str, Any]]:
    if not chart.folded or not chart.has_bars:
        return []
    lift = (chart.high - chart.low) * 0.02
    tops = [chart.extent(at)[1] + lift for at in chart.folded]
    spots = {"mode": "markers", "marker": {"size": 4}, "hoverinfo": "skip", "showlegend": False}
    return [{"type": "scatter", "x": list(chart.folded), "y": tops, **spots}]


def _compact_values(values: BinValues) -> msgspec.Raw:
    """A line's values as JSON, whole numbers without their `.0`: a third of the bytes."""
    text = _encoder.encode(values)
    if b"n" in text:  # null, which msgspec writes for NaN and Infinity
        raise ValueError("JSON has no NaN and no Infinity")
    return msgspec.Raw(text.replace(b".0,", b",").replace(b".0]", b"]"))


def _layout(chart: Chart) -> dict[str, Any]:
    still = {"fixedrange": True, "zeroline": False, "showgrid": False}
    x = {"range": [-0.5, len(chart.labels) - 0.5], **_ticks(chart.x_ticks), **still, "fixedrange": False}
    y = {"range": [chart.low, chart.high], **_ticks(chart.y_ticks), **still}
    bars = {"barmode": "relative", "bargap": BAR_GAP} if chart.has_bars else {}
    return {
        "margin": {**MARGIN, "pad": 0, "autoexpand": False},
        "hovermode": "x unified",
        "hoverlabel": {"namelength": WHOLE_NAMES},
        "dragmode": "zoom",
        "showlegend": False,
        "xaxis": x,
        "yaxis": y,
        **bars,
    }


def _ticks(ticks: tuple[Tick, ...]) -> dict[str, Any]:
    return {
        "tickvals": [tick.at for tick in ticks],
        "ticktext": [plotly_text(tick.text) for tick in ticks],
        "ticks": "",
    }
