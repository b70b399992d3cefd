"""The tests of links, scopes and sign-in on PostgreSQL and Redis: others have SQLite and memory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

FOLDERS = ("tests/dashboard/sharing", "tests/dashboard/accounts")
OWN_STORES = ("sharing/test_first_version.py", "sharing/test_secrets.py", "sharing/test_migrations.py")
"""These start sites on databases of their own."""


def test_links_scopes_and_sign_in_pass_on_postgres_and_redis(postgres: str, redis_url: str) -> None:
    """In a process of their own, because settings are read once."""
    stores = {"TESTS_DATABASE_URL": postgres, "TESTS_REDIS_URL": redis_url, "HYPOTHESIS_PROFILE": "default"}
    left_out = [f"--ignore=tests/dashboard/{name}" for name in OWN_STORES]
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *FOLDERS,
            *left_out,
            "-m",
            "not slow",
            "-p",
            "no:cacheprovider",
        ],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if "PYTEST" not in name} | stores,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-20_000:]
    assert "stores: postgresql, redis" in run.stdout
