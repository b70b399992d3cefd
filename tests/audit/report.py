"""Prints each difference with the options that repeat it, and counts them by kind."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tests.audit.findings import Finding


@dataclass(frozen=True, slots=True)
class Difference:
    """A finding, its address, and the options that repeat it."""

    surface: str
    customer: str
    finding: Finding
    url: str
    again: str

    def __str__(self) -> str:
        said = f"said: {self.finding.said}" if self.finding.said else "SILENT"
        shown, right = self.finding.shown, self.finding.right
        return (
            f"{self.surface} / {self.customer}: {self.finding.kind}: {shown}; right: {right} [{said}]\n"
            f"    {self.url}\n    again: {self.again}"
        )


def summary(differences: Iterable[Difference], refused: Counter[str], cases: int) -> str:
    """Counts by kind of difference, silent and reported ones separately; a case counts once for each kind."""
    counts: dict[tuple[str, str], dict[bool, set[str]]] = defaultdict(lambda: {True: set(), False: set()})
    where: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for each in differences:
        key = each.surface, each.finding.kind
        counts[key][bool(each.finding.said)].add(each.again)
        where[key][each.customer] += 1
    lines = [f"{cases} cases", "silent  said  kind"]
    for key, by in sorted(counts.items(), key=lambda item: -len(item[1][False])):
        customers = ", ".join(name for name, _ in where[key].most_common(6))
        lines.append(f"{len(by[False]):6}  {len(by[True]):4}  {key[0]}: {key[1]} ({customers})")
    lines += [f"refused {times} times: {sentence}" for sentence, times in refused.most_common(12)]
    return "\n".join(lines)
