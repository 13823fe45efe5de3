"""What the database says about a live meeting, and what the door answers to it. Runs in a database thread.

Nothing here is remembered: every call reads again, because an answer of the door is true only for its moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import door, selectors
from meetings.admission import IllegalEvent
from meetings.devices import arriving
from meetings.domains import as_in_dns
from meetings.doorlimits import RIGHTS
from meetings.doortable import MOST_INSIDE
from meetings.live.cautions import Named
from meetings.live.files import largest_file
from meetings.live.seats import Asked, LinkUse, Person
from meetings.live.sessions import living_sessions
from meetings.models import Encryption, Meeting, Occurrence, Participant, SecondDevice
from meetings.register import Register
from meetings.roundtrip.services import RoundTrip, round_trip_of
from meetings.rulebook import locked_since, locks_at
from meetings.services import door as door_services
from meetings.services import link_keys

CLOSED_SEATS = {
    Participant.State.REMOVED: "removed",
    Participant.State.REFUSED: "not_let_in",
    Participant.State.LEFT: "closed",
}


@dataclass(frozen=True)
class MeetingFacts:
    """What a meeting is like now, for everybody in it. `door` is the table as docs/protocol.md writes it. `locks_at` is
    when the door locks by itself; None when it never does, or has done so. `page` is the path of the hosts' page about
    the meeting, at its invitations.
    """

    title: str
    organisation: str
    code: str
    starts_at: datetime
    ends_at: datetime
    started_at: datetime | None
    encryption: str
    locked_at: datetime | None
    locks_at: datetime | None
    suspended_at: datetime | None
    suspended_by: str | None
    mics_start_off: bool
    door: Mapping[str, str]
    rights: Mapping[str, str]
    hosts: tuple[str, ...]
    ended_by: str | None
    capacity: int = MOST_INSIDE
    link_key: Mapping[str, Any] | None = None
    largest_file: int = 0
    page: str = ""


@dataclass(frozen=True)
class Judgement:
    """`note`: what somebody else's no was explained with, to be told to the person. `away`: the door would admit them,
    but they are not there, so that nothing was stored; they come in when they are back.
    """

    person: Person
    decision: door.Decision
    note: str = ""
    away: bool = False


@dataclass(frozen=True)
class Agreed:
    """Whose entry an authorization service agrees to now. `to`: which service it is, as `AskedService.identity`."""

    to: tuple[Any, ...] | None = None
    participants: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdicts:
    """The door's answers about everybody asked for. `over` is the reason why the meeting takes place no more, if so.

    invited: the names of everybody who is expected. without_link: of guests among them whose only link was withdrawn.
    round_trip: the service that must agree to each of them, None where there is none.
    """

    meeting: MeetingFacts
    over: str | None
    judgements: Mapping[str, Judgement]
    invited: tuple[Named, ...] = ()
    without_link: tuple[str, ...] = ()
    round_trip: RoundTrip | None = None


def judge(
    occurrence_id: str,
    asked: Iterable[str],
    present: Iterable[str],
    kept: Iterable[str],
    now: datetime,
    *,
    agreed: Agreed,
) -> Verdicts:
    """Asks the door about the participants `asked`, and stores the entry of those `present` whom it admits. Where an
    authorization service has to agree, nobody enters before it has.

    Hosts are decided first: whether one is inside changes the answer for everybody else. A host counts as inside while
    present or while their seat is `kept` for their return. The others follow in the order in which they came, so that
    a free place goes to who has waited longest; who is away just now keeps their turn, and lets others pass.
    """
    occurrence = Occurrence.objects.select_related("meeting", *selectors.WITH_NAMES).get(pk=occurrence_id)
    ids = set(asked)
    register = Register(occurrence, ids)
    round_trip = round_trip_of(occurrence.meeting)
    here = set(present)
    if round_trip is not None:
        here &= agreed.participants if agreed.to == round_trip.service.identity else frozenset()
    with_seat = {*here, *kept}
    # Whoever waits has a turn, also while this process doesn't know them yet: it may just have started.
    seats = [seat for seat in register.seats if str(seat.pk) in ids or seat.state == Participant.State.WAITING]
    rows = {seat.pk: _row(occurrence, seat, register) for seat in seats}
    sessions = living_sessions(seats)
    seats.sort(key=lambda seat: (rows[seat.pk] is not door.Row.HOST, seat.knocked_at or now, str(seat.pk)))
    host_inside = somebody_entered = False
    ahead = 0
    judgements: dict[str, Judgement] = {}
    for seat in seats:
        what_holds = _facts(occurrence, seat, rows[seat.pk], register, host_inside, now)
        decision: door.Decision = _closed(seat, sessions) or door.decide(replace(what_holds, ahead=ahead))
        ahead += decision.reason == "full"
        away = False
        if isinstance(decision, door.Admit):
            is_new = seat.state != Participant.State.INSIDE or seat.entered_at is None
            if is_new and str(seat.pk) in here:
                seat, decision = _entered(seat, decision)  # noqa: PLW2901 - the stored row
                somebody_entered = True
            away = seat.state != Participant.State.INSIDE
            host_inside = host_inside or (rows[seat.pk] is door.Row.HOST and str(seat.pk) in with_seat)
        judgements[str(seat.pk)] = Judgement(_person(seat, rows[seat.pk], register, now), decision, away=away)
    if somebody_entered:
        occurrence.refresh_from_db()
    expected = tuple(Named(name, str(key), str(user_id or "")) for key, user_id, name in register.expected())
    meeting, over = _meeting_facts(occurrence, register, now), _over(occurrence)
    return Verdicts(meeting, over, judgements, expected, register.without_link(), round_trip)


def _entered(seat: Participant, decision: door.Admit) -> tuple[Participant, door.Decision]:
    """Stores an entry. Where the seat was closed in this very moment, that stands, and nobody else's answer suffers."""
    try:
        return door_services.entered(seat, reason=decision.reason, because=decision.because), decision
    except IllegalEvent:
        return seat, door.Refuse("closed", unknown=True)


