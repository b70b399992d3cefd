"""Makes ready what is missing, says where it serves, and serves: all of `make run` but the environment."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.core.wsgi import get_wsgi_application

from dashboard.metrics import processes
from dashboard.server.listener import Listener
from dashboard.server.parent import Plan, become_parent

COUNTS = "_DASHBOARD_COUNTS"
"""The folder in which the processes of this site count together, for those processes."""


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
        are_counted_together = settings.METRICS_TOKEN is not None and settings.WEB_CONCURRENCY > 1
        counts = processes.prepare_folder(settings.DATA_DIR) if are_counted_together else None
        os.environ[COUNTS] = str(counts or "")
        become_parent(
            Plan(
                f"{__name__}:site",
                listener.for_gunicorn,
                f"{listener.address}{settings.SCRIPT_NAME}",
                settings.WEB_CONCURRENCY,
                settings.WEB_THREADS,
                settings.LOG_LEVEL,
            )
        )


def site() -> WSGIHandler:
    """The site, in a process that serves it."""
    application = get_wsgi_application()
    from dashboard.management import cleanup  # once Django is set up

    if folder := os.environ.get(COUNTS):
        processes.count_in(Path(folder))
    cleanup.clean_hourly()
    return application


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
