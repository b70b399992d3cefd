from __future__ import annotations

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.dashboard.metrics.scrape import TOKEN
from tests.dashboard.sharing.canary_organization import CanarySite
from tests.dashboard.sharing.conftest import canary_site

__all__ = ["canary_site"]


@pytest.fixture(autouse=True)
def _with_a_token(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN


@pytest.fixture
def owner(canary_site: CanarySite, settings: Settings) -> Client:
    """The user who creates links. No names are read, which would take more calls after a page."""
    settings.AUTUMN_NAMES = "off"
    canary_site.restart()
    client = Client()
    client.force_login(canary_site.owner)
    return client
