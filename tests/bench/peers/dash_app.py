"""The page in Plotly Dash, compressed, for gunicorn: `tests.bench.peers.dash_app:server`.

As its guide advises: answers are memoized, the first figure is part of the layout, so that no callback runs
before it is drawn, orjson is installed, and a figure is plain data. Loading its scripts eagerly was slower.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

from cachetools import TTLCache, cached
from dash import Dash, Input, Output, dcc, html

from tests.bench.peers.answers import (
    GROUPS,
    HEADS,
    TTL_S,
    fetch_figures,
    fetch_rows,
    plotly_figure,
)


@cached(TTLCache(maxsize=len(GROUPS), ttl=TTL_S), lock=Lock())
def figure(group: str) -> dict[str, Any]:
    return plotly_figure(fetch_figures(group))


@cached(TTLCache(maxsize=1, ttl=TTL_S), lock=Lock())
def table() -> Any:
    head = html.Thead(html.Tr([html.Th(text) for text in HEADS]))
    rows = [html.Tr([html.Td(text) for text in row]) for row in fetch_rows()]
    return html.Table([head, html.Tbody(rows)])


def layout() -> Any:
    return html.Div(
        [
            html.H1("Usage of acme-robotics"),
            dcc.RadioItems(list(GROUPS), GROUPS[0], id="group", inline=True),
            dcc.Graph(id="chart", figure=figure(GROUPS[0]), config={"displayModeBar": False}),
            table(),
        ]
    )


app = Dash(__name__, compress=True, update_title="", assets_folder="", pages_folder="")
app.layout = layout
app.callback(Output("chart", "figure"), Input("group", "value"), prevent_initial_call=True)(figure)
server = app.server
