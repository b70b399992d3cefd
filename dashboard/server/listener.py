"""Where the server listens: an address and port, or a unix socket with its mode."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from dashboard import messages
from dashboard.web.env import Unusable

UNIX = "unix:"
"""BIND begins with it where it names a socket's path."""
REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  read, not bound


@dataclass(frozen=True)
class Listener:
    """BIND, PORT and SOCKET_MODE."""

    bind: str
    port: int
    mode: int

    @property
    def path(self) -> Path | None:
        """The unix socket's."""
        return Path(self.bind.removeprefix(UNIX)) if self.bind.startswith(UNIX) else None

    @property
    def for_gunicorn(self) -> dict[str, str | int]:
        """Gunicorn's `bind` and `umask`, which it applies to a socket's file alone."""
        if self.path is not None:
            return {"bind": self.bind, "umask": 0o777 & ~self.mode}
        return {"bind": f"{_in_url(self.bind)}:{self.port}"}

    @property
    def address(self) -> str:
        """As a person can open it."""
        host = _in_url(REACHABLE.get(self.bind, self.bind))
        return self.bind if self.path else f"http://{host}:{self.port}"

    def refuse_taken(self) -> None:
        """Raises Unusable where something else listens, or nothing can."""
        if self.path is not None:
            _refuse_taken_path(self.path)
            return
        family = socket.AF_INET6 if ":" in self.bind else socket.AF_INET
        with contextlib.closing(socket.socket(family)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.bind, self.port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    taken = messages.PORT_IN_USE.format(port=self.port, other=self.port + 1)
                    raise Unusable(taken) from error
                where = f"BIND={self.bind} PORT={self.port}"
                raise Unusable(messages.CANNOT_LISTEN.format(where=where, error=error.strerror)) from error


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _refuse_taken_path(path: Path) -> None:
    """A socket that nobody listens at, of a server that was killed, may be replaced."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as probe:
        try:
            probe.connect(str(path))
        except OSError as error:
            why = _obstacle(path, error)
        else:
            why = os.strerror(errno.EADDRINUSE)
    if why is not None:
        raise Unusable(messages.CANNOT_LISTEN.format(where=f"BIND={UNIX}{path}", error=why))


def _obstacle(path: Path, error: OSError) -> str | None:
    if not path.parent.is_dir():
        return os.strerror(errno.ENOENT)
    if not os.access(path.parent, os.W_OK):
        return os.strerror(errno.EACCES)
    if path.exists() and not path.is_socket():
        return os.strerror(errno.EEXIST)
    is_free = error.errno in {errno.ENOENT, errno.ECONNREFUSED}
    return None if is_free else error.strerror or str(error)
