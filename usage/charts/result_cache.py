"""Results that were made of the same parts before: decoding and drawing cost more than comparing bytes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import TypeVar, cast

from cachetools import LRUCache

T = TypeVar("T")


class ResultCache:
    """Results by all that they were made of, so that none is ever out of date; the least recently used are
    dropped first. Safe to share between threads.
    """

    def __init__(self, max_bytes: int) -> None:
        self._results: LRUCache[Hashable, tuple[object, int]] = LRUCache(
            max_bytes, getsizeof=lambda entry: entry[1]
        )
        self._lock = Lock()

    def get(self, made_of: Hashable, make: Callable[[], T], *, size: int | Callable[[T], int]) -> T:
        """What `make` returns, or returned before for an equal `made_of`. `size`: bytes of both, about, or
        what counts them where strangers' texts decide.
        """
        with self._lock:
            found = self._results.get(made_of)
        if found is not None:
            return cast("T", found[0])
        made = make()
        taken = size if isinstance(size, int) else size(made)
        if taken <= self._results.maxsize:
            with self._lock:
                self._results[made_of] = made, taken
        return made
