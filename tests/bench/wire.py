"""Against the official SDK: the same answers off the same server into typed values, in turns."""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from autumn_sdk import Autumn

from usage.client import Client
from usage.deadline import Deadline
from usage.results import decode_aggregate, decode_rows

ROUNDS, CALLS = 9, 20
KEY = "am_sk_of_the_bench"
LIST: dict[str, object] = {"customer_id": "acme-robotics", "offset": 0, "limit": 1000}
AGGREGATE: dict[str, object] = {
    "customer_id": "acme-robotics",
    "feature_id": [f"feature_{number}" for number in range(5)],
    "group_by": "properties.model",
    "bin_size": "day",
    "range": "90d",
}

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one call, in ms and MB."""

    wall: float
    cpu: float
    peak: float


def report() -> str:
    """A table of what one call costs, ours and the SDK's."""
    with canned() as url, Autumn(x_api_version="2.1", secret_key=KEY, server_url=url) as sdk:
        client = Client(url=url, key=KEY)
        page = compare(
            lambda: decode_rows(client.post("events.list", LIST, Deadline.after(10)).body),
            lambda: sdk.events.list(customer_id="acme-robotics", offset=0, limit=1000),
        )
        figures = compare(
            lambda: decode_aggregate(client.post("events.aggregate", AGGREGATE, Deadline.after(10)).body),
            lambda: sdk.events.aggregate(
                customer_id="acme-robotics",
                feature_id=[f"feature_{number}" for number in range(5)],
                group_by="properties.model",
                bin_size="day",
                range="90d",
            ),
        )
        client.close()
    rows = [
        *table("1,000 events", page, (0.33, 0.25, 0.65)),
        *table("90 × 5 × 10 figures", figures, (0.33, None, None)),
    ]
    head = ["| one call, decoded | ours | SDK 1.0.0 | ratio (each round's) | goal |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + f"\n\nMedians of {ROUNDS} rounds of {CALLS} calls each, in turns."


@contextmanager
def canned() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.canned"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def compare(ours: Call, theirs: Call) -> list[tuple[Cost, Cost]]:
    """Both, in turns, so that a busy machine is busy for both."""
    for call in (ours, theirs):
        call()
    return [(measure(ours), measure(theirs)) for _ in range(ROUNDS)]


def measure(call: Call) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(CALLS):
        call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Cost(wall / CALLS * 1000, cpu / CALLS * 1000, peak_of(call))


def peak_of(call: Call) -> float:
    """The most that Python's allocator held at once, in a call of its own: to measure it is slow."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def table(name: str, rounds: list[tuple[Cost, Cost]], goals: tuple[float | None, ...]) -> list[str]:
    lines = []
    for (what, unit), goal in zip((("wall", "ms"), ("cpu", "ms"), ("peak", "MB")), goals, strict=True):
        ours, theirs = ([getattr(cost, what) for cost in side] for side in zip(*rounds, strict=True))
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        spread = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        wanted = "" if goal is None else f"≤ {goal}"
        lines.append(
            f"| {name}: {what} | {median(ours):.2f} {unit} | {median(theirs):.2f} {unit} | {spread} | {wanted} |"
        )
    return lines
