"""Check the dashboard's figures against raw events.

    python -m tests.audit --seed 1 --cases 100 --age current

The command creates customers whose events are known to cause wrong figures, starts the sample backend and
the dashboard, and sends random queries to its pages and files. It computes each figure again from the raw
events, row by row and without the dashboard's code, and prints every difference:

    usage file / plain: value: emails 2026-11-23: 35; right: 28 [SILENT]
        the URL
        again: the options that repeat this case, beside --database and --redis

With PostgreSQL and Redis, as a larger installation has them:

    python -m tests.audit --seed 1 --cases 100 --age current \\
        --database postgresql://user:password@127.0.0.1:5432/postgres --redis redis://127.0.0.1:6379/15

The user must be allowed to create databases: each hundred cases get a new one, which is dropped afterwards.
The Redis database must be empty, and is emptied afterwards.

SILENT: the answer does not say that something is missing. "said: …": it does, with the notice or bound shown.
A difference that one known fault explains is named after that fault, for example "end date left out".
The summary counts cases by kind of difference. Exit status: 0, or 1 if any difference is silent.

The times of events are relative to the current time, so a repeated case has the same events at later times.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from contextlib import suppress

from tests.audit.report import summary
from tests.audit.run import Run

AGES = ("older", "current", "newest")


def main() -> int:
    """Run the command line, and return its exit status."""
    parser = ArgumentParser(
        prog="python -m tests.audit", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the random queries (default 1)")
    parser.add_argument("--cases", type=int, default=100, help="number of queries (default 100)")
    parser.add_argument("--age", choices=AGES, default="current", help="age of the sample backend")
    parser.add_argument("--only", type=int, help="run only this case of the seed")
    parser.add_argument("--database", help="URL of a PostgreSQL server (default: SQLite)")
    parser.add_argument("--redis", help="URL of an empty Redis database (default: none)")
    options = parser.parse_args()
    chosen = {"DATABASE_URL": options.database, "REDIS_URL": options.redis}
    run = Run(options.seed, options.age, {name: url for name, url in chosen.items() if url}, options.only)
    with suppress(KeyboardInterrupt):
        run.cases(options.cases)
    print(summary(run.differences, run.refused, run.done))
    return 1 if any(not each.finding.said for each in run.differences) else 0


if __name__ == "__main__":
    sys.exit(main())
