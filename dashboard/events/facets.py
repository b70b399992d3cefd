"""What the newest rows have in common, as choices: a click filters by one, another click lets it go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dashboard.events.filter_links import FilterLinks
from dashboard.formats import full_label, label, number
from usage.events.facets import Facet, Facets

MAX_PROPERTIES = 20
MAX_VALUES = 6
MAX_FEATURES = 12
OPEN_PROPERTIES = 3
"""How many properties show their values at first; the others when they are opened."""


@dataclass(frozen=True, slots=True)
class FacetChoice:
    """One value. `href` toggles it, `exclude` filters it out; None where no address can say so."""

    value: str
    text: str
    title: str
    count: str
    share: int
    chosen: bool
    href: str | None
    exclude: str | None = None


@dataclass(frozen=True, slots=True)
class FacetGroup:
    """One property, or the features (`path` is then "feature_id").

    `more`: how many other values there are.
    """

    path: str
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


def facet_panel(facets: Facets, filter_links: FilterLinks) -> FacetPanel:
    """The choices of `facets`.

    A property whose values are all different has none: it identifies rows, not kinds of rows.
    """
    used = {item.path for item in filter_links.query.filter}
    telling = [
        facet
        for facet in facets.properties
        if facet.distinct == 1 or facet.distinct < facet.rows or facet.path in used
    ]
    telling.sort(key=lambda facet: facet.path not in used)
    groups = (
        _property(facet, filter_links, at < OPEN_PROPERTIES or facet.path in used)
        for at, facet in enumerate(telling[:MAX_PROPERTIES])
    )
    return FacetPanel(number(facets.rows), _features(facets, filter_links), tuple(groups))


def _features(facets: Facets, filter_links: FilterLinks) -> FacetGroup:
    counts = dict(facets.features)
    chosen = filter_links.query.feature_id
    names = list(dict.fromkeys((*chosen, *counts)))[: MAX_FEATURES + len(chosen)]
    choices = (
        FacetChoice(
            value=name,
            text=label(filter_links.mount.labels.feature_text(name)),
            title=full_label(name),
            count=number(counts.get(name, 0)),
            share=_share(counts.get(name, 0), facets.rows),
            chosen=name in chosen,
            href=filter_links.feature(name),
        )
        for name in names
    )
    return FacetGroup("feature_id", "Feature", number(facets.rows), tuple(choices), "", open=True)


def _property(facet: Facet, filter_links: FilterLinks, is_open: bool) -> FacetGroup:
    chosen = [item.value for item in filter_links.query.filter if item.path == facet.path]
    counts = dict(facet.values)
    values = list(dict.fromkeys((*chosen, *counts)))[: MAX_VALUES + len(chosen)]
    choices = tuple(_choices(facet, filter_links, values, counts, chosen))
    left = facet.distinct - len(counts.keys() & set(values))
    return FacetGroup(
        facet.path,
        full_label(facet.path),
        number(facet.rows),
        choices,
        number(left) if left > 0 else "",
        is_open,
    )


def _choices(
    facet: Facet, filter_links: FilterLinks, values: Iterable[str], counts: dict[str, int], chosen: list[str]
) -> Iterable[FacetChoice]:
    for value in values:
        is_chosen = value in chosen
        yield FacetChoice(
            value=value,
            text=label(value),
            title=f"{full_label(facet.path)}: {full_label(value)}",
            count=number(counts.get(value, 0)),
            share=_share(counts.get(value, 0), facet.rows),
            chosen=is_chosen,
            href=filter_links.without(facet.path, value)
            if is_chosen
            else filter_links.only(facet.path, value),
            exclude=None if is_chosen else filter_links.exclude(facet.path, value),
        )


def _share(count: int, rows: int) -> int:
    return round(100 * count / rows) if rows else 0
