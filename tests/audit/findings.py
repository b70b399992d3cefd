"""What the auditor finds: one difference between an answer and its truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.audit.truth import Reading


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind`: what differs. `shown` and `right`: the two figures. `said`: how the answer says so itself, if it does."""

    kind: str
    shown: str
    right: str
    said: str = ""


def fewest(readings: Iterable[Reading], judge: Callable[[Reading], list[Finding]]) -> list[Finding]:
    """The findings under the reading of the open questions that leaves the fewest silent ones."""
    best: list[Finding] | None = None
    for reading in readings:
        found = judge(reading)
        if best is None or _cost(found) < _cost(best):
            best = found
        if not found:
            break
    return best or []


def _cost(found: list[Finding]) -> tuple[int, int]:
    return sum(not each.said for each in found), len(found)
