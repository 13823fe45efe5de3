"""The subscribing transport of a peer that offers: so many m-lines, and no signalling that could change them (WHEP).

Nothing is mixed. Each sound of the offer carries one voice, the loudest first; each picture a shared screen, or else
the camera of who speaks. What takes another's place goes on under the same SSRC, as if its sender had switched.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from media_engine import sdp_write
from media_engine.errors import OfferRejected
from media_engine.events import UnplayableTrack
from media_engine.grants import Source
from media_engine.lines import SubscribeOwner
from media_engine.sdp import Description, Section
from media_engine.sdp_write import AnsweredSection
from media_engine.subscribe import SubscribeLink
from media_engine.tracks import DownTrack, TrackKey
from media_engine.voices import Stage
from media_engine.wiring import Wiring


class WatchLink(SubscribeLink):
    """Server to a client that has offered to receive. `choose_speakers` wants to be asked a few times a second."""

    def __init__(self, owner: SubscribeOwner, peer_id: str, wiring: Wiring) -> None:
        super().__init__(owner, peer_id, wiring)
        self._heard: frozenset[TrackKey] = frozenset()
        self._speaker: frozenset[TrackKey] = frozenset()
        self._payload_types: dict[DownTrack, dict[str, tuple[int, int]]] = {}
        """Of each m-line by codec: what packets carry, and what is sent again, or -1."""
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
                again = any(rtx >= 0 for _, rtx in self._payload_types[down].values())
                answered[section.mid] = AnsweredSection(down.ssrc, down.rtx_ssrc if again else 0)
        if not answered:
            raise OfferRejected("bad_sdp", "there is no m-line on which anything can be sent")
        self._voices = Stage(sum(not down.video for down in self.downs))
        self.sdp_version += 1
        text = sdp_write.watch_answer(offer, answered, self.local(), self.sdp_session, self.sdp_version)
        self.ice.follow(offer.ufrag, offer.password)
        self.start(offer.fingerprints)
        return text

    def _add(self, section: Section) -> DownTrack | None:
        codecs = sdp_write.accepted_codecs(section)
        if section.is_refused or not codecs or section.direction not in ("recvonly", "sendrecv"):
            return None
        down = DownTrack(self, section.mid, section.kind, *self._new_ssrcs())
        types = self._payload_types[down] = {}
        for codec in codecs:
            rtx = section.find_rtx(codec) if down.video else None
            types[codec.name] = codec.payload_type, rtx.payload_type if rtx is not None else -1
        self._speak(down, codecs[0].name)
        self._number(down, section)
        self.downs.append(down)
        self._by_ssrc[down.ssrc] = down
        return down

    def _speak(self, down: DownTrack, codec: str) -> None:
        down.codec = codec
        down.forwarder.payload_type, down.rtx_payload_type = self._payload_types[down][codec]

    @property
    def needs_offer(self) -> bool:
        """Never: there is nobody to take one."""
        return False

    def choose_speakers(self, loudness: Mapping[TrackKey, float], now: float) -> bool:
        """Take how loud the microphones are that this peer may have. Whether others are heard or seen than before."""
        before = self._heard, self._speaker
        self._heard, self._speaker = self._voices.choose(loudness, now), self._floor.choose(loudness, now)
        return (self._heard, self._speaker) != before

    def want(
        self,
        keys: Sequence[TrackKey],
        live: AbstractSet[TrackKey],
        unheard: AbstractSet[TrackKey],
        codecs: Mapping[TrackKey, str],
    ) -> None:
        """Carry, of `keys`, what matters most now. Whatever still does stays on its m-line."""
        carried = {down.key for down in self.downs}
        speakers = {publisher for publisher, _ in self._speaker}

        def sound(key: TrackKey) -> tuple[bool, bool]:
            return key not in self._heard and key[1] is Source.MICROPHONE, key not in carried

        def picture(key: TrackKey) -> tuple[bool, bool, bool]:
            return key[1] is not Source.SCREEN, key[0] not in speakers, key not in carried

        known = {codec for types in self._payload_types.values() for codec in types}
        kinds = {down.kind for down in self.downs}
        self.unplayable = tuple(
            UnplayableTrack(*key, codecs[key]) for key in keys if codecs[key] not in known and key[1].kind in kinds
        )
        present = [key for key in keys if key in live and codecs[key] in known]
        self._assign("audio", sorted((key for key in present if key[1].kind == "audio"), key=sound), codecs)
        self._assign("video", sorted((key for key in present if key[1].kind == "video"), key=picture), codecs)

    def _assign(self, kind: str, keys: Sequence[TrackKey], codecs: Mapping[TrackKey, str]) -> None:
        downs = [down for down in self.downs if down.kind == kind]
        missing = list(keys[: len(downs)])
        free = []
        for down in downs:
            if down.key in missing and down.codec == codecs[down.key]:
                missing.remove(down.key)
            else:
                free.append(down)
        for down in free:
            if down.key is not None:
                down.disconnect()
            key = next((one for one in missing if codecs[one] in self._payload_types[down]), None)
            if key is not None:
                missing.remove(key)
                self._speak(down, codecs[key])
            down.key = down.negotiated = key
