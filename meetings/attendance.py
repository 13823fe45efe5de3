"""Who was inside an occurrence, and when. Reads what the seats' services noted; knows no pages.

A person may have several seats (two devices) and several stays (left and came back). What overlaps is counted once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from meetings.models import Invitation, Occurrence, Participant, Stay


@dataclass(frozen=True)
class Span:
    """From coming in until leaving; `left_at` is None for somebody who is inside now."""

    entered_at: datetime
    left_at: datetime | None

    def length(self, now: datetime) -> timedelta:
        return max((self.left_at or now) - self.entered_at, timedelta())


@dataclass(frozen=True)
class Attendee:
    """One person with every time they were inside, in order and without overlap. `email` is "" where none is known."""

    key: str
    name: str
    email: str
    kind: Participant.Kind
    spans: tuple[Span, ...]
    is_device: bool = False
    """A machine by WHIP or WHEP, not a person."""

    @property
    def entered_at(self) -> datetime:
        return self.spans[0].entered_at

    @property
    def left_at(self) -> datetime | None:
        return self.spans[-1].left_at

    def total(self, now: datetime) -> timedelta:
        return sum((span.length(now) for span in self.spans), timedelta())


def attended(occurrence: Occurrence) -> list[Attendee]:
    """Everybody who was inside, in the order in which they first came in."""
    stays = Stay.objects.filter(participant__occurrence=occurrence)
    found: dict[str, list[Stay]] = {}
    for stay in stays.select_related("participant__user", "participant__invitation"):
        found.setdefault(_key(stay.participant), []).append(stay)
    people = [_attendee(key, theirs) for key, theirs in found.items()]
    return sorted(people, key=lambda one: (one.entered_at, one.key))


def absent(occurrence: Occurrence, attendees: Iterable[Attendee]) -> list[Invitation]:
    """Who is invited and was not inside."""
    came = {one.key for one in attendees}
    invited = occurrence.invitations.filter(revoked_at=None).select_related("user")
    return [one for one in invited if _keys(one).isdisjoint(came)]


def _key(seat: Participant) -> str:
    """What makes seats one person's: the account, else the invitation; by the meeting's link everybody is a new one."""
    if seat.user_id is not None:
        return f"account {seat.user_id}"
    return f"invitation {seat.invitation_id}" if seat.invitation_id is not None else f"seat {seat.pk}"


def _keys(invitation: Invitation) -> set[str]:
    return {f"invitation {invitation.pk}", f"account {invitation.user_id}"}


def _attendee(key: str, stays: list[Stay]) -> Attendee:
    seat = stays[-1].participant
    user: Any = seat.user
    email = user.email if user is not None else seat.invitation.email if seat.invitation is not None else ""
    spans = merged(Span(stay.entered_at, stay.left_at) for stay in stays)
    name, kind = user.name if user is not None else seat.name, Participant.Kind(seat.kind)
    return Attendee(key, name, email, kind, spans, seat.room_device_id is not None)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same times without overlap, in order."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda one: one.entered_at):
        last = found[-1] if found else None
        if last is None or (last.left_at is not None and last.left_at < span.entered_at):
            found.append(span)
        elif last.left_at is not None and (span.left_at is None or span.left_at > last.left_at):
            found[-1] = Span(last.entered_at, span.left_at)
    return tuple(found)