def _row(occurrence: Occurrence, seat: Participant, register: Register) -> door.Row:
    if seat.room_device is not None:
        return door.Row.GUEST
    return selectors.visitor_row(occurrence, user=seat.user, invitation=seat.invitation, register=register)


def _closed(seat: Participant, sessions: set[str]) -> door.Refuse | None:
    """What stands against a seat before the door is asked."""
    if seat.state in CLOSED_SEATS:
        # Closed by a host or by another process; whoever it was asks the door anew.
        reason = CLOSED_SEATS[Participant.State(seat.state)]
        if reason == "not_let_in" and not seat.refused_by:
            return door.Refuse("closed", unknown=True)  # no host said no: their link is not what it was
        return door.Refuse(reason, until=seat.refused_until)
    if (seat.user is not None or seat.session_key) and str(seat.pk) not in sessions:
        # Signed out, or signed out by somebody: the socket's person is only known from its handshake. A seat that was
        # taken by an account which is gone is nobody's, and not a stranger's.
        return door.Refuse("sign_in" if seat.user is None or seat.user.is_active else "inactive")
    return None


def _facts(
    occurrence: Occurrence, seat: Participant, row: door.Row, register: Register, host_inside: bool, now: datetime
) -> door.Facts:
    if seat.room_device is not None:
        return arriving.facts(
            occurrence, seat.room_device, seat=seat, host_inside=host_inside, now=now, register=register
        )
    return selectors.facts_for(
        occurrence,
        row=row,
        user=seat.user,
        invitation=seat.invitation,
        participant=seat,
        device=seat.device,
        host_inside=host_inside,
        now=now,
        register=register,
    )


def _over(occurrence: Occurrence) -> str | None:
    if occurrence.cancelled_at or occurrence.meeting.cancelled_at:
        return "cancelled"
    return "ended" if occurrence.ended_at else None


def _link_key(meeting: Meeting) -> Mapping[str, Any] | None:
    known = link_keys.public(meeting)
    return known and {**known, "due": link_keys.due(meeting)}


def _meeting_facts(occurrence: Occurrence, register: Register, now: datetime) -> MeetingFacts:
    meeting = occurrence.meeting
    rules = register.rules
    return MeetingFacts(
        title=meeting.title,
        organisation=settings.LINTEL.organisation,
        code=meeting.code,
        starts_at=occurrence.starts_at,
        ends_at=occurrence.ends_at,
        started_at=occurrence.started_at,
        encryption=meeting.encryption,
        link_key=_link_key(meeting),
        largest_file=largest_file(settings.LINTEL) if meeting.encryption != Encryption.TRANSPORT else 0,
        locked_at=locked_since(occurrence, rules, now),
        locks_at=locks_at(occurrence, rules),
        suspended_at=occurrence.suspended_at,
        suspended_by=occurrence.suspended_by.name if occurrence.suspended_by else None,
        mics_start_off=rules.mics_start_off,
        door={
            "preset": door.preset_of(rules),
            "listed": str(rules.listed),
            "colleagues": str(rules.colleagues),
            "guests": str(rules.guests),
            "anyone": str(rules.anyone),
        },
        rights={name: str(getattr(rules, name)) for name in RIGHTS},
        hosts=tuple(sorted(host.name for host in register.hosts)),
        ended_by=occurrence.ended_by.name if occurrence.ended_by else None,
        page=reverse("meetings:meeting", args=[meeting.pk]) + "#invitations",
        capacity=min(rules.capacity or MOST_INSIDE, MOST_INSIDE),
    )


