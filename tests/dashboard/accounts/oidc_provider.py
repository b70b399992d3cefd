"""An OpenID Connect provider on its own port: it follows the standard strictly, and can be set to fail."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.conftest import free_port

CLIENT_ID, CLIENT_SECRET = "usage-dashboard", "a-secret-of-the-client-and-the-provider"
KEY_ID = "this-year"
Claims = dict[str, Any]


@cache
def signing_key(whose: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def vouched(email: str, **claims: Any) -> Claims:
    """A user whose e-mail address the provider has confirmed."""
    return {"sub": f"id of {email.lower()}", "email": email, "email_verified": True} | claims


@dataclass(frozen=True)
class Conduct:
    """The user who is signed in at the provider, and the faults of its responses."""

    person: Claims = field(default_factory=dict)
    refusal: str | None = None  # sent back in place of a code
    id_token: Claims = field(default_factory=dict)  # claims that replace the correct ones
    userinfo: Claims = field(default_factory=dict)
    signer: str = "provider"
    algorithm: str = "RS256"
    key_id: str | None = KEY_ID
    answers: dict[str, Response] = field(default_factory=dict)  # by path, instead of the correct ones


@dataclass(frozen=True)
class Grant:
    """The sign-in that a code stands for."""

    redirect_uri: str
    challenge: str


class Provider:
    def __init__(self) -> None:
        self._server = HTTPServer(host="127.0.0.1", port=free_port(), threaded=True)
        self.issuer = self._server.url_for("").rstrip("/")
        self.redirect_uri = ""  # set when the site has started, as an operator registers it
        self.conduct = Conduct()
        self._grants: dict[str, Grant] = {}
        self._tokens: set[str] = set()
        self._answer("/.well-known/openid-configuration", self._configuration)
        self._answer("/authorize", self._authorize)
        self._answer("/token", self._token)
        self._answer("/userinfo", self._userinfo)
        self._answer("/keys", self._keys)

    def _answer(self, path: str, handler: Callable[[Request], Response]) -> None:
        def answer(request: Request) -> Response:
            return self.conduct.answers.get(path) or handler(request)

        self._server.expect_request(path).respond_with_handler(answer)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    @contextmanager
    def down(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    def _configuration(self, request: Request) -> Response:
        return answered(
            issuer=self.issuer,
            authorization_endpoint=f"{self.issuer}/authorize",
            token_endpoint=f"{self.issuer}/token",
            userinfo_endpoint=f"{self.issuer}/userinfo",
            jwks_uri=f"{self.issuer}/keys",
            response_types_supported=["code"],
            subject_types_supported=["public"],
            id_token_signing_alg_values_supported=["RS256"],
            token_endpoint_auth_methods_supported=["client_secret_basic", "client_secret_post"],
            code_challenge_methods_supported=["S256"],
        )

    def _authorize(self, request: Request) -> Response:
        requested = request.args
        if (requested.get("client_id"), requested.get("redirect_uri")) != (CLIENT_ID, self.redirect_uri):
            return Response("No such client, or it is not there.", 400)
        in_order = requested.get("response_type") == "code" and "openid" in requested.get("scope", "").split()
        proof = (
            requested.get("code_challenge_method") == "S256"
            and len(requested.get("code_challenge", "")) == 43
        )
        if not (in_order and proof and requested.get("state")):
            return self._back(error="invalid_request", state=requested.get("state", ""))
        if self.conduct.refusal is not None:
            return self._back(error=self.conduct.refusal, state=requested["state"])
        code = secrets.token_urlsafe()
        self._grants[code] = Grant(requested["redirect_uri"], requested["code_challenge"])
        return self._back(code=code, state=requested["state"])

    def _back(self, **words: str) -> Response:
        return Response(status=302, headers={"Location": f"{self.redirect_uri}?{urlencode(words)}"})

    def _token(self, request: Request) -> Response:
        given = request.form
        if credentials(request) != (CLIENT_ID, CLIENT_SECRET):
            return answered(401, error="invalid_client")
        grant = self._grants.pop(given.get("code", ""), None)
        if grant is None or given.get("grant_type") != "authorization_code":
            return answered(400, error="invalid_grant")
        if grant != Grant(given.get("redirect_uri", ""), challenge(given.get("code_verifier", ""))):
            return answered(400, error="invalid_grant")
        token = secrets.token_urlsafe()
        self._tokens.add(token)
        return answered(access_token=token, token_type="Bearer", expires_in=300, id_token=self._id_token())

    def _id_token(self) -> str:
        now = int(time.time())
        right = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300}
        claims = right | self.conduct.person | self.conduct.id_token
        key: Any = signing_key(self.conduct.signer) if self.conduct.algorithm == "RS256" else CLIENT_SECRET
        return jwt.encode(claims, key, self.conduct.algorithm, headers=named(self.conduct.key_id))

    def _userinfo(self, request: Request) -> Response:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._tokens:
            return answered(401, error="invalid_token")
        return answered(**(self.conduct.person | self.conduct.userinfo))

    def _keys(self, request: Request) -> Response:
        public = RSAAlgorithm.to_jwk(signing_key("provider").public_key(), as_dict=True)
        return answered(keys=[public | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}])


def named(key_id: str | None) -> dict[str, str] | None:
    return None if key_id is None else {"kid": key_id}


def answered(status: int = 200, **words: Any) -> Response:
    return Response(json.dumps(words), status, content_type="application/json")


def credentials(request: Request) -> tuple[str | None, str | None]:
    basic = request.authorization
    given = basic if basic is not None and basic.type == "basic" else None
    if given is not None:
        return given.username, given.password
    return request.form.get("client_id"), request.form.get("client_secret")


def challenge(verifier: str) -> str:
    """RFC 7636's S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
