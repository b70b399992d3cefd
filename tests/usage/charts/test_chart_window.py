"""The bins of a chart beside those of the previous period."""

from __future__ import annotations

from tests.usage.sample_service import DAY, ms
from usage.charts.chart_window import BillingCycle, chart_window_of
from usage.query import Query
from usage.window import Window


def test_shorter_previous_cycle_has_nothing_of_the_current_one() -> None:
    """March, up to its thirtieth day, is compared with the 28 days of February."""
    february, march = ms("2025-02-01"), ms("2025-03-01")
    window = Window(march, ms("2025-04-01"))
    query = Query(customer_id="cus_1", range="1bc", compare="previous", bin_size="day")
    cycle = BillingCycle("1bc", window, Window(february, march))
    chart = chart_window_of(query, window, ms("2025-03-30T12:30"), cycle=cycle)
    assert chart.previous is not None
    assert chart.previous.edges[:28] == tuple(range(february, march, DAY))
    assert set(chart.previous.edges[28:]) == {march}
    assert len(chart.previous) == len(chart.bins) == 30
