"""What to think twice about before a link is created. The form asks for each to be accepted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dashboard.formats import full_label
from dashboard.sharing.manage.fields import LIFETIMES, LONG_LIFETIME
from dashboard.sharing.manage.suggestions import Suggestions


@dataclass(frozen=True, slots=True)
class LinkWarning:
    """Something to think twice about."""

    sentence: str

    @property
    def key(self) -> str:
        """Says which, so that having read it can be noted."""
        return hashlib.sha256(self.sentence.encode()).hexdigest()[:16]


def privacy_warnings(suggestions: Suggestions, properties: Iterable[str]) -> Iterator[str]:
    """Which of the link's properties may be about people."""
    for suggestion in suggestions.privacy_hints(properties):
        yield f"The property “{full_label(suggestion.path)}” {suggestion.privacy_hint}."


def access_warnings(*, has_password: bool, days: int) -> Iterator[str]:
    """How easily, and for how long, somebody else could use the link."""
    if not has_password:
        yield "Without a password, whoever gets hold of the link sees all of it."
    if days > LONG_LIFETIME:
        yield f"It will open for {LIFETIMES[days]}. Few need one that long."
