"""The parts of a process that exist once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

from dashboard.services import Once


def test_threads_that_ask_first_at_once_get_the_same_one() -> None:
    meeting = Barrier(2)

    def make() -> object:
        with suppress(BrokenBarrierError):
            meeting.wait(0.3)  # passes only if another thread makes one too
        return object()

    once = Once(make)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: once(), range(8)))
    assert len(set(map(id, made))) == 1
    assert meeting.broken
