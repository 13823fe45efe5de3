"""Personal invitations and their links."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from meetings.models import Invitation, InvitationToken, Occurrence


def invite(by: Any, occurrence: Occurrence, email: str, name: str = "", *, send: bool = True) -> Invitation:
    raise NotImplementedError


def mint_link(invitation: Invitation, *, by: Any = None, via: str = "copy") -> str:
    raise NotImplementedError


def send_again(by: Any, invitation: Invitation) -> None:
    raise NotImplementedError


def revoke(by: Any, invitation: Invitation) -> Invitation:
    raise NotImplementedError


def restore(by: Any, invitation: Invitation) -> Invitation:
    raise NotImplementedError


def open_link(secret: str) -> InvitationToken | None:
    raise NotImplementedError


def claim(invitation: Invitation, device: str, now: datetime, *, token: InvitationToken | None = None) -> bool:
    raise NotImplementedError


def send_email_code(invitation: Invitation, device: str) -> bool:
    raise NotImplementedError


def check_email_code(invitation: Invitation, device: str, code: str) -> bool:
    raise NotImplementedError
