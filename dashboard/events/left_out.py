"""Says which of Autumn's rows a page leaves out, or shows without what could not be read."""

from __future__ import annotations

from dashboard import messages
from dashboard.formats import number
from usage.freshness import Freshness


def left_out(fresh: Freshness) -> str | None:
    """A sentence for each kind of such rows; None where there is none."""
    counts = (
        (messages.ROWS_NOT_READ, fresh.bad_rows),
        (messages.ROWS_DISCARDED, fresh.foreign_rows),
        (messages.ROWS_READ_IN_PART, fresh.repaired_rows),
    )
    sentences = [
        sentence.format(count=number(count), plural="s"[: count != 1]) for sentence, count in counts if count
    ]
    return " ".join(sentences) or None
