"""How many calls a second Autumn allows, and how many are made: of events for each
customer, of names in all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

AUTUMN_PER_SECOND: Final = 5
"""Autumn answers more calls a second than this with a 429."""
AUTUMN_PER_SECOND_WORD: Final = "five"
"""The same, in sentences."""
HEADROOM: Final = 1
"""Calls a second that stay unused: Autumn counts by its own clock, and the network moves calls about."""
PER_SECOND: Final = AUTUMN_PER_SECOND - HEADROOM
"""Calls a second that are made."""

RETRY_AFTER_LIMIT_S: Final = 600.0
"""A `Retry-After` beyond this is cut to it: one wrong header must not stop a customer's pages for longer."""

PER_SECOND_BY_CALL: Final[Mapping[str, int]] = {
    "customers.get": 100,
    "customers.list": PER_SECOND,
    "features.list": 5,
}
"""Calls for names a second that are made, each counted by itself.

Autumn allows the organization 240,000 a minute, 5 a second, and 25 a second that `features.list` shares with
every call without a limit of its own. Its own programs need those too, so no more is taken than a dashboard
needs.
"""
