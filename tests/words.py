"""All text that users can read, and a check for phrases that must not be in it.

python -m tests.words            print it, file by file, for review
python -m tests.words --check    fail for phrases of words-denylist.txt, lines over 110 characters,
                                 and sentences of Python code outside messages.py
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DENYLIST = ROOT / "tests" / "words-denylist.txt"
DOCS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "BENCHMARKS.md", "CHANGELOG.md", "SECURITY.md")
READABLE_ATTRIBUTES = {"title", "aria-label", "placeholder", "alt", "value", "content"}
LONGEST_LINE = 110
SENTENCE = re.compile(r"[A-Z“…].* .*[.?!]")
LITERAL = re.compile(r""""([^"\n]*)"|'([^'\n]*)'|`([^`]*)`""")


class _Text(HTMLParser):
    """The text nodes of a template, and the attributes that users see or hear."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in READABLE_ATTRIBUTES and value]

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def template_text(source: str) -> Iterator[str]:
    """The sentences of a Jinja template, with an ellipsis for each expression."""
    source = re.sub(r"\{#.*?#\}", "", source, flags=re.DOTALL)
    inserted = [match[0] for match in re.finditer(r"\{[{%].*?[}%]\}", source, flags=re.DOTALL)]
    for expression in inserted:
        yield from (text for text in _literals(expression) if " " in text)
    source = re.sub(r"\{\{.*?\}\}", "…", source, flags=re.DOTALL)
    parser = _Text()
    parser.feed(re.sub(r"\{%.*?%\}", "", source, flags=re.DOTALL))
    yield from (" ".join(text.split()) for text in parser.found if re.search(r"[A-Za-z]{2}", text))


def _literals(source: str) -> list[str]:
    return [next(filter(None, groups), "") for groups in LITERAL.findall(source)]


def python_text(source: str) -> Iterator[str]:
    """The strings of a module that are sentences or phrases, without its docstrings."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = "" if id(node) in docstrings else node.value
        else:
            continue
        if " " in text.strip() and re.search(r"[A-Za-z]{2}", text) and "\n" not in text.strip():
            yield text


def script_text(source: str) -> Iterator[str]:
    source = re.sub(r"^\s*//[^\n]*$|/\*.*?\*/", "", source, flags=re.DOTALL | re.MULTILINE)
    yield from (text for text in _literals(source) if re.search(r"[A-Za-z]+ [A-Za-z]+", text))


def readable_files() -> Iterator[tuple[Path, list[str]]]:
    """Every file with its text, in reading order."""
    for name in DOCS:
        yield ROOT / name, (ROOT / name).read_text().splitlines()
    for path in sorted((ROOT / "docs").rglob("*.md")):
        yield path, path.read_text().splitlines()
    for path in sorted((ROOT / "templates").rglob("*.html")):
        yield path, list(template_text(path.read_text()))
    for path in sorted((ROOT / "static").rglob("*.js")):
        yield path, list(script_text(path.read_text()))
    for path in code_files():
        yield path, list(python_text(path.read_text()))


def code_files() -> Iterator[Path]:
    for package in ("usage", "dashboard"):
        paths = sorted((ROOT / package).rglob("*.py"))
        yield from (path for path in paths if "sample" not in path.parts and "migrations" not in path.parts)


def denied() -> list[str]:
    """The phrases of the list."""
    return [line for line in DENYLIST.read_text().splitlines() if line and not line.startswith("#")]


def problems() -> Iterator[str]:
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(phrase)}(?!\w)" for phrase in denied()), re.IGNORECASE)
    for path, texts in readable_files():
        for text in texts:
            if match := pattern.search(text):
                yield f"{path.relative_to(ROOT)}: “{match[0]}” in: {text.strip()[:100]}"
    for path in code_files():
        if path.name != "messages.py" and "commands" not in path.parts:
            for text in filter(SENTENCE.fullmatch, python_text(path.read_text())):
                yield f"{path.relative_to(ROOT)}: belongs in messages.py: {text}"
    pages = [path for folder in ("templates", "static") for path in (ROOT / folder).rglob("*.*")]
    for path in (*code_files(), *sorted(path for path in pages if path.suffix in {".html", ".js", ".css"})):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if len(line) > LONGEST_LINE:
                yield f"{path.relative_to(ROOT)}:{number}: {len(line)} characters, more than {LONGEST_LINE}"


def main() -> None:
    if sys.argv[1:] == ["--check"]:
        found = list(problems())
        print("\n".join(found) or "Words: nothing to change.")
        sys.exit(bool(found))
    for path, texts in readable_files():
        if texts:
            print(f"\n== {path.relative_to(ROOT)}", *texts, sep="\n")


if __name__ == "__main__":
    main()
