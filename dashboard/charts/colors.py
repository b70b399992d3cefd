"""The same color for the same series of a customer on every page and visit, without keeping anything.

A name prefers the eight colors in an order of its own, read off a hash of customer, dimension and name; where
two want the same one, the name that comes first in an order likewise hashed has it. So a color depends on the
*rivals* alone: who they are, never how large they are or how many of them are drawn. Given the same rivals
(the series of the unfiltered chart), a filtered chart keeps its colors. A new rival moves at most the colors
of names that come after it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection

from usage.query import Query

SLOTS = tuple(f"s{number}" for number in range(1, 9))
OTHER, NONE = "s-other", "s-none"


def dimension(query: Query, focus: str | None) -> str:
    """What a chart's series are values of: features, or one feature's groups."""
    return "feature" if query.group_by is None else f"group\0{query.group_by}\0{focus or ''}"


def slots(
    customer: str | None, dimension: str, drawn: Collection[str], color_peers: Collection[str] = ()
) -> dict[str, str]:
    """A color for each drawn name.

    Where more than eight rivals share colors, no two drawn names do, up to eight.
    """
    scores = {name: _score(customer, dimension, name) for name in {*drawn, *color_peers}}
    steady: dict[str, str] = {}
    for name in sorted(color_peers or scores, key=scores.__getitem__):
        steady[name] = _choose(scores[name], Counter(steady.values()))
    taken: dict[str, str] = {}
    for name in sorted(scores.keys() & set(drawn), key=lambda name: (name not in steady, scores[name])):
        free = steady.get(name) not in (None, *taken.values())
        taken[name] = steady[name] if free else _choose(scores[name], Counter(taken.values()))
    return taken


def _score(customer: str | None, dimension: str, name: str) -> bytes:
    text = "\0".join((customer or "", dimension, name))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _choose(score: bytes, uses: Counter[str]) -> str:
    """Of the colors used least, the one that this name wants most."""
    return min(
        SLOTS,
        key=lambda slot: (uses[slot], hashlib.blake2b(slot.encode(), key=score, digest_size=8).digest()),
    )
