"""Every public class or function of the product has a unique name."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DJANGO_NAMES = {"Command"}
"""Django finds a management command by this name."""


def public_definitions() -> dict[str, list[str]]:
    """The modules that define each public class and function, apart from the sample
    backend and migrations.
    """
    found: dict[str, list[str]] = {}
    for path in sorted([*(ROOT / "usage").rglob("*.py"), *(ROOT / "dashboard").rglob("*.py")]):
        if {"sample", "migrations"} & set(path.relative_to(ROOT).parts):
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    return found


def test_public_classes_and_functions_have_unique_names() -> None:
    definitions = public_definitions()
    assert len(definitions) > 200
    assert {
        name: modules
        for name, modules in definitions.items()
        if len(modules) > 1 and name not in DJANGO_NAMES
    } == {}


def test_no_module_gives_a_name_twice() -> None:
    """A sentence that a later one of the same name replaces would be said nowhere."""
    twice = []
    for path in sorted([*(ROOT / "usage").rglob("*.py"), *(ROOT / "dashboard").rglob("*.py")]):
        names = [
            target.id
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        ]
        twice += [f"{path.relative_to(ROOT)}: {name}" for name in set(names) if names.count(name) > 1]
    assert twice == []
