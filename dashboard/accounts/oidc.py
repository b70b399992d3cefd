"""Sign-in through a company's own OpenID Connect: OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET."""

from __future__ import annotations

from typing import Any

from dashboard import messages
from dashboard.accounts import PROVIDER
from dashboard.web.env import Environment, Unusable


def providers(env: Environment, issuer: str, name: str) -> dict[str, Any]:
    client, secret = env.text("OIDC_CLIENT_ID"), env.text("OIDC_CLIENT_SECRET")
    if client is None or secret is None:
        raise Unusable(messages.OIDC_INCOMPLETE)
    app = {
        "provider_id": PROVIDER,
        "name": name,
        "client_id": client,
        "secret": secret,
        "settings": {"server_url": issuer},
    }
    return {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}
