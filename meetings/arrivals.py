"""Arriving at the door: what it says to somebody, by every proof they bring, and what is stored of that.

Between the views, which read requests, and the services, which store. The functions that take a `Visitor` run in a
database thread. An unknown code and a door that is closed for this visitor leave here as one and the same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from meetings import codes, door, selectors
from meetings.attempts import Attempt
from meetings.models import Invitation, InvitationToken, Occurrence, Participant, RetiredCode
from meetings.services import door as door_services
from meetings.services import given_addresses, invitations, mailed_codes, moves
from meetings.settled import WITH_NAMES
from meetings.visitors import Visitor

CLOSED = door.Refuse("closed", unknown=True)
PRESENT = (Participant.State.INSIDE, Participant.State.WAITING)

HostInside = Callable[[str], bool]
"""Says whether a host is inside an occurrence now."""


@dataclass(frozen=True)
class LinkInUse:
    """What the holder of a link is told when it belongs to another device. `asks`: whether somebody asks to take it
    over: nobody (""), this device ("yours") or another one ("anothers"), until `until`.
    """

    used_at: datetime | None
    here: bool
    asks: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Seen:
    """The door's answer to one visitor at one moment. `occurrence` is None exactly when they may not know whether it
    exists. `otherwise`: what it would be if the link belonged to this device; None where that makes no difference.
    `tried`: for hosts of the meeting, never for the visitor: which link was tried where nothing was opened.
    At a locked door: `locked_at`, and `if_told`, the answer to whoever wants hosts to see them all the same; None where
    they would not come in through an open one.
    """

    occurrence: Occurrence | None
    row: door.Row
    decision: door.Decision
    invitation: Invitation | None = None
    participant: Participant | None = None
    otherwise: door.Decision | None = None
    tried: Attempt | None = field(default=None, compare=False, repr=False)
    locked_at: datetime | None = None
    if_told: door.Decision | None = None

    @property
    def is_closed(self) -> bool:
        return self.occurrence is None

    @property
    def may_know(self) -> bool:
        """Title, time and hosts are for listed people and holders of a live personal link."""
        return self.occurrence is not None and self.row in {door.Row.HOST, door.Row.LISTED, door.Row.GUEST}

    @property
    def asks_address(self) -> bool:
        """Whether the door asks somebody with nothing but the meeting's link for an address."""
        return self.decision.reason == "verify_email" and self.row is door.Row.ANYONE

    @property
    def outcome(self) -> str:
        return outcome_of(self.decision)


NOTHING_HERE = Seen(None, door.Row.ANYONE, CLOSED)


class WrongEmailCode(Exception):
    """The code is not the one that was mailed, or is too old, or was tried too often: `verdict` says which."""

    def __init__(self, seen: Seen, verdict: mailed_codes.Verdict) -> None:
        super().__init__(str(verdict))
        self.seen = seen
        self.verdict = verdict


class AddressNotTaken(Exception):
    """The organisation takes no guests with an address like the one that was given."""


def outcome_of(decision: door.Decision) -> str:
    return {door.Admit: "admit", door.Wait: "wait", door.Refuse: "refuse"}[type(decision)]


def new_seat(seen: Seen, wish: Wish) -> door.Decision | None:
    """The answer by which somebody gets a seat that they don't have now; None where they have one, or get none."""
    decision = _told(seen, wish).decision
    has_one = seen.participant is not None and seen.participant.state in PRESENT
    return None if has_one or isinstance(decision, door.Refuse) else decision


def look(code: str, visitor: Visitor, device: str, host_inside: HostInside, now: datetime) -> Seen:
    """Says what the door would answer. Writes nothing. `device` is empty while it is unknown."""
    normal = codes.normalise_code(code)
    if normal is None:
        return NOTHING_HERE
    occurrence = selectors.occurrence_for_code(normal, now)
    if occurrence is None:
        return _look_by_retired_code(normal, visitor, device, host_inside, now)
    return _look_at(_by_link(visitor, occurrence, now), visitor, device, host_inside, now)


def _by_link(visitor: Visitor, occurrence: Occurrence, now: datetime) -> Occurrence:
    """Of a meeting that repeats, a guest's link leads to the occurrence that it is for, if that is still to come."""
    if visitor.user is not None or visitor.link is None:
        return occurrence
    theirs = InvitationToken.objects.filter(pk=visitor.link, invitation__occurrence__meeting=occurrence.meeting_id)
    key = theirs.values_list("invitation__occurrence", flat=True).first()
    if key is None or key == occurrence.pk:
        return occurrence
    found = Occurrence.objects.select_related("meeting", "series", *WITH_NAMES).get(pk=key)
    return occurrence if selectors.takes_place_no_more(found, now) else found


