"""The packages in their order: each imports only packages above it in this list."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LAYERS = (
    "usage.messages",
    "usage.errors",
    "usage.text",
    "usage.notes",
    "usage.freshness",
    "usage.window",
    "usage.query",
    "usage.wire_rows",
    "usage.results",
    "usage.catalog",
    "usage.scope",
    "usage.known_customers",
    "usage.api",
    "usage.features",
    "usage.events",
    "usage.charts",
    "usage.query_resolver",
    "usage.page_data",
    "usage.explain",
    "usage.service",
    "dashboard.messages",
    "dashboard.models",
    "dashboard.metrics",
    "dashboard.formats",
    "dashboard.problems",
    "dashboard.forms",
    "dashboard.known_customers",
    "dashboard.names",
    "dashboard.services",
    "dashboard.web",
    "dashboard.server",
    "dashboard.error_views",
    "dashboard.accounts",
    "dashboard.settings",
    "dashboard.middleware",
    "dashboard.mount",
    "dashboard.charts",
    "dashboard.events",
    "dashboard.explain",
    "dashboard.exports",
    "dashboard.pages",
    "dashboard.sharing",
    "dashboard.setup",
    "dashboard.apps",
    "dashboard.admin",
    "dashboard.urls",
    "dashboard.wsgi",
    "dashboard.management",
)
"""From the foundation up.

A package is one entry: its own modules may import each other, but not in a circle.
"""

PURE = (
    "dashboard.formats",
    "dashboard.names.labels",
    "dashboard.charts",
    "dashboard.events.charge",
    "dashboard.events.table",
)
"""These render results as text and images, without requests, settings or the database."""

LARGEST_FOLDER = 15


def modules(package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict([*modules("usage"), *modules("dashboard")])
LAYERED = [
    name
    for name in MODULES
    if not name.startswith("usage.sample") and ".migrations" not in name and "." in name
]


def imports(path: Path) -> set[str]:
    """The modules that a file imports, those of the project by their full names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & MODULES.keys() or {node.module}
    return found


def layer_of(module: str) -> int | None:
    found = [height for height, name in enumerate(LAYERS) if f"{module}.".startswith(f"{name}.")]
    return found[0] if found else None


def test_layers_are_printed_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    """Each layer with the layers that it imports; no layer imports a later one."""
    upward = []
    for height, name in enumerate(LAYERS):
        used = {
            layer
            for module in LAYERED
            if layer_of(module) == height
            for other in imports(MODULES[module])
            if (layer := layer_of(other)) is not None and layer != height
        }
        upward += [f"{name} imports {LAYERS[layer]}" for layer in used if layer > height]
        with capsys.disabled():
            print(f"\n{name}: {', '.join(LAYERS[layer] for layer in sorted(used)) or '-'}", end="")
    assert upward == []


def test_every_module_belongs_to_a_layer() -> None:
    """The list has new top-level modules and packages, and no removed ones."""
    assert [name for name in LAYERED if layer_of(name) is None] == []
    assert [name for name in LAYERS if name not in MODULES] == []


def test_modules_of_a_package_do_not_import_in_a_circle() -> None:
    graph = {
        name: imports(path) & MODULES.keys() - {name}
        for name, path in MODULES.items()
        if ".migrations" not in name
    }
    TopologicalSorter(graph).prepare()


def test_folders_have_at_most_fifteen_modules() -> None:
    folders: dict[Path, int] = {}
    for path in MODULES.values():
        folders[path.parent] = folders.get(path.parent, 0) + (path.name != "__init__.py")
    large = {
        str(folder.relative_to(ROOT)): count for folder, count in folders.items() if count > LARGEST_FOLDER
    }
    assert large == {}


@pytest.mark.parametrize(("name", "path"), list(modules("usage")))
def test_usage_imports_neither_django_nor_the_site(name: str, path: Path) -> None:
    assert not [other for other in imports(path) if other.split(".")[0] in ("django", "dashboard")]


@pytest.mark.parametrize(("name", "path"), list(modules("usage/sample")))
def test_sample_backend_shares_no_code_with_the_product(name: str, path: Path) -> None:
    """Shared code would have the same mistakes on both sides."""
    assert not [
        other
        for other in imports(path)
        if other.startswith("usage.") and not other.startswith("usage.sample")
    ]


@pytest.mark.parametrize("name", PURE)
def test_rendering_code_does_not_import_django(name: str) -> None:
    for module, path in MODULES.items():
        if module == name or module.startswith(f"{name}."):
            assert not [other for other in imports(path) if other.split(".")[0] == "django"], module


def test_site_without_redis_does_not_load_its_client(tmp_path: Path) -> None:
    """It takes 5 MB, and a tenth of a second of each start."""
    code = "import sys, django; django.setup(); import dashboard.urls; print(*sys.modules)"
    stored = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = stored | {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "ENV_FILE": os.devnull}
    command = [sys.executable, "-c", code]
    run = subprocess.run(
        command, cwd=ROOT, env=environment | {"DATA_DIR": str(tmp_path)}, capture_output=True, text=True
    )
    loaded = {name.split(".")[0] for name in run.stdout.split()}
    assert "django" in loaded, run.stderr
    assert "redis" not in loaded
