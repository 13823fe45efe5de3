"""Arriving at the door: who somebody is, by every proof they bring, and what the door says to that.

Between the views, which read requests, and the services, which store. The functions that take a `Visitor` run in a
database thread. An unknown code and a door that is closed for this visitor leave here as one and the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core import signing

from meetings import codes, door, selectors
from meetings.models import Invitation, InvitationToken, Occurrence, Participant
from meetings.network import truncate_network
from meetings.services import door as door_services
from meetings.services import invitations

PROOF_SECONDS = 120
_BROWSER = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,43}", re.ASCII)
_LINK_SALT = "meetings.link"

CLOSED = door.Refuse("closed", unknown=True)


@dataclass(frozen=True)
class Visitor:
    """Everything a request or handshake says about its sender. Text is empty where it says nothing."""

    user: Any
    session_key: str
    browser: str
    link: int | None
    network: str

    @property
    def user_id(self) -> str:
        return str(self.user.pk) if self.user is not None else ""

    @property
    def budget(self) -> str:
        """Whose tries are counted together. Who brings a proof has tries that no neighbour can use up."""
        if self.user is not None:
            return f"account {self.user_id}"
        return f"link {self.link}" if self.link is not None else f"network {self.network}"


@dataclass(frozen=True)
class Device:
    """A device key that has just proved itself for one code. `nonce` is still to be used up."""

    thumbprint: str
    nonce: str


@dataclass(frozen=True)
class Seen:
    """The door's answer to one visitor at one moment. `occurrence` is None exactly when they may not know whether it
    exists.
    """

    occurrence: Occurrence | None
    row: door.Row
    decision: door.Decision
    invitation: Invitation | None = None
    participant: Participant | None = None

    @property
    def is_closed(self) -> bool:
        return self.occurrence is None

    @property
    def may_know(self) -> bool:
        """Title, time and hosts are for listed people and holders of a live personal link."""
        return self.occurrence is not None and self.row in {door.Row.HOST, door.Row.LISTED, door.Row.GUEST}

    @property
    def outcome(self) -> str:
        return outcome_of(self.decision)


NOTHING_HERE = Seen(None, door.Row.ANYONE, CLOSED)


class WrongEmailCode(Exception):
    """The code is not the one that was mailed, or is too old, or was tried too often."""


def outcome_of(decision: door.Decision) -> str:
    return {door.Admit: "admit", door.Wait: "wait", door.Refuse: "refuse"}[type(decision)]


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


def network_of(scope: Mapping[str, Any]) -> str:
    client = scope.get("client") or ("",)
    return truncated(str(client[0]))


async def visitor_of_request(request: Any) -> Visitor:
    user = await request.auser()
    known = user.is_authenticated
    return Visitor(
        user=user if known else None,
        session_key=(request.session.session_key or "") if known else "",
        browser=browser_of(request.COOKIES),
        link=link_of(request.COOKIES),
        network=truncated(request.META.get("REMOTE_ADDR", "")),
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
        network=network_of(scope),
    )


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


def look(code: str, visitor: Visitor, device: str, host_inside: Callable[[str], bool], now: datetime) -> Seen:
    """Says what the door would answer. Writes nothing. `device` is empty while it is unknown."""
    normal = codes.normalise_code(code)
    occurrence = selectors.occurrence_for_code(normal, now) if normal else None
    if occurrence is None:
        return NOTHING_HERE
    invitation = _invitation(visitor, occurrence, device, now)
    row = selectors.visitor_row(occurrence, user=visitor.user, invitation=invitation)
    shown = invitation if row is door.Row.GUEST else None
    participant = _seat(occurrence, visitor, shown, device) if device else None
    facts = selectors.facts_for(
        occurrence,
        row=row,
        user=visitor.user,
        invitation=invitation,
        participant=participant,
        device=device,
        host_inside=host_inside(str(occurrence.pk)),
        now=now,
    )
    decision = door.decide(facts)
    if isinstance(decision, door.Refuse) and decision.unknown:
        return NOTHING_HERE
    return Seen(occurrence, row, decision, invitation, participant)


def _invitation(visitor: Visitor, occurrence: Occurrence, device: str, now: datetime) -> Invitation | None:
    """The invitation whose link this browser opened, if it is for this occurrence and that link still lives.

    A revoked invitation is returned too: then the door refuses, instead of taking its guest for somebody unknown.
    Links end with the occurrence. Only the device that used one is still told that it is over.
    """
    if visitor.link is None:
        return None
    token = (
        InvitationToken.objects.filter(pk=visitor.link, invitation__occurrence=occurrence)
        .select_related("invitation__user")
        .first()
    )
    if token is None or (token.killed_at is not None and token.invitation.revoked_at is None):
        return None
    is_known = bool(device) and token.invitation.claimed_device == device
    if selectors.takes_place_no_more(occurrence, now) and not is_known:
        return None
    return token.invitation


def _seat(occurrence: Occurrence, visitor: Visitor, invitation: Invitation | None, device: str) -> Participant | None:
    seats = Participant.objects.filter(occurrence=occurrence, device=device, user=visitor.user)
    if visitor.user is None:
        seats = seats.filter(invitation=invitation)
    return seats.order_by("-knocked_at").first()


@dataclass(frozen=True)
class Arrival:
    """A stored arrival. `participant` is None when the door refused; `mail_code` says that a code should be mailed."""

    seen: Seen
    participant: Participant | None = None
    mail_code: bool = False


def arrive(
    code: str,
    visitor: Visitor,
    device: str,
    name: str,
    email_code: str,
    host_inside: Callable[[str], bool],
    now: datetime,
) -> Arrival:
    """Asks the door and stores that somebody came: the first Join or Knock with a personal link claims it for the
    device.

    Raises `WrongEmailCode`. Nothing is stored about codes that open nothing for this visitor.
    """
    seen = look(code, visitor, device, host_inside, now)
    if seen.occurrence is None:
        return Arrival(seen)
    occurrence, mail_code = seen.occurrence, False
    if seen.decision == door.Refuse("verify_email") and seen.invitation is not None:
        if email_code:
            if not invitations.check_email_code(seen.invitation, device, email_code):
                raise WrongEmailCode
            seen = look(code, visitor, device, host_inside, now)
        mail_code = seen.decision == door.Refuse("verify_email")
    if seen.occurrence is None:
        return Arrival(seen)
    uses_link = seen.row is door.Row.GUEST and not isinstance(seen.decision, door.Refuse)
    if uses_link and seen.invitation is not None:
        claimed = invitations.claim(seen.invitation, device, now, token=_token(visitor))
        if not claimed:
            seen = replace(seen, decision=door.Refuse("link_in_use"))
    participant = door_services.arrive(
        occurrence,
        row=seen.row,
        user=visitor.user,
        invitation=seen.invitation,
        device=device,
        name=visitor.user.name
        if visitor.user is not None
        else (name or (seen.invitation.name if seen.invitation else "")),
        network=visitor.network,
        session_key=visitor.session_key,
        decision=seen.decision,
        now=now,
    )
    return Arrival(seen, None if isinstance(seen.decision, door.Refuse) else participant, mail_code)


def _token(visitor: Visitor) -> InvitationToken | None:
    return InvitationToken.objects.filter(pk=visitor.link).first() if visitor.link else None
