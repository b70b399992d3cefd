from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from dashboard import services
from dashboard.models import User
from tests.dashboard.sharing.canary_organization import CanarySite, Wire, customer, story
from usage.sample import SampleApp, Store


@pytest.fixture
def canary_site(
    person: Callable[..., User], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CanarySite]:
    """The site with a live key, so that users have to sign in, over an organization for the tests."""
    settings.AUTUMN_MODE = "live"
    settings.AUTUMN_PACE = 100_000
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # Argon2 is slow on purpose
    store = Store()
    store.add(list(story()))
    store.put_customer(customer())
    canary_site = CanarySite(store, person("sharer", "owner"))

    def wired(*given: Any, **named: Any) -> Wire:
        canary_site.wires.append(Wire(SampleApp(*given, **{"age": canary_site.age, **named})))
        return canary_site.wires[-1]

    monkeypatch.setattr(services, "sample_store", cache(lambda: store))
    monkeypatch.setattr("usage.sample.SampleApp", wired)
    canary_site.restart()
    yield canary_site
    canary_site.restart()
    store.close()
