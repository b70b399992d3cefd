"""Makes ready what is missing, says where it serves, and serves: all of `make run` but the environment."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.core.wsgi import get_wsgi_application
from django.db import connections
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from dashboard.management import cleanup
from dashboard.metrics import processes
from dashboard.web.listener import Listener
from dashboard.web.worker import Worker


class Command(BaseCommand):
    help = "Prepare the database and static files, and serve the dashboard."
    requires_system_checks = ()  # `check` has them, and they cost half a second

    def handle(self, *args: Any, **options: Any) -> None:
        listener = Listener(settings.BIND, settings.PORT, settings.SOCKET_MODE)
        listener.refuse_taken()
        call_command("migrate", verbosity=0, interactive=False)
        collect_changed_files()
        if settings.AUTUMN_MODE == "sample":
            prepare_sample()
        connections.close_all()  # a connection must not cross a fork
        are_counted_together = settings.METRICS_TOKEN is not None and settings.WEB_CONCURRENCY > 1
        counts = processes.prepare_folder(settings.DATA_DIR) if are_counted_together else None
        Server(listener, counts).run()


def collect_changed_files() -> None:
    """Compressing takes seconds, so it happens when a file, or what is done to it, has changed."""
    mark, now = settings.DATA_DIR / ".collected", fingerprint()
    if mark.exists() and mark.read_text() == now:
        return
    call_command("collectstatic", verbosity=0, interactive=False, clear=True)
    mark.write_text(now)


def fingerprint() -> str:
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            changed = storage.get_modified_time(name).timestamp()
            digest.update(f"{storage.path(name)} {storage.size(name)} {changed}\n".encode())
    return digest.hexdigest()


def prepare_sample() -> None:
    from usage.sample import Store  # only where it is shown

    store = Store(settings.SAMPLE_DB)
    store.ensure_story()
    store.close()


class ServerLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own words go where all others do: it repeats requests that it
    cannot read, tokens and all.
    """

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn in this process. Its own access log is off: it would hold share tokens."""

    def __init__(self, listener: Listener, counts: Path | None) -> None:
        self._listener = listener
        self._counts = counts
        super().__init__()

    def load_config(self) -> None:
        chosen = {
            **self._listener.for_gunicorn,
            "workers": settings.WEB_CONCURRENCY,
            "worker_class": Worker,
            "threads": settings.WEB_THREADS,
            "timeout": 60,
            "graceful_timeout": 20,
            "control_socket_disable": True,
            "loglevel": "warning",
            "logger_class": ServerLogger,
            "when_ready": lambda server: print(  # noqa: T201
                f"Usage dashboard: {self._listener.address}{settings.SCRIPT_NAME}", flush=True
            ),
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        if self._counts is not None:
            processes.count_in(self._counts)
        cleanup.clean_hourly()
        return get_wsgi_application()
