"""How long personal data are kept, and what is emptied when that is over. The chain of the audit log stays whole.

Nothing is deleted that others rely on: entries keep their number, time and kind, meetings their history, invitations
their state. What goes is who it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import CharField, Max, Min, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import audit, chain
from meetings.audit.log import DETAILS, NETWORKS
from meetings.devices.models import RoomDevice
from meetings.models import (
    AuditDetail,
    AuditEntry,
    Block,
    DoorException,
    EmailCode,
    Invitation,
    InvitationToken,
    Occurrence,
    Participant,
    Retention,
    SecondDevice,
)
from meetings.retentionmodels import ERASED_DOMAIN, LEAST_DAYS, MOST_DAYS
from meetings.services.errors import Wrong
from meetings.services.organisation import require_administrator

BATCH: Final = 500


@dataclass(frozen=True)
class Days:
    """Days by kind; None: for good."""

    details: int | None
    networks: int | None
    attendance: int | None
    addresses: int | None


@dataclass(frozen=True)
class Due:
    """How many rows of each kind are older than they are kept."""

    details: int
    networks: int
    attendance: int
    addresses: int

    @property
    def total(self) -> int:
        return self.details + self.networks + self.attendance + self.addresses


def days_now() -> Days:
    """What is settled, or the defaults."""
    row = Retention.objects.first() or Retention()
    return Days(row.details, row.networks, row.attendance, row.addresses)


def change(by: Any, days: Days) -> Days:
    """Settle how long. Raises `NotAnAdministrator`, or `Wrong` for less than the least; nothing is stored then."""
    for name, least in LEAST_DAYS.items():
        value = getattr(days, name)
        if value is not None and not least <= value <= MOST_DAYS:
            told = {"least": least, "most": MOST_DAYS}
            raise Wrong(name, "range", _("Keep it for %(least)d to %(most)d days, or for good.") % told)
    with transaction.atomic():
        account = require_administrator(by)
        row = Retention.objects.select_for_update().first() or Retention()
        changed = {name: getattr(days, name) for name in LEAST_DAYS if getattr(days, name) != getattr(row, name)}
        if changed:
            for name, value in changed.items():
                setattr(row, name, value)
            row.changed_at, row.changed_by = timezone.now(), account
            row.save()
            audit.record("organisation.retention_changed", actor=account, changes=changed)
    return days


def due(days: Days, now: datetime) -> Due:
    """What `apply` would empty now, with these days."""
    return Due(
        details=_details(days, now).count(),
        networks=_networks(days, now).count() + sum(rows.count() for rows, _column in _rows_with_network(days, now)),
        attendance=_seats(days, now).count(),
        addresses=_invitations(days, now).count() + _exceptions(days, now).count(),
    )


def apply(now: datetime) -> Due:
    """Empty what is older than it is kept. Safe to run again, and to be killed in the middle: the rest goes next time.

    A batch at a time: nobody at a door waits for it.
    """
    days = days_now()
    gone = due(days, now)
    if gone.details:
        audit.erase_until(_last_before(days.details, now), what=DETAILS, reason="retention")
    if gone.networks:
        audit.erase_until(_last_before(days.networks, now), what=NETWORKS, reason="retention")
        for rows, column in _rows_with_network(days, now):
            rows.update(**{column: ""})
    if gone.attendance:
        _in_batches(_seats(days, now), lambda keys: Participant.objects.filter(pk__in=keys).delete())
    if days.attendance is not None:
        Block.objects.filter(occurrence__in=_over(days.attendance, now)).delete()
        RoomDevice.objects.filter(occurrence__in=_over(days.attendance, now)).delete()
    if gone.addresses:
        _in_batches(_invitations(days, now), erase_addresses)
        _exceptions(days, now).delete()
    with transaction.atomic():
        if gone.attendance or gone.addresses:
            audit.record("retention.applied", attendance=gone.attendance, addresses=gone.addresses)
        row = Retention.objects.first() or Retention()
        row.applied_at = now
        row.save()
    return gone


def erase_addresses(keys: list[Any]) -> None:
    """Take names and addresses out of these invitations, with the links and codes that led to them."""
    invitations = Invitation.objects.filter(pk__in=keys)
    nobody = Concat(Value("erased-"), Cast("pk", CharField()), Value(f"@{ERASED_DOMAIN}"))
    with transaction.atomic():
        EmailCode.objects.filter(invitation__in=keys).delete()
        InvitationToken.objects.filter(invitation__in=keys).delete()
        SecondDevice.objects.filter(invitation__in=keys).delete()
        invitations.update(email=nobody, name="")


def _in_batches(rows: QuerySet[Any], act: Any) -> None:
    while keys := list(rows.values_list("pk", flat=True)[:BATCH]):
        act(keys)


def _before(days: int | None, now: datetime) -> datetime | None:
    return now - timedelta(days=days) if days is not None else None


def _last_before(days: int | None, now: datetime) -> int:
    """The last entry before the first that is still kept. A clock that once went back so takes nothing too early."""
    kept = AuditEntry.objects.filter(at__gte=_before(days, now)).aggregate(first=Min("number"))["first"]
    if kept is not None:
        return int(kept) - 1
    return int(AuditEntry.objects.aggregate(last=Max("number"))["last"] or 0)


def _details(days: Days, now: datetime) -> QuerySet[AuditDetail]:
    if days.details is None:
        return AuditDetail.objects.none()
    old = AuditDetail.objects.filter(entry_id__lte=_last_before(days.details, now))
    return old.exclude(body="").exclude(entry__kind=chain.ERASED)


def _networks(days: Days, now: datetime) -> QuerySet[AuditDetail]:
    """Entries whose network can be emptied by itself; those of the first version lose it with the rest."""
    if days.networks is None:
        return AuditDetail.objects.none()
    return AuditDetail.objects.filter(entry_id__lte=_last_before(days.networks, now)).exclude(network_salt="")


def _over(days: int, now: datetime) -> QuerySet[Occurrence]:
    """Occurrences that ended so long ago, or never began, or were cancelled."""
    before = _before(days, now)
    never = Q(ended_at=None, ends_at__lt=before) & (Q(started_at=None) | ~Q(cancelled_at=None))
    return Occurrence.objects.filter(Q(ended_at__lt=before) | never)


def _rows_with_network(days: Days, now: datetime) -> list[tuple[QuerySet[Any], str]]:
    """Rows of seats and links that hold a network, with the column that does."""
    if days.networks is None:
        return []
    over = _over(days.networks, now)
    return [
        (Participant.objects.filter(occurrence__in=over).exclude(network=""), "network"),
        (SecondDevice.objects.filter(invitation__occurrence__in=over).exclude(network=""), "network"),
        (Invitation.objects.filter(occurrence__in=over).exclude(claimed_network=""), "claimed_network"),
    ]


def _seats(days: Days, now: datetime) -> QuerySet[Participant]:
    if days.attendance is None:
        return Participant.objects.none()
    return Participant.objects.filter(occurrence__in=_over(days.attendance, now))


def _invitations(days: Days, now: datetime) -> QuerySet[Invitation]:
    if days.addresses is None:
        return Invitation.objects.none()
    over = Invitation.objects.filter(occurrence__in=_over(days.addresses, now))
    return over.exclude(email__endswith=f"@{ERASED_DOMAIN}")


def _exceptions(days: Days, now: datetime) -> QuerySet[DoorException]:
    """Exceptions for addresses, of meetings whose every occurrence is over."""
    if days.addresses is None:
        return DoorException.objects.none()
    still = Occurrence.objects.exclude(pk__in=_over(days.addresses, now).values("pk"))
    return DoorException.objects.exclude(email="").exclude(meeting__occurrences__in=still)
