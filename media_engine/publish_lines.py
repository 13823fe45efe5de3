"""The m-lines of one publisher: what each carries, how it is answered, and which SSRC belongs to which.

Of a picture in several encodings (simulcast, RFC 8853) only the packets say which SSRC is which: see `publish.py`.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from media_engine import sdp, sdp_write
from media_engine.errors import OfferRejected
from media_engine.grants import Source
from media_engine.link import Link, LinkOwner
from media_engine.rtp import PacketReader
from media_engine.sdp import Description, Section
from media_engine.tracks import UpTrack
from media_engine.wiring import Wiring


class PublishOwner(LinkOwner, Protocol):
    """What a publishing transport needs of its session."""

    sealed: bool
    """Whether nobody on the way, we included, shall learn more of what is said than that it is said."""

    def on_first_packet(self, track: UpTrack) -> None:
        """A silent track has a packet; afterwards `track.downs` must be right for it."""

    def on_silence(self, track: UpTrack) -> None:
        """A live track has had no packet for `config.source_silent_after_seconds`."""


class PublishLines(Link):
    """Client to server, as far as signalling goes."""

    name = "publish"

    def __init__(self, owner: PublishOwner, peer_id: str, wiring: Wiring) -> None:
        super().__init__(owner, peer_id, wiring)
        self.publish_owner = owner
        self.tracks: dict[tuple[str, str], UpTrack] = {}
        self.remote_session = ""
        self.remote_ufrag = ""
        self._by_ssrc: dict[int, tuple[UpTrack, bool]] = {}
        self._by_payload_type: dict[int, str] = {}
        """Mids of m-lines of which nothing else tells the packets."""
        self._header = PacketReader()
        self._mid_id = self._rid_id = self._repaired_rid_id = 0

    def continues(self, offer: Description) -> bool:
        """Whether `offer` comes from the same RTCPeerConnection, so that association and tracks live on."""
        same = offer.session == self.remote_session and set(offer.fingerprints) == set(self.fingerprints)
        return same and self.state != "closed"

    def apply(self, offer: Description, sources: Mapping[str, Source]) -> tuple[str, list[UpTrack]]:
        """Take the m-lines of `offer`. Returns the SDP answer and the tracks that have ended.

        Raises OfferRejected before anything has changed. `sources` says what each sending mid carries; a mid without a
        source is answered inactive.
        """
        wanted = self._wanted(offer, sources)
        if offer.setup not in ("actpass", "active"):
            raise OfferRejected("bad_sdp", "the offer must let the client be the active side of DTLS")
        if self.remote_ufrag and offer.ufrag != self.remote_ufrag:
            self.restart_ice()
        self.remote_ufrag, self.remote_session = offer.ufrag, offer.session
        self.ice.follow(offer.ufrag, offer.password)
        ended = [track for track in self.tracks.values() if not _goes_on(track, wanted.get(track.mid))]
        for track in ended:
            self._drop(track)
        for mid, (section, source) in wanted.items():
            self._take(mid, section, source)
        self._by_payload_type = _unnamed([section for section, _ in wanted.values()])
        self.sdp_version += 1
        receiving = frozenset(wanted)
        redundant = frozenset(mid for mid in wanted if self._red_of(*wanted[mid]) is not None)
        text = sdp_write.answer(
            offer,
            receiving,
            self.local(),
            self.sdp_session,
            self.sdp_version,
            pauses=not self.publish_owner.sealed,
            redundant=redundant,
        )
        if self.state is None:
            self.start(offer.fingerprints)
        return text, ended

    def _wanted(self, offer: Description, sources: Mapping[str, Source]) -> dict[str, tuple[Section, Source]]:
        wanted: dict[str, tuple[Section, Source]] = {}
        taken: set[Source] = set()
        sections = {section.mid: section for section in offer.sections}
        for mid, source in sources.items():
            section = sections.get(mid)
            if section is None:
                raise OfferRejected("bad_sdp", "a source names an m-line that is not in the offer")
            if section.kind != source.kind:
                raise OfferRejected("bad_sdp", f"{source.value} needs an m-line of kind {source.kind}")
            if source in taken:
                raise OfferRejected("bad_sdp", f"{source.value} is offered twice")
            taken.add(source)
            if section.sends and sdp_write.accepted_codec(section) is not None:
                wanted[mid] = (section, source)
        for uri in (sdp.MID, sdp.RID, sdp.REPAIRED_RID, sdp.TRANSPORT_SEQUENCE, sdp.AUDIO_LEVEL):
            numbers = {section.extensions[uri] for section, _ in wanted.values() if uri in section.extensions}
            if len(numbers) > 1:
                raise OfferRejected("bad_sdp", "bundled m-lines number their header extensions differently")
        return wanted

    def _red_of(self, section: Section, source: Source) -> sdp.Codec | None:
        """In which payload type a voice may come with redundancy, which doubles its rate."""
        opus = sdp_write.accepted_codec(section)
        wanted = source is Source.MICROPHONE and self.config.redundancy
        return section.find_red(opus) if wanted and opus is not None else None

    def _take(self, mid: str, section: Section, source: Source) -> None:
        codec = sdp_write.accepted_codec(section)
        if codec is None:
            return
        rtx, red_codec = section.find_rtx(codec), self._red_of(section, source)
        rids = sdp_write.accepted_rids(section)
        for rid in rids:
            track = self.tracks.get((mid, rid))
            if track is None:
                track = self.tracks[mid, rid] = UpTrack((self.peer_id, source), mid, rid)
            track.payload_type, track.codec = codec.payload_type, codec.name
            track.rtx_payload_type = rtx.payload_type if rtx else -1
            track.red_payload_type = red_codec.payload_type if red_codec is not None else -1
            track.is_repeated = track.video or sdp_write.repeats(section, codec)
        header, extensions = self._header, section.extensions
        self._mid_id = extensions.get(sdp.MID, self._mid_id)
        self._rid_id = extensions.get(sdp.RID, self._rid_id)
        self._repaired_rid_id = extensions.get(sdp.REPAIRED_RID, self._repaired_rid_id)
        header.number_extensions(
            extensions.get(sdp.TRANSPORT_SEQUENCE, header.sequence_id), extensions.get(sdp.AUDIO_LEVEL, header.level_id)
        )
        if rids != ("",):
            return  # which SSRC is which encoding only the packets say
        track = self.tracks[mid, ""]
        for ssrc, rtx_ssrc in section.ssrcs.items():
            self._bind(ssrc, track, is_rtx=False)
            if rtx_ssrc is not None and rtx is not None:
                self._bind(rtx_ssrc, track, is_rtx=True)

    def _bind(self, ssrc: int, track: UpTrack, *, is_rtx: bool) -> bool:
        """Route `ssrc` to `track`, unless it is taken."""
        if ssrc in self._by_ssrc:
            return False
        self._by_ssrc[ssrc] = (track, is_rtx)
        return True

    def _drop(self, track: UpTrack) -> None:
        del self.tracks[track.mid, track.rid]
        track.feed(())
        for ssrc in [ssrc for ssrc, (owner, _) in self._by_ssrc.items() if owner is track]:
            del self._by_ssrc[ssrc]


def _unnamed(sections: list[Section]) -> dict[int, str]:
    """The mids of m-lines without SSRCs and mid extension, by payload types of theirs alone (RFC 9143, section 9.2).

    GStreamer offers so what it passes on, having seen nothing of it yet.
    """
    counted = Counter(number for section in sections for number in section.codecs)
    unnamed = (section for section in sections if not section.ssrcs and sdp.MID not in section.extensions)
    return {number: section.mid for section in unnamed for number in section.codecs if counted[number] == 1}


def _goes_on(track: UpTrack, wanted: tuple[Section, Source] | None) -> bool:
    """Whether the client still sends this encoding, as what it was."""
    if wanted is None:
        return False
    section, source = wanted
    return source == track.key[1] and track.rid in sdp_write.accepted_rids(section)
