"""An address that somebody with nothing but the meeting's link gives at a door that asks for one.

A code goes there, and whoever types it has proved that mailbox: an invited address makes them that guest from then on,
on this device. Nobody learns whether an address is invited: a door that takes invited addresses alone answers every
address alike, counts the same tries and writes the same rows, and mails only to those that are.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from meetings import budgets, tasks
from meetings.door import AskedAddress
from meetings.linkmodels import EmailCode, Invitation
from meetings.models import Occurrence
from meetings.selectors import rules_of
from meetings.services import mailed_codes
from meetings.services.mailed_codes import PAUSE, Standing, Verdict

KEPT_UNUSED = timedelta(days=1)
"""How long an address that nobody proved is kept."""


def ask(occurrence: Occurrence, device: str, address: str, *, anew: bool = False) -> bool:
    """Mail a code to this address (lower case) for this device, unless one is alive and no other is wanted (`anew`).

    False when nothing is asked for: one is alive, or it is too soon, or too often, for another.
    """
    now = timezone.now()
    with transaction.atomic():
        Occurrence.objects.select_for_update(of=("self",)).get(pk=occurrence.pk)
        last = _given(occurrence, device).order_by("-created_at", "-pk").first()
        is_alive = last is not None and last.email == address and mailed_codes.verdict_before(last, now) is None
        if (is_alive and not anew) or _again_at(occurrence, device, address, now) > now:
            return False
        invitation = occurrence.invitations.filter(email=address, revoked_at=None).first()
        code = EmailCode.objects.create(
            occurrence=occurrence, invitation=invitation, email=address, device=device, digest=""
        )
        mailed_codes.write("sent" if may_be_mailed(code) else "unknown", code)
        tasks.send_email_code.enqueue(code.pk)
    return True


def may_be_mailed(code: EmailCode) -> bool:
    """Whether the door takes this address: any, or only one that is invited."""
    must = _must_be_invited(code)  # looked up for every address: what takes longer would tell them apart
    return not must or (code.invitation is not None and code.invitation.revoked_at is None)


def is_failure_told(code: EmailCode) -> bool:
    """Whether they may learn that the mail server did not take the mail: not where only invited addresses are mailed
    to, or it would tell them apart."""
    return not code.email or not _must_be_invited(code)


def _must_be_invited(code: EmailCode) -> bool:
    return rules_of(code.occurrence.meeting).anyone_verified is not AskedAddress.ANY_ADDRESS


def type_in(occurrence: Occurrence, device: str, typed: str) -> tuple[Verdict, Invitation | None]:
    """Whether these are the digits last mailed for this device, and the invitation that they prove, if any."""
    verdict, code = mailed_codes.try_digits(_given(occurrence, device), typed)
    return verdict, code.invitation if code is not None else None


def standing(occurrence: Occurrence, device: str, address: str = "") -> tuple[str, Standing] | None:
    """An address and where its code stands: the one just given, else the last one; None before one was given."""
    last = _given(occurrence, device).order_by("-created_at", "-pk").first()
    if address and (last is None or last.email != address):
        return address, mailed_codes.stands(None, _again_at(occurrence, device, address, timezone.now()))
    if last is None:
        return None
    return last.email, mailed_codes.stands(last, _again_at(occurrence, device, last.email, timezone.now()))


def proved(occurrence: Occurrence, device: str) -> QuerySet[EmailCode]:
    """Codes for given addresses that were typed on this device."""
    return _given(occurrence, device).exclude(used_at=None)


def forget(now: datetime) -> None:
    """Addresses that were only given; and those of meetings long over go with the seats that they stood for."""
    given = EmailCode.objects.exclude(email="").filter(created_at__lt=now - KEPT_UNUSED)
    given.filter(Q(used_at=None) | Q(invitation=None, occurrence__ended_at__lt=now - KEPT_UNUSED)).delete()


def _given(occurrence: Occurrence, device: str) -> QuerySet[EmailCode]:
    found = EmailCode.objects.filter(occurrence=occurrence, device=device).exclude(email="")
    return found.select_related("invitation", "occurrence__meeting")


def _again_at(occurrence: Occurrence, device: str, address: str, now: datetime) -> datetime:
    """When the next code may go to this address: a minute after this device's last one there, and so many an hour for
    all who give it, for the device, and for the meeting."""
    recent = EmailCode.objects.exclude(email="").filter(created_at__gt=now - timedelta(hours=1))
    last = recent.filter(occurrence=occurrence, device=device, email=address).order_by("created_at").last()
    moments = [now if last is None else last.created_at + PAUSE]
    for most, rows in (
        (budgets.GIVEN_CODES_OF_ADDRESS.most, recent.filter(email=address)),
        (budgets.GIVEN_CODES_OF_DEVICE.most, recent.filter(occurrence=occurrence, device=device)),
        (budgets.GIVEN_CODES_OF_MEETING.most, recent.filter(occurrence=occurrence)),
    ):
        mailed = list(rows.order_by("-created_at").values_list("created_at", flat=True)[:most])
        if len(mailed) == most:
            moments.append(mailed[-1] + timedelta(hours=1))
    return max(moments)
