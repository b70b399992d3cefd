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
    # the site: Django's own, words, links in the database, charts, the lenses' parts, the lenses, links below them
    {
        "dashboard",
        "dashboard.accounts",
        "dashboard.accounts.adapter",
        "dashboard.accounts.hashing",
        "dashboard.downloads",
        "dashboard.downloads.connection",
        "dashboard.env",
        "dashboard.errors",
        "dashboard.management",
        "dashboard.management.commands",
        "dashboard.models",
        "dashboard.policy",
        "dashboard.sharing",
        "dashboard.sharing.apps",
        "dashboard.wsgi",
    },
    {
        "dashboard.accounts.oidc",
        "dashboard.admin",
        "dashboard.downloads.turn",
        "dashboard.formats",
        "dashboard.logs",
        "dashboard.management.commands.serve",
        "dashboard.middleware",
        "dashboard.problems",
        "dashboard.safety",
        "dashboard.sharing.middleware",
        "dashboard.sharing.people",
        "dashboard.staticfiles",
    },
    {
        "dashboard.accounts.social",
        "dashboard.charts.colours",
        "dashboard.charts.ticks",
        "dashboard.directory",
        "dashboard.explain",
        "dashboard.exports",
        "dashboard.forms",
        "dashboard.jinja",
        "dashboard.settings",
        "dashboard.sharing.models",
    },
    {
        "dashboard.accounts.urls",
        "dashboard.charts.chart",
        "dashboard.charts.links",
        "dashboard.downloads.stream",
        "dashboard.sharing.about",
        "dashboard.sharing.passwords",
        "dashboard.sharing.visits",
    },
    {"dashboard.charts.figure", "dashboard.charts.svg", "dashboard.charts.tiles"},
    {"dashboard.charts.panel"},
    {"dashboard.charts"},
    {"dashboard.backend", "dashboard.place"},
    {
        "dashboard.apps",
        "dashboard.filters",
        "dashboard.findings",
        "dashboard.freshness",
        "dashboard.health",
        "dashboard.histogram",
        "dashboard.live",
        "dashboard.narrow",
        "dashboard.sharing.offers",
        "dashboard.sharing.openings",
        "dashboard.sharing.snapshots",
    },
    {
        "dashboard.display",
        "dashboard.opened",
        "dashboard.picks",
        "dashboard.sharing.forms",
        "dashboard.sharing.links",
    },
    {"dashboard.management.commands.share", "dashboard.sharing.minding", "dashboard.tables"},
    {"dashboard.bar", "dashboard.scan"},
    {"dashboard.browser"},
    {"dashboard.lens", "dashboard.looks"},
    {"dashboard.downloads.views"},
    {"dashboard.views"},
    {"dashboard.sharing.lenses"},
    {"dashboard.sharing.doors", "dashboard.sharing.making"},
    {"dashboard.sharing.views"},
    {"dashboard.sharing.urls"},
    {"dashboard.urls"},
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
            found |= inner & KNOWN or {node.module}
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


def test_every_module_has_a_floor() -> None:
    """A new module is given its place in the house, and one that is gone leaves none behind."""
    ours = {name for name in KNOWN if not name.startswith("usage.sample") and ".migrations" not in name}
    assert ours == FLOOR.keys()


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
