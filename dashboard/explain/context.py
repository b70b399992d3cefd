"""The explanation of one query, whole or as far as a page that follows it step by step has come."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from dashboard.events.explorer import page_title
from dashboard.explain.panel import explain_panel
from dashboard.mount import Mount
from dashboard.web.htmx import HtmxRequest, wants_partial
from usage.explain.explanation import MAX_CALLS, Explanation
from usage.query import Query

MOST_STEPS = MAX_CALLS + 2
"""An explanation has a step for each call, and one for its end."""
STEP_HEADER = "Explain-Step"


def step_of(request: HtmxRequest) -> int | None:
    """Which step a page wants; None for the whole result, at once."""
    if not wants_partial(request):
        return None
    given = request.headers.get(STEP_HEADER, "")
    return min(int(given), MOST_STEPS) if re.fullmatch("[1-9][0-9]?", given) else 1


@dataclass(frozen=True, slots=True)
class Explain:
    """The explanation of a mount's queries. `step`: how many of its steps are wanted, None for all.

    Calls of earlier steps are cached, so that each request makes those of its own step alone.
    """

    mount: Mount
    step: int | None

    def context(self, query: Query, now: int, refresh: bool) -> Mapping[str, Any]:
        found = self.explanation(query, now, refresh=refresh and self.step in (None, 1))
        return {
            "explained": explain_panel(self.mount, found, query),
            "next_step": None if found.done else (self.step or 1) + 1,
            "title": page_title(self.mount, query),
            "fresh": found.fresh,
        }

    def explanation(self, query: Query, now: int, *, refresh: bool = False) -> Explanation:
        """What is known after that step."""
        *_, found = islice(self.mount.usage.explain(query, now, refresh=refresh), self.step)
        return found
