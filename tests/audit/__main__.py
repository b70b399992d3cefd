"""Audits the served product: ``python -m tests.audit --seed N --cases M --age A [--database URL --redis URL]``.

Ends with counts by kind of difference, and with a status other than 0 where some are silent.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from contextlib import suppress

from tests.audit.report import summary
from tests.audit.run import Run

AGES = ("older", "current", "newest")


def main() -> int:
    parser = ArgumentParser(prog="python -m tests.audit", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--age", choices=AGES, default="current")
    parser.add_argument("--only", type=int, help="just this case of the seed")
    parser.add_argument("--database", help="DATABASE_URL of the product")
    parser.add_argument("--redis", help="REDIS_URL of the product")
    options = parser.parse_args()
    chosen = {"DATABASE_URL": options.database, "REDIS_URL": options.redis}
    run = Run(options.seed, options.age, {name: url for name, url in chosen.items() if url}, options.only)
    with suppress(KeyboardInterrupt):
        run.cases(options.cases)
    print(summary(run.differences, run.refused, run.done))
    return 1 if any(not each.finding.said for each in run.differences) else 0


if __name__ == "__main__":
    sys.exit(main())
