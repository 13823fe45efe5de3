"""The m-lines towards one receiver: what each carries, what is offered, and what of it the client takes.

m-lines are never removed: one that has lost its publisher is offered inactive first and may carry another afterwards.
One offer is in flight at a time; changes in between go into the next.
"""

import math
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Protocol

from media_engine import sdp, sdp_write
from media_engine.codecs import OPUS, VP8
from media_engine.doubling import Redundancy
from media_engine.errors import OfferRejected
from media_engine.events import OfferedTrack, UnplayableTrack
from media_engine.grants import Source
from media_engine.link import Link, LinkOwner
from media_engine.pacing import Pace
from media_engine.sdp import Description
from media_engine.sdp_write import OfferedSection
from media_engine.tracks import DownTrack, TrackKey, UpTrack
from media_engine.way import Way
from media_engine.wiring import Wiring

_LAST = 1 << 30


class SubscribeOwner(LinkOwner, Protocol):
    """What a subscribing transport needs of its session."""

    sealed: bool
    """Whether frames are sealed, so that nothing but them may be in a packet."""

    def request_key_frame(self, receiver_id: str, track: UpTrack, now: float) -> bool:
        """Ask now or as soon as allowed; False where this receiver has asked too often."""


class Lines(Link):
    """Server to client, as far as signalling goes."""

    name = "subscribe"

    def __init__(self, owner: SubscribeOwner, peer_id: str, wiring: Wiring) -> None:
        super().__init__(owner, peer_id, wiring)
        self.subscribe_owner = owner
        self.downs: list[DownTrack] = []
        self.offer_id = 0
        self.in_flight: tuple[TrackKey | None, ...] | None = None
        self.way = Way()
        self.pace = Pace(self.outlet)
        self.redundancy = Redundancy()
        self.tiles: Mapping[TrackKey, int] | None = None
        """Height in device pixels of each picture shown, most important first; None before the client has said."""
        self.decodes: AbstractSet[str] | None = None
        """The codecs of pictures that the client says it can show; None where it has not said."""
        self.unplayable: tuple[UnplayableTrack, ...] = ()
        """What it may receive and can't show."""
        self._rejected: set[tuple[TrackKey, str]] = set()
        self._places: dict[TrackKey, int] = {}
        self._offered: tuple[TrackKey | None, ...] = ()
        self._by_ssrc: dict[int, DownTrack] = {}
        self._last_ssrc = self.ssrc
        self._stride = secrets.randbits(32) | 1
        self._past: Counter[str] = Counter()

    def want(
        self,
        keys: Sequence[TrackKey],
        live: AbstractSet[TrackKey],
        unheard: AbstractSet[TrackKey],
        codecs: Mapping[TrackKey, str],
    ) -> None:
        """Carry `keys`, each on its own m-line, keeping those that are already carried where they are.

        `live`: those of which packets come; `unheard`: those of them who don't have the floor; `codecs`: in which codec
        each is. An m-line has one while it carries something. What the client can't decode is not carried.
        """
        self._rejected = {(key, codec) for key, codec in self._rejected if codecs.get(key) == codec}
        plays = {key: self._can_play(key, codecs[key]) for key in keys}
        self.unplayable = tuple(UnplayableTrack(*key, codecs[key]) for key in keys if not plays[key])
        missing = self._fitting([key for key in keys if plays[key]], live, unheard)
        for down in self.downs:
            if down.key is None:
                continue
            if down.key in missing and down.codec == codecs[down.key]:
                missing.remove(down.key)
            else:
                down.key = None
                down.disconnect()
                down.forwarder.pause()
        for key in missing:
            free = self._free(key[1].kind, codecs[key])
            if free is not None:
                free.key, free.freed = key, False

    def _can_play(self, key: TrackKey, codec: str) -> bool:
        said = self.decodes is None or codec in self.decodes or codec == OPUS
        return said and (key, codec) not in self._rejected

    def _fitting(
        self, keys: Sequence[TrackKey], live: AbstractSet[TrackKey], unheard: AbstractSet[TrackKey]
    ) -> list[TrackKey]:
        """All, or as many as there are m-lines for: half of them for sound, first of who is heard, half for pictures,
        first those that are on the screen. Whoever is carried goes before equals.
        """
        most = self.config.max_subscribe_sections // 2
        sounds, pictures = ([key for key in keys if key[1].kind == kind] for kind in ("audio", "video"))
        if len(sounds) > most or len(pictures) > most:
            carried = {down.key for down in self.downs}
            sounds.sort(key=lambda key: (key not in live, key in unheard, key not in carried))
            pictures.sort(key=lambda key: (key not in live, not self._tile_height(key), key not in carried))
        return sounds[:most] + pictures[:most]

    def _free(self, kind: str, codec: str) -> DownTrack | None:
        """An m-line for this codec: one that is free, or else another one, of which each kind has half of the most.

        Where there can be no other, one that is free changes its codec: m-lines don't run out over who tries codecs.
        """
        those = [down for down in self.downs if down.kind == kind]
        free = [down for down in those if down.key is None and down.freed]
        found = next((down for down in free if down.codec == codec), None)
        is_full = len(those) >= self.config.max_subscribe_sections // 2
        if found is None and is_full:
            found = next((down for down in free if not down.is_rejected), None)
        if found is not None:
            self._renumber(found)
            found.speak(codec)
        if found is not None or is_full:
            return found
        down = DownTrack(self, str(len(self.downs)), kind, *self._new_ssrcs())
        down.speak(codec)
        self.downs.append(down)
        self._by_ssrc[down.ssrc] = down
        return down

    def _renumber(self, down: DownTrack) -> None:
        """Fresh SSRCs for an m-line that was inactive. Chromium makes a new receive stream for it, and connects that to
        the page's track only when the SSRC has changed: with the old one it decodes frames that nobody sees.
        """
        self._past.update(_counted(down))
        self._by_ssrc.pop(down.ssrc, None)
        if self.srtp is not None:
            self.srtp.retire((down.ssrc, down.rtx_ssrc))
        down.renumber(*self._new_ssrcs())
        self._by_ssrc[down.ssrc] = down

    def _new_ssrcs(self) -> tuple[int, int]:
        """For packets, and for those that are sent again. No SSRC is given twice on a transport, nor is its own.

        Whatever counts for an SSRC is forgotten when it retires, so one that came again would have its packets
        encrypted by keys and nonces of earlier ones, which gives AES-GCM away. A walk by an odd stride comes to each of
        the 2^32 once before it comes to any again, and nothing has to be remembered.
        """
        return self._new_ssrc(), self._new_ssrc()

    def _new_ssrc(self) -> int:
        self._last_ssrc = (self._last_ssrc + self._stride) & 0xFFFFFFFF
        return self._last_ssrc or self._new_ssrc()

    @property
    def needs_offer(self) -> bool:
        """Whether the m-lines differ from what was last offered, and no offer is in flight."""
        return self.in_flight is None and tuple(down.key for down in self.downs) != self._offered

    def offer_again(self) -> None:
        """Consider nothing offered: the socket that carried the last offer may have been cut."""
        self.in_flight, self._offered = None, ()

    def make_offer(self, offer_id: int) -> tuple[str, tuple[OfferedTrack, ...]]:
        """Offer the m-lines as they are now. The offer is in flight until `accept` or the next `make_offer`.

        `offer_id` is never used twice in a session, so that an answer to a transport that has been replaced is told
        from one to its successor.
        """
        self.offer_id = offer_id
        self.sdp_version += 1
        self.in_flight = self._offered = tuple(down.key for down in self.downs)
        sections = []
        tracks = []
        is_red = self._may_be_red
        for down in self.downs:
            stream = track = ""
            if down.key is not None:
                stream, track = down.key[0], f"{down.key[0]}:{down.key[1].value}"
                tracks.append(OfferedTrack(down.mid, *down.key))
            ssrcs = down.ssrc, down.rtx_ssrc
            section = OfferedSection(down.mid, down.kind, *ssrcs, stream, track, down.codec, down.is_rejected)
            sections.append(replace(section, is_redundant=is_red and not down.video))
        text = sdp_write.offer(sections, self.local(), self.sdp_session, self.sdp_version, "-")
        return text, tuple(tracks)

    @property
    def _may_be_red(self) -> bool:
        return self.config.redundancy and not self.subscribe_owner.sealed

    def expects_answer(self, offer_id: int) -> bool:
        """Whether this offer is in flight. To read an answer costs far more than to ask."""
        return self.in_flight is not None and offer_id == self.offer_id

    def accept(self, answer: Description) -> None:
        """Take the answer to the offer in flight. Raises OfferRejected before anything has changed."""
        assert self.in_flight is not None  # noqa: S101 - it is expected
        if [section.mid for section in answer.sections] != [down.mid for down in self.downs][: len(self.in_flight)]:
            raise OfferRejected("bad_sdp", "the answer has other m-lines than the offer")
        if any(section.kind != down.kind for section, down in zip(answer.sections, self.downs, strict=False)):
            raise OfferRejected("bad_sdp", "the answer has m-lines of another kind")
        if answer.setup:
            if answer.setup != "active":
                raise OfferRejected("bad_sdp", "the client must be the active side of DTLS")
            if self.fingerprints and set(answer.fingerprints) != set(self.fingerprints):
                raise OfferRejected("bad_sdp", "the fingerprint has changed; ask for a fresh transport")
        for down, section, key in zip(self.downs, answer.sections, self.in_flight, strict=False):
            accepted = (
                section.port != 0 and section.direction in ("recvonly", "sendrecv") and self._agrees(section, down)
            )
            down.negotiated, down.is_rejected = key if accepted else None, section.is_refused
            down.takes_red = accepted and self._may_be_red and sdp_write.takes_red(section)
            down.is_red = down.takes_red and self.redundancy.is_on
            if key is not None and down.codec not in (OPUS, VP8) and not self._agrees(section, down):
                # Everybody can decode VP8 (RFC 7742, section 5): who rejects that has other reasons.
                self._rejected.add((key, down.codec))
            if down.video:
                self._number(down, section)
                number = sdp_write.RTX_PAYLOAD_TYPES[down.codec]
                rtx = section.codecs.get(number)
                down.rtx_payload_type = number if rtx is not None and rtx.name == "rtx" else -1
            if key is None and down.key is None:
                down.freed = True
        self.in_flight = None
        if answer.ufrag:
            self.ice.follow(answer.ufrag, answer.password)
        if self.state is None and answer.fingerprints:
            self.start(answer.fingerprints)

    def _number(self, down: DownTrack, section: sdp.Section) -> None:
        """Have the packets of `down` counted, if the client says which of them came."""
        counts = [sdp_write.counts(section, codec) for codec in sdp_write.accepted_codecs(section)]
        down.forwarder.numbered = self.way.numbered if counts and all(counts) else None

    @staticmethod
    def _agrees(section: sdp.Section, down: DownTrack) -> bool:
        """Whether the client kept the payload type that packets will carry."""
        expected = sdp_write.PAYLOAD_TYPES[down.codec]
        kept = [] if section.is_refused else sdp_write.accepted_codecs(section)
        return any((codec.payload_type, codec.name) == (expected, down.codec) for codec in kept)

    def show(self, tiles: Mapping[TrackKey, int]) -> bool:
        """Take what the client shows, most important first. Whether that is something else than before."""
        keys = list(tiles)
        if self.tiles == tiles and list(self.tiles) == keys:
            return False
        self.tiles = dict(tiles)
        self._places = {key: place for place, key in enumerate(keys)}
        return True

    def _tile_height(self, key: TrackKey) -> float:
        return math.inf if self.tiles is None else self.tiles.get(key, 0)

    def _place(self, down: DownTrack) -> int:
        """Its place in the order of importance; screens first while the client has said nothing."""
        key = down.key
        if key is None:
            return _LAST
        return self._places.get(key, _LAST) if self.tiles is not None else int(key[1] is not Source.SCREEN)

    def counted(self) -> Counter[str]:
        """See `Link.counted`."""
        counted = super().counted() + self._past
        counted["dropped_paced"] = self.pace.dropped
        for down in self.downs:
            counted.update(_counted(down))
        return counted


def _counted(down: DownTrack) -> dict[str, int]:
    return {
        "packets_out": down.forwarder.packets,
        "octets_out": down.forwarder.octets,
        "retransmitted": down.retransmitted,
        "nacks_in": down.nacks,
        "key_frames_asked_in": down.key_frames_asked,
        "dropped_refused": down.refused,
    }
