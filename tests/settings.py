"""The site's settings, independent of the environment in which the tests run.

TESTS_DATABASE_URL and TESTS_REDIS_URL name servers to run them on, in place of SQLite and memory.
"""

import atexit
import os
import shutil
import tempfile

from dashboard.web.env import NAMES

for name in NAMES:
    os.environ.pop(name, None)
    os.environ.pop(f"{name}_FILE", None)
for name in ("DATABASE_URL", "REDIS_URL"):
    if f"TESTS_{name}" in os.environ:
        os.environ[name] = os.environ[f"TESTS_{name}"]
os.environ["ENV_FILE"] = os.devnull
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="dashboard-tests-")
atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)

from dashboard.settings import *  # noqa: E402, F403

ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
# Uncompressed files, so that no test waits for compression.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
