"""The files of deploy/ name settings that exist, and systemd accepts the unit."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from dashboard.web.env import is_setting
from tests.deploy.deployment import DEPLOY, compose, image_environment, program

UNIT = DEPLOY / "usage-dashboard.service"
OF_OTHERS = {"PATH", "PYTHONDONTWRITEBYTECODE"}
MOST_EXPOSED = 20
"""Of a hundred points by which systemd measures what a service may do. Without limits it has 96."""


def test_every_variable_is_a_setting() -> None:
    unit = re.findall(r"^Environment=(.+)$", UNIT.read_text(), re.MULTILINE)
    of_unit = {pair.partition("=")[0] for line in unit for pair in line.split()}
    chosen = {*compose()["dashboard"]["environment"], *image_environment(), *of_unit}
    assert {name for name in chosen - OF_OTHERS if not is_setting(name)} == set()


def test_example_names_the_variables_of_compose() -> None:
    """All of them, and no others."""
    needed = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert set(re.findall(r"^(\w+)=", (DEPLOY / "env.example").read_text(), re.MULTILINE)) == needed


def test_containers_wait_for_services_of_compose() -> None:
    services = compose()
    for service in services.values():
        for name, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy"
            assert "healthcheck" in services[name] or "build" in services[name]


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """With a program that is installed here."""
    analyze = program("systemd-analyze")
    unit = tmp_path / UNIT.name
    text, count = re.subn(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE)
    assert count == 1
    unit.write_text(text)
    verified = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    measure = [analyze, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", str(unit)]
    measured = subprocess.run(measure, capture_output=True, text=True, check=False)
    assert measured.returncode == 0, measured.stdout
