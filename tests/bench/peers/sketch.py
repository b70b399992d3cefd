"""The page in bare Django and htmx, the limit of the dashboard's design: `tests.bench.peers.sketch:server`.

The server draws the chart as inline SVG under inline styles. Plotly is preloaded at low priority, runs when
the browser is idle after the first paint, and takes over. There is no sign-in, no sharing, no polish. Static
files are those that the dashboard has collected and compressed, in the folder of PEERS_STATIC.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
from cachetools import TTLCache, cached
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from jinja2 import Environment, FileSystemLoader
from whitenoise import WhiteNoise

from tests.bench.peers.answers import (
    COLORS,
    GROUPS,
    HEADS,
    TTL_S,
    Figures,
    fetch_figures,
    fetch_rows,
    plotly_figure,
)

STATIC = Path(os.environ["PEERS_STATIC"])
WIDTH, HEIGHT = 900, 300

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a sketch",
    MIDDLEWARE=["django.middleware.gzip.GZipMiddleware"],
)
templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
rows = cached(TTLCache(maxsize=1, ttl=TTL_S), lock=Lock())(fetch_rows)
figures = cached(TTLCache(maxsize=len(GROUPS), ttl=TTL_S), lock=Lock())(fetch_figures)


def static(pattern: str) -> str:
    """The address of a collected file under the name with its hash."""
    [found] = STATIC.glob(pattern)
    return f"/static/{found.relative_to(STATIC)}"


FILES = {
    "htmx": static("django_htmx/htmx-2.min.*.js"),
    "plotly": static("plotly/plotly.min.*.js"),
}


def drawing(shown: Figures) -> dict[str, Any]:
    """A path of rectangles for each group, stacked, and four grid lines with their labels."""
    count = len(shown.series[0].values)
    ends = [0.0] * count
    top = max(map(sum, zip(*(values for _, values in shown.series), strict=True))) or 1
    bar = WIDTH / count
    paths = []
    for (group, values), color in zip(shown.series, COLORS, strict=False):
        parts = []
        for day, value in enumerate(values):
            if value:
                tall = value / top * HEIGHT
                ends[day] += tall
                parts.append(
                    f"M{day * bar:.1f} {HEIGHT - ends[day]:.1f}h{bar * 0.9:.1f}v{tall:.1f}h-{bar * 0.9:.1f}z"
                )
        paths.append({"group": group, "color": color, "d": "".join(parts), "sum": f"{sum(values):,}"})
    grid = [{"y": HEIGHT * (1 - part / 4), "label": f"{top * part / 4:,.0f}"} for part in range(1, 5)]
    return {"paths": paths, "grid": grid, "width": WIDTH, "height": HEIGHT}


def chart_context(group: str) -> dict[str, Any]:
    shown = figures(group)
    figure = msgspec.json.encode(plotly_figure(shown)).decode().replace("<", "\\u003c")
    return {"drawing": drawing(shown), "figure": figure, "groups": GROUPS, "group": group}


def page(request: HttpRequest) -> HttpResponse:
    context = chart_context(GROUPS[0])
    return HttpResponse(
        templates.get_template("sketch.html").render(context, heads=HEADS, rows=rows(), files=FILES)
    )


def chart(request: HttpRequest, group: str) -> HttpResponse:
    return HttpResponse(templates.get_template("sketch_chart.html").render(chart_context(group)))


urlpatterns = [path("", page), path("chart/<group>", chart)]
server = WhiteNoise(
    get_wsgi_application(), root=STATIC, prefix="static/", immutable_file_test=lambda *_: True
)
