"""The site's settings, independent of the environment in which the tests run."""

import atexit
import os
import shutil
import tempfile

NAMES = """
    AUTUMN_SECRET_KEY AUTUMN_API_URL DATABASE_URL REDIS_URL WEB_CONCURRENCY WEB_THREADS TRUSTED_PROXIES
    SECRET_KEY ALLOWED_HOSTS CSRF_TRUSTED_ORIGINS DEBUG TIME_ZONE BIND PORT LOG_LEVEL OIDC_ISSUER
    OIDC_CLIENT_ID OIDC_CLIENT_SECRET OIDC_NAME
"""
for name in NAMES.split():
    os.environ.pop(name, None)
    os.environ.pop(f"{name}_FILE", None)
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
