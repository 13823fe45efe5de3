"""Exceptions at the door for single people: set, changed, lifted by a host. They act at once, also on who is inside."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import audit, changes
from meetings.door import EASE, Row, Way
from meetings.models import DoorException, EmailCode, Invitation, Meeting, Participant
from meetings.selectors import account_for, limits_now
from meetings.services.errors import Wrong
from meetings.services.invitations import address_of
from meetings.services.roles import require_host_of

MAX_EXCEPTIONS = 200


def set_exception(by: Any, meeting: Meeting, person: Any, way: Way) -> DoorException:
    """From now on this person walks in, knocks or is turned away, whatever their row says. `person`: an account, or an
    address, which stands for the account that it belongs to.

    A host's earlier word about the person gives way: who is to be turned away is, although somebody let them in; who is
    to walk in does, although somebody sent them back. Only a block stands. Raises `NotAHost`, or `Wrong` for what is no
    address, for hosts, and for what the organisation doesn't allow.
    """
    with transaction.atomic():
        account = require_host_of(by, meeting)
        user, address = _person(person)
        Meeting.objects.select_for_update().get(pk=meeting.pk)
        _check(meeting, user, way)
        existing = meeting.exceptions.filter(user=user, email=address).first()
        if existing is not None and existing.way == way:
            return existing
        if existing is None and meeting.exceptions.count() >= MAX_EXCEPTIONS:
            raise Wrong("email", "too_many", _("At most %(count)d exceptions.") % {"count": MAX_EXCEPTIONS})
        exception = existing or DoorException(meeting=meeting, user=user, email=address)
        exception.way, exception.set_at, exception.set_by = way, timezone.now(), account
        exception.save()
        _overtake(meeting, exception)
        _tell("door.exception_set", account, exception, way=way)
    return exception


def lift_exception(by: Any, exception: DoorException) -> None:
    """The row decides about them again."""
    with transaction.atomic():
        account = require_host_of(by, exception.meeting)
        found = DoorException.objects.select_for_update(of=("self",)).filter(pk=exception.pk).first()
        if found is not None:
            _tell("door.exception_lifted", account, found)
            found.delete()


def change_exceptions(by: Any, meeting: Meeting, wanted: list[tuple[Any, Way]]) -> bool:
    """Make these all the exceptions that there are. Says whether anything changed. As `set_exception`."""
    with transaction.atomic():
        account = require_host_of(by, meeting)
        people: dict[tuple[Any, str], tuple[Any, Way]] = {}
        for person, way in wanted:
            user, address = _person(person)
            people[user.pk if user is not None else None, address] = (user or address, way)
        before = {(one.user_id, one.email): one for one in meeting.exceptions.all()}
        for key, exception in before.items():
            if key not in people:
                lift_exception(account, exception)
        for key, (person, way) in people.items():
            if key not in before or before[key].way != way:
                set_exception(account, meeting, person, way)
        return {key: one.way for key, one in before.items()} != {key: way for key, (_who, way) in people.items()}


def follow_address(by: Any, meeting: Meeting, invitation: Invitation, address: str) -> None:
    """The invited person has another address: an exception that was made for them goes along. In the caller's
    transaction.
    """
    own = meeting.exceptions.filter(user=invitation.user, email="" if invitation.user is not None else invitation.email)
    exception = own.first()
    if exception is not None:
        way = Way(exception.way)
        lift_exception(by, exception)
        set_exception(by, meeting, address, way)


def _person(person: Any) -> tuple[Any, str]:
    if not isinstance(person, str):
        return person, ""
    address = address_of(person)
    user = account_for(address)
    return user, "" if user is not None else address


def _check(meeting: Meeting, user: Any, way: Way) -> None:
    if user is not None and meeting.hosts.filter(pk=user.pk).exists():
        raise Wrong("email", "is_host", _("Hosts always walk in."))
    limits = limits_now()
    rows = (Row.GUEST,) if user is None else (Row.LISTED, Row.COLLEAGUE)
    most = max((limits.ceiling(row) for row in rows), key=EASE.__getitem__)
    if EASE[way] > EASE[most]:
        settled = " / ".join(f"“{one}”" for one in Way if EASE[one] <= EASE[most])
        told = _("Turned off by your administrator. Choose %(most)s.") % {"most": settled}
        raise Wrong("way", "limited", told)


def _overtake(meeting: Meeting, exception: DoorException) -> None:
    """A host's newer word stands instead of an older one about the same person."""
    who = Q(user=exception.user) | Q(invitation__user=exception.user)
    if exception.user is None:
        shown = EmailCode.objects.filter(occurrence__meeting=meeting, email=exception.email).exclude(used_at=None)
        by_address = Q(device__in=shown.values("device"), user=None, invitation=None)
        who = Q(invitation__email=exception.email) | by_address
    seats = Participant.objects.filter(who, occurrence__meeting=meeting, occurrence__ended_at=None)
    if exception.way == Way.WALKS_IN:
        seats.update(must_knock=False, refused_until=None)
    else:
        seats.update(let_in_at=None, let_in_by=None)


def _tell(kind: str, by: Any, exception: DoorException, **facts: Any) -> None:
    meeting = exception.meeting
    audit.record(
        kind,
        actor=by,
        meeting=meeting,
        target=exception.user.name if exception.user is not None else exception.email,
        email=exception.email or exception.user.email,
        **facts,
    )
    changes.touch_meeting(meeting)
