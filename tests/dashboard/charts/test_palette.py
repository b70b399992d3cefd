"""The colors of the stylesheet: distinct for each kind of color vision, and readable in both themes."""

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


THEMES = {"light": colors(":root, [data-theme=light]"), "dark": colors("[data-theme=dark]")}


@pytest.fixture(params=THEMES)
def theme(request: pytest.FixtureRequest) -> dict[str, str]:
    return THEMES[request.param]


def test_delta_e_equals_published_values() -> None:
    """Three pairs of the data of Sharma, Wu and Dalal."""
    assert delta_e((50, 2.6772, -79.7751), (50, 0, -82.7485)) == pytest.approx(2.0425, abs=1e-4)
    assert delta_e((50, -1, 2), (50, 0, 0)) == pytest.approx(2.3669, abs=1e-4)
    assert delta_e((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514)) == pytest.approx(0.9082, abs=1e-4)


def test_both_themes_have_every_color() -> None:
    """A color that one theme lacks would have the other theme's value."""
    assert THEMES["light"].keys() == THEMES["dark"].keys()


@pytest.mark.parametrize("eye", EYES)
def test_series_colors_are_distinct(theme: dict[str, str], eye: str) -> None:
    """No two of the eight series are closer than a ΔE2000 of 10 for five kinds of color vision."""
    near = {
        (one, other): round(difference, 1)
        for one, other in combinations(SERIES, 2)
        if (difference := delta_e(seen(theme[one], EYES[eye]), seen(theme[other], EYES[eye]))) < 10
    }
    assert near == {}


def test_series_colors_are_distinct_from_the_grays(theme: dict[str, str]) -> None:
    """The grays are for Other and for events without a group."""
    for one in SERIES:
        for gray in ("other", "none"):
            assert delta_e(seen(theme[one], EYES["normal"]), seen(theme[gray], EYES["normal"])) >= 10


@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_is_readable(theme: dict[str, str], text: str, ground: str) -> None:
    """Every pair of text and background reaches AA's 4.5."""
    assert contrast(theme[text], theme[ground]) >= 4.5


def test_edges_of_controls_are_visible(theme: dict[str, str]) -> None:
    """The border of a field and the focus reach WCAG's 3."""
    assert contrast(theme["edge"], theme["surface"]) >= 3
    assert contrast(theme["accent"], theme["bg"]) >= 3


def test_faintest_gray_is_not_used_for_text() -> None:
    """`--faint` is for lines in charts."""
    assert not re.search(r"(?<![-\w])color:\s*var\(--faint\)", SHEET)


def test_stylesheet_is_small() -> None:
    """It is inlined in every page, so it is limited to some 16 KB before compression."""
    assert len(SHEET.encode()) <= 16_500
