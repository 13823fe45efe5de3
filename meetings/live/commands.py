"""What each client message does. One table; a type that is not in it does nothing.

Says who may send what by where they sit. Whether a host is a host is asked of the database again for every single
action, inside the service that stores it; what is known here only spares the database from asking for guests.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from media_engine import OfferRejected, Source
from meetings.door import COLUMN, Way
from meetings.e2ee import attestations
from meetings.live import acting, hosting, powers, storing, views
from meetings.live.files import Files
from meetings.live.office import Live
from meetings.live.room import Room
from meetings.live.seats import Seat
from meetings.live.storing import Actor
from meetings.rights import Audience, Right
from meetings.signaling.fields import decoded
from meetings.signaling.protocol import Close, Message, ProtocolError

Fields = Mapping[str, Any] | None


@dataclass(frozen=True)
class Turn:
    """One message of one seat, and where it plays."""

    live: Live
    room: Room
    seat: Seat
    message: Message

    @property
    def actor(self) -> Actor:
        return Actor(participant_id=self.seat.id)

    @property
    def target(self) -> str:
        return str(self.message["participant"])


async def act(live: Live, seat: Seat, occurrence_id: str, message: Message) -> Fields:
    """Does what a message asks for and returns what belongs into its `ok`. Raises `ProtocolError`, and then nothing
    was done.
    """
    room = live.rooms.get(occurrence_id)
    if room is None or room.seats.get(seat.id) is not seat:
        raise ProtocolError("not_inside", "this seat is closed")
    who, command = COMMANDS[message.type]
    if who != ANYWHERE and (not seat.inside or seat.id in room.expelled):
        raise ProtocolError("not_inside", "only people inside can do this")
    if who == HOSTS and not seat.is_host:
        raise ProtocolError("not_a_host", "only hosts may do this")
    return await command(Turn(live, room, seat, message))


async def _ping(turn: Turn) -> Fields:
    return None


async def _hello(turn: Turn) -> Fields:
    raise ProtocolError("wrong_state", "hello was said before")


async def _leave(turn: Turn) -> Fields:
    connection = turn.seat.connection
    try:
        await turn.live.leave(turn.room, turn.seat.id, "left")
    finally:
        # Their media and seat have gone first. If that could not be stored, they have left all the same.
        if connection is not None:
            connection.close(Close.LEFT)
    return None


async def _hand(turn: Turn) -> Fields:
    _require_plain(turn)
    _spend(turn.seat.small_bucket, turn.live.clock())
    raised = turn.message["raised"]
    if raised != (turn.seat.hand_at is not None):
        turn.seat.hand_at = datetime.now(UTC) if raised else None
        turn.room.tell_changes()
    return None


async def _reaction(turn: Turn) -> Fields:
    _require_plain(turn)
    _require_going_on(turn)
    _spend(turn.seat.small_bucket, turn.live.clock())
    turn.room.tell_everybody_inside({"type": "reaction", "participant": turn.seat.id, "emoji": turn.message["emoji"]})
    return None


async def _chat(turn: Turn) -> Fields:
    _require_plain(turn)
    _require_going_on(turn)
    if not turn.seat.capabilities.chat:
        raise ProtocolError("not_allowed", "chat is off for you")
    _spend(turn.seat.chat_bucket, turn.live.clock())
    # The server says who wrote and when; a client can't.
    turn.room.tell_everybody_inside(
        {
            "type": "chat",
            "participant": turn.seat.id,
            "name": turn.seat.person.name,
            "text": turn.message["text"],
            "at": views.time(datetime.now(UTC)),
        }
    )
    return None


async def _record(turn: Turn) -> Fields:
    """Says that this person records on their own device, or no longer does: everybody is told. What a device keeps the
    server can't see; clients record nobody who did not agree.
    """
    seat, on = turn.seat, turn.message["on"]
    _spend(seat.small_bucket, turn.live.clock())
    if on:
        _require_recording(turn)
    if on == (seat.recording_at is not None):
        return None
    if not on:
        seat.recording_at = None
        turn.room.tell_changes()
    await turn.live.database(storing.recording, seat.id, on=on)
    if on:
        # Asked again: the right may have been taken meanwhile, or everything stopped.
        _require_recording(turn)
        seat.recording_at = datetime.now(UTC)
        turn.room.tell_changes()
    return None


def _require_recording(turn: Turn) -> None:
    _not_while_suspended(turn.room)
    if not (turn.seat.inside and turn.seat.capabilities.record):
        raise ProtocolError("not_allowed", "recording is off for you")


async def _record_answer(turn: Turn) -> Fields:
    """Passes on whether somebody agrees to be recorded; only the one who records is told."""
    _require_plain(turn)
    _spend(turn.seat.small_bucket, turn.live.clock())
    recorder = turn.room.seats.get(turn.target)
    if recorder is None or not recorder.inside:
        raise ProtocolError("no_such_participant", "there is nobody of that id here")
    if recorder.recording_at is None:
        raise ProtocolError("wrong_state", "they are not recording")
    recorder.tell({"type": "record.answered", "participant": turn.seat.id, "agrees": turn.message["agrees"]})
    return None


def _not_while_suspended(room: Room) -> None:
    if room.is_suspended:
        raise ProtocolError("suspended", "everything is stopped until a host resumes")


def _require_going_on(turn: Turn) -> None:
    """What people say and pass on stops where their media do: no answer of the door is no."""
    _not_while_suspended(turn.room)
    if turn.live.clock() >= turn.seat.permitted_until:
        raise ProtocolError("try_again", "the door can't be asked now, and without its answer nothing is passed on")


def _require_plain(turn: Turn) -> None:
    """In an encrypted meeting nobody says by mistake what the server can read."""
    if turn.room.group is not None:
        raise ProtocolError("wrong_state", "this meeting is end-to-end encrypted: say it with e2ee.app")


def _spend(bucket: Any, now: float) -> None:
    if not bucket.take(now):
        raise ProtocolError("too_many", "slower, please")


async def _link_answer(turn: Turn) -> Fields:
    wish, allow = int(turn.message["wish"]), turn.message["allow"]
    async with turn.room.lock:
        await turn.live.database(storing.answer_wish, turn.seat.id, wish, allow=allow)
    return None


async def _door_admit(turn: Turn) -> Fields:
    how = {name: turn.message[name] for name in ("revision", "word", "bulk")}
    await hosting.admit(turn.live, turn.room.id, turn.actor, turn.target, **how)
    return None


async def _door_refuse(turn: Turn) -> Fields:
    message = turn.message
    await hosting.refuse(turn.live, turn.room.id, turn.actor, turn.target, note=message["note"], block=message["block"])
    return None


async def _door_message(turn: Turn) -> Fields:
    await hosting.keep_waiting(turn.live, turn.room.id, turn.actor, turn.target, turn.message["text"])
    return None


async def _door_lock(turn: Turn) -> Fields:
    await hosting.lock(turn.live, turn.room.id, turn.actor, locked=turn.message["locked"])
    return None


async def _host_door(turn: Turn) -> Fields:
    row = next(row for row, column in COLUMN.items() if column == turn.message["row"])
    await hosting.change_way(turn.live, turn.room.id, turn.actor, row, Way(turn.message["way"]))
    return None


async def _host_mute(turn: Turn) -> Fields:
    source = Source(turn.message["source"])
    await powers.mute(turn.live, turn.room.id, turn.actor, turn.target, source)
    return None


async def _host_mute_all(turn: Turn) -> Fields:
    await powers.mute_all(turn.live, turn.room.id, turn.actor, unmute=turn.message["unmute"])
    return None


async def _host_ask(turn: Turn) -> Fields:
    await powers.ask(turn.live, turn.room.id, turn.actor, turn.target, Source(turn.message["source"]))
    return None


async def _host_rights(turn: Turn) -> Fields:
    audiences = {right: Audience(turn.message[right]) for right in Right if turn.message[right]}
    if not audiences:
        raise ProtocolError("bad_field", "name at least one right")
    await powers.change_rights(turn.live, turn.room.id, turn.actor, audiences)
    return None


async def _host_person_rights(turn: Turn) -> Fields:
    words = {right: turn.message[right] for right in Right if turn.message[right] != ""}
    if not words:
        raise ProtocolError("bad_field", "name at least one right")
    await powers.give_person(turn.live, turn.room.id, turn.actor, turn.target, words)
    return None


async def _host_role(turn: Turn) -> Fields:
    await powers.set_host(turn.live, turn.room.id, turn.actor, turn.target, host=turn.message["host"])
    return None


async def _host_remove(turn: Turn) -> Fields:
    message = turn.message
    if turn.target == turn.seat.id:
        raise ProtocolError("wrong_state", "leave instead")
    await hosting.remove(turn.live, turn.room.id, turn.actor, turn.target, note=message["note"], block=message["block"])
    return None


async def _host_to_door(turn: Turn) -> Fields:
    if turn.target == turn.seat.id:
        raise ProtocolError("wrong_state", "leave instead")
    await hosting.move_to_door(turn.live, turn.room.id, turn.actor, turn.target)
    return None


async def _host_lower_hand(turn: Turn) -> Fields:
    await powers.lower_hand(turn.live, turn.room.id, turn.actor, turn.target)
    return None


async def _host_spotlight(turn: Turn) -> Fields:
    await powers.spotlight(turn.live, turn.room.id, turn.actor, turn.target, on=turn.message["on"])
    return None


async def _host_suspend(turn: Turn) -> Fields:
    await powers.suspend(turn.live, turn.room.id, turn.actor)
    return None


async def _host_resume(turn: Turn) -> Fields:
    await powers.resume(turn.live, turn.room.id, turn.actor, quiet=turn.message["quiet"])
    return None


async def _host_end(turn: Turn) -> Fields:
    await hosting.end(turn.live, turn.room.id, turn.actor)
    return None


async def _media_start(turn: Turn) -> Fields:
    _spend(turn.seat.negotiation_bucket, turn.live.clock())
    if turn.message["fresh"]:
        # A new page has switched nothing on, and records nothing. Its first publish offer replaces the old transport.
        turn.seat.recording_at = None
        turn.room.switch(turn.seat, dict.fromkeys(Source, False))
    _spend(turn.seat.small_bucket, turn.live.clock())  # others may be told that this client can't see them
    said = turn.message["decodes"]
    decodes = None if said is None else frozenset(said)
    with _EngineErrors():
        turn.live.engine.open_subscribe(turn.room.id, turn.seat.id, turn.message["fresh"], decodes)
    return {"ice_servers": turn.live.relay_servers(turn.seat.id)}


async def _media_publish(turn: Turn) -> Fields:
    capabilities = turn.seat.capabilities
    if not (capabilities.speak or capabilities.show or capabilities.share):
        raise ProtocolError("no_grant", "you may not publish anything")
    # Whoever sends something else makes everybody negotiate.
    _spend(turn.seat.negotiation_bucket, turn.live.clock())
    sources = {mid: Source(name) for mid, name in turn.message["sources"].items()}
    with _EngineErrors():
        sdp = turn.live.engine.answer_publish(turn.room.id, turn.seat.id, turn.message["sdp"], sources)
    return {"sdp": sdp}


async def _media_answer(turn: Turn) -> Fields:
    with _EngineErrors():
        turn.live.engine.accept_answer(turn.room.id, turn.seat.id, turn.message["offer"], turn.message["sdp"])
    return None


async def _media_show(turn: Turn) -> Fields:
    _spend(turn.seat.shown_bucket, turn.live.clock())
    tiles = {(tile["participant"], Source(tile["source"])): tile["height"] for tile in turn.message["tiles"]}
    with _EngineErrors():
        turn.live.engine.show(turn.room.id, turn.seat.id, tiles)
    return None


async def _media_state(turn: Turn) -> Fields:
    screen = turn.message["screen"]
    wanted = {
        Source.MICROPHONE: turn.message["microphone"],
        Source.CAMERA: turn.message["camera"],
        Source.SCREEN: screen,
        Source.SCREEN_AUDIO: screen,
    }
    if screen:
        _not_while_suspended(turn.room)
    if screen and not turn.seat.capabilities.share:
        raise ProtocolError("not_allowed", "screen sharing is off for you")
    turn.room.switch(turn.seat, wanted)
    on = turn.seat.switches.on
    # What they may not is off, and they are told so: a client that comes back after a cut says what was on before.
    return {source.value: source in on for source in (Source.MICROPHONE, Source.CAMERA, Source.SCREEN)}


async def _media_speaking(turn: Turn) -> Fields:
    """Takes what a client says of its own microphone, where packets must not: it has a part in who is heard."""
    speaking = turn.message["speaking"]
    if speaking:
        _not_while_suspended(turn.room)
        if not turn.seat.capabilities.speak:
            raise ProtocolError("not_allowed", "speaking is off for you")
        if Source.MICROPHONE not in turn.seat.open_sources():
            raise ProtocolError("wrong_state", "your microphone is off")
    _spend(turn.seat.speech_bucket, turn.live.clock())
    turn.live.engine.set_speaking(turn.room.id, turn.seat.id, speaking)
    return None


async def _media_stats(turn: Turn) -> Fields:
    _spend(turn.seat.small_bucket, turn.live.clock())
    return {"stats": turn.live.engine.report(turn.room.id, turn.seat.id)}


async def _identify(turn: Turn) -> Fields:
    """Takes a device's identity key and says what the portal attests about whoever holds it.

    A page can outlive the sign-in that it was loaded with: one account's key is never attested for another, or a guest.
    """
    if turn.room.group is None:
        raise ProtocolError("wrong_state", "this meeting is not end-to-end encrypted")
    seat, key = turn.seat, turn.message["key"]
    person = seat.person
    _spend(seat.small_bucket, turn.live.clock())
    if turn.message["account"] != person.user_id:
        raise ProtocolError("other_account", "this seat is not of the account that the key was made for")
    if seat.has_shown_identity and key != seat.identity:
        # Hosts are shown everybody at the door anew for each: a crowd there must not decide how often.
        raise ProtocolError("conflict", "a socket shows one key")
    seat.identity, seat.has_shown_identity = key, True
    credential = attestations.attest(
        room=turn.room.id, participant=seat.id, account=person.user_id, row=person.kind, name=person.name, key=key
    )
    turn.room.tell_changes()
    return {"credential": credential, "portal_key": attestations.portal_key()}


async def _word(turn: Turn) -> Fields:
    await hosting.vouch(turn.live, turn.room.id, turn.actor, turn.target, word=turn.message["word"])
    return None


async def _link(turn: Turn) -> Fields:
    generation, check = turn.message["generation"], turn.message["check"]
    await hosting.replace_link_key(turn.live, turn.room.id, turn.actor, generation=generation, check=check)
    return None


async def _in_group(turn: Turn) -> Fields:
    if turn.room.group is None:
        raise ProtocolError("wrong_state", "this meeting is not end-to-end encrypted")
    return turn.room.group.say(turn.seat, turn.message)


async def _coming(turn: Turn) -> Fields:
    """Whoever comes anew has somebody commit and everybody follow: 35 ms of each member for one small message."""
    _spend(turn.seat.coming_bucket, turn.live.clock())
    return await _in_group(turn)


async def _commit(turn: Turn) -> Fields:
    """Commits are large, and everybody follows the one that counts."""
    _spend(turn.seat.commit_bucket, turn.live.clock())
    return await _in_group(turn)


async def _sealed(turn: Turn) -> Fields:
    """A message that only members read. Its class says which right and which rate it needs."""
    if turn.message["class"] != "control":
        _require_going_on(turn)
    if turn.message["class"] in {"chat", "file"}:
        if not turn.seat.capabilities.chat:
            raise ProtocolError("not_allowed", "chat is off for you")
        _spend(turn.seat.chat_bucket, turn.live.clock())
    else:
        _spend(turn.seat.small_bucket, turn.live.clock())
    return await _in_group(turn)


async def _file_begin(turn: Turn) -> Fields:
    files = _files_to_write(turn)
    _spend(turn.seat.chat_bucket, turn.live.clock())
    return {"file": await files.begin(turn.seat.id, turn.message["size"])}


async def _file_chunk(turn: Turn) -> Fields:
    message = turn.message
    await _files_to_write(turn).add(turn.seat.id, message["file"], message["number"], decoded(message["data"]))
    return None


async def _file_read(turn: Turn) -> Fields:
    files = _files(turn)
    _require_going_on(turn)
    data = await files.read(turn.message["file"], turn.message["number"])
    return {"data": urlsafe_b64encode(data).rstrip(b"=").decode()}


async def _file_withdraw(turn: Turn) -> Fields:
    files, file = _files(turn), turn.message["file"]
    if files.owner(file) != turn.seat.id:
        if not turn.seat.is_host:
            raise ProtocolError("not_a_host", "only hosts withdraw what others pass on")
        await acting.require_host(turn.live, turn.room.id, turn.actor)
    files.withdraw(file)
    return None


def _files_to_write(turn: Turn) -> Files:
    files = _files(turn)
    _require_going_on(turn)
    if not turn.seat.capabilities.chat:
        raise ProtocolError("not_allowed", "chat is off for you")
    return files


def _files(turn: Turn) -> Files:
    """The room's files, for members of its group. Raises for everybody else."""
    room = turn.room
    if room.files is None or room.group is None:
        raise ProtocolError("wrong_state", "no sealed files are passed on in this meeting")
    if turn.seat.id not in room.group.delivery.members:
        raise ProtocolError("not_allowed", "you are not in the group")
    return room.files


