"""The product and the backend in their own processes, and clients of the product."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import httpx

from tests.audit.services import empty_redis, new_database
from tests.audit.world import World
from tests.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
KEY = "am_sk_sample"
BACKEND = [sys.executable, "-m", "usage.sample"]
PASSWORD = "audit of every figure"
STARTS_WITHIN_S = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of the product; `broken`: the connection was cut before its end. `file`: a file's name."""

    url: str
    status: int
    text: str
    broken: bool = False
    file: str = ""


class Visitor:
    """A client with its own cookies."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.client.cookies.set("tz", "UTC")

    def get(self, url: str, **headers: str) -> Answer:
        """Send a request, follow redirects, and record a cut connection."""
        shown = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            response = self.client.get(url, headers=shown)
        except httpx.RemoteProtocolError:
            return Answer(url, 200, "", broken=True)
        file = response.headers.get("Content-Disposition", "")
        return Answer(url, response.status_code, response.content.decode("utf-8", "replace"), file=file)

    def sign_in(self, name: str) -> None:
        """Sign in through the form."""
        form = self.client.get("/accounts/login/")
        token = re.search(r'name="csrfmiddlewaretoken"[^>]*value="([^"]+)"', form.text)
        if token is None:
            raise RuntimeError("the sign-in page has no form")
        fields = {"csrfmiddlewaretoken": token[1], "login": name, "password": PASSWORD}
        answer = self.client.post("/accounts/login/", data=fields, headers={"Referer": str(form.url)})
        if answer.url.path.startswith("/accounts/login"):
            raise RuntimeError("could not sign in")


@dataclass
class Site:
    """A world behind a backend of one age, and the product in front of it. Use it as a context manager.

    `prepared`: a folder for compressed static files, which the next site uses. `environment`: settings of the
    product; of a DATABASE_URL only the server is used.
    """

    world: World
    age: str
    prepared: Path
    environment: dict[str, str] = field(default_factory=dict)
    url: str = ""
    staff: Visitor = field(init=False)
    _closing: ExitStack = field(default_factory=ExitStack)
    _backend: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Site:
        with self._closing:
            self.folder = Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="audit-")))
            self._api_port, port = free_port(), free_port()
            self.url = f"http://127.0.0.1:{port}"
            self._closing.callback(self._stop_backend)
            self.load(late=False)
            self._settings = self._environment(port) | self._services()
            self._serve()
            self.staff = self._signed_in("auditor")
            self._closing = self._closing.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def load(self, *, late: bool) -> None:
        """Restart the backend with the world's rows; `late`: including those that arrive late."""
        self._stop_backend()
        file = self.folder / "events.jsonl"
        self.world.write(file, late=late)
        command = [*BACKEND, "--port", str(self._api_port), "--age", self.age, "--events", str(file)]
        self._backend = subprocess.Popen(command, cwd=ROOT)
        _wait_for(f"http://127.0.0.1:{self._api_port}/", self._backend)

    def visitor(self) -> Visitor:
        """A new client, until the site closes."""
        visitor = Visitor(httpx.Client(base_url=self.url, timeout=120, follow_redirects=True))
        self._closing.callback(visitor.client.close)
        return visitor

    def manage(self, *words: str, **environment: str) -> str:
        """Run a management command, and return its output."""
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self._settings | environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"manage.py {words[0]}: {done.stderr[-500:]}")
        return done.stdout

    def _environment(self, port: int) -> dict[str, str]:
        stored = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        chosen = {
            "DATA_DIR": str(self.folder),
            "ENV_FILE": os.devnull,
            "PORT": str(port),
            "AUTUMN_SECRET_KEY": KEY,
            "AUTUMN_API_URL": f"http://127.0.0.1:{self._api_port}",
        }
        return stored | chosen | self.environment

    def _services(self) -> dict[str, str]:
        """The URLs of PostgreSQL and Redis for this site alone, if it is to use them."""
        emptied = {"DATABASE_URL": new_database, "REDIS_URL": empty_redis}
        return {
            name: self._closing.enter_context(emptied[name](url))
            for name, url in self.environment.items()
            if name in emptied
        }

    def _serve(self) -> None:
        static = self.prepared / "static"
        if static.exists():
            shutil.copytree(static, self.folder / "static")
        log = self._closing.enter_context((self.folder / "product.log").open("w"))
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"], cwd=ROOT, env=self._settings, stdout=log, stderr=log
        )
        self._closing.callback(_stop, process)
        _wait_for(f"{self.url}/healthz", process)
        if not static.exists():
            shutil.copytree(self.folder / "static", static)

    def _signed_in(self, name: str) -> Visitor:
        known = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        self.manage(
            "createsuperuser", "--noinput", "--username", name, "--email", f"{name}@example.com", **known
        )
        visitor = self.visitor()
        visitor.sign_in(name)
        return visitor

    def _stop_backend(self) -> None:
        if self._backend is not None:
            _stop(self._backend)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait for any response: a port is open before the process answers."""
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"a process ended with {process.returncode} instead of listening")
        try:
            httpx.get(url, timeout=30)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("a process does not listen")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
