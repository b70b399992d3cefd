"""Secret keys, and what each may read."""

import hmac
from typing import NamedTuple

from usage.sample.errors import ApiError

SCOPE = {
    "list": "analytics:read",
    "aggregate": "analytics:read",
    "customers.get": "customers:read",
    "customers.list": "customers:read",
    "features.list": "features:read",
}
NAME_CALLS = frozenset({"customers.get", "customers.list", "features.list"})
"""The calls that an older server does not have."""


class Key(NamedTuple):
    """``calls``: those that the key's server has. ``scopes``: the data that the key may read."""

    calls: frozenset[str]
    scopes: frozenset[str]

    def check(self, endpoint: str) -> None:
        """Raises ApiError insufficient_scopes."""
        if SCOPE[endpoint] not in self.scopes:
            raise ApiError("insufficient_scopes", f"Insufficient scopes. Missing: {SCOPE[endpoint]}")


class Keys:
    """``secret`` reads everything, ``secret_analytics`` events only; for ``secret_old`` the server is old."""

    def __init__(self, secret: str) -> None:
        everything = frozenset(SCOPE.values())
        self._keys = {
            secret: Key(frozenset(SCOPE), everything),
            f"{secret}_analytics": Key(frozenset(SCOPE), frozenset({"analytics:read"})),
            f"{secret}_old": Key(frozenset(SCOPE) - NAME_CALLS, everything),
        }

    def find(self, authorization: str) -> Key | None:
        """The key of an Authorization header; None if it is unknown."""
        given = authorization.encode("utf-8", "surrogateescape")
        for secret, key in self._keys.items():
            if hmac.compare_digest(given, f"Bearer {secret}".encode()):
                return key
        return None