def _look_by_retired_code(code: str, visitor: Visitor, device: str, host_inside: HostInside, now: datetime) -> Seen:
    """A meeting's former code opens nothing by itself. Hosts, and holders of a personal link or a seat, go on; listed
    people are told that there is a newer one."""
    retired = RetiredCode.objects.filter(code=code).select_related("meeting").first()
    if retired is None:
        return NOTHING_HERE
    occurrence = _by_link(visitor, selectors.occurrence_now(retired.meeting, now), now)
    seen = _look_at(occurrence, visitor, device, host_inside, now)
    if seen.tried is not None and seen.tried.link == "meeting":
        seen = replace(seen, tried=replace(seen.tried, link="former"))
    has_seat = seen.participant is not None and seen.participant.state in PRESENT
    if seen.is_closed or seen.row in {door.Row.GUEST, door.Row.HOST} or has_seat:
        return seen
    if seen.row is door.Row.LISTED:
        return replace(seen, decision=door.Refuse("link_replaced"), otherwise=None)
    occurrence_id = str(seen.occurrence.pk) if seen.occurrence is not None else ""
    return replace(NOTHING_HERE, tried=Attempt(occurrence_id, "former", reason="link_replaced"))


def _tried(occurrence: Occurrence, visitor: Visitor, decision: door.Decision) -> Attempt:
    """What hosts learn of a visitor who learns nothing."""
    links = InvitationToken.objects.filter(pk=visitor.link, invitation__occurrence=occurrence)
    invitation_id = links.values_list("invitation", flat=True).first() if visitor.link is not None else None
    if invitation_id is None:
        return Attempt(str(occurrence.pk), "meeting", reason=decision.reason)
    return Attempt(str(occurrence.pk), "personal", str(invitation_id), decision.reason)


def _look_at(occurrence: Occurrence, visitor: Visitor, device: str, host_inside: HostInside, now: datetime) -> Seen:
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
        mine = _replaced_link(visitor, occurrence, device)
        again = door.decide(replace(facts, replaced=mine is not None))
        if again != door.Refuse("link_replaced"):
            return replace(NOTHING_HERE, tried=_tried(occurrence, visitor, decision))
        return Seen(occurrence, door.Row.GUEST, again, mine)
    otherwise = None
    if facts.link_in_use:
        # A seat on the first device goes along, so that no lock and no full room stands against it.
        otherwise = door.decide(replace(facts, link_in_use=False, seat=_has_seat(invitation)))
    seen = Seen(occurrence, row, decision, invitation, participant, otherwise)
    if decision.reason == "locked":
        return replace(seen, locked_at=facts.locked_at, if_told=_if_told(facts))
    return seen


def _if_told(facts: door.Facts) -> door.Decision | None:
    """The answer to whoever stands at a locked door so that hosts see them. It makes up for nothing but the lock."""
    open_door = door.decide(replace(facts, locked_at=None))
    if isinstance(open_door, door.Refuse) or open_door.reason == "early":
        return None
    return door.decide(replace(facts, waiting=True))


def _has_seat(invitation: Invitation | None) -> bool:
    inside = Participant.objects.filter(invitation=invitation, state=Participant.State.INSIDE)
    return invitation is not None and inside.filter(device=invitation.claimed_device).exists()


def link_in_use(seen: Seen, device: str, now: datetime) -> LinkInUse | None:
    """More about a link that belongs to another device, for its holder; None where it doesn't."""
    invitation = seen.invitation
    if seen.otherwise is None or invitation is None:
        return None
    here = Participant.objects.filter(invitation=invitation, device=invitation.claimed_device, state__in=PRESENT)
    asking = [one for one in invitation.second_devices.all() if one.is_asking(now)]
    asks = "" if not asking else "yours" if any(one.device == device for one in asking) else "anothers"
    return LinkInUse(invitation.claimed_at, here.exists(), asks, max((one.ends_at for one in asking), default=None))


def _invitation(visitor: Visitor, occurrence: Occurrence, device: str, now: datetime) -> Invitation | None:
    """The invitation whose link this browser opened, if it is for this occurrence and that link still lives; else the
    one whose address was proved on this device.

    A revoked invitation is returned too: then the door refuses, instead of taking its guest for somebody unknown.
    Links end with the occurrence. Only the device that used one is still told that it is over.
    """
    found = _of_link(visitor, occurrence) or _of_address(visitor, occurrence, device)
    if found is None:
        return None
    is_known = bool(device) and found.claimed_device == device
    return found if is_known or not selectors.takes_place_no_more(occurrence, now) else None


