"""nginx with deploy/nginx.conf, of which only addresses, ports and paths differ."""

from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import free_port
from tests.deploy.deployment import DEPLOY, program

HOST = "localhost"
CERTIFICATE = "fullchain.pem"
NGINX = """
pid {folder}/pid;
error_log {folder}/errors info;
events {{}}
http {{
    access_log {folder}/access;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/default.conf;
}}
"""


@dataclass(frozen=True)
class Proxy:
    """nginx that runs: its addresses for http and https, and what trusts its certificate."""

    plain: str
    secure: str
    trust: ssl.SSLContext

    def client(self, **more: Any) -> httpx.Client:
        return httpx.Client(base_url=self.secure, verify=self.trust, timeout=60, **more)


def replaced(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def nginx_of_compose(folder: Path, *ports: int) -> Iterator[Proxy]:
    """nginx with the file of compose.yaml, in front of a site on each of these ports."""
    nginx, openssl = program("nginx"), program("openssl")
    certificate, key = folder / CERTIFICATE, folder / "privkey.pem"
    plain, secure = free_port(), free_port()
    named = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    made = [openssl, "req", "-x509", "-nodes", "-newkey", "rsa:2048", *named]
    subprocess.run([*made, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    changes = {
        "/etc/nginx/certs": str(folder),
        "listen 80;": f"listen {plain};",
        "listen [::]:80;": f"listen [::]:{plain};",
        "listen 443 ssl;": f"listen {secure} ssl;",
        "listen [::]:443 ssl;": f"listen [::]:{secure} ssl;",
    }
    text = replaced((DEPLOY / "nginx.conf").read_text(), changes)
    (folder / "default.conf").write_text(with_servers(text, ports))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    subprocess.run(command, check=True, capture_output=True)  # it returns when it listens
    try:
        trust = ssl.create_default_context(cafile=str(certificate))
        yield Proxy(f"http://{HOST}:{plain}", f"https://{HOST}:{secure}", trust)
    finally:
        subprocess.run([*command, "-s", "stop"], check=True, capture_output=True)


def with_servers(text: str, ports: Iterable[int]) -> str:
    """The file with a server for each port: as many as Compose's name `dashboard` has addresses."""

    def servers(found: re.Match[str]) -> str:
        return "\n".join(f"    server 127.0.0.1:{port}{found[1]};" for port in ports)

    text, count = re.subn(r"^ *server dashboard:8000(.*);", servers, text, flags=re.MULTILINE)
    assert count == 1
    return text
