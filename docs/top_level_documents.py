"""A hook of MkDocs: the documents at the top of the repository are pages of the site, too."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

NAMES = ("ARCHITECTURE.md", "BENCHMARKS.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    top = Path(config.config_file_path).parent
    for name in NAMES:
        files.append(File.generated(config, name, abs_src_path=str(top / name)))
    return files


def on_page_markdown(markdown: str, page: Page, **given: object) -> str:
    """Links are written for readers of the repository. In the site, all pages are in one folder."""
    return markdown.replace("](docs/" if page.file.src_uri in NAMES else "](../", "](")
