"""The files of deploy/ as values, and the wheel installed as the image installs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-all", "--no-new-privs"] if os.geteuid() == 0 else []
"""What starts a program for which a read-only file is read-only, also where root runs the tests."""


def program(name: str) -> str:
    """Its path. If it is not installed: skip, or fail under REQUIRE_SERVICES=1."""
    path = shutil.which(name)
    if path is None:
        (pytest.fail if os.environ.get("REQUIRE_SERVICES") == "1" else pytest.skip)(f"no {name} is installed")
    return path


def instructions(name: str) -> Iterator[str]:
    """What follows each instruction of this name in the Containerfile."""
    joined = (DEPLOY / "Containerfile").read_text().replace("\\\n", "")
    yield from re.findall(rf"^{name} +(.+)$", joined, re.MULTILINE)


def image_environment() -> dict[str, str]:
    pairs = (pair.partition("=") for line in instructions("ENV") for pair in line.split())
    return {name: value for name, _, value in pairs}


def health_check() -> list[str]:
    (line,) = instructions("HEALTHCHECK")
    command: list[str] = json.loads(line.partition(" CMD ")[2])
    return command


def compose() -> dict[str, Any]:
    """The services of compose.yaml, by name."""
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return services


def interpolated(value: object, chosen: dict[str, str]) -> str:
    """A value of compose.yaml, with its variables replaced as Compose does."""
    return re.sub(r"\$\{(\w+)[^}]*\}", lambda found: chosen[found[1]], str(value))


class Installed:
    """The wheel in an environment of its own, in which nothing can be changed."""

    def __init__(self, folder: Path) -> None:
        source, self.environment = folder / "source", folder / "environment"
        copy_sources(source)
        pip = [sys.executable, "-m", "pip"]
        wheels = ["wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder / "dist"), str(source)]
        subprocess.run([*pip, *wheels], check=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.environment], check=True)
        (wheel,) = (folder / "dist").glob("*.whl")
        into = [*pip, "--python", str(self.environment), "install"]
        constraints = str(ROOT / "constraints.txt")
        subprocess.run([*into, "--quiet", "--constraint", constraints, str(wheel)], check=True)
        self._set_writable(False)

    @property
    def assets(self) -> Path:
        (found,) = self.environment.glob("lib/python*/site-packages/dashboard/assets")
        return found

    def command(self, *words: str, of: str = "usage-dashboard") -> list[str]:
        return [*WITHOUT_RIGHTS, str(self.environment / "bin" / of), *words]

    def run(self, folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run the command in `folder`, with these settings alone."""
        environment = {"PATH": os.environ["PATH"], **settings}
        command = self.command(*words)
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    @contextmanager
    def serving(self, folder: Path, errors: Path, **settings: str) -> Iterator[str]:
        """Run `serve` likewise; the line in which it says where it serves. `errors`: a file for its log."""
        with errors.open("w") as log:
            process = subprocess.Popen(
                self.command("serve"),
                cwd=folder,
                env={"PATH": os.environ["PATH"], **settings},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            yield process.stdout.readline() if process.stdout else ""
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
        assert process.returncode == 0, errors.read_text()

    def remove(self) -> None:
        self._set_writable(True)
        shutil.rmtree(self.environment)

    def _set_writable(self, writable: bool) -> None:
        for path in (self.environment, *self.environment.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | 0o200 if writable else mode & ~0o222)


def copy_sources(folder: Path) -> None:
    """Copy what the Containerfile copies from the checkout."""
    for line in instructions("COPY"):
        *sources, target = line.split()
        for source in sources if not sources[0].startswith("--") else ():
            path = ROOT / source
            if path.is_dir():
                without = shutil.ignore_patterns("__pycache__")
                shutil.copytree(path, folder / target, symlinks=True, ignore=without)
            else:
                folder.mkdir(exist_ok=True)
                shutil.copy2(path, folder / target)