def invited_as(visitor: Visitor, occurrence: Occurrence) -> str:
    """Whose personal link this browser opened last, as the invitation that all links of theirs are for; "": nobody's.

    By the link alone: whatever else is known of a device, or has become of the link, it is of the same person.
    """
    if visitor.link is None:
        return ""
    theirs = InvitationToken.objects.filter(pk=visitor.link, invitation__occurrence__meeting=occurrence.meeting_id)
    return str(theirs.values_list("invitation", flat=True).first() or "")


def _of_link(visitor: Visitor, occurrence: Occurrence) -> Invitation | None:
    if visitor.link is None:
        return None
    token = (
        InvitationToken.objects.filter(pk=visitor.link, invitation__occurrence=occurrence)
        .select_related("invitation__user")
        .first()
    )
    if token is None or (token.killed_at is not None and token.invitation.revoked_at is None):
        return None
    return token.invitation


def _of_address(visitor: Visitor, occurrence: Occurrence, device: str) -> Invitation | None:
    if not device or visitor.user is not None:
        return None
    proved = given_addresses.proved(occurrence, device).exclude(invitation=None).select_related("invitation__user")
    newest = proved.order_by("-used_at").first()
    return newest.invitation if newest is not None else None


def _replaced_link(visitor: Visitor, occurrence: Occurrence, device: str) -> Invitation | None:
    """The invitation whose link was replaced by a newer one, if it was proved on this device whose mailbox it is."""
    if visitor.link is None or not device:
        return None
    dead = InvitationToken.objects.filter(pk=visitor.link, invitation__occurrence=occurrence).exclude(killed_at=None)
    token = dead.filter(invitation__revoked_at=None).select_related("invitation").first()
    if token is None or not token.invitation.codes.filter(device=device).exclude(used_at=None).exists():
        return None
    return token.invitation


def _seat(occurrence: Occurrence, visitor: Visitor, invitation: Invitation | None, device: str) -> Participant | None:
    seats = Participant.objects.filter(occurrence=occurrence, device=device, user=visitor.user)
    if visitor.user is None:
        seats = seats.filter(invitation=invitation)
    return seats.first()


@dataclass(frozen=True)
class Arrival:
    """A stored arrival. `participant` is None when the door refused; asks_code: it asks for a mailed code."""

    seen: Seen
    participant: Participant | None = None
    asks_code: bool = False


@dataclass(frozen=True)
class Wish:
    """What somebody brings beside their proofs. email: the address that they give, in lower case, where the door asks
    for one. new_code: mail another code, although one is out. move: "ask" (to take
    a link over that another device holds) or "code" (by the digits mailed to the invited address), else "".
    tell_hosts: stand at a locked door, so that hosts see it. invitation: whose personal link their page was loaded
    with, "" where with none, None where they don't say.
    """

    name: str = ""
    email: str = ""
    email_code: str = ""
    new_code: bool = False
    move: str = ""
    tell_hosts: bool = False
    invitation: str | None = None


def _told(seen: Seen, wish: Wish) -> Seen:
    return replace(seen, decision=seen.if_told) if wish.tell_hosts and seen.if_told is not None else seen


def arrive(
    code: str,
    visitor: Visitor,
    device: str,
    wish: Wish,
    host_inside: HostInside,
    now: datetime,
    seen: Seen | None = None,
) -> Arrival:
    """Asks the door and stores that somebody came: the first Join or Knock with a personal link claims it for the
    device. `seen`: what `look` has said just now, where the caller has asked it.

    Raises `WrongEmailCode` and `AddressNotTaken`. Nothing is stored about codes that open nothing for this visitor.
    """
    seen = seen or look(code, visitor, device, host_inside, now)
    try:
        if _brings_further(seen, visitor, device, wish, now):
            seen = look(code, visitor, device, host_inside, now)
    except moves.Busy as busy:
        seen = replace(seen, decision=door.Refuse("link_in_use", until=busy.until))
    seen = _told(_about_the_move(seen, wish), wish)
    if seen.occurrence is None:
        return Arrival(seen)
    seen = _claimed(seen, visitor, device, now)
    typed = wish.name or _known_name(seen)
    participant = door_services.arrive(
        seen.occurrence,
        row=seen.row,
        user=visitor.user,
        invitation=seen.invitation,
        device=device,
        name=visitor.user.name if visitor.user is not None else typed,
        network=visitor.network,
        session_key=visitor.session_key,
        decision=seen.decision,
        now=now,
    )
    asks_code = seen.decision.reason == "verify_email"
    return Arrival(seen, None if isinstance(seen.decision, door.Refuse) else participant, asks_code)


