"""Everything that meetings keep about one person, found by their addresses and by their account. Reads only.

Whoever came by a meeting's own link is known by the name that they typed and nothing else: of them nothing is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from django.db.models import Q, QuerySet

from meetings import chain
from meetings.audit.details import folded, raw_body
from meetings.audit.words import sentence
from meetings.models import (
    AuditDetail,
    Block,
    DoorException,
    EmailCode,
    Invitation,
    Meeting,
    Occurrence,
    Participant,
    SecondDevice,
    StreamPass,
)

BATCH: Final = 500


@dataclass(frozen=True)
class Person:
    """Somebody by the addresses that are theirs, in lower case, and by their account if there is one."""

    addresses: frozenset[str]
    account: Any = None

    def of(self, column: str = "user") -> Q:
        """Rows that name the account in `column`; none for somebody without one."""
        return Q(**{column: self.account}) if self.account is not None else Q(pk__in=[])


class Traces:
    """The rows about a person. Read anew with each use, but for the entries of the audit log, which are looked
    through once.
    """

    def __init__(self, person: Person) -> None:
        self.person = person

    @property
    def invitations(self) -> QuerySet[Invitation]:
        found = Invitation.objects.filter(Q(email__in=self.person.addresses) | self.person.of())
        return found.select_related("occurrence__meeting").order_by("created_at", "pk")

    @property
    def seats(self) -> QuerySet[Participant]:
        found = Participant.objects.filter(self._theirs() | self._came_by_address())
        return found.select_related("occurrence__meeting").order_by("occurrence__starts_at", "pk")

    @property
    def exceptions(self) -> QuerySet[DoorException]:
        return DoorException.objects.filter(Q(email__in=self.person.addresses) | self.person.of())

    @property
    def blocks(self) -> QuerySet[Block]:
        return Block.objects.filter(self._theirs())

    @property
    def passes(self) -> QuerySet[StreamPass]:
        return StreamPass.objects.filter(self._theirs() | Q(participant__in=self.seats.values("pk")))

    def _came_by_address(self) -> Q:
        """Seats of people with the meeting's link who showed that one of the addresses is theirs."""
        proved = self.given.exclude(used_at=None)
        theirs = Q(device__in=proved.values("device"), occurrence__in=proved.values("occurrence"))
        return theirs & Q(invitation=None, user=None)

    @property
    def given(self) -> QuerySet[EmailCode]:
        """Codes that were asked for by giving one of the addresses at a door."""
        return EmailCode.objects.filter(email__in=self.person.addresses)

    def _theirs(self) -> Q:
        return Q(invitation__in=self.invitations.order_by().values("pk")) | self.person.of()

    @cached_property
    def entries(self) -> tuple[int, ...]:
        """Numbers of the entries of the audit log that are by them or about them, by address, account, link or seat."""
        marks = {folded(address) for address in self.person.addresses}
        for rows in (self.invitations, self.seats):
            marks |= {str(key) for key in rows.values_list("pk", flat=True)}
        if self.person.account is not None:
            marks.add(str(self.person.account.pk))
        found = self._candidates().exclude(body="").exclude(entry__kind=chain.ERASED).order_by("entry_id")
        return tuple(detail.pk for detail in found.iterator(BATCH) if _names(raw_body(detail), marks))

    def _candidates(self) -> QuerySet[AuditDetail]:
        """Details that may name them: whatever is about meetings they had to do with, or holds an address or the
        account.
        """
        inside = Meeting.objects.filter(
            Q(occurrences__invitations__in=self.invitations.order_by().values("pk"))
            | Q(occurrences__participants__in=self.seats.order_by().values("pk"))
        )
        found = Q(meeting__in=inside.values("pk")) | self.person.of("actor")
        for mark in (*self.person.addresses, *([str(self.person.account.pk)] if self.person.account else ())):
            found |= Q(body__icontains=chain.canonical(mark))
        return AuditDetail.objects.filter(found)

    def details(self) -> Iterator[AuditDetail]:
        """The entries with what telling them needs, in order."""
        for start in range(0, len(self.entries), BATCH):
            some = AuditDetail.objects.filter(pk__in=self.entries[start : start + BATCH])
            yield from some.select_related("entry", "meeting", "actor").order_by("entry_id")

    def counts(self) -> Mapping[str, int]:
        return {
            "invitations": self.invitations.count(),
            "seats": self.seats.count(),
            "exceptions": self.exceptions.count() + self.blocks.filter(lifted_at=None).count(),
            "entries": len(self.entries),
        }


def _names(value: Any, marks: set[str]) -> bool:
    """Whether one of the marks stands anywhere in a body, as a whole value."""
    if isinstance(value, Mapping):
        return any(_names(part, marks) for part in value.values())
    if isinstance(value, list):
        return any(_names(part, marks) for part in value)
    return isinstance(value, str) and folded(value) in marks


def told(traces: Traces) -> Iterator[tuple[str, Iterable[Mapping[str, Any]]]]:
    """Each section of the file about a person, with its rows as `chain.plain` takes them."""
    yield "invitations", (_invitation(one) for one in traces.invitations.iterator(BATCH))
    yield "at_the_door_and_inside", (_seat(one) for one in traces.seats.iterator(BATCH))
    yield "exceptions", (_exception(one) for one in traces.exceptions.select_related("meeting"))
    yield "blocks", (_block(one) for one in traces.blocks.select_related("occurrence__meeting"))
    yield "stream_passes", (_pass(one) for one in traces.passes.select_related("occurrence__meeting"))
    yield "audit_log", (_entry(one) for one in traces.details())


def _meeting(occurrence: Occurrence) -> dict[str, Any]:
    return {"meeting": occurrence.meeting_id, "title": occurrence.meeting.title, "starts_at": occurrence.starts_at}


def _picked(row: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _invitation(one: Invitation) -> dict[str, Any]:
    own = ("email", "name", "created_at", "sent_at", "opened_at", "claimed_at", "claimed_network", "claimed_device")
    return {
        **_meeting(one.occurrence),
        **_picked(one, *own, "asked_again_at", "revoked_at"),
        "other_devices": [
            _picked(device, "device", "network", "seen_at", "asked_at", "answer")
            for device in SecondDevice.objects.filter(invitation=one)
        ],
        "codes_mailed": [
            _picked(code, "created_at", "used_at", "tries", "device")
            for code in EmailCode.objects.filter(invitation=one)
        ],
    }


def _seat(one: Participant) -> dict[str, Any]:
    own = ("kind", "state", "name", "device", "network", "knocked_at", "let_in_at", "verified_at", "refused_until")
    stays = [_picked(stay, "entered_at", "left_at") for stay in one.stays.all()]
    return {**_meeting(one.occurrence), **_picked(one, *own, "note", "refused_by", "host_message"), "stays": stays}


def _exception(one: DoorException) -> dict[str, Any]:
    return {"meeting": one.meeting_id, "title": one.meeting.title, **_picked(one, "email", "way", "set_at")}


def _block(one: Block) -> dict[str, Any]:
    return {**_meeting(one.occurrence), **_picked(one, "device", "created_at", "lifted_at", "removed")}


def _pass(one: StreamPass) -> dict[str, Any]:
    return {**_meeting(one.occurrence), **_picked(one, "username", "created_at", "expires_at", "may_publish")}


def _entry(detail: AuditDetail) -> dict[str, Any]:
    entry = detail.entry
    found: dict[str, Any] = {"number": entry.number, "at": entry.at, "kind": entry.kind, "text": sentence(entry)}
    body = raw_body(detail) or {}
    return {**found, "network": detail.network, "facts": body.get("facts", {})}
