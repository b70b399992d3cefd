"""Compared with the official SDK: the same responses of the same server, decoded into typed values.

Each side is its own process, `python -m tests.bench.wire ours|sdk URL`, so that the garbage collector of one
does not traverse the imports of the other. It reads `list` or `aggregate` from a line, and prints the cost of
a call.
"""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

import msgspec

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


class Cost(msgspec.Struct, frozen=True):
    """The cost of one call, in ms and MB."""

    wall: float
    cpu: float
    peak: float


Measure = Callable[[str], Cost]


def report() -> str:
    """A table of the cost of one call, ours and the SDK's."""
    with ExitStack() as stack:
        server = stack.enter_context(started("tests.bench.canned"))
        url = f"http://127.0.0.1:{int(_line(server))}"
        sides = [
            caller(stack.enter_context(started("tests.bench.wire", side, url))) for side in ("ours", "sdk")
        ]
        page, figures = (compare(name, *sides) for name in ("list", "aggregate"))
    rows = [
        *table("1,000 events", page, (0.33, 0.25, 0.65)),
        *table("90 × 5 × 10 figures", figures, (0.33, None, None)),
    ]
    head = ["| one call, decoded | ours | SDK 1.0.0 | ratio (each round's) | goal |", "|---|---|---|---|---|"]
    reported = f"Medians of {ROUNDS} rounds of {CALLS} calls each, interleaved, one process for each side."
    return "\n".join([*head, *rows, "", reported])


@contextmanager
def started(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def caller(process: subprocess.Popen[str]) -> Measure:
    def call(name: str) -> Cost:
        assert process.stdin is not None
        process.stdin.write(f"{name}\n")
        process.stdin.flush()
        return msgspec.json.decode(_line(process), type=Cost)

    return call


def compare(name: str, ours: Measure, theirs: Measure) -> list[tuple[Cost, Cost]]:
    """Measure both alternately, so that other load affects both; the first round warms up."""
    return [(ours(name), theirs(name)) for _ in range(ROUNDS + 1)][1:]


def measure(call: Call) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(CALLS):
        call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Cost(wall / CALLS * 1000, cpu / CALLS * 1000, peak_of(call))


def peak_of(call: Call) -> float:
    """The peak of Python's allocator, in a separate call, because measuring it is slow."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def ours(url: str) -> dict[str, Call]:
    from usage.api.client import Client
    from usage.api.deadline import Deadline
    from usage.results import decode_aggregate, decode_rows

    client = Client(url=url, key=KEY)
    return {
        "list": lambda: decode_rows(client.post("events.list", LIST, Deadline.after(10)).body),
        "aggregate": lambda: decode_aggregate(
            client.post("events.aggregate", AGGREGATE, Deadline.after(10)).body
        ),
    }


def sdk(url: str) -> dict[str, Call]:
    from autumn_sdk import Autumn

    autumn = Autumn(x_api_version="2.1", secret_key=KEY, server_url=url)
    return {
        "list": lambda: autumn.events.list(customer_id="acme-robotics", offset=0, limit=1000),
        "aggregate": lambda: autumn.events.aggregate(
            customer_id="acme-robotics",
            feature_id=[f"feature_{number}" for number in range(5)],
            group_by="properties.model",
            bin_size="day",
            range="90d",
        ),
    }


def table(name: str, rounds: list[tuple[Cost, Cost]], goals: tuple[float | None, ...]) -> list[str]:
    lines = []
    for (what, unit), goal in zip((("wall", "ms"), ("cpu", "ms"), ("peak", "MB")), goals, strict=True):
        ours, theirs = ([getattr(cost, what) for cost in side] for side in zip(*rounds, strict=True))
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        spread = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        wanted = "" if goal is None else f"≤ {goal}"
        lines.append(
            f"| {name}: {what} | {median(ours):.2f} {unit} | {median(theirs):.2f} {unit}"
            f" | {spread} | {wanted} |"
        )
    return lines


if __name__ == "__main__":
    calls = {"ours": ours, "sdk": sdk}[sys.argv[1]](sys.argv[2])
    for line in sys.stdin:
        print(msgspec.json.encode(measure(calls[line.strip()])).decode(), flush=True)
