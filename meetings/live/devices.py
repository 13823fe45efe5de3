"""Devices in live meetings: what WHIP and WHEP clients send and are sent, in seats like everybody's.

A device has no socket; its place is taken by a `Stand`, which `live` tells what it tells sockets. Each resource of
WHIP (RFC 9725) or WHEP is a `Session`: one transport of the engine. A seat has at most one of each; when the last is
over, the seat is. Knows no HTTP and no tokens.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from media_engine import MAX_FRAGMENT_BYTES, Offered, OfferRejected, Source, TransportName, read_fragment
from meetings.live.room import Room
from meetings.live.seats import Seat
from meetings.signaling.protocol import ProtocolError
from meetings.tickets import Bearer

if TYPE_CHECKING:
    from meetings.live.office import Live

log = logging.getLogger("lintel.live")

__all__ = ["MAX_FRAGMENT_BYTES", "PUBLISH", "SUBSCRIBE", "Answered", "Devices", "Rejected", "Session", "Waits"]

PUBLISH: Final[TransportName] = "publish"
SUBSCRIBE: Final[TransportName] = "subscribe"
STANDS_SECONDS = 60.0
"""How long a device that was told to come again still stands at the door."""
OF_A_CAMERA: Final = {"audio": Source.MICROPHONE, "video": Source.CAMERA}
OF_A_SCREEN: Final = {"audio": Source.SCREEN_AUDIO, "video": Source.SCREEN}


class Rejected(Exception):
    """Why nothing was done: a stable code and words for whoever set the device up. Nothing has changed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class Waits(Exception):
    """It stands at the door, and should ask again; `reason` is the door's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Session:
    """One resource: a transport of the engine, and by whom it may be changed. `etag` names its ICE generation."""

    id: str
    transport: TransportName
    device_id: str
    stand: Stand
    ufrag: str
    sources: frozenset[Source] = frozenset()
    etag: str = field(default_factory=lambda: secrets.token_urlsafe(12))


@dataclass(frozen=True)
class Answered:
    """A new session, the SDP answer, and TURN servers as RTCIceServer dictionaries."""

    session: Session
    sdp: str
    ice_servers: list[dict[str, Any]]


class Stand:
    """Where a device's seat has its connection. Both methods are called in the middle of changes and only note."""

    def __init__(self, devices: Devices, occurrence_id: str, participant_id: str) -> None:
        self.devices = devices
        self.occurrence_id = occurrence_id
        self.participant_id = participant_id
        self.sessions: dict[TransportName, Session] = {}

    def tell(self, message: Mapping[str, Any]) -> None:
        match message:
            case {"type": "media.transport", "transport": transport, "state": "closed"}:
                session = self.sessions.get(transport)
                if session is not None:
                    self.devices.begin(self.devices.end(session))
            case {"type": "host.asked", "source": source}:
                # Nobody sits at a device who could answer: whoever set it up to send has agreed to be asked.
                self.devices.begin(self.devices.switch_on(self, Source(source)))
            case {"type": "door"}:
                self.devices.forget(self)  # sent back: the engine has forgotten it already
                self.devices.expect_again(self)

    def close(self, code: int) -> None:
        self.devices.forget(self)


