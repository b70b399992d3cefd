"""Registers the marker of slow tests."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Lets a test say that it takes many seconds."""
    config.addinivalue_line("markers", "slow: takes many seconds")
