"""Static files: ours, and of the installed packages only those that pages ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import brotli
from django.conf import settings
from django.contrib.staticfiles.finders import AppDirectoriesFinder, BaseFinder
from django.contrib.staticfiles.utils import matches_patterns
from django.core.files.storage import FileSystemStorage
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

from dashboard.web.csp import plotly_bundle

UNNEEDED = [
    "django_htmx/htmax-*",
    "django_htmx/htmx-4*",
    "django_htmx/htmx-2.js",
    "django_htmx/ext",
    "account",
    "mfa",
    "openid",
    "usersessions",
    "admin/js/vendor/select2/i18n",
]


class NeededAppFiles(AppDirectoriesFinder):
    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[Any]:
        return super().list([*(ignore_patterns or []), *UNNEEDED])


class PlotlyFinder(BaseFinder):
    """One file of the package's several, under a name of ours."""

    path = "plotly/plotly.min.js"

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        found = [str(plotly_bundle())] if path == self.path else []
        return found if find_all else next(iter(found), None)

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        storage = FileSystemStorage(location=plotly_bundle().parent)
        # collectstatic reads the prefix, which its own finders set.
        storage.prefix = "plotly"  # type: ignore[attr-defined]
        if not matches_patterns(self.path, list(ignore_patterns or [])):
            yield plotly_bundle().name, storage


class QuickCompressor(Compressor):
    """Brotli's level 11 takes some twenty seconds for plotly.js and saves a twentieth over level 9."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        return bytes(brotli.compress(data, quality=9))


class HashedFiles(CompressedManifestStaticFilesStorage):
    """Files under names with their hash. The list of them is beside their folder, and is not served."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        listed = FileSystemStorage(settings.DATA_DIR)
        super().__init__(*args, manifest_storage=listed, **kwargs)  # type: ignore[no-untyped-call]

    def create_compressor(self, **kwargs: Any) -> QuickCompressor:
        return QuickCompressor(**kwargs)  # type: ignore[no-untyped-call]
