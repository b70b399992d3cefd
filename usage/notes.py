"""What figures are not: a stable code for programs, a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NoteCode = Literal[
    "approximate-zone",
    "balances-differ",
    "busy",
    "deductions-since",
    "events-arriving",
    "features-not-drawn",
    "features-not-listed",
    "filters-not-applied",
    "future-rows",
    "no-comparison",
    "no-total",
    "partial",
    "rows-disagree",
    "stale",
    "windows-widened",
]
INCOMPLETE_FIGURES: frozenset[NoteCode] = frozenset(
    {"events-arriving", "filters-not-applied", "rows-disagree"}
)
"""Each figure may lack something, and is not called complete."""

INCOMPLETE_FEATURES: frozenset[NoteCode] = INCOMPLETE_FIGURES | {"features-not-listed", "partial"}
"""Some features may be missing: each figure may be complete, all together are not."""


@dataclass(frozen=True, slots=True)
class Note:
    """One reason why figures differ from what was requested. Pages mark it with `data-notice="CODE"`."""

    code: NoteCode
    sentence: str

    def __str__(self) -> str:
        return self.sentence
