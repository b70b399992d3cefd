"""Figures, times and untrusted text, as pages show them."""

from __future__ import annotations

import unicodedata
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import formats
from dashboard.formats import GAP, HIDDEN

BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
MOMENT = 1_795_438_931_402  # 23 Nov 2026 13:02:11.402 UTC


@pytest.mark.parametrize(
    ("value", "whole", "short", "tick"),
    [
        (9_140_000, "9,140,000", f"9.14{GAP}M", "9.14M"),
        (48_210, "48,210", "48,210", "48.21k"),
        (300_000, "300,000", "300,000", "300k"),
        (999_999.7, "999,999.7", f"1{GAP}M", "1M"),
        (212.4, "212.4", "212.4", "212.4"),
        (0.1 + 0.2, "0.3", "0.3", "0.3"),
        (1e-10, "0.0000000001", "1e−10", "1e−10"),
        (-1_234.5, "−1,234.5", "−1,234", "−1.234k"),
        (52_276_933.7800000012, "52,276,933.78", f"52.3{GAP}M", "52.28M"),
        (-0.0, "0", "0", "0"),
        (0, "0", "0", "0"),
        (2e15, "2e+15", "2e+15", "2e+15"),
    ],
)
def test_number_formats(value: float, whole: str, short: str, tick: str) -> None:
    """In full, shortened, and on an axis."""
    assert (formats.number(value), formats.compact(value), formats.axis_number(value)) == (whole, short, tick)


@given(st.floats(allow_nan=False))
def test_every_number_has_a_short_text(value: float) -> None:
    assert 0 < len(formats.number(value)) < 40
    assert 0 < len(formats.compact(value)) < 16
    assert 0 < len(formats.axis_number(value)) < 14


@given(st.floats(-1e14, 1e14).map(lambda value: round(value, 10)))
def test_full_number_has_all_decimals(value: float) -> None:
    """Parsing the text returns the figure that Autumn stores."""
    back = float(formats.number(value).replace(",", "").replace(formats.MINUS, "-"))
    assert back == pytest.approx(value, abs=5e-11, rel=1e-14)


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (112.4, 100, ("up", f"▲{GAP}12{GAP}%", f"12.4{GAP}%")),
        (96.9, 100, ("down", f"▼{GAP}3{GAP}%", f"3.1{GAP}%")),
        (100.2, 100, ("up", f"▲{GAP}<1{GAP}%", f"0.2{GAP}%")),
        (100, 100, ("same", f"0{GAP}%", f"0.0{GAP}%")),
        (5, 0, ("new", "new", "no usage in the previous period")),
        (0, 0, ("unknown", "–", "–")),
        (5, -3, ("unknown", "–", "–")),
        (-5, 3, ("down", f"▼{GAP}267{GAP}%", f"266.7{GAP}%")),
        (1099.4, 100, ("up", f"▲{GAP}999{GAP}%", f"999.4{GAP}%")),
        (38_826, 100, ("up", f"▲{GAP}>999{GAP}%", f"38,726.0{GAP}%")),
    ],
)
def test_change_formats(now: float, before: float, expected: tuple[str, str, str]) -> None:
    """Percentages where they are meaningful, otherwise words."""
    found = formats.change(now, before)
    assert found is not None
    assert (found.way, found.short, found.exact) == expected


@pytest.mark.parametrize(
    ("ratio", "text"), [(0.44, "44"), (0, "0"), (0.001, "<1"), (0.998, ">99"), (1, "100"), (-0.001, "−<1")]
)
def test_percentages_are_rounded(ratio: float, text: str) -> None:
    """A small share is never shown as 0 %, nor nearly all as 100 %."""
    assert formats.whole_percent(ratio) == f"{text}{GAP}%"


def test_no_comparison_is_no_change() -> None:
    assert formats.change(5, None) is None


@given(st.text())
def test_hidden_characters_are_removed(text: str) -> None:
    """No character that hides or reorders text is in the result."""
    for shown in (formats.visible(text), formats.label(text), formats.full_label(text)):
        assert not {unicodedata.category(character) for character in shown} & HIDDEN
    assert formats.label(text)


def test_hidden_characters_are_named() -> None:
    """Bidi and control characters appear as code points; long names are cut in the middle."""
    assert formats.visible("a\u202eb\x00") == "a[U+202E]b[U+0000]"
    assert formats.label("x" * 5000) == "x" * 24 + "…" + "x" * 23
    assert formats.label("") == "(empty)"


def test_moments_have_year_seconds_and_zone() -> None:
    assert formats.moment(MOMENT, BERLIN, millis=True) == "23 Nov 2026 14:02:11.402"
    assert formats.exact_moment(MOMENT, KOLKATA) == "23 Nov 2026 18:32:11 UTC+5:30"
    assert formats.zone_name(MOMENT, ZoneInfo("America/Los_Angeles")) == "UTC−8"
    assert formats.zone_name(MOMENT, ZoneInfo("UTC")) == "UTC"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (9, "just now"),
        (59, "59 seconds ago"),
        (60, "1 minute ago"),
        (-7200, "in 2 hours"),
        (86_400 * 400, "1 year ago"),
    ],
)
def test_relative_times(seconds: int, text: str) -> None:
    """In the largest unit that fits."""
    assert formats.relative(MOMENT - seconds * 1000, MOMENT) == text
