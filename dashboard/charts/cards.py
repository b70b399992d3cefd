"""Each feature at a glance: its sum, how that moved, and the shape of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dashboard import formats
from dashboard.charts import colors
from dashboard.charts.links import Links
from dashboard.formats import Change, change
from usage.charts.queries import MAX_FEATURES
from usage.charts.series import FeatureTotal, Reconciliation, Series
from usage.notes import INCOMPLETE_FIGURES

WIDE, TALL = 92, 30
MOST_POINTS = 46
"""A sparkline has no more points than half its pixels."""


@dataclass(frozen=True, slots=True)
class FeatureCard:
    """One feature's card. `sum` is a plain decimal, `exact` the whole figure in words.

    `events`: as a plain decimal, empty where Autumn's count is not known; `fraction`: the change, likewise.
    `reconciled`: yes, no or unknown. `spark`: the points of a 92 by 30 line.
    """

    feature_id: str
    label: str
    title: str
    slot: str
    sum: str
    events: str
    reconciled: str
    fraction: str
    reason: str
    figure: str
    exact: str
    count: str
    change: Change | None
    before: str
    spark: str
    href: str | None
    current: bool


def feature_cards(series: Series, links: Links, all_features: Collection[str]) -> tuple[FeatureCard, ...]:
    """A card for each feature, the one with most events first; colors are shared out among `all_features`."""
    drawn = [total.feature_id for total in series.features[:MAX_FEATURES]]
    slots = colors.slots(series.query.customer_id, "feature", drawn, all_features)
    shown = series.features[:MAX_FEATURES]
    return tuple(_card(total, series, links, slots[total.feature_id]) for total in shown)


def listed_features(series: Series, links: Links) -> tuple[FeatureCard, ...]:
    """The features that have no card, as rows of a list."""
    return tuple(_card(total, series, links, colors.OTHER) for total in series.features[MAX_FEATURES:])


def _card(total: FeatureTotal, series: Series, links: Links, slot: str) -> FeatureCard:
    begun = sum(start <= series.now for start in series.bins.starts)
    count = _count_text(total.count)
    return FeatureCard(
        feature_id=total.feature_id,
        sum=formats.plain(total.sum),
        events="" if total.count is None else str(total.count),
        reconciled=reconciled(total.reconciliation, series),
        fraction=fraction(total.sum, total.previous),
        reason=(total.reconciliation.reason or "") if total.reconciliation.difference else "",
        label=formats.label(total.feature_id, 28),
        title=formats.full_label(total.feature_id),
        slot=slot,
        figure=formats.compact(total.sum),
        exact=f"{formats.number(total.sum)} from {count}" if count else formats.number(total.sum),
        count=count,
        change=change(total.sum, total.previous),
        before="" if total.previous is None else formats.compact(total.previous),
        spark=spark(total.values[:begun]),
        href=links.feature(total.feature_id),
        current=total.feature_id == series.focus,
    )


def reconciled(check: Reconciliation, series: Series) -> str:
    """Whether Autumn's own total agrees: yes, no, or unknown where that is not of the same events.

    Figures that leave something out are never called complete.
    """
    if check.difference:
        return "no"
    is_whole = not any(note.code in INCOMPLETE_FIGURES for note in series.notes)
    return "yes" if check.difference == 0 and is_whole else "unknown"


def fraction(now: float, before: float | None) -> str:
    """The change as a fraction, empty where there is none."""
    moved = change(now, before)
    if before is None or moved is None or moved.way in ("new", "unknown"):
        return ""
    return f"{now / before - 1:.6f}"


def _count_text(count: int | None) -> str:
    return "" if count is None else f"{count:,} event{'' if count == 1 else 's'}"


def spark(values: Sequence[float]) -> str:
    """The points of a polyline through the values, or through means of some where there are many.

    Empty for one.
    """
    points = _thinned(values)
    low, high = min((0.0, *points)), max((0.0, *points))
    if len(points) < 2 or low == high:
        return ""
    step, span = WIDE / (len(points) - 1), (high - low) / (TALL - 4)
    return " ".join(f"{at * step:.0f},{2 + (high - value) / span:.1f}" for at, value in enumerate(points))


def _thinned(values: Sequence[float]) -> list[float]:
    every = -(-len(values) // MOST_POINTS) or 1
    chunks = [values[at : at + every] for at in range(0, len(values), every)]
    return [sum(value / len(chunk) for value in chunk) for chunk in chunks]
