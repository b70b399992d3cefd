"""The folder of databases, the secret key and static files: private to the user who runs the site."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from dashboard import messages
from dashboard.web.env import Unusable

OTHERS = 0o077
"""What a group and all others may do with a file."""
FILES = ("*.sqlite3*", ".secret_key", ".collected", "staticfiles.json", "static")
FOLDERS = {"static", "metrics", "lost+found"}
NO_ROOM = {errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EPERM, errno.EROFS}


def created(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unusable(messages.FOLDER_NOT_CREATED.format(path=path, error=error.strerror)) from error
    return path


def make_private(folder: Path) -> bool:
    """Takes from others what they may do with the folder and with our files in it; whether it is private now.

    A folder that holds other folders may have other users, such as /srv: only our files in it change.
    """
    with suppress(OSError):
        shared = any(each.is_dir() and each.name not in FOLDERS for each in folder.iterdir())
        for path in (path for pattern in FILES for path in folder.glob(pattern)):
            _narrow(path)
        if not shared:
            _narrow(folder)
    return not folder.stat().st_mode & OTHERS


def _narrow(path: Path) -> None:
    with suppress(FileNotFoundError):  # SQLite removes files of its own
        found = path.lstat()
        is_ours = found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX
        if is_ours and found.st_mode & OTHERS and not stat.S_ISLNK(found.st_mode):
            path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)


def is_full_or_read_only(error: OSError) -> bool:
    """Whether the disk is the reason, or rights on it."""
    return error.errno in NO_ROOM
