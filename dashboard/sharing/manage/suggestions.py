"""What a link to a customer can show: features and properties that were seen, and which of them are about
people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from dashboard import messages
from dashboard.events.filter_links import can_name
from dashboard.formats import full_label
from dashboard.services import usage
from usage.errors import UsageError
from usage.events.facets import facets_of
from usage.query import BadQuery, Query

MAX_FEATURES = 200
"""Features that are offered: balances of any number of others may be in deductions."""
JUDGED_LENGTH = 1_000
"""Characters of a path or value by which it is judged."""

PERSONAL_NAME = re.compile(
    r"(?:^|[._-])(?:e?mail|name|first|last|user(?:name|_id)?|person|phone|tel|address|ip|ssn|birth[^\W_]*+)"
    r"(?:[._-]|$)",
    re.IGNORECASE,
)
FULL_NAME = re.compile(r"[A-ZÀ-Þ][\w'’-]++(?: [A-ZÀ-Þ][\w.'’-]*+)++")

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
    """`sentence`: why there is nothing to offer. `left_out`: whether there is more than that."""

    features: tuple[str, ...] = ()
    properties: tuple[SuggestedProperty, ...] = ()
    sentence: str | None = None
    left_out: bool = False

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
        hints = {suggestion.path: suggestion.privacy_hint for suggestion in self.properties}
        if own := hints.get(path):
            return own
        for inner, hint in hints.items():
            if hint is not None and inner.startswith(f"{path}."):
                return f"contains “{full_label(inner)}”, which {hint}"
        return None if path in hints else privacy_hint(path)


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
    names = dict.fromkeys((*(name for name, _ in facets.features), *sorted(charged)))
    offered = [name for name in names if can_name(name)]
    return Suggestions(
        tuple(sorted(offered[:MAX_FEATURES])),
        tuple(
            SuggestedProperty(facet.path, privacy_hint(facet.path, [value for value, _ in facet.values]))
            for facet in facets.properties
        ),
        left_out=facets.left_out or len(offered) > MAX_FEATURES,
    )


def privacy_hint(path: str, values: Iterable[str] = ()) -> str | None:
    """Why a property may be about a person, judged by its commonest values and its name."""
    path, given = path[:JUDGED_LENGTH], [value[:JUDGED_LENGTH] for value in values]
    if any(map(_has_email, given)):
        return LOOKS_LIKE_EMAIL
    if any(FULL_NAME.fullmatch(value) for value in given):
        return LOOKS_LIKE_NAME
    return MAY_BE_PERSONAL if PERSONAL_NAME.search(path) else None


def _has_email(text: str) -> bool:
    """Whether a word has an @ between something and a host with a dot inside."""
    parts = (pairwise(word.split("@")) for word in text.split())
    return any(before and "." in after[1:-1] for pairs in parts for before, after in pairs)
