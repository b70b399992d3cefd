"""gunicorn's parent process, which starts, watches and stops the processes that serve.

It runs in place of `serve` once all is ready, and loads none of Django and of the site: what `serve` has
loaded would stay in memory for nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NoReturn

import msgspec
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.workers.base import Worker  # type: ignore[import-untyped]

from dashboard.web import logging


class Plan(msgspec.Struct):
    """What the parent has to know. `site`: what makes the WSGI application, as module:name. `bind`: where
    gunicorn listens, in its settings.
    """

    site: str
    bind: dict[str, str | int]
    address: str
    processes: int
    threads: int
    log_level: str


def become_parent(plan: Plan) -> NoReturn:
    """Goes on as the parent process."""
    sys.stdout.flush()
    root = str(Path(__file__).parents[2])  # manage.py may have been started from another folder
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    arguments = [sys.executable, "-m", __name__, msgspec.json.encode(plan).decode()]
    os.execve(sys.executable, arguments, {**os.environ, "PYTHONPATH": path})  # noqa: S606  ourselves


class ServerLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own words go where all others do: it repeats requests that it
    cannot read, tokens and all.
    """

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class WorkerProcess(Worker):  # type: ignore[misc]  # gunicorn has no types
    """A process that serves. It is made here, and loads the site where it runs."""

    serving: Any = None

    def run(self) -> None:
        from dashboard.server.worker import Serving

        self.serving = Serving(self)
        self.serving.run()

    def handle_exit(self, sig: int, frame: object) -> None:
        super().handle_exit(sig, frame)
        if self.serving is not None:
            self.serving.wake()


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn in this process. Its own access log is off: it would hold share tokens."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        super().__init__()

    def load_config(self) -> None:
        chosen = {
            **self._plan.bind,
            "workers": self._plan.processes,
            "worker_class": WorkerProcess,
            "threads": self._plan.threads,
            "timeout": 60,
            "graceful_timeout": 20,
            "control_socket_disable": True,
            "loglevel": "warning",
            "logger_class": ServerLogger,
            "when_ready": lambda server: print(  # noqa: T201
                f"Usage dashboard: {self._plan.address}", flush=True
            ),
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The WSGI application, for the process that serves it."""
        return resolve_name(self._plan.site)()


if __name__ == "__main__":
    chosen = msgspec.json.decode(sys.argv[1], type=Plan)
    logging.configure(chosen.log_level, [])
    Server(chosen).run()
