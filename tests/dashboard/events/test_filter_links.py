"""Which conditions get a link."""

from __future__ import annotations

import pytest

from dashboard.events.filter_links import can_filter


@pytest.mark.parametrize(
    ("value", "fits"),
    [("漢" * 444, True), ("漢" * 445, False), ("x" * 998, True), ("x" * 999, False), ("\ud800", True)],
)
def test_condition_too_long_for_an_address_gets_no_link(value: str, fits: bool) -> None:
    """A CJK character is nine characters there."""
    assert can_filter("p", value) is fits
