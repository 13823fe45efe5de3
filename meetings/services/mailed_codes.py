"""Six digits, mailed to an address: whoever types them on the device that asked has proved that mailbox.

A code works once, for ten minutes, for five tries, and on one device. The limits on mails hold for the invitation,
whatever the device: a new device key costs a guesser nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from meetings import audit, budgets, changes, codes, tasks
from meetings.linkmodels import EmailCode, Invitation
from meetings.models import Participant

LIVES = timedelta(minutes=10)
TRIES = budgets.CODE_TRIES.most
PAUSE = timedelta(minutes=1)
AN_HOUR = budgets.MAILED_CODES_OF_ALL.most


class Verdict(StrEnum):
    """What typing digits led to. SPENT: too many wrong ones, NONE: no code was mailed for this device."""

    RIGHT = "right"
    WRONG = "wrong"
    EXPIRED = "expired"
    USED = "used"
    SPENT = "spent"
    NONE = "none"


@dataclass(frozen=True)
class Standing:
    """Where the last code of a device stands. state: sent, failed (the mail server did not take it), or none (nothing
    was mailed: too many were). `again_at`: when another may be mailed."""

    state: str
    tries_left: int
    again_at: datetime
    sent_at: datetime | None = None
    expires_at: datetime | None = None


def send(invitation: Invitation, device: str, *, anew: bool = False) -> bool:
    """Mail a code for this device to the invited address, unless one is alive and no other is wanted (`anew`).

    False when nothing is mailed: one is alive, or it is too soon, or too often, for another.
    """
    now = timezone.now()
    with transaction.atomic():
        Invitation.objects.select_for_update(of=("self",)).get(pk=invitation.pk)
        last = _last(invitation, device)
        is_alive = last is not None and verdict_before(last, now) is None
        if (is_alive and not anew) or _again_at(invitation, device, now) > now:
            return False
        code = EmailCode.objects.create(
            occurrence_id=invitation.occurrence_id, invitation=invitation, device=device, digest=""
        )
        write("sent", code)
        # The digits are made when the mail is: none lie in the queue.
        tasks.send_email_code.enqueue(code.pk)
    return True


def standing(invitation: Invitation, device: str) -> Standing:
    """What the page says about the code: sent when, how often it may be tried, when there may be another."""
    return stands(_last(invitation, device), _again_at(invitation, device, timezone.now()))


def stands(last: EmailCode | None, again_at: datetime) -> Standing:
    """The same of the newest code."""
    if last is None:
        return Standing("none", 0, again_at)
    state = "failed" if last.failed_at is not None else "sent"
    return Standing(state, max(0, TRIES - last.tries), again_at, last.created_at, last.created_at + LIVES)


def _last(invitation: Invitation, device: str) -> EmailCode | None:
    return EmailCode.objects.filter(invitation=invitation, device=device).order_by("-created_at", "-pk").first()


def _again_at(invitation: Invitation, device: str, now: datetime) -> datetime:
    """When the next code may be mailed: a minute after this device's last, and at most so many an hour for all."""
    last = _last(invitation, device)
    moments = [now if last is None else last.created_at + PAUSE]
    # Not counted: what strangers asked for by giving this address. They have a budget of their own to use up.
    recent = invitation.codes.filter(email="", created_at__gt=now - timedelta(hours=1)).order_by("-created_at")
    mailed = list(recent.values_list("created_at", flat=True)[:AN_HOUR])
    if len(mailed) == AN_HOUR:
        moments.append(mailed[-1] + timedelta(hours=1))
    return max(moments)


def mint(code: EmailCode) -> str:
    """The six digits of a code that is about to be mailed; only their keyed digest is stored."""
    digits = codes.new_email_code()
    code.digest = _digest(code, digits)
    code.save(update_fields=["digest"])
    return digits


def _digest(code: EmailCode, digits: str) -> str:
    """Keyed: a million plain digests would be tried out in a second by whoever reads the table."""
    text = f"{code.invitation_id}:{code.email}:{code.device}:{digits}"
    return salted_hmac("meetings.email_code", text, algorithm="sha256").hexdigest()


def type_in(invitation: Invitation, device: str, typed: str) -> Verdict:
    """Whether these are the digits last mailed for this device. Spaces and dashes don't count."""
    verdict, _code = try_digits(EmailCode.objects.filter(invitation=invitation, device=device), typed)
    return verdict


def try_digits(codes_out: QuerySet[EmailCode], typed: str) -> tuple[Verdict, EmailCode | None]:
    """Whether these are the digits of the newest of these codes, and that code."""
    now = timezone.now()
    digits = "".join(sign for sign in typed[:20] if not (sign.isspace() or sign in "-\u2010\u2011\u2012\u2013"))
    with transaction.atomic():
        last = codes_out.select_for_update(of=("self",)).order_by("-created_at", "-pk").first()
        if last is None or not last.digest:
            return Verdict.NONE, last
        before = verdict_before(last, now)
        if before is not None:
            return before, last
        # The try is counted before it is judged, so that tries in parallel cannot outrun the limit.
        if not EmailCode.objects.filter(pk=last.pk, tries__lt=TRIES).update(tries=F("tries") + 1):
            return Verdict.SPENT, last
        right = constant_time_compare(last.digest, _digest(last, digits))
        if right:
            last.used_at = now
            last.save(update_fields=["used_at"])
            seats = Participant.objects.filter(occurrence=last.occurrence_id, device=last.device, user=None)
            seats.filter(invitation=last.invitation_id).update(verified_at=now)
            changes.touch(last.occurrence_id)
        write("right" if right else "wrong", last)
        if not right and last.tries + 1 >= TRIES:
            return Verdict.SPENT, last
    return (Verdict.RIGHT if right else Verdict.WRONG), last


def verdict_before(last: EmailCode, now: datetime) -> Verdict | None:
    """What stands against a code whatever is typed; None: it can be tried."""
    if last.used_at is not None:
        return Verdict.USED
    if last.tries >= TRIES:
        return Verdict.SPENT
    return Verdict.EXPIRED if last.created_at + LIVES <= now or last.failed_at is not None else None


def write(what: str, code: EmailCode) -> None:
    """One entry about a code: sent, right, wrong; unknown where its address is not invited and nothing is mailed."""
    invitation = code.invitation
    if invitation is None:
        audit.record(f"door.address_{what}", occurrence=code.occurrence, target=code.email, email=code.email)
        return
    audit.record(
        f"invitation.code_{what}",
        occurrence=code.occurrence,
        target=invitation.name or invitation.email,
        invitation=invitation.pk,
        email=invitation.email,
    )
