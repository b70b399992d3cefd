"""What is on the disk is for the user who runs the site; a disk that can't be used is a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dashboard.web.checks import stored_secret
from dashboard.web.data_dir import OTHERS, make_private
from dashboard.web.env import Unusable
from tests.conftest import Served
from tests.dashboard.web.test_settings import start

pytestmark = pytest.mark.slow


def modes(folder: Path) -> dict[str, int]:
    """What others may do with the folder and all in it, by name."""
    return {
        str(path.relative_to(folder)): path.stat().st_mode & OTHERS for path in [folder, *folder.rglob("*")]
    }


def test_nothing_that_the_site_writes_is_readable_by_others(served: Served) -> None:
    """Databases, the secret key, and collected static files."""
    found = modes(served.folder)
    assert {".secret_key", "db.sqlite3", "sample.sqlite3", "staticfiles.json", ".collected"} <= found.keys()
    assert [name for name in found if name.endswith(".br")]
    found.pop("stderr", None)  # of the tests
    assert not any(found.values()), found


def test_every_command_writes_private_files_and_narrows_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for command in (["migrate"], ["share", "list"]):
        folder.chmod(0o755)
        for path in folder.glob("*.sqlite3"):
            path.chmod(0o644)
        done = start(tmp_path, *command, DATA_DIR=str(folder))
        assert (done.returncode, done.stderr) == (0, "")
        assert not any(modes(folder).values()), modes(folder)


def test_new_folders_are_private(tmp_path: Path) -> None:
    """Those above the last one too."""
    done = start(tmp_path, "check", DATA_DIR=str(tmp_path / "a" / "b"))
    assert done.returncode == 0, done.stderr
    assert not any(modes(tmp_path / "a").values())


@pytest.mark.parametrize(
    ("mode", "other", "left"),
    [
        (0o700, "file", 0o700),
        (0o755, "file", 0o700),
        (0o2775, "static", 0o2700),
        (0o1777, "file", 0o1777),
        (0o755, "other users", 0o755),
    ],
)
def test_only_a_folder_of_our_own_is_narrowed(tmp_path: Path, mode: int, other: str, left: int) -> None:
    """Not one with a sticky bit or other folders in it. Our files in it are, and no others."""
    folder = tmp_path / "data"
    folder.mkdir()
    if other == "file":
        (folder / other).touch(0o644)
    else:
        (folder / other).mkdir(0o755)
    (folder / "db.sqlite3-wal").touch(0o644)
    (folder / "stranger").touch(0o600)
    (folder / "stranger").chmod(0o644)
    (folder / "db.sqlite3-wal").chmod(0o666)
    (folder / "link.sqlite3").symlink_to(folder / "stranger")
    folder.chmod(mode)
    assert make_private(folder) == (not left & OTHERS)
    assert folder.stat().st_mode & 0o7777 == left
    assert (folder / "db.sqlite3-wal").stat().st_mode & OTHERS == 0
    assert (folder / "stranger").stat().st_mode & OTHERS


def test_folder_that_stays_open_to_others_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    tmp_path.chmod(0o755)
    done = start(tmp_path, "check")
    assert done.returncode == 0
    assert "data_dir_open_to_others" in done.stderr
    assert done.stderr.count("\n") == 1


def test_data_dir_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = start(tmp_path, "serve", DATA_DIR=str(tmp_path / "file"))
    assert done.returncode == 2
    assert "DATA_DIR" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "url"),
    [
        (["serve"], "postgresql://ann:horse@127.0.0.1:9/x"),
        (["migrate"], "sqlite:////nowhere/db.sqlite3"),
        (["share", "list"], "sqlite:////nowhere/db.sqlite3"),
    ],
)
def test_database_that_is_away_is_a_sentence(tmp_path: Path, command: list[str], url: str) -> None:
    """Without its password."""
    done = start(tmp_path, *command, DATABASE_URL=url)
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stderr
    assert "horse" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_secret_that_cannot_be_stored_is_a_sentence_and_leaves_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(Unusable, match="SECRET_KEY"):
        stored_secret(tmp_path / ".secret_key")
    assert list(tmp_path.iterdir()) == []
