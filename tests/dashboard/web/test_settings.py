"""The settings from the environment, and the messages for invalid ones."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.web.checks import stored_secret
from dashboard.web.env import (
    NAMES,
    SHORT,
    Environment,
    Unusable,
    is_setting,
    is_within,
    refuse_misspelled,
)
from tests.conftest import ROOT, Served

pytestmark = pytest.mark.slow

LIVE = {"AUTUMN_SECRET_KEY": "am_sk_live_0123456789"}
TEST = {"AUTUMN_SECRET_KEY": "am_sk_test_0123456789"}
UNKNOWN = {"AUTUMN_SECRET_KEY": "sk_0123456789"}
LONG = "b81f6a0d4c7e4f5d9e2a1c3b5d7f9e0a"


def start(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / ".env").touch()
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
    ({"ENV_FILE": "/nowhere"}, "ENV_FILE names /nowhere"),
    ({"AUTUMN_SECRETKEY": "am_sk_live_0123456789"}, "Rename it to AUTUMN_SECRET_KEY"),
    ({"AUTUMN_API_URL": "http://api.example.com"}, "AUTUMN_API_URL must begin with https://"),
    ({"AUTUMN_API_URL": "api.example.com"}, "AUTUMN_API_URL must be a URL"),
    ({"DATABASE_URL": "nonsense"}, "DATABASE_URL is not a database URL"),
    ({"REDIS_URL": "localhost:6379"}, "REDIS_URL must be a URL such as redis://"),
    ({"WEB_CONCURRENCY": "2"}, "WEB_CONCURRENCY is more than 1, and REDIS_URL is not set."),
    ({"AUTUMN_NAMES": "on"}, "AUTUMN_NAMES must be auto or off"),
    ({"WEB_CONCURRENCY": "many"}, "WEB_CONCURRENCY must be a whole number from 1 to 64"),
    ({"CACHE_MB": "7"}, "CACHE_MB must be a whole number from 8 to 65536"),
    ({"PORT": "99999"}, "PORT must be a whole number from 1 to 65535"),
    ({"SOCKET_MODE": "rw"}, "SOCKET_MODE must be a file mode in octal digits"),
    ({"SCRIPT_NAME": "usage"}, "SCRIPT_NAME must be a path such as /autumn"),
    ({"SCRIPT_NAME": "/events"}, "SCRIPT_NAME must be a path such as /autumn"),
    ({"SCRIPT_NAME": "//elsewhere.example"}, "SCRIPT_NAME must be a path such as /autumn"),
    ({"SOCKET_MODE": "1777"}, "SOCKET_MODE must be a file mode in octal digits"),
    ({"DEBUG": "perhaps"}, "DEBUG must be 1 or 0, not 'perhaps'."),
    ({"TIME_ZONE": "Europe/Atlantis"}, "TIME_ZONE is 'Europe/Atlantis', which is not an IANA time zone"),
    ({"TRUSTED_PROXIES": "-1"}, "TRUSTED_PROXIES must be a whole number from 0 to 10"),
    (
        {"CSRF_TRUSTED_ORIGINS": "usage.example.com"},
        "CSRF_TRUSTED_ORIGINS must list origins such as https://",
    ),
    ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL must be one of"),
    ({"METRICS_TOKEN": "fifteen-letters"}, "METRICS_TOKEN must have at least 16 characters"),
    ({"METRICS_TOKEN": "with spaces, and long enough"}, "METRICS_TOKEN must have at least 16 characters"),
    ({**LIVE, "AUTUMN_SECRET_KEY_PREVIOUS": "am_sk_test_1"}, "AUTUMN_SECRET_KEY_PREVIOUS is not of the kind"),
    ({**UNKNOWN, "AUTUMN_SECRET_KEY_PREVIOUS": "am_sk_live_1"}, "AUTUMN_SECRET_KEY_PREVIOUS is not of"),
    ({"AUTUMN_SECRET_KEY_PREVIOUS": "am_sk_test_1"}, "AUTUMN_SECRET_KEY_PREVIOUS is not of the kind"),
    ({**TEST, "AUTUMN_SECRET_KEY_PREVIOUS": "two words"}, "AUTUMN_SECRET_KEY_PREVIOUS contains"),
    ({"SECRET_KEY": "short"}, "SECRET_KEY has a key of fewer than 32 characters"),
    ({"SECRET_KEY_FALLBACKS": f"{LONG},short"}, "SECRET_KEY_FALLBACKS has a key of fewer than 32 characters"),
    ({"OIDC_ISSUER": "https://id.example.com"}, "OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET"),
    ({"OIDC_ISSUER": "http://id.example.com"}, "OIDC_ISSUER must begin with https://"),
    ({**LIVE, "DEBUG": "1"}, "AUTUMN_SECRET_KEY is a live key, and DEBUG is on"),
    ({**LIVE, "ALLOWED_HOSTS": "*"}, "AUTUMN_SECRET_KEY is a live key, and ALLOWED_HOSTS has a wildcard."),
    ({**LIVE, "ALLOWED_HOSTS": ".example.com"}, "ALLOWED_HOSTS has a wildcard."),
    ({**UNKNOWN, "DEBUG": "1"}, "DEBUG is on"),
    ({**UNKNOWN, "ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS has a wildcard."),
    ({**TEST, "DEBUG": "1", "BIND": "0.0.0.0"}, "the site is open to others, and DEBUG is on"),
    ({**TEST, "DEBUG": "1", "ALLOWED_HOSTS": "usage.example.com"}, "DEBUG is on"),
    ({**TEST, "ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS has a wildcard."),
    ({**TEST, "ALLOWED_HOSTS": "localhost,.example.com"}, "ALLOWED_HOSTS has a wildcard."),
    ({**LIVE, "SECRET_KEY": "django-insecure-" + LONG}, "SECRET_KEY has a key that was generated for"),
    ({**LIVE, "SECRET_KEY_FALLBACKS": f"django-insecure-{LONG}"}, "SECRET_KEY_FALLBACKS has a key that was"),
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


@pytest.mark.parametrize(
    "environment", [{"DEBUG": "1"}, {"BIND": "0.0.0.0"}, {"ALLOWED_HOSTS": "usage.example.com"}], ids=str
)
def test_site_with_a_test_key_starts(tmp_path: Path, environment: dict[str, str]) -> None:
    """With DEBUG on this machine, and for others without it."""
    done = start(tmp_path, "shell", "--no-imports", "-c", SHOW, **TEST, **environment)
    assert done.stdout.startswith("test"), done.stderr


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


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("AUTUMN_SECRETS=x", "sets AUTUMN_SECRETS, which is not a setting."),
        ("AUTUMN_SECRET_KEY: am_sk_live_1", "line 1, can't be read."),
        ("PORT=9000\nAUTUMN_SECRET_KEY am_sk_live_1\n", "line 2, can't be read."),
        ("# a comment\n\nexport AUTUMN_SECRET_KEY\n", "line 3, can't be read."),
        ("autumn_secret_key=am_sk_live_1", "Rename it to AUTUMN_SECRET_KEY"),
        ("DATABASE_ULR=x", "Rename it to DATABASE_URL"),
        ("AUTUMN_SECRET_KEY='\xff", "is not a readable text file."),
    ],
)
def test_mistake_in_the_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, sentence: str
) -> None:
    """Without the file's contents, which are secret."""
    monkeypatch.delenv("ENV_FILE")
    (tmp_path / ".env").write_bytes(lines.encode("latin-1"))
    with pytest.raises(Unusable) as refused:
        Environment(tmp_path / ".env")
    assert sentence in str(refused.value)
    assert "am_sk_live_1" not in str(refused.value)


