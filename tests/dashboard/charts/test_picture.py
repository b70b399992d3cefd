"""The texts of a downloaded picture: whose figures, of when, how much, and what they leave out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from dashboard.charts import chart_panel
from dashboard.charts.picture import PictureSubject
from dashboard.formats import GAP
from dashboard.names.labels import Labels, Unit
from tests.dashboard.charts.sample_series import a_total, groups, query_of_days, series_of
from usage.charts.series import Line, Reconciliation, Series
from usage.notes import Note
from usage.window import DAY_MS, Bins

ACME = PictureSubject("Acme Robotics (acme)", "acme", ("region is eu",))


class InTokens(Labels):
    """Each feature counts tokens."""

    def unit_of(self, name: str) -> Unit:
        return Unit("token", "tokens")


def picture(series: Series, subject: PictureSubject = ACME) -> dict[str, Any]:
    panel = chart_panel(series, labels=InTokens(), subject=subject)
    found: dict[str, Any] = json.loads(panel.figure)["picture"]
    return found


def compared(values: tuple[float, ...], before: tuple[float, ...], **query: Any) -> Series:
    """One feature beside the days before it."""
    series = series_of(
        [Line("feature", "tokens", values, before)],
        query_of_days(len(values), compare="previous", **query),
        previous=before,
    )
    edges = tuple(edge - len(values) * DAY_MS for edge in series.bins.edges)
    return replace(series, previous_bins=Bins(edges))


def test_picture_has_customer_dates_total_and_change() -> None:
    texts = picture(compared((1000.0, 2000.5), (1500.0, 500.0)))
    assert texts["title"] == "Acme Robotics (acme): tokens"
    shown, before, filters = texts["facts"]
    assert shown == f"22 Nov 2026 – 23 Nov 2026 (UTC) · tokens per day · total 3,000.5{GAP}tokens"
    assert before == (
        f"Compared with 20 Nov 2026 – 21 Nov 2026 (UTC) (dashed) · total 2,000{GAP}tokens"
        f" · change ▲{GAP}50.0{GAP}%"
    )
    assert "region is eu" in filters
    assert texts["file"] == "acme-tokens-2026-11-22-2026-11-23"


def test_picture_has_what_the_figures_leave_out() -> None:
    """Autumn's other total, the running day, hidden lines, and each note but the one about cards."""
    series = groups("gpt", "embed", size=2, hide=("gpt",))
    notes = (Note("stale", "These are old."), Note("features-not-drawn", "Cards."))
    wrong = Reconciliation(sum(series.totals), sum(series.totals) + 5, 10, "Some events were late.")
    said = picture(replace(series, notes=notes, reconciliation=wrong))["notes"]
    for part in ("5 more", "Some events were late.", "Today is partial", "These are old.", "gpt"):
        assert part in said
    assert "Cards." not in said


def test_legend_of_a_picture_has_names_and_whole_figures() -> None:
    big = 1_234_567_890_123_456.0
    lines = [Line("group", "gpt", (big,)), Line("none", "", (1.0,))]
    texts = picture(series_of(lines, query_of_days(1, group_by="properties.model")))
    assert texts["legend"][0] == ["gpt", f"1,234,567,890,123,456{GAP}tokens · >99{GAP}%"]


def test_panels_have_no_total() -> None:
    """Each row has its own."""
    totals = tuple(a_total(name, (2.0, 3.0)) for name in ("a", "b"))
    panel = chart_panel(series_of([], query_of_days(2, chart="panels"), features=totals), labels=InTokens())
    spec = json.loads(panel.figure)
    assert "total" not in " ".join(spec["picture"]["facts"])
    rows = [each["text"] for each in spec["layout"]["annotations"]]
    assert rows == [f"a: 5{GAP}tokens", f"b: 5{GAP}tokens"]


def test_file_is_named_safely() -> None:
    """Also without a customer, and for names that are paths."""
    line = Line("feature", "../api\ncalls", (1.0,))
    hostile = picture(series_of([line], query_of_days(1, chart="lines")), PictureSubject("A", "a/../b"))
    assert hostile["file"] == "a_.._b-.._api_calls-lines-2026-11-23-2026-11-23"
    everybody = picture(series_of([line], query_of_days(1)), PictureSubject())
    assert everybody["file"].startswith("all-customers-")
