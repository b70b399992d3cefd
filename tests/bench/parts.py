"""Where the processor time of a warm usage page goes, by part of the site: the WSGI application in this
process, sampled, with a user who is signed in.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from tests.bench.peers.__main__ import upstream
from tests.bench.peers.apps import KEY, OUR_PAGE

if TYPE_CHECKING:
    from django.test import Client

PAGES = 400
EVERY_S = 0.001
OTHER = "the rest"
PARTS = {
    "templates": ("/jinja2/", "/markupsafe/", "/templates/", "<template>"),
    "charts": ("/charts/",),
    "rows of events": ("/dashboard/events/", "/usage/events/"),
    "forms": ("/forms.py", "/django/forms/"),
    "queries and their links": ("/usage/query.py", "/dashboard/mount.py", "/dashboard/web/addresses.py"),
    "sessions, user, database": ("/django/contrib/", "/django/db/", "/dashboard/accounts/", "/allauth/"),
    "logs": ("/structlog/", "/logging/", "/dashboard/web/logging.py"),
    "service and cache": ("/usage/", "/dashboard/services.py"),
    "middleware, compression": ("/middleware", "/django/utils/text.py", "/gzip.py", "/django/core/handlers/"),
    "views": ("/dashboard/",),
    OTHER: (),
}
"""The innermost frame that is one of these counts; what compresses and parses in C counts for its caller."""


class Samples:
    """How often each part was running, by the processor's clock."""

    def __init__(self) -> None:
        self.parts: Counter[str] = Counter()
        self._known: dict[str, str] = {}
        self.collecting = 0.0
        self._began = 0.0

    def take(self, _: int, frame: FrameType | None) -> None:
        while frame is not None:
            if part := self._part(frame.f_code.co_filename):
                self.parts[part] += 1
                return
            frame = frame.f_back
        self.parts[OTHER] += 1

    def _part(self, filename: str) -> str:
        if filename not in self._known:
            found = (part for part, paths in PARTS.items() if any(path in filename for path in paths))
            self._known[filename] = next(found, "")
        return self._known[filename]

    def collector(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.process_time()
        else:
            self.collecting += time.process_time() - self._began


@contextmanager
def sampling() -> Iterator[Samples]:
    samples = Samples()
    signal.signal(signal.SIGPROF, samples.take)
    gc.callbacks.append(samples.collector)
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    yield samples
    signal.setitimer(signal.ITIMER_PROF, 0)
    gc.callbacks.remove(samples.collector)


def visitor(upstream_url: str, folder: str) -> Client:
    """A user's client, signed in to a site in this process."""
    import django
    from django.core.management import call_command

    os.environ |= {"AUTUMN_SECRET_KEY": KEY, "AUTUMN_API_URL": upstream_url, "LOG_LEVEL": "CRITICAL"}
    os.environ |= {"ENV_FILE": os.devnull, "DATA_DIR": folder}
    os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
    django.setup()
    for command in ("migrate", "collectstatic"):
        call_command(command, verbosity=0, interactive=False)
    from django.contrib.auth import get_user_model
    from django.test import Client

    client = Client(headers={"Accept-Encoding": "gzip"}, SERVER_NAME="127.0.0.1")
    client.force_login(get_user_model().objects.create_superuser("ann", password="only for this benchmark"))
    return client


def measured() -> str:
    """Milliseconds of each part for one page, and its share."""
    with upstream() as url, tempfile.TemporaryDirectory() as folder:
        client = visitor(url, folder)
        for _ in range(20):
            if client.get(OUR_PAGE).status_code != 200:
                raise ValueError("The page was not served.")
        before = time.process_time()
        for _ in range(PAGES):
            client.get(OUR_PAGE)
        page_ms = (time.process_time() - before) * 1000 / PAGES
        with sampling() as samples:
            for _ in range(PAGES):
                client.get(OUR_PAGE)
    total = samples.parts.total()
    lines = ["| part | ms | share |", "|---|---|---|"]
    for part in PARTS:
        share = samples.parts[part] / total
        lines.append(f"| {part} | {share * page_ms:.1f} | {share:.0%} |")
    lines.append(f"| **all** | **{page_ms:.1f}** | |")
    return "\n".join(lines) + (
        f"\n\nProcessor time of one page, of {PAGES}, by {total:,} samples; of it the garbage collector's"
        f" {samples.collecting * 1000 / PAGES:.1f} ms."
    )


def report() -> str:
    """Measured in a process of its own, as its settings are not those of other benchmarks."""
    command = [sys.executable, "-m", "tests.bench.parts"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    print(measured())