@pytest.mark.parametrize("file", ["nowhere", "", "."])
def test_settings_file_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    monkeypatch.setenv("ENV_FILE", str(tmp_path / file) if file else "")
    with pytest.raises(Unusable, match="ENV_FILE"):
        Environment(tmp_path / ".env")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("AUTUMN_SECRET_KEYS", "AUTUMN_SECRET_KEY,"),
        ("autumn_secret_key", "AUTUMN_SECRET_KEY,"),
        ("AUTMUN_SECRETKEY", "AUTUMN_SECRET_KEY,"),
        ("AUTUMN_SECRET_KEY_FIEL", "AUTUMN_SECRET_KEY_FILE"),
        ("ENVFILE", "ENV_FILE"),
        ("PROT", "PORT"),
    ],
)
def test_misspelled_variable_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "am_sk_live_1")
    with pytest.raises(Unusable, match=f"{name} is not a setting. Rename it to {meant}"):
        Environment(tmp_path / ".env")


def test_other_variables_that_begin_like_settings_are_a_warning(tmp_path: Path) -> None:
    """Orchestrators add some. Variables of other programs are none of ours."""
    done = start(tmp_path, AUTUMN_SERVICE_HOST="10.0.0.7", HOST="web", PID_FILE="/run/x", TIMEOUT="9")
    assert done.returncode == 0, done.stderr
    assert "AUTUMN_SERVICE_HOST" in done.stderr
    assert "10.0.0.7" not in done.stderr
    assert done.stderr.count("\n") == 1


CHARACTERS = st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ_")


@st.composite
def misspelled(draw: st.DrawFn) -> tuple[str, str]:
    """A name of ours, and the same after one or two edits."""
    name = draw(st.sampled_from([known for known in NAMES if len(known) > SHORT]))
    text = name
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(text) - 2))
        edited = draw(
            st.sampled_from(
                (
                    text[:at] + text[at + 1 :],
                    text[:at] + draw(CHARACTERS) + text[at:],
                    text[:at] + draw(CHARACTERS) + text[at + 1 :],
                    text[:at] + text[at + 1] + text[at] + text[at + 2 :],
                )
            )
        )
        text = edited
    return name, draw(st.sampled_from((text, text.lower(), text.title())))


@given(misspelled())
def test_two_edits_or_another_case_are_refused(names: tuple[str, str]) -> None:
    name, text = names
    assert is_within(2, text.upper(), name)
    if not is_setting(text):
        with pytest.raises(Unusable):
            refuse_misspelled([text])


@given(st.text("ABU_", max_size=6), st.text("ABU_", max_size=6))
def test_distance_is_that_of_the_table(one: str, other: str) -> None:
    """Compared with the distance of Lowrance and Wagner: between characters that swap, others may change."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            row.append(min(row[-1] + 1, rows[-1][j] + 1, rows[-1][j - 1] + (a != b)))
            before, earlier = one.rfind(b, 0, i - 1) + 1, other.rfind(a, 0, j - 1) + 1
            if before and earlier:
                row[-1] = min(row[-1], rows[before - 1][earlier - 1] + i - before + j - earlier - 1)
        rows.append(row)
    for edits in range(3):
        assert is_within(edits, one, other) == (rows[-1][-1] <= edits)


def test_every_setting_is_listed() -> None:
    """A name that is read and not listed would be refused as misspelled, or not be known."""
    source = "".join(path.read_text() for path in (ROOT / "dashboard").rglob("*.py"))
    read = set(re.findall(r"\benv\.\w+\(\s*\"([A-Z_]+)\"", source))
    assert {"AUTUMN_SECRET_KEY", "OIDC_CLIENT_ID", "LOG_LEVEL"} <= read <= set(NAMES)


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
    assert f"PORT to another one, such as {served.port + 1}." in done.stderr
    assert done.stderr.count("\n") == 1
