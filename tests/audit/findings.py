"""What the auditor finds: one difference between an answer and its truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.audit.truth import Reading

BY_ITSELF = frozenset({"previous missing", "local date", "focus", "feature missing"})
"""Kinds that stay, however a question is read."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind`: what differs.

    `shown` and `right`: the two figures. `said`: how the answer says so itself, if it does.
    """

    kind: str
    shown: str
    right: str
    said: str = ""


def fewest(readings: Iterable[Reading], judge: Callable[[Reading], list[Finding]]) -> list[Finding]:
    """The findings under the reading of the open questions that leaves the fewest silent ones."""
    best: list[Finding] | None = None
    for reading in readings:
        found = judge(reading)
        if best is None or cost(found) < cost(best):
            best = found
        if not found:
            break
    return best or []


def cost(found: list[Finding]) -> tuple[int, int]:
    """How many silent findings depend on how a question is read, and how many there are."""
    return sum(not each.said for each in found if each.kind not in BY_ITSELF), len(found)
