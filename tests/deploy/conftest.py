"""The wheel installed, once for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.deployment import Installed
from tests.services.conftest import postgres_server

__all__ = ["postgres_server"]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    made = Installed(tmp_path_factory.mktemp("installed"))
    yield made
    made.remove()
