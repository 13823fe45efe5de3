"""Browsers that have signed in before. One has tries of its own, so that whoever guesses an account's password from
elsewhere can't lock its owner out; it gives no other right.

A cookie names the accounts, as keyed digests, and a number by which the browser's own tries are counted.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import salted_hmac

SALT: Final = "portal.known-browser"
ACCOUNTS: Final = 5
LASTS_S: Final = 400 * 24 * 3600


def cookie_name() -> str:
    return "__Host-lintel-known" if settings.SESSION_COOKIE_SECURE else "lintel-known"


def known_as(request: HttpRequest, email: str) -> str:
    """The number of a browser that has signed in to this account before; "" for every other."""
    number, accounts = _read(request)
    return number if _digest(email) in accounts else ""


def remember(request: HttpRequest, response: HttpResponseBase, email: str) -> None:
    """Note in this browser that it signed in to this account."""
    number, accounts = _read(request)
    accounts = [_digest(email), *(one for one in accounts if one != _digest(email))][:ACCOUNTS]
    response.set_cookie(
        cookie_name(),
        signing.dumps([number or secrets.token_urlsafe(12), *accounts], salt=SALT),
        max_age=LASTS_S,
        httponly=True,
        secure=request.is_secure(),
        samesite="Lax",
    )


def _digest(email: str) -> str:
    return salted_hmac(SALT, email.strip().lower(), algorithm="sha256").hexdigest()[:32]


def _read(request: HttpRequest) -> tuple[str, list[str]]:
    try:
        found: Any = signing.loads(request.COOKIES.get(cookie_name(), ""), salt=SALT, max_age=LASTS_S)
    except signing.BadSignature:
        return "", []
    return str(found[0]), [str(one) for one in found[1:]]
