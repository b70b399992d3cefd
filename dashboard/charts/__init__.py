"""From a series to its picture:

`chart_panel` gives templates all they show, drawn as SVG and described for Plotly.
"""

from dashboard.charts.chart import Chart, chart_of
from dashboard.charts.panel import Panel, chart_panel

__all__ = ["Chart", "Panel", "chart_of", "chart_panel"]
