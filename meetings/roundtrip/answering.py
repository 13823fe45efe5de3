"""The other side of the protocol: a Red5 Pro server asks Lintel whether somebody may publish or subscribe.

A caller cannot sign there, so it shows a secret in its address or comes from a listed network. Who they ask about is
said by a stream pass: short-lived, for one person in one occurrence, made by a program of the meeting's hosts. Whether
that person may is asked of the one door each time; a pass never outlives a removal, a lock, a revoked invitation or its
maker's role, and opens nothing while all is suspended, or without the word of an authorization service that has to
agree.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from meetings import audit, codes, door, selectors
from meetings.door import Admit, Capabilities
from meetings.models import Invitation, Occurrence, Participant
from meetings.roundtrip.models import ORGANISATION, StreamAnswers, StreamPass
from meetings.roundtrip.services import asked_about
from meetings.services.errors import Wrong
from meetings.services.organisation import require_administrator
from meetings.services.roles import require_host_of

SHORTEST_PASS_SECONDS: Final = 30
LONGEST_PASS_SECONDS: Final = 3600
MOST_PASSES: Final = 1_000
MOST_OWN_PASSES: Final = 100
"""Of those that somebody made for themselves, in one occurrence: whoever is listed uses up nobody else's."""
MOST_NETWORKS: Final = 20
PASSES_KEPT: Final = timedelta(days=1)

_STREAM = re.compile(r"([^/]{1,64})/([\x21-\x7e]{1,200})", re.ASCII)


# Who may ask


def answers_now() -> StreamAnswers:
    """The settings; off where nobody has set them."""
    return StreamAnswers.objects.filter(key=ORGANISATION).first() or StreamAnswers(key=ORGANISATION)


def change_answers(by: Any, *, is_on: bool, networks: Iterable[str]) -> StreamAnswers:
    """Switches the answers on or off, and says from where questions may come without a secret.

    Raises `NotAnAdministrator` (`by` None: a command on this server), or `Wrong` for what is no network.
    """
    _require_admin(by)
    found = [_network(text) for text in networks if text.strip()]
    if len(found) > MOST_NETWORKS:
        raise Wrong("networks", "too_many", _("At most %(count)d networks.") % {"count": MOST_NETWORKS})
    with transaction.atomic():
        row = answers_now()
        if is_on and not found and not row.path_digest:
            raise Wrong(
                "is_on", "nobody", _("Make a secret address first, or name a network: otherwise nobody can ask.")
            )
        row.is_on, row.networks = is_on, list(dict.fromkeys(found))
        row.save()
        audit.record("stream.answers_changed", actor=by, on=is_on, networks=row.networks)
    return row


def _network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text.strip())
    except ValueError:
        told = _("“%(text)s” is not a network such as 203.0.113.0/24.") % {"text": text.strip()[:60]}
        raise Wrong("networks", "not_a_network", told) from None
    if network.prefixlen < {4: 16, 6: 32}[network.version]:
        raise Wrong("networks", "too_wide", _("%(network)s is too wide.") % {"network": network})
    return str(network)


def new_secret(by: Any) -> str:
    """A new secret for the address at which questions are answered; the one before is dead. Returned this once."""
    _require_admin(by)
    secret = codes.new_secret()
    with transaction.atomic():
        row = answers_now()
        row.path_digest = codes.digest(secret)
        row.save()
        audit.record("stream.secret_made", actor=by)
    return secret


def _require_admin(by: Any) -> None:
    if by is not None:
        require_administrator(by)


def may_ask(answers: StreamAnswers, secret: str, address: str) -> bool:
    """Whether a caller is answered at all: by the secret in its address, or (without one) by where it comes from."""
    if not answers.is_on:
        return False
    if not secret:
        return _is_among(address, answers.networks)
    return hmac.compare_digest(codes.digest(secret), answers.path_digest or "0" * 64)


