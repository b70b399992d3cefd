"""The page in Streamlit, for `streamlit run`.

As its guide advises: answers are cached, the connection is shared (the client of `answers` is one for the
process), and the chart is a fragment, so that a click runs nothing else again.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go  # type: ignore[import-untyped]
import streamlit as st

from tests.bench.peers.answers import (
    GROUPS,
    HEADS,
    TTL_S,
    fetch_figures,
    fetch_rows,
    plotly_figure,
)


def make_figure(group: str) -> Any:
    return go.Figure(plotly_figure(fetch_figures(group)))


def make_table() -> Any:
    return pd.DataFrame(fetch_rows(), columns=list(HEADS))


figure = st.cache_data(ttl=TTL_S, show_spinner=False)(make_figure)
table = st.cache_data(ttl=TTL_S, show_spinner=False)(make_table)


def chart() -> None:
    group = st.radio("Group by", GROUPS, horizontal=True)
    st.plotly_chart(figure(group), key="chart", config={"displayModeBar": False})


st.set_page_config(page_title="Usage", layout="wide")
st.title("Usage of acme-robotics")
st.fragment(chart)()
st.dataframe(table(), hide_index=True)
