"""A device at the door: the facts about it, and what is stored when it comes.

A host who made a token said with it that this device walks in: that is an exception for it alone, within what the
organisation allows for guests, and it holds while they host. It stays out with its maker. Everything else (lock,
opening time, host inside, capacity, removals, blocks) is asked as for people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from meetings import door, selectors
from meetings.devices.models import RoomDevice
from meetings.models import Occurrence, Participant
from meetings.register import Proofs, Register
from meetings.rights import Own
from meetings.services import door as door_services


@dataclass(frozen=True)
class Arrival:
    """The door's answer, and the seat that was stored; None where it refused."""

    decision: door.Decision
    participant: Participant | None


def facts(
    occurrence: Occurrence,
    device: RoomDevice,
    *,
    seat: Participant | None,
    host_inside: bool,
    now: datetime,
    register: Register | None = None,
) -> door.Facts:
    """What the door needs to know about a device. It is a guest whom no mail reaches."""
    found = selectors.facts_for(
        occurrence,
        row=door.Row.GUEST,
        user=None,
        invitation=None,
        participant=seat,
        device=device.key,
        host_inside=host_inside,
        now=now,
        register=register,
    )
    maker = device.created_by
    known = register or Register(occurrence)
    is_taken_back = device.revoked_at is not None or device.occurrence_id != occurrence.pk
    by = maker.name if maker is not None else ""
    return replace(
        found,
        revoked=is_taken_back or _is_shut_out(maker, known),
        exception=door.Way.WALKS_IN if known.is_host(maker) else None,
        own=_within_its_rights(found.own, device),
        settled={**found.settled, "exception": door.Settled(device.created_at, by)},
    )


def _is_shut_out(maker: Any, known: Register) -> bool:
    """Whether it would be an eye and an ear of somebody who must not be here: whose account has ended, who is blocked,
    or who was removed and has not been let in again."""
    if maker is None or not maker.is_active:
        return True
    themselves = Proofs(frozenset({maker.pk}), frozenset(), "")
    was_removed = any(seat.must_knock for seat in known.same_person(themselves))
    return bool(known.blocks(themselves)) or (was_removed and not known.is_host(maker))


def _within_its_rights(own: Own, device: RoomDevice) -> Own:
    """A host's word inside gives a device nothing that its token doesn't have. It neither writes nor records.

    Whoever made the token of a screen has said that it shares; a host's no inside counts all the same.
    """
    if not device.may_publish:
        return Own(speak=False, show=False, share=False, chat=False, record=False)
    return replace(own, share=device.is_screen and own.share is not False, chat=False, record=False)


def arrive(device: RoomDevice, *, network: str, host_inside: bool, now: datetime) -> Arrival:
    """Ask the door about a device, and store that it came."""
    occurrence = Occurrence.objects.select_related("meeting", *selectors.WITH_NAMES).get(pk=device.occurrence_id)
    seat = Participant.objects.filter(occurrence=occurrence, room_device=device).first()
    decision = door.decide(facts(occurrence, device, seat=seat, host_inside=host_inside, now=now))
    stored = door_services.arrive(
        occurrence,
        row=door.Row.GUEST,
        user=None,
        invitation=None,
        device=device.key,
        name=device.name,
        network=network,
        session_key="",
        decision=decision,
        now=now,
        room_device=device,
    )
    return Arrival(decision, None if isinstance(decision, door.Refuse) else stored)
