"""An explanation as a file: every value of everything that was looked at."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard import messages
from dashboard.exports.files import csv_file, guarded, plain_value
from usage.explain.explanation import Explanation
from usage.query import BadQuery

COLUMNS = ("rank", "group_by", "kind", "value", "before", "after", "change", "share")


def explanation_csv(explanation: Explanation) -> tuple[int, bytes]:
    """How many lines there are, and the file: the ranked ones first, then the others by their group.

    `before`, `after`, `change` and `share` are empty where Autumn folds a part of the value into Other.
    BadQuery for filters that are not applied, which a file has no place to say.
    """
    if any(note.code == "filters-not-applied" for note in explanation.notes):
        raise BadQuery("filter", messages.FILTERS_NOT_IN_FILES)
    rows = list(_rows(explanation))
    return len(rows), csv_file([COLUMNS, *rows])


def _rows(explanation: Explanation) -> Iterator[list[str | float]]:
    ranks = {(row.group_by, row.line.kind, row.line.value): at for at, row in enumerate(explanation.rows, 1)}
    found = []
    for dimension in explanation.dimensions:
        for line in dimension.lines:
            rank = ranks.get((dimension.group_by, line.kind, line.value))
            is_exact, change = line.is_exact, explanation.change
            row = [
                rank or "",
                dimension.group_by,
                line.kind,
                guarded(line.value) if line.kind == "value" else "",
                plain_value(line.before) if line.is_exact_before else "",
                plain_value(line.after) if line.is_exact_after else "",
                plain_value(line.change) if is_exact else "",
                f"{line.change / change:.6f}" if is_exact and change else "",
            ]
            found.append((rank or len(ranks) + 1, row))
    yield from (row for _, row in sorted(found, key=lambda item: item[0]))
