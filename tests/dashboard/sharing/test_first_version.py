"""Links and snapshots in a database of the first version, which `first_version/database.sql` has.

`figures.json` has what that version showed: the token of each snapshot, each feature's sum and count, the
sums of the drawn lines, and the number of intervals.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Served
from tests.page import Page

FOLDER = Path(__file__).parent / "first_version"
FIGURES: dict[str, dict[str, Any]] = json.loads((FOLDER / "figures.json").read_text())
LIVE = "Z2XVedB6MdA4dzvvGHo2X8xH97Gtx-cCiuFrHuajQF0"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The site with that database, which it migrates when it starts."""
    folder = tmp_path_factory.mktemp("first-version")
    database = folder / "first.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript((FOLDER / "database.sql").read_text())
    served = Served(folder, DATABASE_URL=f"sqlite:///{database}")
    yield served
    served.stop()


def opened(site: Served, token: str) -> Page:
    """The page that a link opens."""
    with httpx.Client(base_url=site.url, follow_redirects=True, timeout=60) as browser:
        answer = browser.get(f"/s/{token}")
    assert answer.status_code == 200
    return Page(answer.text)


@pytest.mark.parametrize("share", sorted(FIGURES))
def test_snapshot_shows_the_same_figures(site: Served, share: str) -> None:
    """Of requests with their bodies, and of those of which only a digest was stored."""
    figures = FIGURES[share]
    page = opened(site, figures["token"])
    shown = {
        card["data-feature"]: [float(card["data-sum"] or "nan"), int(card["data-count"] or -1)]
        for card in page.all(data_feature=True, data_sum=True)
    }
    assert shown == figures["features"]
    lines = {(kind, name): total for kind, name, total in figures["lines"] if kind != "feature"}
    rows = page.all("tr", data_group_kind=True)
    drawn = {
        (row["data-group-kind"] or "", row["data-group"] or ""): float(row["data-sum"] or "nan")
        for row in rows
    }
    if lines:
        assert drawn == {({"group": "value"}.get(kind, kind), name): v for (kind, name), v in lines.items()}
    assert len(page.figure["edges"]) == figures["bins"] + 1
    assert {card["data-reconciled"] for card in page.all(data_feature=True, data_sum=True)} == {"yes"}


def test_live_link_opens(site: Served) -> None:
    page = opened(site, LIVE)
    assert page.values("data-feature", data_sum=True) == ["api_calls"]