def _person(seat: Participant, row: door.Row, register: Register, now: datetime) -> Person:
    invitation = seat.invitation
    signed_in = seat.user is not None
    # A stranger's: one letter of another script makes it look like somebody else's.
    given = as_in_dns(register.given_address(seat.device)) if invitation is None and not signed_in else ""
    if seat.room_device is not None:
        by = seat.room_device.created_by
        provenance = for_hosts = _("Device")
        if by is not None:
            provenance = for_hosts = _("Device, added by %(name)s") % {"name": by.name}
    elif signed_in:
        provenance = for_hosts = _("Signed in · %(organisation)s") % {"organisation": settings.LINTEL.organisation}
    elif invitation is not None and invitation.claimed_device not in {"", seat.device}:
        provenance = _("Guest, personal link, second device")
        for_hosts = _("Second device with the link sent to %(address)s") % {"address": invitation.email}
    elif invitation is not None:
        provenance = _("Guest, personal link")
        for_hosts = _("Guest, link sent to %(address)s") % {"address": invitation.email}
    elif given:
        provenance = _("Meeting link, address shown to be theirs")
        for_hosts = _("Meeting link, code mailed to %(address)s") % {"address": given}
    else:
        provenance = for_hosts = _("Meeting link, not signed in")
    return Person(
        participant_id=str(seat.pk),
        name=seat.user.name if seat.user else seat.name,
        kind=str(row),
        is_guest=not signed_in,
        provenance=provenance,
        provenance_for_hosts=for_hosts,
        email=seat.user.email if seat.user else (invitation.email if invitation else given or None),
        network=seat.network,
        invitation_id=str(invitation.pk) if invitation else None,
        user_id=str(seat.user_id) if seat.user_id else None,
        organiser=seat.user_id is not None and seat.user_id == seat.occurrence.meeting.created_by_id,
        may_know=row in {door.Row.HOST, door.Row.LISTED, door.Row.GUEST},
        knocked_at=seat.knocked_at,
        entered_at=seat.entered_at,
        host_message=seat.host_message,
        note=seat.note,
        refused_by=seat.refused_by,
        revision=seat.revision,
        link=_link_use(seat, register, now),
        unproved=invitation is not None and not signed_in and register.has_failed_mail(invitation, seat.device),
        asked=_asked(seat, register, now),
        word=seat.word,
        is_device=seat.room_device is not None,
        watches=seat.room_device is None or seat.room_device.may_watch,
    )


def _link_use(seat: Participant, register: Register, now: datetime) -> LinkUse | None:
    """The other device that came with this person's link, if any: with the first device's seat the latest one of the
    others, with the seat of a device that asks its own visit."""
    invitation = seat.invitation
    if invitation is None or not invitation.claimed_device:
        return None
    since = invitation.claimed_at
    others = [one for one in register.second_devices(invitation) if since is None or one.seen_at >= since]
    if seat.device != invitation.claimed_device:
        others = [one for one in others if one.device == seat.device]
    if not others:
        return None
    other = others[-1]
    denied = any(one.answer == SecondDevice.Answer.NO for one in others)
    first = (invitation.claimed_network, since)
    return LinkUse(*first, other.network, other.seen_at, any(one.is_asking(now) for one in others), denied)


def _asked(seat: Participant, register: Register, now: datetime) -> Asked | None:
    """The wish that whoever uses a link on its own device can answer."""
    invitation = seat.invitation
    if invitation is None or seat.device != invitation.claimed_device:
        return None
    wishes = [one for one in register.second_devices(invitation) if one.is_asking(now)]
    return Asked(wishes[0].pk, wishes[0].network, wishes[0].asked_at or now, wishes[0].ends_at) if wishes else None


def seats_of_interrupted_meetings() -> dict[str, list[Person]]:
    """Returns who was inside when the last process stopped, by occurrence. They may come back without knocking."""
    interrupted = Occurrence.objects.filter(
        ended_at=None, cancelled_at=None, participants__state=Participant.State.INSIDE
    )
    found: dict[str, list[Person]] = {}
    for occurrence in interrupted.select_related("meeting").distinct():
        register = Register(occurrence)
        seats = [seat for seat in register.seats if seat.state == Participant.State.INSIDE]
        now = timezone.now()
        found[str(occurrence.pk)] = [_person(seat, _row(occurrence, seat, register), register, now) for seat in seats]
    return found
