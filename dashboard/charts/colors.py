"""The same color for the same series on every page and visit, without keeping anything.

A name prefers the eight colors in an order of its own, read off a hash of it; where rivals want the same one,
the name that comes first in an order likewise hashed has it. So a color depends on the *rivals* alone: who
they are, never how large they are or how many of them are drawn. A new rival moves at most the colors of
names that come after it.

Rivals of a feature are those that some customer has beside it, whoever's usage is shown; hues repeat among
the others. Those of a group are the groups of the unfiltered chart: a filtered one keeps its colors.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from functools import lru_cache

from dashboard.mount import Mount
from usage.query import Query

SLOTS = tuple(f"s{number}" for number in range(1, 9))
OTHER, NONE = "s-other", "s-none"


def group_dimension(query: Query, focus: str | None) -> str:
    """What the groups of a chart are values of."""
    return f"group\0{query.dimension}\0{focus or ''}"


def feature_colors(mount: Mount, customer_id: str | None, drawn: Collection[str]) -> Mapping[str, str]:
    """A color for each feature of a page of `mount`, which draws these.

    A recipient's pages know of no other features than those that they show, in colors neither.
    """
    own = frozenset({frozenset(drawn)}) if customer_id is not None or mount.shared else frozenset()
    return feature_slots(frozenset(drawn), mount.usage.features_together() | own)


@lru_cache(64)
def feature_slots(features: frozenset[str], together: frozenset[frozenset[str]]) -> Mapping[str, str]:
    """A color for each of these features: another one than those of features that it is `together` with, up
    to eight.
    """
    rivals = {name: frozenset[str]() for name in features.union(*together)}
    for each in together:
        for name in each:
            rivals[name] |= each
    scores = {name: _score(None, "feature", name) for name in rivals}
    chosen: dict[str, str] = {}
    for name in sorted(scores, key=scores.__getitem__):
        uses = Counter(chosen[other] for other in rivals[name] if other in chosen)
        chosen[name] = _choose(scores[name], uses)
    return chosen


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
