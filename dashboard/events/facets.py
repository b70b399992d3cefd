"""What the newest rows have in common, as choices: a click filters by one, another click lets it go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dashboard.events.filter_links import FilterLinks
from dashboard.formats import full_label, label, number
from usage.events.facets import Facet, Facets

MOST_PROPERTIES = 20
MOST_VALUES = 6
OPEN = 3
"""So many properties show their values at once; the others when they are opened."""


@dataclass(frozen=True, slots=True)
class FacetChoice:
    """One value. `href` toggles it, `exclude` keeps it out; None where no address can say so."""

    text: str
    title: str
    count: str
    share: int
    chosen: bool
    href: str | None
    exclude: str | None = None


@dataclass(frozen=True, slots=True)
class FacetGroup:
    """One property, or the features. `more`: how many other values there are."""

    name: str
    rows: str
    choices: tuple[FacetChoice, ...]
    more: str
    open: bool


@dataclass(frozen=True, slots=True)
class FacetPanel:
    """All choices over `rows` rows."""

    rows: str
    features: FacetGroup
    properties: tuple[FacetGroup, ...]


def facet_panel(facets: Facets, narrow: FilterLinks) -> FacetPanel:
    """The choices of `facets`. A property whose values are all different has none: it tells rows apart, not kinds."""
    telling = [facet for facet in facets.properties if facet.distinct == 1 or facet.distinct < facet.rows]
    used = {item.path for item in narrow.query.filter}
    telling.sort(key=lambda facet: facet.path not in used)
    groups = (
        _property(facet, narrow, at < OPEN or facet.path in used)
        for at, facet in enumerate(telling[:MOST_PROPERTIES])
    )
    return FacetPanel(number(facets.rows), _features(facets, narrow), tuple(groups))


def _features(facets: Facets, narrow: FilterLinks) -> FacetGroup:
    counts = dict(facets.features)
    names = [*(name for name in narrow.query.feature_id if name not in counts), *counts][:12]
    choices = (
        FacetChoice(
            text=label(name),
            title=full_label(name),
            count=number(counts.get(name, 0)),
            share=_share(counts.get(name, 0), facets.rows),
            chosen=name in narrow.query.feature_id,
            href=narrow.feature(name),
        )
        for name in names
    )
    return FacetGroup("Feature", number(facets.rows), tuple(choices), "", open=True)


def _property(facet: Facet, narrow: FilterLinks, is_open: bool) -> FacetGroup:
    chosen = [item.value for item in narrow.query.filter if item.path == facet.path]
    counts = dict(facet.values)
    values = list(dict.fromkeys((*chosen, *counts)))[: MOST_VALUES + len(chosen)]
    choices = tuple(_choices(facet, narrow, values, counts, chosen))
    left = facet.distinct - len(counts.keys() & set(values))
    return FacetGroup(
        full_label(facet.path), number(facet.rows), choices, number(left) if left > 0 else "", is_open
    )


def _choices(
    facet: Facet, narrow: FilterLinks, values: Iterable[str], counts: dict[str, int], chosen: list[str]
) -> Iterable[FacetChoice]:
    for value in values:
        is_chosen = value in chosen
        yield FacetChoice(
            text=label(value),
            title=f"{full_label(facet.path)}: {full_label(value)}",
            count=number(counts.get(value, 0)),
            share=_share(counts.get(value, 0), facet.rows),
            chosen=is_chosen,
            href=narrow.without(facet.path, value) if is_chosen else narrow.only(facet.path, value),
            exclude=None if is_chosen else narrow.exclude(facet.path, value),
        )


def _share(count: int, rows: int) -> int:
    return round(100 * count / rows) if rows else 0
