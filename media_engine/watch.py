"""The subscribing transport of a peer that offers: so many m-lines, and no signalling that could change them (WHEP).

Nothing is mixed. Each sound of the offer carries one voice, the loudest first; each picture a shared screen, or else
the camera of who speaks. What takes another's place goes on under the same SSRC, as if its sender had switched.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from media_engine import sdp_write
from media_engine.errors import OfferRejected
from media_engine.grants import Source
from media_engine.sdp import Description, Section
from media_engine.sdp_write import AnsweredSection
from media_engine.subscribe import SubscribeLink, SubscribeOwner
from media_engine.tracks import DownTrack, TrackKey
from media_engine.voices import Stage
from media_engine.wiring import Wiring


class WatchLink(SubscribeLink):
    """Server to a client that has offered to receive. `choose_speakers` wants to be asked a few times a second."""

    def __init__(self, owner: SubscribeOwner, peer_id: str, wiring: Wiring) -> None:
        super().__init__(owner, peer_id, wiring)
        self._heard: frozenset[TrackKey] = frozenset()
        self._speaker: frozenset[TrackKey] = frozenset()
        self._voices = Stage(0)
        self._floor = Stage(1)

    def apply(self, offer: Description) -> str:
        """Take the m-lines of `offer` and begin. Returns the SDP answer. Raises OfferRejected; then close it."""
        if offer.setup not in ("actpass", "active"):
            raise OfferRejected("bad_sdp", "the offer must let the client be the active side of DTLS")
        answered = {}
        for section in offer.sections:
            down = self._add(section)
            if down is not None:
                answered[section.mid] = AnsweredSection(down.ssrc, down.rtx_ssrc if down.rtx_payload_type >= 0 else 0)
        if not answered:
            raise OfferRejected("bad_sdp", "there is no m-line on which anything can be sent")
        self._voices = Stage(sum(not down.video for down in self.downs))
        self.sdp_version += 1
        text = sdp_write.watch_answer(offer, answered, self.local(), self.sdp_session, self.sdp_version)
        self.start(offer.fingerprints)
        return text

    def _add(self, section: Section) -> DownTrack | None:
        codec = sdp_write.accepted_codec(section)
        if section.is_refused or codec is None or section.direction not in ("recvonly", "sendrecv"):
            return None
        down = DownTrack(self, section.mid, section.kind, *self._new_ssrcs())
        down.payload_type = codec.payload_type
        rtx = section.find_rtx(codec) if down.video else None
        down.rtx_payload_type = rtx.payload_type if rtx is not None else -1
        self.downs.append(down)
        self._by_ssrc[down.ssrc] = down
        return down

    @property
    def needs_offer(self) -> bool:
        """Never: there is nobody to take one."""
        return False

    def choose_speakers(self, loudness: Mapping[TrackKey, float], now: float) -> bool:
        """Take how loud the microphones are that this peer may have. Whether others are heard or seen than before."""
        before = self._heard, self._speaker
        self._heard, self._speaker = self._voices.choose(loudness, now), self._floor.choose(loudness, now)
        return (self._heard, self._speaker) != before

    def want(self, keys: Sequence[TrackKey], live: AbstractSet[TrackKey]) -> None:
        """Carry, of `keys`, what matters most now. Whatever still does stays on its m-line."""
        carried = {down.key for down in self.downs}
        speakers = {publisher for publisher, _ in self._speaker}

        def sound(key: TrackKey) -> tuple[bool, bool]:
            return key not in self._heard and key[1] is Source.MICROPHONE, key not in carried

        def picture(key: TrackKey) -> tuple[bool, bool, bool]:
            return key[1] is not Source.SCREEN, key[0] not in speakers, key not in carried

        present = [key for key in keys if key in live]
        self._assign("audio", sorted((key for key in present if key[1].kind == "audio"), key=sound))
        self._assign("video", sorted((key for key in present if key[1].kind == "video"), key=picture))

    def _assign(self, kind: str, keys: Sequence[TrackKey]) -> None:
        downs = [down for down in self.downs if down.kind == kind]
        missing = list(keys[: len(downs)])
        free = []
        for down in downs:
            if down.key in missing:
                missing.remove(down.key)
            else:
                free.append(down)
        for down in free:
            if down.key is not None:
                down.disconnect()
            down.key = down.negotiated = missing.pop(0) if missing else None
