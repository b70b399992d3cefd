"""Each feature at a glance: its sum, how that moved, and its bars in small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard import formats
from dashboard.charts.allowance import AllowanceText, allowance_text
from dashboard.charts.links import Links
from dashboard.formats import Change, change
from dashboard.names.labels import Labels
from usage.charts.allowance import Allowance
from usage.charts.queries import MAX_FEATURES
from usage.charts.series import FeatureTotal, Reconciliation, Series
from usage.notes import INCOMPLETE_FIGURES

TALL = 30
MOST_BARS = 40
"""A card is wide enough for this many bars that are told apart."""


@dataclass(frozen=True, slots=True)
class SmallBars:
    """A bar for each interval as one SVG path, and its view box."""

    path: str
    view: str


@dataclass(frozen=True, slots=True)
class FeatureCard:
    """One feature's card. `sum` is a plain decimal, `exact` the whole figure in words.

    `events`: as a plain decimal, empty where Autumn's count is not known; `fraction`: the change, likewise.
    `unit`: what the figure counts, empty where that is not known.
    `reconciled`: yes, no or unknown. `bars`: small bars, None where there are none.
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
    unit: str
    is_archived: bool
    exact: str
    count: str
    change: Change | None
    before: str
    bars: SmallBars | None
    href: str | None
    explain: str | None
    current: bool
    allowance: AllowanceText | None


def feature_cards(
    series: Series,
    links: Links,
    slots: Mapping[str, str],
    labels: Labels,
    allowances: Mapping[str, Allowance],
) -> tuple[FeatureCard, ...]:
    """A card for each feature, the one with most events first. `slots`: the colors of features."""
    shown = series.features[:MAX_FEATURES]
    return tuple(
        _card(total, series, links, slots[total.feature_id], labels, allowances.get(total.feature_id))
        for total in shown
    )


def listed_features(
    series: Series,
    links: Links,
    slots: Mapping[str, str],
    labels: Labels,
    allowances: Mapping[str, Allowance],
) -> tuple[FeatureCard, ...]:
    """The features that have no card, as rows of a list."""
    others = series.features[MAX_FEATURES:]
    return tuple(
        _card(total, series, links, slots[total.feature_id], labels, allowances.get(total.feature_id))
        for total in others
    )


def _card(
    total: FeatureTotal,
    series: Series,
    links: Links,
    slot: str,
    labels: Labels,
    allowance: Allowance | None,
) -> FeatureCard:
    measure = series.query.measure
    name, unit = labels.feature_text(total.feature_id), labels.measured_in(total.feature_id, measure)
    feature, whole = labels.of_feature(total.feature_id), formats.number(total.sum)
    exact = unit.after(whole, total.sum)
    begun = sum(start <= series.now for start in series.bins.starts)
    count = "" if measure == "count" else _count_text(total.count)
    return FeatureCard(
        feature_id=total.feature_id,
        sum=formats.plain(total.sum),
        events="" if total.count is None else str(total.count),
        reconciled=reconciled(total.reconciliation, series),
        fraction=fraction(total.sum, total.previous),
        reason=(total.reconciliation.reason or "") if total.reconciliation.difference else "",
        label=formats.label(name, 28),
        title=formats.full_label(name if name == total.feature_id else f"{name} ({total.feature_id})"),
        slot=slot,
        figure=formats.compact(total.sum),
        unit=formats.label(unit.one if total.sum == 1 else unit.many, 24) if unit.many else "",
        is_archived=feature is not None and feature.archived,
        exact=f"{exact} from {count}" if count else exact,
        count=count,
        change=change(total.sum, total.previous),
        before="" if total.previous is None else formats.compact(total.previous),
        bars=small_bars(total.values[:begun]),
        href=links.feature(total.feature_id),
        explain=links.explain(total.feature_id) if series.previous_bins is not None else None,
        current=total.feature_id == series.focus and series.query.chart != "panels",
        allowance=None
        if allowance is None
        else allowance_text(allowance, unit, series.now, series.query.zone),
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


def small_bars(values: Sequence[float]) -> SmallBars | None:
    """A bar for each value, or for the mean of some where there are many; None for one value, and for
    zeros.
    """
    means = _thinned(values)
    low, high = min((0.0, *means)), max((0.0, *means))
    if len(means) < 2 or low == high:
        return None
    rows = [f"{TALL * ((high - value) / (high - low)):.1f}".removesuffix(".0") for value in (0.0, *means)]
    floor, *ends = rows
    path = "".join(f"M{at} {floor}V{end}" for at, end in enumerate(ends) if end != floor)
    return SmallBars(path, f"-.5 0 {len(means)} {TALL}")


def _thinned(values: Sequence[float]) -> list[float]:
    every = -(-len(values) // MOST_BARS) or 1
    chunks = [values[at : at + every] for at in range(0, len(values), every)]
    return [sum(value / len(chunk) for value in chunk) for chunk in chunks]
