"""BENCHMARKS.md: a section for each benchmark."""

from __future__ import annotations

import re
from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "BENCHMARKS.md"
HEAD = (
    "# Benchmarks\n\nMeasured by `make bench` on one machine, in one run. Ratios and counts are comparable"
    " between machines; times are not.\n"
)


def write_section(name: str, title: str, text: str, path: Path = PATH) -> None:
    """Replace the section `name` in the file, or append it."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    section = f"{begin}\n## {title}\n\n{text}\n{end}"
    whole = path.read_text() if path.exists() else HEAD
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    whole = (
        pattern.sub(lambda _: section, whole) if pattern.search(whole) else f"{whole.rstrip()}\n\n{section}\n"
    )
    path.write_text(whole)
