"""A chart with its cards as HTML, rendered once for the same figures, names and links."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from django.template.loader import render_to_string
from markupsafe import Markup

from dashboard import services
from dashboard.charts import chart_panel
from dashboard.charts.colors import feature_colors
from dashboard.charts.picture import PictureSubject
from dashboard.mount import Mount
from dashboard.web.templates import PackedHtml
from usage.catalog import Customer
from usage.charts.series import Series
from usage.query import Query

MINUTE_MS = 60_000
"""Texts say nothing more exact of the present."""


def chart_part(
    mount: Mount,
    series: Series,
    requested: Query,
    subject: PictureSubject,
    customer: Customer | None,
) -> PackedHtml:
    """The panel of `series`, whose links start from `requested`. `customer`: whose allowances it shows."""
    return _part("charts/_panel.html", mount, series, requested, subject, customer)


def cards_part(mount: Mount, series: Series, requested: Query) -> PackedHtml:
    """The cards of the features alone."""
    return _part("charts/_cards.html", mount, series, requested, PictureSubject(), None)


def _part(
    template: str,
    mount: Mount,
    series: Series,
    requested: Query,
    subject: PictureSubject,
    customer: Customer | None,
) -> PackedHtml:
    series = replace(series, now=series.now // MINUTE_MS * MINUTE_MS)
    slots = feature_colors(mount, series.query.customer_id, [total.feature_id for total in series.features])
    has_balances = customer is not None and customer.balances
    allowances = mount.usage.allowances(customer, series) if customer and has_balances else None
    panel = partial(
        chart_panel,
        series,
        requested=requested,
        base_path=mount.url("usage"),
        events_path=mount.url("events"),
        color_peers=series.named if series.query.dimension else (),
        slots=slots,
        ranges=mount.snapshot_groupings is None,
        exports=mount.exports,
        labels=mount.labels,
        allowances=allowances,
        subject=subject,
    )
    made_of = (
        *(template, mount.root, mount.exports, mount.snapshot_groupings),
        *(series.serial, series.query, series.notes, series.now, requested, subject),
        *(tuple(slots.items()), tuple((allowances or {}).items())),
        mount.labels.named(_customers(series)),
    )

    def rendered() -> PackedHtml:
        html = render_to_string(template, {"panel": panel(), "mount": mount})
        return PackedHtml.of(Markup(html))  # noqa: S704  a template has escaped it

    return services.rendered_parts().get(made_of, rendered, size=lambda part: 2 * len(part.html))


def _customers(series: Series) -> Iterable[str]:
    """Those that the chart names."""
    return (line.name for line in series.lines) if series.query.group_by == "$customer_id" else ()
