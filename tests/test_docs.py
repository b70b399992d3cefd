"""The documentation: its links lead somewhere, its table of settings is complete, and it builds."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from dashboard.web.env import NAMES

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")})
SETTINGS_PAGE = ROOT / "docs" / "settings.md"
READ_HERE = ("dashboard/settings.py", "dashboard/accounts/oidc.py")
"""The modules that read settings by name."""

CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ROW = re.compile(r"^\| `([A-Z_]+)` \| .* \| (.+) \|$", re.MULTILINE)
ELSEWHERE = re.compile(
    r"""<(?:script|link|img)\b[^>]*(?:src|href)=["']?(?:https?:)?//[^>]*>|url\(["']?https?://[^)]*"""
)
"""What a page or style sheet loads from another site."""


def links(document: Path) -> Iterator[str]:
    yield from LINK.findall(CODE.sub("", document.read_text()))


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub and MkDocs make them."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    words = (re.sub(r"[^\w\s-]", "", heading.lower()) for heading in HEADING.findall(text))
    return {re.sub(r"\s", "-", heading.strip()) for heading in words}


def problem_with(document: Path, link: str) -> str | None:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    target = (document.parent / unquote(parts.path)).resolve() if parts.path else document
    if not target.is_relative_to(ROOT) or not target.exists():
        return f"{document.relative_to(ROOT)}: {link} does not exist"
    if parts.fragment and parts.fragment not in anchors(target):
        return f"{document.relative_to(ROOT)}: {link} has no such heading"
    return None


def settings_read() -> dict[str, str | None]:
    """The settings that the code reads, with the defaults of whole numbers."""
    calls = (
        node
        for name in READ_HERE
        for node in ast.walk(ast.parse((ROOT / name).read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    )
    found: dict[str, str | None] = {}
    for call in calls:
        owner, method = ast.unparse(call.func).rsplit(".", 1)
        if owner == "env" and call.args and isinstance(call.args[0], ast.Constant):
            found[str(call.args[0].value)] = ast.unparse(call.args[1]) if method == "whole" else None
    return found


def test_links_lead_to_files_and_headings() -> None:
    every = [(document, link) for document in DOCUMENTS for link in links(document)]
    assert len(every) > 30
    assert [problem for each in every if (problem := problem_with(*each))] == []


@pytest.mark.parametrize("link", ["absent.md", "settings.md#absent", "#absent", "../../outside.md"])
def test_broken_links_are_found(link: str) -> None:
    assert problem_with(SETTINGS_PAGE, link) is not None


def test_each_setting_is_documented_once_and_no_other() -> None:
    documented = [name for name, _ in ROW.findall(SETTINGS_PAGE.read_text())]
    assert sorted(documented) == sorted({*NAMES, "ENV_FILE"})
    assert settings_read().keys() == set(NAMES)


def test_documented_numbers_are_the_defaults() -> None:
    defaults = dict(ROW.findall(SETTINGS_PAGE.read_text()))
    numbers = {name: default for name, default in settings_read().items() if default is not None}
    assert len(numbers) >= 5
    assert {name: defaults[name] for name in numbers} == numbers


@pytest.mark.slow
def test_site_builds_without_warnings_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    run = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    pages = {path for suffix in ("html", "css") for path in tmp_path.rglob(f"*.{suffix}")}
    assert {"index.html", "settings.html", "ARCHITECTURE.html"} <= {path.name for path in pages}
    assert [(page.name, found) for page in pages for found in ELSEWHERE.findall(page.read_text())] == []
