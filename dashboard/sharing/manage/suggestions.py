"""What a link to a customer can show: features and properties that were seen, and which of them are about
people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from dashboard import messages
from dashboard.formats import full_label
from dashboard.services import usage
from usage.errors import UsageError
from usage.events.facets import facets_of
from usage.query import BadQuery, Query

PERSONAL_NAME = re.compile(
    r"(^|[._-])(e?mail|name|first|last|user(name|_id)?|person|phone|tel|address|ip|ssn|birth\w*)([._-]|$)",
    re.IGNORECASE,
)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
FULL_NAME = re.compile(r"[A-ZÀ-Þ][\w'’-]+( [A-ZÀ-Þ][\w.'’-]*)+")

LOOKS_LIKE_EMAIL = "looks like e-mail addresses"
LOOKS_LIKE_NAME = "looks like names"
MAY_BE_PERSONAL = "may identify a person"


@dataclass(frozen=True, slots=True)
class SuggestedProperty:
    """One property. `privacy_hint`: why it may be about a person."""

    path: str
    privacy_hint: str | None


@dataclass(frozen=True, slots=True)
class Suggestions:
    """`sentence`: why there is nothing to offer."""

    features: tuple[str, ...] = ()
    properties: tuple[SuggestedProperty, ...] = ()
    sentence: str | None = None

    def features_beside(self, given: Iterable[str]) -> list[tuple[str, None]]:
        """Those that were seen, then what was `given` beside."""
        return [(name, None) for name in dict.fromkeys((*self.features, *given))]

    def properties_beside(self, given: Iterable[str]) -> list[tuple[str, str | None]]:
        """The same of properties, each with why it may be about a person."""
        facets = (suggestion.path for suggestion in self.properties)
        return [(path, self._hint(path)) for path in dict.fromkeys((*facets, *given))]

    def privacy_hints(self, paths: Iterable[str]) -> list[SuggestedProperty]:
        """Those of `paths` that may be about a person, or hold what is; one that was not seen is judged by
        its name.
        """
        found = (SuggestedProperty(path, self._hint(path)) for path in paths)
        return [suggestion for suggestion in found if suggestion.privacy_hint is not None]

    def _hint(self, path: str) -> str | None:
        for suggestion in self.properties:
            if suggestion.path == path:
                return suggestion.privacy_hint
            if suggestion.privacy_hint is not None and suggestion.path.startswith(f"{path}."):
                return f"contains “{full_label(suggestion.path)}”, which {suggestion.privacy_hint}"
        return privacy_hint(path)


def suggestions(customer_id: str | None, query: Query) -> Suggestions:
    """What was seen of a customer in the window of `query`."""
    if customer_id is None:
        return Suggestions(sentence=messages.NO_SUGGESTIONS)
    try:
        around = Query(
            customer_id=customer_id, range=query.range, start=query.start, end=query.end, tz=query.tz
        )
        events = usage().newest(around).events
    except (UsageError, BadQuery) as error:
        return Suggestions(sentence=error.sentence)
    facets = facets_of(events)
    charged = {item.feature_id for event in events for item in event.deductions or ()}
    return Suggestions(
        tuple(sorted({name for name, _ in facets.features} | charged)),
        tuple(
            SuggestedProperty(facet.path, privacy_hint(facet.path, [value for value, _ in facet.values]))
            for facet in facets.properties
        ),
    )


def privacy_hint(path: str, values: Iterable[str] = ()) -> str | None:
    """Why a property may be about a person, judged by its commonest values and its name."""
    given = list(values)
    if any(EMAIL.search(value) for value in given):
        return LOOKS_LIKE_EMAIL
    if any(FULL_NAME.fullmatch(value) for value in given):
        return LOOKS_LIKE_NAME
    return MAY_BE_PERSONAL if PERSONAL_NAME.search(path) else None
