"""The error responses of the API.

ApiError              JSON ``{"message", "code", "env"}``
└── RateLimitError  plain text, with ``Retry-After``
"""

import msgspec

Headers = list[tuple[str, str]]

ENV = "sandbox"
STATUS = {
    "invalid_inputs": 400,
    "invalid_request": 400,
    "invalid_api_version": 400,
    "no_secret_key": 401,
    "invalid_secret_key": 401,
    "no_auth_header": 401,
    "insufficient_scopes": 403,
    "request_temporarily_disabled": 403,
    "customer_not_found": 404,
    "duplicate_idempotency_key": 409,
    "internal_error": 500,
    "stripe_error": 500,
    "service_unavailable": 503,
}


class ApiError(Exception):
    """An error of the contract: ``code`` is a key of ``STATUS``, ``message`` a sentence."""

    content_type = "application/json"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = STATUS[code]
        self.headers: Headers = [("Retry-After", "1")] if self.status == 503 else []

    def body(self) -> bytes:
        return msgspec.json.encode({"message": self.message, "code": self.code, "env": ENV})


class RateLimitError(ApiError):
    """The sixth call of a second. Its body is not JSON, as in the real service."""

    content_type = "text/plain; charset=UTF-8"

    def __init__(self, headers: Headers) -> None:
        Exception.__init__(self, "Too many requests, please try again later.")
        self.status = 429
        self.headers = [*headers, ("Retry-After", "1")]

    def body(self) -> bytes:
        return str(self).encode()
