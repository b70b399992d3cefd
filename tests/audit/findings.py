"""A finding of the auditor: one difference between an answer and the expected figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.audit.truth import Reading

BY_ITSELF = frozenset({"previous missing", "local date", "focus", "feature missing"})
"""Kinds that do not depend on the interpretation of the query."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind`: what differs.

    `shown` and `right`: the two figures. `said`: the notice or bound by which the answer reports it, if any.
    """

    kind: str
    shown: str
    right: str
    said: str = ""


def fewest(readings: Iterable[Reading], judge: Callable[[Reading], list[Finding]]) -> list[Finding]:
    """The findings for the interpretation that leaves the fewest silent ones."""
    best: list[Finding] | None = None
    for reading in readings:
        found = judge(reading)
        if best is None or cost(found) < cost(best):
            best = found
        if not found:
            break
    return best or []


def cost(found: list[Finding]) -> tuple[int, int]:
    """The number of silent findings that depend on the interpretation, and the number of all."""
    return sum(not each.said for each in found if each.kind not in BY_ITSELF), len(found)
