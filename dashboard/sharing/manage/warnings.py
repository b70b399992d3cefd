"""Warnings before a link is created. The form requires each to be accepted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dashboard import messages
from dashboard.formats import full_label
from dashboard.sharing.manage.fields import LIFETIMES, LONG_LIFETIME
from dashboard.sharing.manage.suggestions import Suggestions
from dashboard.sharing.models import Share


@dataclass(frozen=True, slots=True)
class LinkWarning:
    """Something to think twice about. `code` says what kind it is, `about` the name that it is about."""

    code: str
    sentence: str
    about: str = ""

    @property
    def key(self) -> str:
        """Says which, so that having read it can be noted."""
        return hashlib.sha256(self.sentence.encode()).hexdigest()[:16]


def privacy_warnings(suggestions: Suggestions, properties: Iterable[str]) -> Iterator[LinkWarning]:
    """Which of the link's properties may be about people."""
    for suggestion in suggestions.privacy_hints(properties):
        sentence = messages.PROPERTY_MAY_BE_PERSONAL.format(
            path=full_label(suggestion.path), hint=suggestion.privacy_hint
        )
        yield LinkWarning("personal-property", sentence, suggestion.path)


def balance_warnings(share: Share) -> Iterator[LinkWarning]:
    """A balance has the usage of its whole cycle, also before the earliest date of the link."""
    if share.balances and share.start is not None:
        yield LinkWarning("balances-before-start", messages.BALANCES_BEFORE_START)


def access_warnings(*, has_password: bool, days: int) -> Iterator[LinkWarning]:
    """Warnings about a missing password and a long lifetime."""
    if not has_password:
        yield LinkWarning("no-password", messages.LINK_WITHOUT_PASSWORD)
    if days > LONG_LIFETIME:
        yield LinkWarning("long-life", messages.LONG_LIFETIME.format(lifetime=LIFETIMES[days]))