class Devices:
    """Those of one `Live`."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.sessions: dict[str, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[Stand, asyncio.TimerHandle] = {}

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Does it after whatever is being done now."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        for waiting in (*self._timers.values(), *self._tasks):
            waiting.cancel()
        self.sessions.clear()

    # Coming and going

    async def publish(self, bearer: Bearer, device_id: str, offer: str, *, is_screen: bool) -> Answered:
        """Seats a device, takes its offer and switches on what it sends. Raises `Rejected` and `Waits`."""
        offered = self.check_publish(offer)
        source_of = OF_A_SCREEN if is_screen else OF_A_CAMERA
        sources = {media.mid: source_of[media.kind] for media in offered.media}
        room, seat, stand = await self._seated(bearer)
        may = seat.capabilities
        if not (may.share if is_screen else may.speak or may.show):
            await self._go(room, seat, stand)
            raise Rejected("not_allowed", "The hosts let nobody like this device be heard or seen.")
        self._drop(stand, PUBLISH)
        engine = self.live.engine
        # The same RTCPeerConnection never offers twice by POST: whatever looks like it begins anew.
        engine.close_transport(room.id, seat.id, PUBLISH)
        try:
            answer = engine.answer_publish(room.id, seat.id, offer, sources)
        except OfferRejected as rejected:
            await self._go(room, seat, stand)
            raise _rejected(rejected) from None
        session = self._open(stand, PUBLISH, device_id, offered.ufrag, frozenset(sources.values()))
        room.switch(seat, {source: source in session.sources for source in Source})
        return self._answered(session, answer)

    def check_publish(self, offer: str) -> Offered:
        """Reads an offer of a device that sends. Raises `Rejected`; asks nobody and changes nothing.

        At most one sound and one picture, and all of it or nothing (RFC 9725, sections 4.4.2 and 4.4.3).
        """
        offered = self._read(offer)
        for media in offered.media:
            if not media.sends:
                raise Rejected("unprocessable", f"{media.kind}: offer sendonly; watching is WHEP’s.")
        if len({media.kind for media in offered.media}) != len(offered.media):
            raise Rejected("unprocessable", "Offer at most one audio and one video m-line.")
        return offered

    async def watch(self, bearer: Bearer, device_id: str, offer: str) -> Answered:
        """Seats a device and begins to send it what others send. Raises `Rejected` and `Waits`."""
        offered = self.check_watch(offer)
        room, seat, stand = await self._seated(bearer)
        self._drop(stand, SUBSCRIBE)
        try:
            answer = self.live.engine.answer_subscribe(room.id, seat.id, offer)
        except OfferRejected as rejected:
            await self._go(room, seat, stand)
            raise _rejected(rejected) from None
        return self._answered(self._open(stand, SUBSCRIBE, device_id, offered.ufrag), answer)

    def check_watch(self, offer: str) -> Offered:
        """Reads an offer of a device that watches. Raises `Rejected`; asks nobody and changes nothing."""
        offered = self._read(offer)
        for media in offered.media:
            if not media.receives:
                raise Rejected("unprocessable", f"{media.kind}: offer recvonly; sending is WHIP’s.")
        return offered

    def _read(self, offer: str) -> Offered:
        try:
            offered = self.live.engine.read_offer(offer)
        except OfferRejected as rejected:
            raise _rejected(rejected) from None
        kinds = [media.kind for media in offered.media]
        if not kinds or set(kinds) - OF_A_CAMERA.keys():
            raise Rejected("unprocessable", "Offer audio and video, at least one of them, and nothing else.")
        for media in offered.media:
            if not media.is_known:
                codec = (
                    "Opus"
                    if media.kind == "audio"
                    else "VP8, VP9 or AV1 of profile 0, or H.264 with packetization-mode=1"
                )
                raise Rejected("unprocessable", f"{media.kind}: offer {codec}.")
        return offered

    async def _seated(self, bearer: Bearer) -> tuple[Room, Seat, Stand]:
        """The device inside. Raises `Waits` where it stands at the door, `Rejected` where it got no seat."""
        known = self.live.rooms.get(bearer.occurrence_id)
        there = known.seats.get(bearer.participant_id) if known is not None else None
        stand = there.connection if there is not None and isinstance(there.connection, Stand) else None
        stand = stand or Stand(self, bearer.occurrence_id, bearer.participant_id)
        self._stop_timer(stand)
        try:
            seat = await self.live.enter(bearer, stand)
        except ProtocolError as error:
            if error.code in {"busy", "try_again"}:
                raise Waits("busy") from None
            raise Rejected("refused", "The door is closed.") from None
        room = self.live.rooms.get(bearer.occurrence_id)
        if room is None or room.seats.get(seat.id) is not seat:
            raise Rejected("refused", "The door is closed.")
        if room.meeting is None or room.meeting.encryption != "transport":
            await self._go(room, seat, stand)
            raise Rejected("encrypted_room", "This meeting is end-to-end encrypted.")
        if not seat.inside:
            self.expect_again(stand)
            raise Waits(seat.wait.reason if seat.wait is not None else "knock")
        return room, seat, stand

    def _open(
        self,
        stand: Stand,
        transport: TransportName,
        device_id: str,
        ufrag: str,
        sources: frozenset[Source] = frozenset(),
    ) -> Session:
        session = Session(secrets.token_urlsafe(18), transport, device_id, stand, ufrag, sources)
        stand.sessions[transport] = self.sessions[session.id] = session
        return session

    def _answered(self, session: Session, sdp: str) -> Answered:
        return Answered(session, sdp, self.live.relay_servers(session.stand.participant_id))

    def find(self, session_id: str, transport: TransportName, device_id: str) -> Session | None:
        """A device's own session; those of others are not there for it."""
        session = self.sessions.get(session_id)
        if session is None or session.transport != transport or session.device_id != device_id:
            return None
        return session

    async def end(self, session: Session) -> None:
        """Ends one session, and the seat with the last of them: its media first. Nothing to do where it has ended."""
        stand = session.stand
        if stand.sessions.get(session.transport) is not session:
            return
        self._drop(stand, session.transport)
        room = self.live.rooms.get(stand.occurrence_id)
        seat = room.seats.get(stand.participant_id) if room is not None else None
        if room is None or seat is None or seat.connection is not stand:
            return
        self.live.engine.close_transport(room.id, seat.id, session.transport)
        if stand.sessions:
            if session.transport == PUBLISH:
                room.switch(seat, dict.fromkeys(Source, False))
            return
        await self._go(room, seat, stand)

    async def _go(self, room: Room, seat: Seat, stand: Stand) -> None:
        """Leaves, unless another session of the device goes on."""
        if not stand.sessions:
            await self.live.attempt(self.live.leave(room, seat.id, "left"), room.id)

    def _drop(self, stand: Stand, transport: TransportName) -> None:
        session = stand.sessions.pop(transport, None)
        if session is not None:
            self.sessions.pop(session.id, None)

    def forget(self, stand: Stand) -> None:
        """Its sessions are over: whatever ended the seat has ended its media."""
        self._stop_timer(stand)
        for transport in list(stand.sessions):
            self._drop(stand, transport)

    # Standing at the door

    def expect_again(self, stand: Stand) -> None:
        """Keeps a device at the door, where hosts see it, for as long as it may take to ask again."""
        self._stop_timer(stand)
        self._timers[stand] = asyncio.get_running_loop().call_later(STANDS_SECONDS, self.give_up, stand)

    def give_up(self, stand: Stand) -> None:
        """It did not come again: from now on its seat runs out like that of anybody who was cut off."""
        self._stop_timer(stand)
        self.live.lose_socket(stand.occurrence_id, stand.participant_id, stand)

    def _stop_timer(self, stand: Stand) -> None:
        timer = self._timers.pop(stand, None)
        if timer is not None:
            timer.cancel()

    # While it is inside

    async def switch_on(self, stand: Stand, source: Source) -> None:
        """A host asked for a source that this device sends."""
        session = stand.sessions.get(PUBLISH)
        room = self.live.rooms.get(stand.occurrence_id)
        seat = room.seats.get(stand.participant_id) if room is not None else None
        if room is not None and seat is not None and session is not None and source in session.sources:
            belong = {source, Source.SCREEN_AUDIO} if source is Source.SCREEN else {source}
            room.switch(seat, dict.fromkeys(belong & session.sources, True))

    def patch(self, session: Session, text: str, *, restart: bool) -> str | None:
        """Takes an SDP fragment (RFC 9725, section 4.3.1). With `restart` the ICE credentials are new on both sides:
        returns ours, and `etag` is another one. Otherwise None: candidates are learnt from checks alone.

        Raises `Rejected`.
        """
        try:
            fragment = read_fragment(text)
            if not restart:
                if fragment.ufrag not in {"", session.ufrag}:
                    raise Rejected("unprocessable", "That is another ice-ufrag: restart ICE with If-Match: *.")
                return None
            if not fragment.ufrag:
                raise Rejected("unprocessable", "An ICE restart brings a new ice-ufrag and ice-pwd.")
            stand = session.stand
            where = stand.occurrence_id, stand.participant_id, session.transport
            ours = self.live.engine.restart_ice(*where, theirs=fragment)
        except OfferRejected as rejected:
            raise _rejected(rejected) from None
        session.ufrag, session.etag = fragment.ufrag, secrets.token_urlsafe(12)
        return ours


def _rejected(error: OfferRejected) -> Rejected:
    code = {"bad_sdp": "bad_sdp", "busy": "busy"}.get(error.code, "not_allowed")
    return Rejected(code, error.message[:1].upper() + error.message[1:] + ".")