def _is_among(address: str, networks: Iterable[str]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return any((mapped or found) in ipaddress.ip_network(network) for network in networks)


# Passes


@dataclass(frozen=True)
class Minted:
    """A new pass with its secrets, which are stored nowhere."""

    row: StreamPass
    password: str
    token: str

    @property
    def room(self) -> str:
        return str(self.row.occurrence.meeting_id)


def mint(
    by: Any,
    occurrence: Occurrence,
    *,
    participant: Participant | None = None,
    invitation: Invitation | None = None,
    may_publish: bool,
    seconds: int,
) -> Minted:
    """A pass for a seat or an invitation, which only hosts may make, or else for `by`, who hosts or is listed.

    Raises `NotAHost`, or `Wrong`.
    """
    if not SHORTEST_PASS_SECONDS <= seconds <= LONGEST_PASS_SECONDS:
        words = _("From %(least)d to %(most)d seconds.")
        limits = {"least": SHORTEST_PASS_SECONDS, "most": LONGEST_PASS_SECONDS}
        raise Wrong("ttl_seconds", "range", words % limits)
    with transaction.atomic():
        if participant is not None or invitation is not None:
            require_host_of(by, occurrence.meeting)
        user, invitation, name = _whom(by, participant, invitation)
        now = timezone.now()
        StreamPass.objects.filter(expires_at__lt=now - PASSES_KEPT).delete()
        valid = occurrence.stream_passes.filter(expires_at__gt=now, ended_at=None)
        is_own = Q(participant=None, invitation=None)
        if participant is None and invitation is None:
            is_full = valid.filter(is_own, user=by).count() >= MOST_OWN_PASSES
        else:
            is_full = valid.exclude(is_own).count() >= MOST_PASSES
        if is_full:
            raise Wrong("meeting", "too_many", _("Too many passes of this meeting are valid."))
        password, token = secrets.token_urlsafe(24), secrets.token_urlsafe(32)
        row = StreamPass.objects.create(
            occurrence=occurrence,
            created_by=by,
            user=user,
            invitation=invitation,
            participant=participant,
            username=f"pass-{secrets.token_hex(8)}",
            password_digest=codes.digest(password),
            token_digest=codes.digest(token),
            may_publish=may_publish,
            expires_at=now + timedelta(seconds=seconds),
        )
        audit.record("stream.pass_made", actor=by, occurrence=occurrence, target=name, publish=may_publish)
    return Minted(row, password, token)


def _whom(
    by: Any, participant: Participant | None, invitation: Invitation | None
) -> tuple[Any, Invitation | None, str]:
    if participant is not None:
        return participant.user, participant.invitation, participant.name
    if invitation is not None:
        return invitation.user, invitation, invitation.name or invitation.email
    return by, None, by.name


# The answer


@dataclass(frozen=True)
class Question:
    """What a Red5 Pro server sends. Text is "" where it sent none; `kind` is publisher or subscriber. `network` is the
    server's, shortened.
    """

    kind: str
    username: str
    password: str
    token: str
    stream_id: str
    network: str


@dataclass(frozen=True)
class Inside:
    """What only live meetings know, by the ids of occurrences and seats. `host`: whether a host is inside. `agreed`:
    whether the authorization service has agreed to a seat, and still does.
    """

    host: Callable[[str], bool] = lambda occurrence: False
    agreed: Callable[[str, str], bool] = lambda occurrence, seat: False


def allows(question: Question, inside: Inside, now: datetime) -> bool:
    """Whether this may be, by the pass, by the door, and by whoever else has to agree. Written down either way."""
    found = _pass_of(question)
    if found is None or found.ended_at is not None or found.expires_at <= now:
        return False
    room = _STREAM.fullmatch(question.stream_id)
    if room is None or not _is_room(room[1], found.occurrence):
        # A bare name would be the same in every room.
        _write("stream.refused", found, question, now, reason="room")
        return False
    seat = found.participant or _seat_of(found)
    decision = _decide(found, seat, inside, now)
    why_not = _why_not(found, seat, question, decision, inside)
    _write("stream.refused" if why_not else "stream.allowed", found, question, now, reason=why_not or decision.reason)
    return not why_not


def end(question: Question, now: datetime) -> None:
    """A publisher has left: their pass is worth nothing any more. Nothing happens where no pass fits."""
    found = _pass_of(question)
    if found is not None and found.ended_at is None:
        with transaction.atomic():
            StreamPass.objects.filter(pk=found.pk).update(ended_at=now)
            _write("stream.ended", found, question, now)


def _pass_of(question: Question) -> StreamPass | None:
    """The pass with this token, name and password. Each is compared, whether or not an earlier one fits."""
    found = (
        StreamPass.objects.select_related(
            "occurrence__meeting", "created_by", "user", "invitation__user", "participant"
        )
        .filter(token_digest=codes.digest(question.token))
        .first()
    )
    name, password = (found.username, found.password_digest) if found is not None else ("", "0" * 64)
    fits = [
        hmac.compare_digest(name.encode(), question.username.encode()),
        hmac.compare_digest(password, codes.digest(question.password)),
    ]
    return found if all(fits) and question.token else None


def _is_room(named: str, occurrence: Occurrence) -> bool:
    meeting = occurrence.meeting
    return named.lower() == str(meeting.pk) or codes.normalise_code(named) == meeting.code


def _decide(found: StreamPass, seat: Participant | None, inside: Inside, now: datetime) -> door.Decision:
    """The one door, asked about the person of the pass with everything that is known about them now."""
    occurrence, user, invitation = found.occurrence, found.user, found.invitation
    row = selectors.visitor_row(occurrence, user=user, invitation=invitation)
    here = inside.host(str(occurrence.pk))
    facts = selectors.facts_of(
        occurrence, row=row, user=user, invitation=invitation, seat=seat, host_inside=here, now=now
    )
    return door.decide(facts)


def _why_not(
    found: StreamPass, seat: Participant | None, question: Question, decision: door.Decision, inside: Inside
) -> str:
    """The code of what stands against a stream, or ""."""
    occurrence = found.occurrence
    if not isinstance(decision, Admit):
        return decision.reason
    if not _is_good(found):
        return "maker"
    if occurrence.suspended_at is not None:
        # Whoever has a seat keeps it, hosts come in: but nobody sends and receives anything.
        return "suspended"
    if not _may(decision.capabilities, found, question):
        return "capabilities"
    # A stream server can't wait for a question of our own: only whoever is inside by the service's yes has it.
    agreed = seat is not None and inside.agreed(str(occurrence.pk), str(seat.pk))
    return "" if agreed or asked_about(occurrence.meeting) is None else "authorization"


def _is_good(found: StreamPass) -> bool:
    """One's own pass is as good as oneself. One for somebody else was a host's word, and good while they host: whoever
    is removed has seen its secrets."""
    is_own = found.user_id is not None and found.user_id == found.created_by_id
    return is_own or selectors.is_host(found.created_by, found.occurrence.meeting)


def _seat_of(found: StreamPass) -> Participant | None:
    """Their newest seat, so that a host's word to it counts here too."""
    seats = found.occurrence.participants.order_by(F("knocked_at").desc(nulls_last=True))
    if found.user is not None:
        return seats.filter(user=found.user).first()
    return seats.filter(user=None, invitation=found.invitation).first() if found.invitation is not None else None


def _may(capabilities: Capabilities, found: StreamPass, question: Question) -> bool:
    if question.kind == "subscriber":
        return True
    publishes = capabilities.speak or capabilities.show or capabilities.share
    return question.kind == "publisher" and found.may_publish and publishes


def _write(kind: str, found: StreamPass, question: Question, now: datetime, **facts: Any) -> None:
    seat = found.participant
    name = seat.name if seat is not None else found.user.name if found.user is not None else ""
    if not name and found.invitation is not None:
        name = found.invitation.name or found.invitation.email
    about = {"as": question.kind, **facts} if question.kind else facts
    if kind == "stream.refused":
        audit.record_refusal(kind, network=question.network, now=now, occurrence=found.occurrence, target=name, **about)
    else:
        audit.record(kind, occurrence=found.occurrence, target=name, network=question.network, **about)
