"""The content security policy is built when a response needs it, not when the settings are imported."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.conftest import ROOT

SCRIPT = """
import sys

reads = []


def note(event, arguments):
    if event == "open" and "plotly.min.js" in str(arguments[0]):
        reads.append(arguments[0])


sys.addaudithook(note)

import django
from django.core.management import call_command

django.setup()
call_command("check")
before = len(reads)

from django.test import Client

for _ in range(3):
    policy = Client().get("/healthz").headers["Content-Security-Policy"]
print(before, len(reads), policy.count("'sha256-"))
"""


def test_plotly_is_read_once_with_the_first_response() -> None:
    """Neither the settings nor a management command reads its megabytes; three responses read it once."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "0 1 3"
