"""The key in the most verbose log of the real site, with an Autumn that repeats the key."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tests.dashboard.live_site import KEY, Keyed, listening

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def repeating(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A server that refuses every call, and repeats its key in message, code and header."""
    given = environ["HTTP_AUTHORIZATION"]
    start_response("401 Unauthorized", [("Content-Type", "application/json"), ("X-Given", given)])
    return [json.dumps({"message": given, "code": given, "env": "live"}).encode()]


def test_key_is_in_no_log_line(tmp_path: Path) -> None:
    with listening(repeating) as url:
        site = Keyed(tmp_path, url, LOG_LEVEL="DEBUG")
        answers = [site.http.get(path) for path in ("/", "/events/", "/usage/?customer_id=cus_1", "/readyz")]
        site.stop()
    assert [answer.status_code for answer in answers] == [502, 502, 502, 200]
    lines = [json.loads(line) for line in site.served.stderr.splitlines()]
    assert {"autumn.call"} <= {line["event"] for line in lines}
    assert "debug" in {line["level"] for line in lines}
    assert KEY not in site.served.stderr
    assert not [answer for answer in answers if KEY in answer.text + str(answer.headers)]
