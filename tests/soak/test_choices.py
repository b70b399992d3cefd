"""Two hundred random pairs of actions in a browser, with an Autumn that is two seconds away."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.test_choices import Slow, assert_pairs_hold, autumn, site, tab

__all__ = ["autumn", "site", "tab"]


def test_two_hundred_pairs_of_actions(tab: Page, autumn: Slow) -> None:
    """Never a control that shows what the chart does not."""
    assert_pairs_hold(tab, autumn, 200)
