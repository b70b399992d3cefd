"""The house stands: each floor imports only what lies below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the ground up. A module imports from lower floors, never from its own or a higher one.
FLOORS: list[set[str]] = [
    {"usage", "usage.errors", "usage.deadline", "usage.freshness", "usage.window", "usage.stores"},
    {"usage.query", "usage.transport"},
    {"usage.results", "usage.client", "usage.limiter", "usage.cache"},
    {"usage.rows", "usage.known", "usage.scope", "usage.series", "usage.upstream"},
    {"usage.calls", "usage.frame", "usage.checks"},
    {"usage.capabilities", "usage.listing", "usage.figures", "usage.naming"},
    {"usage.charting"},
    {"usage.service"},
    {"usage.look"},
    # the site
    {
        "dashboard",
        "dashboard.formats",
        "dashboard.forms",
        "dashboard.place",
        "dashboard.policy",
        "dashboard.charts.colours",
    },
    {
        "dashboard.explain",
        "dashboard.filters",
        "dashboard.freshness",
        "dashboard.charts.ticks",
        "dashboard.charts.links",
    },
    {"dashboard.tables", "dashboard.charts.chart", "dashboard.charts.tiles"},
    {"dashboard.charts.svg", "dashboard.charts.figure"},
    {"dashboard.charts.panel"},
    {"dashboard.charts"},
    {"dashboard.lens", "dashboard.looks", "dashboard.backend"},
    {"dashboard.views"},
]

PURE = ["dashboard.formats", "dashboard.charts", "dashboard.explain", "dashboard.tables"]
"""Results in, texts out: these know nothing of requests."""


def modules(package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            named = inner & KNOWN
            found |= named if named and node.module in ("dashboard", "dashboard.charts") else {node.module}
    return found


KNOWN = {name for package in ("usage", "dashboard") for name, _ in modules(package)}
FLOOR = {name: height for height, floor in enumerate(FLOORS) for name in floor}


@pytest.mark.parametrize(
    ("name", "path"), [pair for pair in (*modules("usage"), *modules("dashboard")) if pair[0] in FLOOR]
)
def test_imports_lead_downward(name: str, path: Path) -> None:
    """A module imports nothing of ours from its own floor or above."""
    upward = {other for other in imports(path) if other != name and FLOOR.get(other, -1) >= FLOOR[name]}
    assert upward == set()


def test_every_module_of_the_service_has_a_floor() -> None:
    """A new module of the service is given its place in the house."""
    ours = {name for name, _ in modules("usage") if not name.startswith("usage.sample")}
    assert ours - FLOOR.keys() == set()


@pytest.mark.parametrize(("name", "path"), list(modules("usage")))
def test_the_service_knows_nothing_of_the_web(name: str, path: Path) -> None:
    """Neither Django nor the site is imported below the service."""
    assert not [other for other in imports(path) if other.split(".")[0] in ("django", "dashboard")]


@pytest.mark.parametrize(("name", "path"), list(modules("usage/sample")))
def test_the_sample_is_the_other_side_of_the_wire(name: str, path: Path) -> None:
    """The sample backend shares no code with what it is there to judge."""
    assert not [
        other
        for other in imports(path)
        if other.startswith("usage.") and not other.startswith("usage.sample")
    ]


@pytest.mark.parametrize("name", PURE)
def test_drawing_is_pure(name: str) -> None:
    """What turns results into texts and pictures touches no request, no setting and no database."""
    for module, path in modules("dashboard"):
        if module == name or module.startswith(f"{name}."):
            assert not [other for other in imports(path) if other.split(".")[0] == "django"], module
