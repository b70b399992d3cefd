"""The wheel in a folder where nothing else is, without the right to change what it installed."""

from __future__ import annotations

import socket
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, free_port
from tests.deploy.deployment import Installed
from tests.page import Page

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class FirstVisit:
    """A site that was started in an empty folder."""

    folder: Path
    http: httpx.Client
    to_manager: bytes


@pytest.fixture(scope="module")
def site(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirstVisit]:
    base = tmp_path_factory.mktemp("first")
    folder, port = base / "empty", free_port()
    folder.mkdir()
    migrated = installed.run(folder, "migrate")
    assert migrated.returncode == 0, migrated.stderr
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(base / "notify"))
        manager.settimeout(30)
        settings = {"PORT": str(port), "NOTIFY_SOCKET": str(base / "notify")}
        with installed.serving(folder, base / "stderr", **settings) as line:
            assert line.endswith(f"http://127.0.0.1:{port}\n"), (base / "stderr").read_text()
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
                yield FirstVisit(folder, http, manager.recv(1000))


def test_version_is_that_of_the_project(installed: Installed, tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert installed.run(tmp_path, "--version").stdout == f"{project['version']}\n"


def test_unknown_command_is_refused_by_name(installed: Installed, tmp_path: Path) -> None:
    done = installed.run(tmp_path, "srve")
    assert done.returncode == 1
    assert "'srve'" in done.stderr
    assert "Traceback" not in done.stderr


def test_command_before_the_first_migration_names_what_is_missing(
    installed: Installed, tmp_path: Path
) -> None:
    done = installed.run(tmp_path, "createsuperuser", "--noinput", "--username", "ada", "--email", "a@b.test")
    assert done.returncode == 2
    assert "migrate" in done.stderr.splitlines()[-1]


def test_settings_file_is_that_of_the_current_folder(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WEB_THREADS=none")
    done = installed.run(tmp_path, "serve")
    assert done.returncode == 2
    assert "WEB_THREADS" in done.stderr


def test_wheel_has_every_template_and_static_file(installed: Installed) -> None:
    for name in ("templates", "static"):
        here, there = ROOT / name, installed.assets / name
        files = {path.relative_to(here) for path in here.rglob("*") if path.is_file()}
        assert {path.relative_to(there) for path in there.rglob("*") if path.is_file()} == files


def test_data_is_in_the_current_folder_alone(installed: Installed, site: FirstVisit) -> None:
    """What is installed could not have been changed."""
    assert [path.name for path in site.folder.iterdir()] == ["var"]
    assert (site.folder / "var").stat().st_mode & 0o777 == 0o700
    write = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()"
    command = installed.command("-c", write, str(installed.assets / "new"), of="python")
    assert "PermissionError" in subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_first_page_shows_sample_data_with_its_styles_and_scripts(site: FirstVisit) -> None:
    page = Page(site.http.get("/"))
    assert page.values("data-mode") == ["sample"]
    styles, scripts = page.values("href", "link", rel="stylesheet"), page.values("src", "script")
    assert styles
    assert scripts
    for path in styles + scripts:
        assert path.startswith("/static/")
        answer = site.http.get(path)
        assert (answer.status_code, bool(answer.content)) == (200, True)
    assert Page(site.http.get("/usage/?customer_id=acme-robotics")).has(data_chart=True)


def test_manager_of_services_hears_that_the_site_is_ready(site: FirstVisit) -> None:
    """The unit has Type=notify."""
    assert b"READY=1" in site.to_manager.splitlines()
