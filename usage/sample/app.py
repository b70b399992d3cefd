"""The WSGI app: key, version, rate limit, scope, and which of the calls is meant."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from usage.sample import wire
from usage.sample.aggregate import aggregate
from usage.sample.customers import get_customer, list_customers
from usage.sample.errors import STATUS, ApiError, Headers
from usage.sample.events import cursor_page, offset_page
from usage.sample.features import list_features
from usage.sample.keys import NAME_CALLS, Key, Keys
from usage.sample.ratelimit import Buckets
from usage.sample.store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SAMPLE_KEY = "am_sk_sample"
VERSION = "2.1"
ENDPOINTS = {
    "/v1/events.list": "list",
    "/v1/events.aggregate": "aggregate",
    **{f"/v1/{call}": call for call in NAME_CALLS},
}
KEPT_CALLS = 100_000


class SampleApp:
    """Autumn's ``/v1/events.list`` and ``/v1/events.aggregate`` over a store, and three calls for names.

    ``older``: a server from before ``entity_id``, ``filter_by``, ``max_groups`` and ``aggregate_on``, which
    wants a customer in each aggregate and has no calls for names. ``limit_per_second``: of the events calls;
    None for no limit, and no RateLimit headers. ``key`` reads everything, ``Keys`` says which others there are.

    ``calls`` holds (``"list"``, ``"aggregate"`` or such as ``"customers.get"``, customer or None) of each call
    with a good key, the refused ones too, the newest last.
    """

    def __init__(
        self,
        store: Store,
        *,
        older: bool = False,
        key: str = SAMPLE_KEY,
        limit_per_second: int | None = 5,
    ) -> None:
        self.store = store
        self.older = older
        self.calls: deque[tuple[str, str | None]] = deque(maxlen=KEPT_CALLS)
        self._keys = Keys(key)
        self._limit = Buckets(limit_per_second, store.clock) if limit_per_second else None
        self._failures: deque[str] = deque()
        self._repeats = Repeats()

    def fail_next(self, code: str, times: int = 1) -> None:
        """Answer the next ``times`` calls with an error of the contract; ``code`` is a key of ``STATUS``.

        For those errors which the sample has no reason of its own to give: ``insufficient_scopes``,
        ``request_temporarily_disabled``, ``internal_error``, ``stripe_error``, ``service_unavailable``.
        """
        if code not in STATUS:
            raise KeyError(code)
        self._failures.extend([code] * times)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        headers: Headers = []
        try:
            status, kind, body = 200, "application/json", _encoded(self._answer(environ, headers))
        except ApiError as error:
            status, kind, body = error.status, error.content_type, [error.body()]
            headers += error.headers
        headers.append(("Content-Type", kind))
        if isinstance(body, list):
            headers.append(("Content-Length", str(len(body[0]))))
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return body

    def _answer(self, environ: "WSGIEnvironment", headers: Headers) -> object:
        raw = _read(environ)
        endpoint = ENDPOINTS.get(environ["PATH_INFO"])
        if endpoint is None or environ["REQUEST_METHOD"] != "POST":
            raise no_such_call()
        key = self._authorize(environ)
        if endpoint not in key.calls or (self.older and endpoint in NAME_CALLS):
            raise no_such_call()
        version = _version(environ)
        given = wire.fields(raw)
        self._admit(endpoint, given, headers)
        key.check(endpoint)
        self._repeats.check(environ.get("HTTP_IDEMPOTENCY_KEY"))
        self._fail_if_told()
        self.store.refresh()
        return self._result(endpoint, given, version)

    def _authorize(self, environ: "WSGIEnvironment") -> Key:
        given = environ.get("HTTP_AUTHORIZATION", "")
        if not given.removeprefix("Bearer").strip():
            raise ApiError("no_secret_key", "No secret key was given")
        key = self._keys.find(given)
        if key is None:
            raise ApiError("invalid_secret_key", "The secret key is not valid")
        return key

    def _admit(self, endpoint: str, given: wire.Fields, headers: Headers) -> None:
        customer = given.get("customer_id")
        bucket = customer if isinstance(customer, str) and customer.strip() else None
        self.calls.append((endpoint, bucket))
        if self._limit:
            headers += self._limit.take(endpoint, bucket)

    def _fail_if_told(self) -> None:
        try:
            code = self._failures.popleft()
        except IndexError:
            return
        raise ApiError(code, f"This call was told to fail with {code}")

    def _result(self, endpoint: str, given: wire.Fields, version: str | None) -> object:
        if endpoint in NAME_CALLS:
            return self._named(endpoint, given)
        if endpoint == "aggregate":
            body = wire.aggregate_body(given, older=self.older)
            with self.store.reading() as connection:
                return aggregate(connection, body, self.store.now())
        page = offset_page if version else cursor_page
        with self.store.reading() as connection:
            return page(connection, wire.list_body(given, older=self.older))

    def _named(self, endpoint: str, given: wire.Fields) -> object:
        with self.store.reading() as connection:
            if endpoint == "features.list":
                return list_features(connection)
            call = get_customer if endpoint == "customers.get" else list_customers
            return call(connection, given, self.store.now())


def no_such_call() -> ApiError:
    """A path that the server does not have falls through to the login check of a dashboard."""
    return ApiError("no_auth_header", "Unauthorized - no session found")


def _encoded(answer: object) -> list[bytes] | Iterator[bytes]:
    """The answer's JSON, whole; or piece by piece where its list is not made yet."""
    if isinstance(answer, dict) and isinstance(answer.get("list"), Iterator):
        return _streamed(answer["list"], msgspec.json.encode(answer["total"]))
    return [msgspec.json.encode(answer)]


def _streamed(bins: Iterator[object], total: bytes) -> Iterator[bytes]:
    for number, made in enumerate(bins):
        yield (b"," if number else b'{"list":[') + msgspec.json.encode(made)
    yield b'],"total":' + total + b"}"


class Repeats:
    """Idempotency keys seen, the newest 10,000: a second call under one is a 409."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, None] = {}

    def check(self, key: str | None) -> None:
        """Remember the key; raises ApiError where it was there already."""
        if not key:
            return
        with self._lock:
            if key in self._seen:
                raise ApiError("duplicate_idempotency_key", "This Idempotency-Key was used before")
            self._seen[key] = None
            if len(self._seen) > 10_000:
                del self._seen[next(iter(self._seen))]


def _version(environ: "WSGIEnvironment") -> str | None:
    """None where the header is missing: this organisation is new, and gets cursor paging then."""
    version: str | None = environ.get("HTTP_X_API_VERSION")
    if version is not None and version != VERSION:
        raise ApiError("invalid_api_version", f"This server speaks version {VERSION} only")
    return version


def _read(environ: "WSGIEnvironment") -> bytes:
    length = environ.get("CONTENT_LENGTH")
    body: bytes = environ["wsgi.input"].read(int(length)) if length else environ["wsgi.input"].read()
    return body
