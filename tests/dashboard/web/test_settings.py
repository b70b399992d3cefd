"""The settings from the environment, and the messages for invalid ones."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.web.checks import stored_secret
from dashboard.web.env import Environment, Unusable
from tests.conftest import ROOT, Served

LIVE = {"AUTUMN_SECRET_KEY": "am_sk_live_0123456789"}
LONG = "b81f6a0d4c7e4f5d9e2a1c3b5d7f9e0a"


def start(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    stored = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder), "ENV_FILE": str(folder / ".env")}
    return subprocess.run(
        [sys.executable, "manage.py", *(command or ("check",))],
        cwd=ROOT,
        env=stored | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


REFUSED = [
    ({"AUTUMN_SECRET_KEY": ""}, "AUTUMN_SECRET_KEY is set but empty."),
    ({"AUTUMN_SECRET_KEY": " \n"}, "AUTUMN_SECRET_KEY is set but empty."),
    ({"AUTUMN_SECRET_KEY_FILE": ""}, "AUTUMN_SECRET_KEY_FILE is set but empty."),
    ({"AUTUMN_SECRET_KEY_FILE": "/nowhere"}, "AUTUMN_SECRET_KEY_FILE must be the path of a readable"),
    ({**LIVE, "AUTUMN_SECRET_KEY_FILE": "/nowhere"}, "AUTUMN_SECRET_KEY and AUTUMN_SECRET_KEY_FILE are both"),
    ({"AUTUMN_API_URL": "http://api.example.com"}, "AUTUMN_API_URL must begin with https://"),
    ({"AUTUMN_API_URL": "api.example.com"}, "AUTUMN_API_URL must be a URL"),
    ({"DATABASE_URL": "nonsense"}, "DATABASE_URL is not a database URL"),
    ({"REDIS_URL": "localhost:6379"}, "REDIS_URL must be a URL such as redis://"),
    ({"WEB_CONCURRENCY": "2"}, "WEB_CONCURRENCY is more than 1, and REDIS_URL is not set."),
    ({"AUTUMN_NAMES": "on"}, "AUTUMN_NAMES must be auto or off"),
    ({"WEB_CONCURRENCY": "many"}, "WEB_CONCURRENCY must be a whole number from 1 to 64"),
    ({"PORT": "99999"}, "PORT must be a whole number from 1 to 65535"),
    ({"DEBUG": "perhaps"}, "DEBUG must be 1 or 0, not 'perhaps'."),
    ({"TIME_ZONE": "Europe/Atlantis"}, "TIME_ZONE is 'Europe/Atlantis', which is not an IANA time zone"),
    ({"TRUSTED_PROXIES": "-1"}, "TRUSTED_PROXIES must be a whole number from 0 to 10"),
    (
        {"CSRF_TRUSTED_ORIGINS": "usage.example.com"},
        "CSRF_TRUSTED_ORIGINS must list origins such as https://",
    ),
    ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL must be one of"),
    ({"SECRET_KEY": "short"}, "SECRET_KEY has fewer than 32 characters"),
    ({"OIDC_ISSUER": "https://id.example.com"}, "OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET"),
    ({"OIDC_ISSUER": "http://id.example.com"}, "OIDC_ISSUER must begin with https://"),
    ({**LIVE, "DEBUG": "1"}, "AUTUMN_SECRET_KEY is a live key, and DEBUG is on"),
    ({**LIVE, "ALLOWED_HOSTS": "*"}, "AUTUMN_SECRET_KEY is a live key, and ALLOWED_HOSTS has a wildcard."),
    ({**LIVE, "SECRET_KEY": "django-insecure-" + LONG}, "SECRET_KEY was generated for development."),
    ({**LIVE, "ALLOWED_HOSTS": "usage.example.com"}, "Set SECRET_KEY."),
    ({**LIVE, "BIND": "0.0.0.0"}, "Set SECRET_KEY."),
    (
        {**LIVE, "BIND": "0.0.0.0", "SECRET_KEY": LONG},
        "Put an HTTPS proxy in front",
    ),
]


@pytest.mark.parametrize(("environment", "sentence"), REFUSED, ids=lambda value: str(value)[:48])
def test_invalid_settings_are_refused(tmp_path: Path, environment: dict[str, str], sentence: str) -> None:
    """The process exits with code 2 and one sentence that names the setting, without a trace or a secret."""
    done = start(tmp_path, **environment)
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert LIVE["AUTUMN_SECRET_KEY"] not in done.stderr + done.stdout


SHOW = """
from django.conf import settings as s
print(s.AUTUMN_MODE, s.AUTUMN_SECRET_KEY, s.TIME_ZONE, s.PORT, s.ALLOWED_HOSTS, s.SESSION_COOKIE_SECURE)
"""


def test_environment_overrides_the_file(tmp_path: Path) -> None:
    """Values are stripped; NAME_FILE names a file with the value."""
    (tmp_path / ".env").write_text(
        "TIME_ZONE= Europe/Berlin \nPORT=9000\nALLOWED_HOSTS= a.example , b.example\n"
    )
    (tmp_path / "key").write_text("am_sk_test_9\n")
    key = str(tmp_path / "key")
    done = start(tmp_path, "shell", "--no-imports", "-c", SHOW, PORT=" 9001 ", AUTUMN_SECRET_KEY_FILE=key)
    expected = "test am_sk_test_9 Europe/Berlin 9001 ['a.example', 'b.example'] False"
    assert done.stdout.strip() == expected, done.stderr


def test_public_site_with_a_live_key_starts(tmp_path: Path) -> None:
    """It needs named hosts, its own secret, and HTTPS at a proxy."""
    public = {"ALLOWED_HOSTS": "usage.example.com", "SECRET_KEY": LONG, "TRUSTED_PROXIES": "1"}
    done = start(tmp_path, "shell", "--no-imports", "-c", SHOW, **LIVE, **public)
    assert done.stdout.startswith("live"), done.stderr
    assert done.stdout.strip().endswith("True")


def test_generated_secret_is_private_to_its_user(tmp_path: Path) -> None:
    """It is created once, is long, and can be read only by the user who owns the file."""
    path = tmp_path / ".secret_key"
    first = stored_secret(path)
    assert stored_secret(path) == first
    assert len(first) >= 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_loopback_needs_no_https(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A sample on this machine may use plain HTTP; a host with a similar name elsewhere may not."""
    env = Environment(tmp_path / ".env")
    monkeypatch.setenv("AUTUMN_API_URL", "http://127.0.0.1:8900/")
    assert env.api_url("AUTUMN_API_URL") == "http://127.0.0.1:8900"
    monkeypatch.setenv("AUTUMN_API_URL", "http://127.0.0.1.example.com")
    with pytest.raises(Unusable, match="https"):
        env.api_url("AUTUMN_API_URL")


def test_serving_prints_one_line(served: Served) -> None:
    """The real server prints its address, and nothing else without an error."""
    assert served.first_line.endswith(f" {served.url}\n")
    assert served.stderr == ""


def test_port_in_use_prints_one_sentence(served: Served, tmp_path: Path) -> None:
    """It names the port and how to choose another."""
    done = start(tmp_path, "serve", PORT=str(served.port))
    assert done.returncode == 2
    assert f"{served.port} " in done.stderr
    assert f"PORT={served.port + 1} make run" in done.stderr
    assert done.stderr.count("\n") == 1
