"""A unix socket instead of a port."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.conftest import Served

pytestmark = pytest.mark.slow


def listening(folder: Path, path: Path, **environment: str) -> Served:
    folder.mkdir()
    return Served(folder, BIND=f"unix:{path}", **environment)


def refused(site: Served) -> bool:
    """Whether it ended by itself, with an error."""
    site.process.communicate(timeout=60)
    return site.process.returncode > 0


def statuses(path: Path) -> list[int]:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://localhost") as client:
        return [client.get(address).status_code for address in ("/healthz", "/usage/?customer_id=hooli")]


@pytest.mark.parametrize(("chosen", "mode"), [({}, 0o600), ({"SOCKET_MODE": "0660"}, 0o660)])
def test_pages_are_served_by_a_socket_with_its_mode(
    tmp_path: Path, chosen: dict[str, str], mode: int
) -> None:
    path = tmp_path / "site.sock"
    site = listening(tmp_path / "site", path, **chosen)
    try:
        assert site.first_line.endswith(f" unix:{path}\n"), site.stderr
        assert path.stat().st_mode & 0o777 == mode
        assert statuses(path) == [200, 200]
        link = site.manage("share", "create", "--customer", "hooli", ALLOWED_HOSTS="usage.example").stdout
        assert "https://usage.example/s/" in link
    finally:
        site.stop()


def test_socket_of_a_server_that_runs_is_not_taken(tmp_path: Path) -> None:
    """That of a server that was killed is."""
    path = tmp_path / "site.sock"
    first = listening(tmp_path / "first", path)
    try:
        second = listening(tmp_path / "second", path)
        assert refused(second)
        assert f"BIND=unix:{path}: Address already in use." in second.stderr
        assert statuses(path) == [200, 200]
    finally:
        first.kill()
    assert path.is_socket()
    third = listening(tmp_path / "third", path)
    try:
        assert statuses(path) == [200, 200], third.stderr
    finally:
        third.stop()


@pytest.mark.parametrize(
    ("name", "why"), [("missing/site.sock", "No such file or directory"), ("file", "File exists")]
)
def test_path_that_cannot_be_a_socket_is_refused(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").write_text("kept")
    site = listening(tmp_path / "site", tmp_path / name)
    assert refused(site)
    assert f"BIND=unix:{tmp_path / name}: {why}." in site.stderr
    assert (tmp_path / "file").read_text() == "kept"
