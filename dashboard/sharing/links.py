"""Making a link, finding it by its token or by its name, and knowing who holds it."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Literal

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from dashboard.metrics.counts import count_links
from dashboard.models import User
from dashboard.sharing.models import Share, ShareQuerySet
from dashboard.sharing.snapshots import record_answers, save_answers

TOKEN_BYTES = 32
RECIPIENT_ID_BYTES = 8
COOKIE_LIFE = timedelta(days=400)
"""As long as browsers keep any. When a link ends is decided here, and may be put off."""

MAX_IN_HOUR = 60
"""Links that one user may create in an hour."""

Access = Literal["nothing", "locked", "open"]


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_of(token: str) -> str:
    """The stored hash of a token. Tokens are random enough to need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def make(share: Share, password: str | None = None) -> str:
    """Saves a new link, and returns the token that opens it, for the last time.

    Snapshots may raise UsageError.
    """
    token = new_token()
    share.token_hash = hash_of(token)
    if password is not None:
        share.password_hash, share.password_version = make_password(password), 1
    answers = record_answers(share) if share.snapshot else []
    with transaction.atomic():
        share.save(force_insert=True)
        save_answers(share, answers)
    count_links("created")
    return token


def may_make(owner: User) -> bool:
    """Whether the user has created fewer than MAX_IN_HOUR links in the past hour."""
    recent = Share.objects.filter(owner=owner, created_at__gt=timezone.now() - timedelta(hours=1))
    count: int = recent.count()
    return count < MAX_IN_HOUR


def revoke_links(chosen: ShareQuerySet) -> int:
    """Ends all of these links that are not revoked yet, and returns their number."""
    revoked: int = chosen.unrevoked().update(revoked_at=timezone.now())
    count_links("revoked", revoked)
    return revoked


def redeemed(token: str) -> Share | None:
    """The link that a token opens; None for unknown, expired and revoked ones alike."""
    return _alive(token_hash=hash_of(token))


def find(share_id: str) -> Share | None:
    """The living link of that name, read anew: a revocation counts from the next request on."""
    return _alive(pk=share_id)


def _alive(**which: str) -> Share | None:
    share = Share.objects.select_related("owner").filter(**which).first()
    return share if share is not None and share.is_alive else None


def access_of(request: HttpRequest, share: Share) -> Access:
    """What the visitor's cookies show: that they opened this link, and gave its present password."""
    if recipient_id(request, share) is None:
        return "nothing"
    if not share.password_hash:
        return "open"
    return "open" if _cookie_value(request, share, "unlocked") == str(share.password_version) else "locked"


def recipient_id(request: HttpRequest, share: Share) -> str | None:
    """Identifies one recipient of this link; None for visitors who have not opened it."""
    return _cookie_value(request, share, "held")


def mark_opened(response: HttpResponseBase, share: Share) -> None:
    """Notes with the visitor that they opened this link."""
    _set_cookie(response, share, "held", secrets.token_hex(RECIPIENT_ID_BYTES))


def mark_unlocked(response: HttpResponseBase, share: Share) -> None:
    """Notes with the visitor that they gave the password.

    A cookie of its own: opening the link again leaves it be.
    """
    _set_cookie(response, share, "unlocked", str(share.password_version))


def renew(request: HttpRequest, response: HttpResponseBase, share: Share) -> None:
    """Signs the visitor's cookies anew where an earlier secret key did, so that it is not needed for ever."""
    for name in ("held", "unlocked"):
        value = _cookie_value(request, share, name)
        if value is not None and request.COOKIES[f"share_{name}"] != _signer(share, name).sign(value):
            _set_cookie(response, share, name, value)


def _set_cookie(response: HttpResponseBase, share: Share, name: str, value: str) -> None:
    response.set_cookie(
        f"share_{name}",
        _signer(share, name).sign(value),
        max_age=COOKIE_LIFE,
        path=share.root,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _cookie_value(request: HttpRequest, share: Share, name: str) -> str | None:
    try:
        return _signer(share, name).unsign(request.COOKIES.get(f"share_{name}", ""))
    except BadSignature:
        return None


def _signer(share: Share, name: str) -> Signer:
    return Signer(salt=f"share.{name}.{share.id}.{share.token_hash}")
