"""Every message there is, as docs/protocol.md states it: what a client may send, what we write to it. Tables only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from meetings.signaling import group_messages
from meetings.signaling.fields import (
    Field,
    boolean,
    encoded,
    list_of,
    maybe,
    number_in_text,
    object_of,
    one_of,
    prose,
    sdp,
    sources,
    text,
    whole,
)

MAX_CHAT_LENGTH: Final = 4_000
MAX_NOTE_LENGTH: Final = 300

REACTIONS: Final = ("👍", "👏", "😂", "😮", "❤️", "🎉")
MUTABLE_SOURCES: Final = ("microphone", "camera", "screen")
RIGHTS: Final = ("speak", "show", "share", "chat", "record")
AUDIENCES: Final = ("everyone", "signed_in", "hosts")
ROWS: Final = ("listed", "colleagues", "guests", "anyone")
WAYS: Final = ("walks_in", "knocks", "turned_away")

CODECS: Final = ("vp8", "vp9", "av1", "h264")
MAX_TILES: Final = 200
TILE: Final = object_of(participant=text(1, 64), source=one_of(("camera", "screen")), height=whole(1, 8192))

PARTICIPANT: Final = Field(text(1, 64))
WORD: Final = Field(encoded(1, group_messages.MAX_WORD_BYTES), default=None)
NOTE: Final = Field(prose(0, MAX_NOTE_LENGTH), default="")

# Every message that a client may send. A type that is not here does not exist.
CLIENT_MESSAGES: Final[Mapping[str, Mapping[str, Field]]] = MappingProxyType(
    {
        "hello": {"protocol": Field(whole(1, 1_000)), "ticket": Field(text(1, 128))},
        "ping": {},
        "leave": {},
        "link.answer": {"wish": Field(number_in_text), "allow": Field(boolean)},
        "hand": {"raised": Field(boolean)},
        "reaction": {"emoji": Field(one_of(REACTIONS))},
        "chat": {"text": Field(prose(1, MAX_CHAT_LENGTH))},
        "record": {"on": Field(boolean)},
        "record.answer": {"participant": PARTICIPANT, "agrees": Field(boolean)},
        "door.admit": {
            "participant": PARTICIPANT,
            "revision": Field(whole(0, 2**31), default=0),
            "bulk": Field(boolean, default=False),
            "word": WORD,
        },
        "door.refuse": {"participant": PARTICIPANT, "block": Field(boolean, default=False), "note": NOTE},
        "door.message": {"participant": PARTICIPANT, "text": Field(prose(0, MAX_NOTE_LENGTH))},
        "door.lock": {"locked": Field(boolean)},
        "host.door": {"row": Field(one_of(ROWS)), "way": Field(one_of(WAYS))},
        "host.mute": {"participant": PARTICIPANT, "source": Field(one_of(MUTABLE_SOURCES))},
        "host.mute_all": {"unmute": Field(boolean, default=True)},
        "host.ask": {"participant": PARTICIPANT, "source": Field(one_of(MUTABLE_SOURCES))},
        "host.rights": {right: Field(one_of(AUDIENCES), default="") for right in RIGHTS},
        "host.person_rights": {
            "participant": PARTICIPANT,
            **{right: Field(maybe(boolean), default="") for right in RIGHTS},
        },
        "host.role": {"participant": PARTICIPANT, "host": Field(boolean)},
        "host.remove": {"participant": PARTICIPANT, "block": Field(boolean, default=True), "note": NOTE},
        "host.to_door": {"participant": PARTICIPANT},
        "host.lower_hand": {"participant": PARTICIPANT},
        "host.spotlight": {"participant": PARTICIPANT, "on": Field(boolean)},
        "host.suspend": {},
        "host.resume": {"quiet": Field(boolean, default=False)},
        "host.end": {},
        "media.start": {
            "fresh": Field(boolean),
            "decodes": Field(maybe(list_of(len(CODECS), one_of(CODECS))), default=None),
        },
        "media.publish": {"sdp": Field(sdp), "sources": Field(sources)},
        "media.answer": {"offer": Field(whole(0, 2**31)), "sdp": Field(sdp)},
        "media.show": {"tiles": Field(list_of(MAX_TILES, TILE))},
        "media.state": {
            "microphone": Field(boolean),
            "camera": Field(boolean),
            "screen": Field(boolean, default=False),
        },
        "media.speaking": {"speaking": Field(maybe(boolean))},
        "media.stats": {},
        **group_messages.CLIENT_MESSAGES,
    }
)

# Every message that the server sends, with the fields that are always there. Clients ignore fields they don't know.
SERVER_MESSAGES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "ok": frozenset({"id"}),
        "error": frozenset({"id", "code", "message"}),
        "door": frozenset(
            {"participant", "reason", "until", "knocked_at", "title", "starts_at", "hosts", "host_here", "message"}
            | {"place", "inside", "capacity"}
        ),
        "refused": frozenset({"reason", "until", "note", "by", "at"}),
        "room": frozenset({"you", "meeting", "capabilities", "people", "waiting", "now"}),
        "link.asked": frozenset({"wish", "network", "at", "until"}),
        "person": frozenset({"person"}),
        "gone": frozenset({"participant", "why", "by"}),
        "waiting": frozenset({"waiting", "answered"}),
        "meeting": frozenset({"meeting", "by"}),
        "capabilities": frozenset({"capabilities", "by"}),
        "muted": frozenset({"source", "by"}),
        "host.asked": frozenset({"source", "by"}),
        "authorization": frozenset({"outcome", "reason", "participant", "name", "track", "of"}),
        "turned_away": frozenset({"tries", "history"}),
        "without_link": frozenset({"guests", "page"}),
        "reaction": frozenset({"participant", "emoji"}),
        "chat": frozenset({"participant", "name", "text", "at"}),
        "record.answered": frozenset({"participant", "agrees"}),
        "media.offer": frozenset({"offer", "sdp", "tracks"}),
        "media.transport": frozenset({"transport", "state"}),
        "media.unplayable": frozenset({"tracks"}),
        "media.unseen": frozenset({"sources"}),
        "media.speakers": frozenset({"speakers"}),
        **group_messages.SERVER_MESSAGES,
    }
)
MEETING_FIELDS: Final = frozenset(
    {"title", "organisation", "code", "starts_at", "ends_at", "started_at", "encryption", "locked", "suspended"}
    | {"mics_start_off", "door", "rights", "capacity", "link_key", "largest_file"}
)
PERSON_FIELDS: Final = frozenset(
    {"participant", "name", "kind", "host", "guest", "provenance", "email", "entered_at", "connected", "microphone"}
    | {"camera", "screen", "hand", "cautions", "link", "identity", "organiser", "capabilities", "recording", "device"}
    | {"unseen", "spotlight"}
)
WAITING_FIELDS: Final = frozenset(
    {"participant", "name", "kind", "provenance", "email", "knocked_at", "reason", "cautions", "connected", "link"}
    | {"identity", "place", "device", "revision"}
)
ERROR_CODES: Final = frozenset(
    {"bad_json", "bad_type", "bad_field", "too_large", "too_many", "not_inside", "not_a_host", "not_allowed"}
    | {"no_such_participant", "wrong_state", "suspended", "limited", "organiser", "bad_sdp", "no_grant", "busy"}
    | {"try_again", "conflict", "flagged", "full", "no_such_file", "other_account", "changed"}
)
