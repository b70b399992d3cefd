"""The WSGI app: key, version, rate limit, scope, and the endpoint."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from usage.sample import wire
from usage.sample.ages import AGES, DEFAULT_AGE
from usage.sample.aggregates import aggregate
from usage.sample.document import encoded
from usage.sample.errors import STATUS, ApiError, Headers
from usage.sample.events import cursor_page, offset_page
from usage.sample.fields import Fields
from usage.sample.keys import NAME_CALLS, Key, Keys
from usage.sample.loading import load
from usage.sample.names.customers import get_customer, list_customers
from usage.sample.names.features import list_features
from usage.sample.ratelimit import Buckets
from usage.sample.store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SAMPLE_KEY = "am_sk_sample"
VERSIONS = frozenset({"2.1", "2.1.0", "2026-03-17", "2026-03-17.clover"})
"""Values of the header that are answered as 2.1."""
ENDPOINTS = {
    "/v1/events.list": "list",
    "/v1/events.aggregate": "aggregate",
    **{f"/v1/{call}": call for call in NAME_CALLS},
}
MAX_LOGGED_CALLS = 100_000


class SampleApp:
    """Autumn's ``/v1/events.list`` and ``/v1/events.aggregate`` over a store, and three calls for names.

    ``age``: of the server, ``older``, ``current`` or ``newest``. ``limit_per_second``: of the events calls;
    None for no limit, and no RateLimit headers. ``key`` reads everything, ``Keys`` has the other ones.

    ``calls`` has (``"list"``, ``"aggregate"`` or for example ``"customers.get"``, customer or None) of each
    call with a valid key, including refused ones, the newest last.
    """

    def __init__(
        self,
        store: Store,
        *,
        age: str = DEFAULT_AGE,
        key: str = SAMPLE_KEY,
        limit_per_second: int | None = 5,
    ) -> None:
        self.store = store
        self.age = AGES[age]
        self.calls: deque[tuple[str, str | None]] = deque(maxlen=MAX_LOGGED_CALLS)
        self._keys = Keys(key)
        self._limit = Buckets(limit_per_second, store.clock) if limit_per_second else None
        self._failures: deque[str] = deque()
        self._repeats = Repeats()

    def fail_next(self, code: str, times: int = 1) -> None:
        """Answer the next ``times`` calls with an error of the contract; ``code`` is a key of ``STATUS``.

        For errors that the sample never returns by itself: ``insufficient_scopes``,
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
        if endpoint not in key.calls or (endpoint in NAME_CALLS and not self.age.names):
            raise no_such_call()
        version = _version(environ)
        given = wire.fields(raw)
        self._admit(endpoint, given, headers)
        key.check(endpoint)
        self._repeats.check(environ.get("HTTP_IDEMPOTENCY_KEY"))
        self._fail_if_planned()
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

    def _admit(self, endpoint: str, given: Fields, headers: Headers) -> None:
        customer = given.get("customer_id")
        bucket = customer if isinstance(customer, str) and customer else None
        self.calls.append((endpoint, bucket))
        if self._limit:
            headers += self._limit.take(endpoint, bucket)

    def _fail_if_planned(self) -> None:
        try:
            code = self._failures.popleft()
        except IndexError:
            return
        raise ApiError(code, f"This call is set to fail with {code}")

    def _result(self, endpoint: str, given: Fields, version: str | None) -> object:
        if endpoint in NAME_CALLS:
            return self._named(endpoint, given)
        if endpoint == "aggregate":
            body = wire.aggregate_body(given, self.age)
            with self.store.reading() as connection:
                return aggregate(connection, body, self.age, self.store.now())
        page = offset_page if version else cursor_page
        with self.store.reading() as connection:
            return page(connection, wire.list_body(given, self.age))

    def _named(self, endpoint: str, given: Fields) -> object:
        with self.store.reading() as connection:
            if endpoint == "features.list":
                return list_features(connection)
            call = get_customer if endpoint == "customers.get" else list_customers
            return call(connection, given, self.store.now())


def open_sample(
    path: str | Path = ":memory:",
    *,
    age: str = DEFAULT_AGE,
    events: Path | None = None,
    seed: int = 0,
    limit_per_second: int | None = 5,
    clock: Callable[[], float] = time.time,
) -> SampleApp:
    """The app over a database, with a file's events or the story. Raises ValueError on an invalid file."""
    store = Store(path, clock)
    try:
        if events is None:
            store.ensure_story(seed)
        else:
            load(store, events)
    except BaseException:
        store.close()
        raise
    return SampleApp(store, age=age, limit_per_second=limit_per_second)


def no_such_call() -> ApiError:
    """A path that the server does not have falls through to the login check of a dashboard."""
    return ApiError("no_auth_header", "Unauthorized - no session found")


def _encoded(answer: object) -> list[bytes] | Iterator[bytes]:
    """The answer's JSON, whole; or piece by piece where its list is an iterator."""
    if isinstance(answer, dict) and isinstance(answer.get("list"), Iterator):
        return _streamed(answer.pop("list"), encoded(answer)[1:])
    return [encoded(answer)]


def _streamed(bins: Iterator[object], rest: bytes) -> Iterator[bytes]:
    for number, made in enumerate(bins):
        yield (b"," if number else b'{"list":[') + encoded(made)
    yield b"]," + rest


class Repeats:
    """Idempotency keys seen, the newest 10,000: a second call under one is a 409."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, None] = {}

    def check(self, key: str | None) -> None:
        """Store the key. Raises ApiError if it was used before."""
        if not key:
            return
        with self._lock:
            if key in self._seen:
                raise ApiError("duplicate_idempotency_key", "This Idempotency-Key was used before")
            self._seen[key] = None
            if len(self._seen) > 10_000:
                del self._seen[next(iter(self._seen))]


def _version(environ: "WSGIEnvironment") -> str | None:
    """None if the header is missing or empty: this organization is new, so the default is cursor paging."""
    version: str = environ.get("HTTP_X_API_VERSION", "")
    if version and version not in VERSIONS:
        raise ApiError("invalid_api_version", f'"{version}" is not a valid API version')
    return version or None


def _read(environ: "WSGIEnvironment") -> bytes:
    length = environ.get("CONTENT_LENGTH")
    body: bytes = environ["wsgi.input"].read(int(length)) if length else environ["wsgi.input"].read()
    return body
