"""How many calls a second Autumn allows for each customer, and how many are made."""

from __future__ import annotations

from typing import Final

AUTUMN_PER_SECOND: Final = 5
"""Autumn answers more calls a second than this with a 429."""
AUTUMN_PER_SECOND_WORD: Final = "five"
"""The same, in sentences."""
HEADROOM: Final = 1
"""Calls a second that stay unused: Autumn counts by its own clock, and the network moves calls about."""
PER_SECOND: Final = AUTUMN_PER_SECOND - HEADROOM
"""Calls a second that are made."""
