"""Fields of the form that creates a link, and the choices that they offer."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError

from dashboard import messages
from dashboard.forms import MAX_TEXT_LENGTH

LIFETIMES = {1: "1 day", 7: "7 days", 30: "30 days", 90: "90 days", 365: "1 year"}
DEFAULT_LIFETIME = 7
LONG_LIFETIME = 30
GENERATED, NO_PASSWORD = "generated", "none"
PASSWORDS = {GENERATED: "Generated password, shown once with the link", NO_PASSWORD: "No password"}
PERIODS = {"fixed": "This period only", "free": "Any period, up to now"}
FRESHNESS = {
    "live": "Live: charts include late events",
    "snapshot": "Snapshot: charts keep the figures of today",
}


class LifetimeField(forms.TypedChoiceField):
    """How long a link lives, in days."""

    def __init__(self) -> None:
        super().__init__(choices=list(LIFETIMES.items()), coerce=int, initial=DEFAULT_LIFETIME)


MAX_NAMES = 200


class OpenChoiceField(forms.MultipleChoiceField):
    """Offers names that were seen, and accepts others, because the list may be incomplete; at most
    MAX_NAMES.
    """

    def validate(self, value: list[str]) -> None:
        if len(value) > MAX_NAMES:
            raise ValidationError(messages.TOO_MANY_NAMES.format(count=MAX_NAMES))
        super().validate(value)

    def valid_value(self, value: str) -> bool:
        return bool(value.strip()) and len(value) <= MAX_TEXT_LENGTH and "\0" not in value
