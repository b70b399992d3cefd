"""The table of `make bench-peers`: medians, ratios with their spread, and the goals."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from tests.bench.peers.apps import DASH, OURS, SKETCH, STREAMLIT

Measured = dict[str, dict[str, list[float]]]
"""Figures by measure and app, one for each round."""
PEERS = (SKETCH, DASH, STREAMLIT)


@dataclass(frozen=True)
class Measure:
    """`goals`: what the ratio to a peer is at most; `limit`: what our own figure is at most, in its unit."""

    name: str
    text: str
    goals: dict[str, float] = field(default_factory=dict)
    limit: float | None = None
    digits: int = 0


MEASURES = (
    Measure("painted_cold", "chart painted, cold, ms", {SKETCH: 1.25, DASH: 0.2}),
    Measure("painted_slow", "chart painted, cold, slow line, ms", {SKETCH: 1.25, DASH: 0.1}),
    Measure("painted_warm", "chart painted, warm, ms", {SKETCH: 1.25, DASH: 0.4}),
    Measure("live_cold", "live chart, cold, ms"),
    Measure("live_slow", "live chart, cold, slow line, ms", {DASH: 0.7}),
    Measure("live_warm", "live chart, warm, ms"),
    Measure("click", "click to new chart, ms", {SKETCH: 1.2, DASH: 0.6, STREAMLIT: 0.45}),
    Measure("click_slow", "click to new chart, slow line, ms"),
    Measure("bytes_first", "first picture, cold, KB", limit=40),
    Measure("bytes_cold", "all, cold, KB", {DASH: 0.66}),
    Measure("bytes_warm", "all, warm, KB", limit=18),
    Measure("requests_cold", "requests, cold"),
    Measure("requests_warm", "requests, warm"),
    Measure("cpu_cold", "server CPU of a view, cold, ms", {SKETCH: 2.8}, digits=1),
    Measure(
        "cpu_warm", "server CPU of a view, warm, ms", {SKETCH: 2.2, DASH: 1 / 7, STREAMLIT: 1 / 12}, digits=1
    ),
    Measure("memory", "memory after the views (PSS), MB", {SKETCH: 1.35, DASH: 0.55, STREAMLIT: 0.45}),
    Measure("memory_sample", "the same with sample data, first start, MB", limit=110),
    Measure("start", "start to first page, ms", {DASH: 0.75}),
)

ABOUT = """\
Medians of {rounds} interleaved rounds; ratios of medians (smallest to largest of the rounds), and the goal
after ≤; **bold**: the goal was missed. Each app shows 100 events and one stacked chart of 90 days from the
same sample backend, whose answers it has cached. Cold: a new browser context. Warm: the median of {views}
reloads. Slow line: 10 Mbit/s, 40 ms. Click: another group in the live chart, from the click to the new bars
and their legend. Painted: the second frame after the bars are laid out with a size. Live: the same of
Plotly's bars, without a pointer near them. Memory: after {total} warm views. Start: from the command to the
first page with status 200.

- **The dashboard** (`manage.py serve`, one process, four threads, signed in) shows more: filters, a card of
  the feature, a legend with sums and shares, the line that checks them, the bins as a table. Of the events it
  sends the newest 25 with the page, and the others when somebody scrolls to them. A click replaces all of
  that and the events; in the others only the chart. It fetches answers again after 15 seconds, in the
  background; the others keep theirs for five minutes.
- **Bare sketch**: Django, htmx and Jinja in gunicorn (one worker, four threads), SVG under inline styles,
  the dashboard's plotly.js. It has no sign-in, filters, cache policy, sharing or polish: the limit of this
  design.
- **Dash {dash}** with flask-compress and orjson (gunicorn, one worker, four threads): figures are plain
  data and memoized, and the first is part of the layout. The first page that Start waits for is an empty
  shell.
- **Streamlit {streamlit}**, its own server: data and figures are cached, and the chart is a fragment. Its
  first page is a shell too, and Chromium does not slow down its websocket on the slow line."""


def ratios(ours: list[float], theirs: list[float], goal: float | None) -> str:
    """The ratio of medians with the rounds' own ratios."""
    ratio = statistics.median(ours) / statistics.median(theirs)
    each = [one / other for one, other in zip(ours, theirs, strict=True)]
    missed = "**" if goal is not None and ratio > goal else ""
    spread = f" ({min(each):.2f} to {max(each):.2f})" if len(each) > 1 else ""
    return f"{missed}{ratio:.2f}{missed}{spread}" + (f" ≤ {goal:.3g}" if goal is not None else "")


def row(measure: Measure, figures: dict[str, list[float]]) -> str:
    def median(app: str) -> str:
        return f"{statistics.median(figures[app]):,.{measure.digits}f}" if figures.get(app) else ""

    own = median(OURS)
    if measure.limit is not None:
        missed = "**" if statistics.median(figures[OURS]) > measure.limit else ""
        own = f"{missed}{own}{missed} ≤ {measure.limit:g}"
    compared = [
        ratios(figures[OURS], figures[peer], measure.goals.get(peer)) if figures.get(peer) else ""
        for peer in PEERS
    ]
    return f"| {' | '.join([measure.text, own, *map(median, PEERS), *compared])} |"


def table(measured: Measured, rounds: int, views: int, versions: dict[str, str]) -> str:
    heads = ["", OURS, *PEERS, *(f"{OURS} / {peer}" for peer in PEERS)]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    lines += [row(measure, measured[measure.name]) for measure in MEASURES]
    about = ABOUT.format(rounds=rounds, views=views // rounds, total=views, **versions)
    return "\n".join([*lines, "", about])
