"""Who a request or a socket says it comes from: account, browser, personal link, network, and the device key it proves.

Reads and checks what was sent; decides nothing and stores nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core import signing

from meetings import codes
from meetings.models import InvitationToken
from meetings.network import source_of, truncate_network

PROOF_SECONDS = 120
_BROWSER = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,43}", re.ASCII)
_LINK_SALT = "meetings.link"


@dataclass(frozen=True)
class Visitor:
    """Everything a request or handshake says about its sender. Text is empty where it says nothing.

    `network` is what may be stored; `address` is finer and only for counting (`network.source_of`).
    """

    user: Any
    session_key: str
    browser: str
    link: int | None
    network: str
    address: str = "unknown"

    @property
    def user_id(self) -> str:
        return str(self.user.pk) if self.user is not None else ""

    @property
    def budget(self) -> tuple[str, str]:
        """Whose tries are counted together: an address, and whose apart from others there. Who brings a proof has tries
        that no neighbour can use up, and a link that leaked has none that its owner elsewhere would miss."""
        if self.user is not None:
            return "", f"account {self.user_id}"
        return self.address, f"link {self.link}" if self.link is not None else ""

    @property
    def brings_proof(self) -> bool:
        return self.user is not None or self.link is not None


@dataclass(frozen=True)
class Device:
    """A device key that has just proved itself for one code. `nonce` is still to be used up."""

    thumbprint: str
    nonce: str


def cookie_name(plain: str) -> str:
    """`__Host-` binds a cookie to this exact host; browsers accept it only over https and for every path."""
    return f"__Host-{plain}" if settings.SESSION_COOKIE_SECURE else plain


def browser_of(cookies: Mapping[str, str]) -> str:
    browser = cookies.get(cookie_name("lintel-browser"), "")
    return browser if _BROWSER.fullmatch(browser) else ""


def link_cookie(token: InvitationToken | None) -> str:
    """The value of the cookie that stands for a personal link. One that names no link looks the same."""
    return signing.dumps(token.pk if token is not None else 0, salt=_LINK_SALT)


def link_of(cookies: Mapping[str, str]) -> int | None:
    try:
        value = signing.loads(cookies.get("lintel-link", ""), salt=_LINK_SALT)
    except signing.BadSignature:
        return None
    return value if isinstance(value, int) and value > 0 else None


def truncated(address: str) -> str:
    """The network of an address. What cannot be read counts as one network of its own."""
    return truncate_network(address) or "unknown"


def address_of(scope: Mapping[str, Any]) -> str:
    """Where a socket comes from."""
    client = scope.get("client") or ("",)
    return str(client[0])


async def visitor_of_request(request: Any) -> Visitor:
    user = await request.auser()
    known = user.is_authenticated
    return Visitor(
        user=user if known else None,
        session_key=(request.session.session_key or "") if known else "",
        browser=browser_of(request.COOKIES),
        link=link_of(request.COOKIES),
        **_from(request.META.get("REMOTE_ADDR", "")),
    )


async def visitor_of_scope(scope: Mapping[str, Any]) -> Visitor:
    """Who opened a socket. The stack in portal/asgi.py has read session and account already."""
    user, session = scope.get("user"), scope.get("session")
    known = user is not None and user.is_authenticated and session is not None
    return Visitor(
        user=user if known else None,
        session_key=(session.session_key or "") if known and session is not None else "",
        browser=browser_of(scope.get("cookies", {})),
        link=None,
        **_from(address_of(scope)),
    )


def _from(address: str) -> dict[str, str]:
    return {"network": truncated(address), "address": source_of(address)}


def prove(code: str, jwk: Mapping[str, Any], proof: Mapping[str, Any], now: datetime) -> Device | None:
    """Returns the device if the proof was made by its key, for this code, within two minutes of now; else None.

    Whether it was used before is the caller's question: `Nonces`.
    """
    at, nonce, signature = proof.get("at"), proof.get("nonce"), proof.get("signature")
    if isinstance(at, bool) or not isinstance(at, int) or abs(at - int(now.timestamp())) > PROOF_SECONDS:
        return None
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce) or not isinstance(signature, str):
        return None
    signed = f"lintel-arrive-1\n{code}\n{at}\n{nonce}".encode()
    try:
        thumbprint = codes.thumbprint(jwk)
    except ValueError:
        return None
    return Device(thumbprint, nonce) if codes.verify_device_proof(jwk, signed, signature) else None