class _EngineErrors:
    """Turns the engine's refusals into the protocol's codes."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, OfferRejected):
            code = error.code if error.code in {"bad_sdp", "no_grant", "busy", "wrong_state"} else "bad_sdp"
            raise ProtocolError(code, error.message) from None


ANYWHERE, INSIDE, HOSTS = "anywhere", "inside", "hosts"

COMMANDS: Mapping[str, tuple[str, Callable[[Turn], Awaitable[Fields]]]] = {
    "hello": (ANYWHERE, _hello),
    "ping": (ANYWHERE, _ping),
    "leave": (ANYWHERE, _leave),
    "link.answer": (ANYWHERE, _link_answer),
    "hand": (INSIDE, _hand),
    "reaction": (INSIDE, _reaction),
    "chat": (INSIDE, _chat),
    "record": (INSIDE, _record),
    "record.answer": (INSIDE, _record_answer),
    "media.start": (INSIDE, _media_start),
    "media.publish": (INSIDE, _media_publish),
    "media.answer": (INSIDE, _media_answer),
    "media.show": (INSIDE, _media_show),
    "media.state": (INSIDE, _media_state),
    "media.speaking": (INSIDE, _media_speaking),
    "media.stats": (INSIDE, _media_stats),
    "door.admit": (HOSTS, _door_admit),
    "door.refuse": (HOSTS, _door_refuse),
    "door.message": (HOSTS, _door_message),
    "door.lock": (HOSTS, _door_lock),
    "host.door": (HOSTS, _host_door),
    "host.mute": (HOSTS, _host_mute),
    "host.mute_all": (HOSTS, _host_mute_all),
    "host.ask": (HOSTS, _host_ask),
    "host.rights": (HOSTS, _host_rights),
    "host.person_rights": (HOSTS, _host_person_rights),
    "host.role": (HOSTS, _host_role),
    "host.remove": (HOSTS, _host_remove),
    "host.to_door": (HOSTS, _host_to_door),
    "host.lower_hand": (HOSTS, _host_lower_hand),
    "host.spotlight": (HOSTS, _host_spotlight),
    "host.suspend": (HOSTS, _host_suspend),
    "host.resume": (HOSTS, _host_resume),
    "host.end": (HOSTS, _host_end),
    "e2ee.identify": (ANYWHERE, _identify),
    "e2ee.word": (HOSTS, _word),
    "e2ee.link": (HOSTS, _link),
    "e2ee.hello": (INSIDE, _coming),
    "e2ee.created": (INSIDE, _in_group),
    "e2ee.commit": (INSIDE, _commit),
    "e2ee.decline": (INSIDE, _in_group),
    "e2ee.applied": (INSIDE, _in_group),
    "e2ee.nack": (INSIDE, _coming),
    "e2ee.resume": (INSIDE, _coming),
    "e2ee.app": (INSIDE, _sealed),
    "file.begin": (INSIDE, _file_begin),
    "file.chunk": (INSIDE, _file_chunk),
    "file.read": (INSIDE, _file_read),
    "file.withdraw": (INSIDE, _file_withdraw),
}
