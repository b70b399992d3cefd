"""What figures are not: a stable code for programs, a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NoteCode = Literal["approximate-zone", "windows-widened", "filters-not-applied", "no-comparison"]


@dataclass(frozen=True, slots=True)
class Note:
    """One reason why figures differ from what was requested. Pages mark it with `data-notice="CODE"`."""

    code: NoteCode
    sentence: str

    def __str__(self) -> str:
        return self.sentence
