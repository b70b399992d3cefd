"""`make bench` runs all benchmarks; `python -m tests.bench wire calls` runs two. Both write BENCHMARKS.md."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

import structlog

from tests.bench import calls, growth, paint, parts, rows, servers, wire
from tests.bench.report import write_section

BENCHES: dict[str, tuple[str, Callable[[], str]]] = {
    "wire": ("Decoding, against the official SDK: `python -m tests.bench wire`", wire.report),
    "calls": ("Calls to Autumn for a page: `python -m tests.bench calls`", calls.report),
    "rows": (
        "The table of events, against a plain Django-template loop: `python -m tests.bench rows`",
        rows.report,
    ),
    "parts": ("A warm usage page, by part: `python -m tests.bench parts`", parts.report),
    "growth": ("Growth: `python -m tests.bench growth`", growth.report),
    "servers": ("WSGI servers: `python -m tests.bench servers`", servers.report),
    "paint": ("The first picture, against Plotly alone: `python -m tests.bench paint`", paint.report),
}


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for name in sys.argv[1:] or BENCHES:
        title, report = BENCHES[name]
        text = report()
        print(f"{title}\n\n{text}\n")
        write_section(name, title, text)


if __name__ == "__main__":
    main()
