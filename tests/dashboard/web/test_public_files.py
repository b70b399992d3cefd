"""What strangers can read below /static/: the files of the pages, and nothing about how they are made."""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import Served
from tests.page import Page


@pytest.mark.parametrize(
    "name", ["staticfiles.json", ".collected", "../.collected", "..%2Fstaticfiles.json", ""]
)
def test_list_of_static_files_is_not_served(served: Served, name: str) -> None:
    response = httpx.get(f"{served.url}/static/{name}", follow_redirects=True)
    assert response.status_code == 404
    assert (served.folder / "staticfiles.json").exists()


def test_static_files_of_a_page_are_served(served: Served) -> None:
    page = Page(httpx.get(f"{served.url}/usage/", timeout=60).text)
    sources = [script["src"] for script in page.all("script", src=True)]
    assert len(sources) >= 4
    for source in sources:
        assert httpx.get(f"{served.url}{source}").status_code == 200
