"""The colors of the stylesheet: apart from each other for every eye, and legible in both themes."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

from tests.dashboard.charts.color_vision import EYES, contrast, delta_e, seen

SHEET = (Path(__file__).parents[3] / "static" / "pages" / "app.css").read_text()
SERIES = [f"s{number}" for number in range(1, 9)]
TEXT = [
    ("ink", "bg"),
    ("ink", "surface"),
    ("ink", "sunken"),
    ("ink", "accent-soft"),
    ("muted", "bg"),
    ("muted", "surface"),
    ("muted", "sunken"),
    ("muted", "accent-soft"),
    ("accent", "surface"),
    ("accent", "bg"),
    ("accent", "accent-soft"),
    ("accent-ink", "accent"),
    ("good", "surface"),
    ("good", "sunken"),
    ("bad", "surface"),
    ("bad", "sunken"),
    ("bad", "bad-soft"),
    ("warn-ink", "warn-bg"),
    ("warn-ink", "surface"),
    ("info-ink", "info-bg"),
]


def colors(selector: str) -> dict[str, str]:
    block = re.search(re.escape(selector) + r" \{(.*?)\n\}", SHEET, re.DOTALL)
    assert block is not None, selector
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})\b", block[1]))


THEMES = {"light": colors(":root"), "dark": colors("[data-theme=dark]")}


@pytest.fixture(params=THEMES)
def theme(request: pytest.FixtureRequest) -> dict[str, str]:
    return THEMES[request.param]


def test_the_difference_is_the_published_one() -> None:
    """Three pairs of the data that Sharma, Wu and Dalal published come out as they say."""
    assert delta_e((50, 2.6772, -79.7751), (50, 0, -82.7485)) == pytest.approx(2.0425, abs=1e-4)
    assert delta_e((50, -1, 2), (50, 0, 0)) == pytest.approx(2.3669, abs=1e-4)
    assert delta_e((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514)) == pytest.approx(0.9082, abs=1e-4)


def test_both_themes_have_every_color() -> None:
    """A color defined for one theme alone would keep the other's value there."""
    assert THEMES["light"].keys() == THEMES["dark"].keys()


@pytest.mark.parametrize("eye", EYES)
def test_series_stay_apart(theme: dict[str, str], eye: str) -> None:
    """No two of the eight series are closer than ΔE2000 of 10 to any of five kinds of eye."""
    near = {
        (one, other): round(difference, 1)
        for one, other in combinations(SERIES, 2)
        if (difference := delta_e(seen(theme[one], EYES[eye]), seen(theme[other], EYES[eye]))) < 10
    }
    assert near == {}


def test_series_are_not_the_greys(theme: dict[str, str]) -> None:
    """Other and (none) are taken for no series."""
    for one in SERIES:
        for gray in ("other", "none"):
            assert delta_e(seen(theme[one], EYES["normal"]), seen(theme[gray], EYES["normal"])) >= 10


@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_is_legible(theme: dict[str, str], text: str, ground: str) -> None:
    """Every pair of text and ground that the sheet uses reaches AA's 4.5."""
    assert contrast(theme[text], theme[ground]) >= 4.5


def test_edges_of_controls_are_visible(theme: dict[str, str]) -> None:
    """What marks a field or the focus reaches the 3 that WCAG asks of controls."""
    assert contrast(theme["edge"], theme["surface"]) >= 3
    assert contrast(theme["accent"], theme["bg"]) >= 3


def test_the_faintest_grey_is_no_text() -> None:
    """`--faint` is for lines in charts: it is too faint to read."""
    assert not re.search(r"(?<![-\w])color:\s*var\(--faint\)", SHEET)


def test_the_sheet_stays_small() -> None:
    """It is inlined in every page, so it stays within some 16 KB before compression."""
    assert len(SHEET.encode()) <= 16_500
