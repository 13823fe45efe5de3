"""What is written to sockets: the objects of docs/protocol.md, made from seats and facts.

Decides what each kind of reader sees: people outside learn nothing about who is inside, and only hosts see addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from media_engine import Source, Unplayable, Unseen
from meetings.door import Capabilities
from meetings.live.facts import MeetingFacts
from meetings.live.seats import Asked, LinkUse, Seat


def time(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def capabilities(those: Capabilities) -> dict[str, bool]:
    return {
        "speak": those.speak,
        "show": those.show,
        "share": those.share,
        "chat": those.chat,
        "record": those.record,
        "host": those.host,
    }


def meeting(facts: MeetingFacts) -> dict[str, Any]:
    return {
        "title": facts.title,
        "organisation": facts.organisation,
        "code": facts.code,
        "starts_at": time(facts.starts_at),
        "ends_at": time(facts.ends_at),
        "started_at": time(facts.started_at),
        "encryption": facts.encryption,
        "link_key": facts.link_key,
        "largest_file": facts.largest_file,
        "locked": facts.locked_at is not None,
        "suspended": {"at": time(facts.suspended_at), "by": facts.suspended_by} if facts.suspended_at else None,
        "mics_start_off": facts.mics_start_off,
        "capacity": facts.capacity,
        "door": dict(facts.door),
        "rights": dict(facts.rights),
    }


def cautions(seat: Seat) -> list[str]:
    """What hosts should know about a seat whatever its name is."""
    return [
        *(["link_in_use"] if seat.person.link is not None else []),
        *(["not_verified"] if seat.person.unproved else []),
        *(["two_networks"] if len(seat.networks) > 1 and seat.person.invitation_id else []),
    ]


def link_use(link: LinkUse | None) -> dict[str, Any] | None:
    """The two devices of one personal link, for hosts."""
    if link is None:
        return None
    return {
        "first_network": link.first_network,
        "first_at": time(link.first_at),
        "second_network": link.second_network,
        "second_at": time(link.second_at),
        "asks": link.asks,
        "denied": link.denied,
    }


def asked(wish: Asked | None) -> dict[str, Any]:
    """The question to whoever uses a personal link that another device asks for; without a wish, that nobody asks."""
    if wish is None:
        return {"type": "link.asked", "wish": None, "network": None, "at": None, "until": None}
    return {
        "type": "link.asked",
        "wish": str(wish.wish),
        "network": wish.network,
        "at": time(wish.at),
        "until": time(wish.until),
    }


def person(seat: Seat, all_cautions: list[str] | None) -> dict[str, Any]:
    """Somebody who is inside. Cautions (None) and addresses are for hosts; the switches say what may be forwarded."""
    for_host = all_cautions is not None
    sources = seat.open_sources()
    who = seat.person
    return {
        "participant": seat.id,
        "name": who.name,
        "kind": who.kind,
        "host": seat.capabilities.host,
        "organiser": who.organiser,
        "guest": who.is_guest,
        "device": who.is_device,
        "provenance": who.provenance_for_hosts if for_host else who.provenance,
        "email": who.email if for_host else None,
        "entered_at": time(who.entered_at),
        "connected": seat.connection is not None,
        "microphone": Source.MICROPHONE in sources,
        "camera": Source.CAMERA in sources,
        "screen": Source.SCREEN in sources,
        "hand": time(seat.hand_at),
        "recording": time(seat.recording_at),
        "spotlight": seat.spotlit_by,
        "cautions": all_cautions,
        "link": link_use(who.link) if for_host else None,
        "identity": seat.identity if for_host else None,
        "capabilities": capabilities(seat.capabilities) if for_host else None,
        "unseen": seat.unseen if for_host and who.is_device else None,
    }


def waiting(seat: Seat, all_cautions: list[str]) -> dict[str, Any]:
    """Somebody at the door, as hosts see them."""
    return {
        "participant": seat.id,
        "revision": seat.person.revision,
        "name": seat.person.name,
        "kind": seat.person.kind,
        "device": seat.person.is_device,
        "provenance": seat.person.provenance_for_hosts,
        "email": seat.person.email,
        "knocked_at": time(seat.person.knocked_at),
        "reason": seat.wait.reason if seat.wait else "knock",
        "place": seat.wait.place if seat.wait else None,
        "cautions": all_cautions,
        "link": link_use(seat.person.link),
        "connected": seat.connection is not None,
        "identity": seat.identity,
    }


def door(seat: Seat, facts: MeetingFacts, *, host_here: bool, inside: int) -> dict[str, Any]:
    """What somebody at the door is told. Title, time and hosts only for people who may know of the meeting; how many
    are `inside` only for those who wait for a place.
    """
    wait = seat.wait
    full = wait is not None and wait.reason == "full"
    knows = seat.person.may_know
    return {
        "type": "door",
        "participant": seat.id,
        "reason": wait.reason if wait else "knock",
        "until": time(wait.until) if wait else None,
        "knocked_at": time(seat.person.knocked_at),
        "title": facts.title if knows else None,
        "starts_at": time(facts.starts_at) if knows else None,
        "hosts": list(facts.hosts) if knows else None,
        "host_here": host_here,
        "message": seat.person.host_message or None,
        "place": wait.place if wait else None,
        "inside": inside if full else None,
        "capacity": facts.capacity if full else None,
    }


def room(
    seat: Seat,
    facts: MeetingFacts,
    people: Iterable[Seat],
    queue: list[dict[str, Any]],
    all_cautions: Mapping[str, list[str]],
) -> dict[str, Any]:
    """Everything that somebody inside knows."""
    host = seat.is_host
    in_order = sorted(people, key=lambda other: (time(other.person.entered_at) or "", other.id))
    return {
        "type": "room",
        "you": seat.id,
        "meeting": meeting(facts),
        "capabilities": capabilities(seat.capabilities),
        "people": [person(other, all_cautions[other.id] if host else None) for other in in_order],
        "waiting": queue if host else None,
        "now": time(datetime.now(UTC)),
    }


def gone(participant_id: str, why: str, by: str | None) -> dict[str, Any]:
    return {"type": "gone", "participant": participant_id, "why": why, "by": by}


def refused(
    reason: str, *, at: datetime, until: datetime | None = None, note: str | None = None, by: str | None = None
) -> dict[str, Any]:
    return {"type": "refused", "reason": reason, "until": time(until), "note": note or None, "by": by, "at": time(at)}


def answered(seat_or_person: Seat, by: str, answer: str) -> dict[str, Any]:
    return {"participant": seat_or_person.id, "name": seat_or_person.person.name, "by": by, "answer": answer}


def authorization(
    outcome: str,
    *,
    reason: str,
    participant: str | None = None,
    name: str | None = None,
    track: str | None = None,
    owner: str | None = None,
) -> dict[str, Any]:
    """What an authorization service said, or did not say, about one person, or (None) to anybody."""
    return {
        "type": "authorization",
        "outcome": outcome,
        "reason": reason or None,
        "participant": participant,
        "name": name,
        "track": track,
        "of": owner,
    }


def unplayable(event: Unplayable) -> dict[str, Any]:
    """Whose pictures somebody's client can't decode."""
    tracks = [
        {"participant": track.publisher_id, "source": track.source.value, "codec": track.codec}
        for track in event.tracks
    ]
    return {"type": "media.unplayable", "tracks": tracks}


def unseen(event: Unseen) -> dict[str, Any]:
    """By how many somebody isn't seen. Not by whom: that is told to nobody."""
    sources = [{"source": one.source.value, "codec": one.codec, "people": one.receivers} for one in event.sources]
    return {"type": "media.unseen", "sources": sources}