def _known_name(seen: Seen) -> str:
    """How a guest is called who typed no name here: by the invitation, or as on the device that holds the link."""
    invitation = seen.invitation
    if invitation is None or invitation.name:
        return invitation.name if invitation is not None else ""
    seat = Participant.objects.filter(invitation=invitation, device=invitation.claimed_device).first()
    return seat.name if seat is not None else ""


def _claimed(seen: Seen, visitor: Visitor, device: str, now: datetime) -> Seen:
    """The first use of a personal link binds it; a use on a second device is remembered for the hosts."""
    invitation = seen.invitation
    if invitation is None or seen.row is not door.Row.GUEST:
        return seen
    is_first = seen.otherwise is None and not isinstance(seen.decision, door.Refuse)
    if is_first and not _claim(invitation, visitor, device, now):
        seen = replace(seen, decision=door.Refuse("link_in_use"))
    is_second = seen.decision.reason == "link_in_use"
    if is_second and moves.is_news(invitation, device, visitor.network, now):
        moves.came_second(invitation, device, visitor.network, now)
    return seen


def _brings_further(seen: Seen, visitor: Visitor, device: str, wish: Wish, now: datetime) -> bool:
    """Types the mailed code, or asks for the link that another device holds. True when the door has to be asked again.

    Raises `WrongEmailCode`, `AddressNotTaken` and `moves.Busy`.
    """
    if seen.asks_address:
        return _brings_an_address(seen, visitor, device, wish, now)
    invitation = seen.invitation
    if invitation is None or seen.row is not door.Row.GUEST:
        return False
    if seen.otherwise is None:
        asked = seen.decision.reason == "verify_email" and bool(wish.email_code)
        if asked:
            _type(seen, invitation, device, wish.email_code)
        return asked
    if wish.move == "ask" and seen.decision.reason == "link_in_use" and _may_ask(seen.otherwise):
        moves.ask(invitation, device, visitor.network, now)
        return True
    if wish.move == "code" and wish.email_code:
        _type(seen, invitation, device, wish.email_code)
        moves.by_code(invitation, device, visitor.network, now, user=visitor.user)
        return True
    return False


def _brings_an_address(seen: Seen, visitor: Visitor, device: str, wish: Wish, now: datetime) -> bool:
    """Types the code for an address that they gave. An invited one makes them its guest, on this device."""
    assert seen.occurrence is not None  # noqa: S101 - for the type checker
    if wish.email and not selectors.limits_now().guest_addresses.take(wish.email):
        raise AddressNotTaken
    if not wish.email_code:
        return False
    verdict, invitation = given_addresses.type_in(seen.occurrence, device, wish.email_code)
    if verdict is not mailed_codes.Verdict.RIGHT:
        raise WrongEmailCode(seen, verdict)
    if invitation is not None and invitation.revoked_at is None:
        moves.by_code(invitation, device, visitor.network, now)
    return True


def _type(seen: Seen, invitation: Invitation, device: str, digits: str) -> None:
    verdict = mailed_codes.type_in(invitation, device, digits)
    if verdict is not mailed_codes.Verdict.RIGHT:
        raise WrongEmailCode(seen, verdict)


def _may_ask(otherwise: door.Decision) -> bool:
    """Where the door would refuse them with the link in their hand, nobody is troubled with the question."""
    return not isinstance(otherwise, door.Refuse) or otherwise.reason == "verify_email"


def _about_the_move(seen: Seen, wish: Wish) -> Seen:
    """The answer to somebody whose link another device holds and who wants to move it, where the door has none."""
    if seen.otherwise is None or not isinstance(seen.decision, door.Refuse) or seen.decision.reason == "not_let_in":
        return seen
    if wish.move == "ask" and not _may_ask(seen.otherwise):
        return replace(seen, decision=seen.otherwise)
    if wish.move == "code":
        return replace(seen, decision=door.Refuse("verify_email"))
    return seen


def _claim(invitation: Invitation, visitor: Visitor, device: str, now: datetime) -> bool:
    """By the link that they hold, or by the address that they proved: one that is taken back meanwhile claims
    nothing."""
    held = InvitationToken.objects.filter(pk=visitor.link, invitation=invitation) if visitor.link else None
    token = held.first() if held is not None else None
    if token is None or token.killed_at is not None:
        proved = given_addresses.proved(invitation.occurrence, device).filter(invitation=invitation)
        if not proved.exists():
            return False
        token = None
    return invitations.claim(invitation, device, now, token=token, network=visitor.network)
