"""Counts of several processes: each counts in files of its own, and the one that is asked adds them all up.

The library names these files after process IDs, and so would have new ones for each process that replaces
another. Here they are named after a slot that the process occupies: the next one in the slot counts on.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import IO

import structlog
from prometheus_client import CollectorRegistry, Info, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

from dashboard.metrics import counts

FOLDER = "metrics"
FILES = {"counter": 256 * 1024, "gauge_livesum": 16 * 1024, "histogram": 2048 * 1024}
"""The bytes that each file has from the start. On a full disk, a process that counts in a file with gaps
would be killed. Labels are bounded, so these are enough.
"""

log = structlog.get_logger(__name__)

_build = CollectorRegistry()
Info("usage_dashboard_build", "The version that runs", registry=_build).info(
    {"version": version("autumn-usage-dashboard")}
)
_locks: list[IO[str]] = []


def prepare_folder(data_dir: Path) -> Path | None:
    """An empty folder for the processes that this one starts; None where there can be none.

    Each of several sites that have the same data has a folder of its own.
    """
    parent = data_dir / FOLDER
    try:
        parent.mkdir(exist_ok=True)
        folder = parent / f"{_occupy_slot(parent)}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        os.set_inheritable(_locks[-1].fileno(), True)  # the process goes on as another program
    except OSError as error:
        log.warning("metrics.not_shared", error=error.strerror)
        return None
    return folder


def count_in(folder: Path) -> None:
    """Count in files of this folder from now on; without room there, in memory, for this process alone."""
    try:
        slot = _occupy_slot(folder)
        for kind, size in FILES.items():
            _allocate(folder / f"{kind}_{slot}.db", size)
    except OSError as error:
        log.warning("metrics.not_shared", error=error.strerror)
        return
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # where the library looks for it
    values.ValueClass = values.MultiProcessValue(lambda: slot)


def exposition() -> bytes:
    """All counts as Prometheus's text format."""
    registry, folder = counts.REGISTRY, os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder is not None:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, folder)
    return generate_latest(_build) + generate_latest(registry)


def _occupy_slot(folder: Path) -> int:
    """The first number that no living process occupies. It is this process's until it ends."""
    number = 0
    while True:
        lock = (folder / f"{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            number += 1
        else:
            _locks.append(lock)
            return number


def _allocate(path: Path, size: int) -> None:
    if path.exists():
        return
    draft = path.with_suffix(".draft")
    try:
        draft.write_bytes(bytes(size))
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    draft.replace(path)
