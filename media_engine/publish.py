"""The publishing transport of one peer: from a decrypted packet to the canonical one that every receiver is sent.

Learns which SSRC belongs to which m-line, unwraps retransmissions, drops duplicates, keeps the reports and requests
that a browser needs in order to send well. Whether anybody may have the packet is not decided here: `UpTrack.downs`
says it.
"""

import struct
from collections.abc import Mapping
from typing import Protocol

from media_engine import rtcp, sdp, sdp_write
from media_engine.errors import OfferRejected
from media_engine.fanout import absolute_send_time
from media_engine.feedback import FeedbackRecorder
from media_engine.grants import Source
from media_engine.link import Link, LinkOwner
from media_engine.packet_cache import Packet
from media_engine.rtp import RtpHeader, decode_extensions
from media_engine.sdp import Description, Section
from media_engine.srtp import receive_buffer
from media_engine.tracks import UpTrack
from media_engine.vp8 import decode_descriptor
from media_engine.wiring import Wiring

# Fixed header and extension block of every packet that receivers get: abs-send-time, and for sound the level of it.
_PLAIN = struct.Struct("!BBHIIHHB3s")
_LEVELLED = struct.Struct("!BBHIIHHB3sBBH")
_SEND_TIME_ELEMENT = sdp_write.ABSOLUTE_SEND_TIME_ID << 4 | 2
_LEVEL_ELEMENT = sdp_write.AUDIO_LEVEL_ID << 4
_MAX_REQUESTS = 64


class PublishOwner(LinkOwner, Protocol):
    """What a publishing transport needs of its session."""

    def on_first_packet(self, track: UpTrack) -> None:
        """A silent track has a packet; afterwards `track.downs` must be right for it."""

    def on_silence(self, track: UpTrack) -> None:
        """A live track has had no packet for `config.source_silent_after_seconds`."""


class PublishLink(Link):
    """Client to server."""

    name = "publish"
    takes_rtp = True

    def __init__(self, owner: PublishOwner, peer_id: str, wiring: Wiring) -> None:
        super().__init__(owner, peer_id, wiring)
        self.publish_owner = owner
        self.tracks: dict[str, UpTrack] = {}
        self.remote_session = ""
        self.remote_ufrag = ""
        self._by_ssrc: dict[int, tuple[UpTrack, bool]] = {}
        self._header = RtpHeader()
        self._mid_id = 0
        self._sequence_id = 0
        self._feedback = FeedbackRecorder()
        self._feedback_due_at = 0.0
        self._report_due_at = 0.0

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
        ended = [track for mid, track in self.tracks.items() if mid not in wanted or wanted[mid][1] != track.key[1]]
        for track in ended:
            self._drop(track)
        for mid, (section, source) in wanted.items():
            self._take(mid, section, source)
        self.sdp_version += 1
        receiving = frozenset(wanted)
        text = sdp_write.answer(offer, receiving, self.local(), self.sdp_session, self.sdp_version)
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
        for uri in (sdp.MID, sdp.TRANSPORT_SEQUENCE):
            numbers = {section.extensions[uri] for section, _ in wanted.values() if uri in section.extensions}
            if len(numbers) > 1:
                raise OfferRejected("bad_sdp", "bundled m-lines number their header extensions differently")
        return wanted

    def _take(self, mid: str, section: Section, source: Source) -> None:
        track = self.tracks.get(mid)
        if track is None:
            track = self.tracks[mid] = UpTrack((self.peer_id, source), mid)
        codec = sdp_write.accepted_codec(section)
        if codec is None:
            return
        rtx = section.find_rtx(codec)
        track.payload_type = codec.payload_type
        track.rtx_payload_type = rtx.payload_type if rtx else -1
        track.audio_level_id = section.extensions.get(sdp.AUDIO_LEVEL, 0)
        self._mid_id = section.extensions.get(sdp.MID, self._mid_id)
        self._sequence_id = section.extensions.get(sdp.TRANSPORT_SEQUENCE, self._sequence_id)
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
        del self.tracks[track.mid]
        track.downs = ()
        for ssrc in [ssrc for ssrc, (owner, _) in self._by_ssrc.items() if owner is track]:
            del self._by_ssrc[ssrc]

    def on_rtp(self, size: int, now: float) -> None:
        """Route one packet: feedback, track, retransmission, duplicate, then out to whoever may have it."""
        view, header = receive_buffer, self._header
        try:
            header.read(view, size)
        except ValueError:
            self.dropped["rtp"] += 1
            return
        extensions = decode_extensions(view, header)
        sequence = extensions.get(self._sequence_id)
        if sequence is not None and len(sequence) == 2:
            self._feedback.record(sequence[0] << 8 | sequence[1], now)
        bound = self._by_ssrc.get(header.ssrc) or self._learn(header, extensions)
        if bound is None:
            self.dropped["ssrc"] += 1
            return
        track, is_rtx = bound
        if not (self._unwrap(header, track) if is_rtx else self._belongs(header, track)):
            return
        extended = track.log.add(header.sequence, now)
        if extended is None:
            return
        if not is_rtx:
            track.log.measure_jitter(header.timestamp, now)
        track.last_packet_at = now
        track.packets += 1
        track.octets += header.payload_end - header.payload_start
        if not track.live:
            self.publish_owner.on_first_packet(track)
        if track.downs:
            self._forward(track, extended, header, extensions, now)
        elif track.video and track.key_frame_wanted and self._starts_key_frame(header):
            track.key_frame_wanted = False
        if track.log.has_gaps:
            self._request_missing(track, now)

    def _learn(self, header: RtpHeader, extensions: dict[int, bytes]) -> tuple[UpTrack, bool] | None:
        """Which track an unknown SSRC belongs to, by its mid extension and payload type."""
        mid = extensions.get(self._mid_id)
        track = self.tracks.get(mid.decode("ascii", "replace")) if mid else None
        if track is None:
            return None
        is_rtx = header.payload_type == track.rtx_payload_type
        if not is_rtx and header.payload_type != track.payload_type:
            return None
        return (track, is_rtx) if self._bind(header.ssrc, track, is_rtx=is_rtx) else None

    def _belongs(self, header: RtpHeader, track: UpTrack) -> bool:
        """Whether a packet on a media SSRC has the payload type that was agreed; a new SSRC starts the track anew."""
        if header.payload_type != track.payload_type:
            self.dropped["rtp"] += 1
            return False
        if header.ssrc != track.ssrc:
            track.bind(header.ssrc)
            track.key_frame_wanted = track.video
        return True

    @staticmethod
    def _unwrap(header: RtpHeader, track: UpTrack) -> bool:
        """Turn the header of a retransmission into that of the original (RFC 4588). False: nothing is inside."""
        if header.payload_type != track.rtx_payload_type or header.payload_end - header.payload_start < 2:
            return False  # padding, with which browsers probe for bandwidth
        if not track.ssrc:
            return False
        start = header.payload_start
        header.sequence = receive_buffer[start] << 8 | receive_buffer[start + 1]
        header.payload_start = start + 2
        return True

    @staticmethod
    def _starts_key_frame(header: RtpHeader) -> bool:
        try:
            return decode_descriptor(receive_buffer, header.payload_start, header.payload_end).key_frame_start
        except ValueError:
            return False

    def _forward(
        self, track: UpTrack, sequence: int, header: RtpHeader, extensions: dict[int, bytes], now: float
    ) -> None:
        """Make the canonical packet, keep it for retransmission, fan it out."""
        start, end = header.payload_start, header.payload_end
        sent_at = absolute_send_time(now)
        payload = receive_buffer[start:end]
        if not track.video:
            second = header.marker << 7 | sdp_write.OPUS_PAYLOAD_TYPE
            level = extensions.get(track.audio_level_id)
            if level is not None and len(level) == 1:
                head = _LEVELLED.pack(
                    0x90, second, 0, 0, 0, 0xBEDE, 2, _SEND_TIME_ELEMENT, sent_at, _LEVEL_ELEMENT, level[0], 0
                )
            else:
                head = _PLAIN.pack(0x90, second, 0, 0, 0, 0xBEDE, 1, _SEND_TIME_ELEMENT, sent_at)
            packet = Packet(sequence, header.timestamp, b"".join((head, payload)), len(head))
        else:
            second = header.marker << 7 | sdp_write.VP8_PAYLOAD_TYPE
            head = _PLAIN.pack(0x90, second, 0, 0, 0, 0xBEDE, 1, _SEND_TIME_ELEMENT, sent_at)
            packet = Packet(sequence, header.timestamp, b"".join((head, payload)), len(head))
            if start < end:
                self._read_descriptor(track, packet, start, end)
        track.cache.add(packet)
        self.fan_out.collect(packet, track, now)

    def _read_descriptor(self, track: UpTrack, packet: Packet, start: int, end: int) -> None:
        try:
            descriptor = decode_descriptor(receive_buffer, start, end)
        except ValueError:
            self.dropped["rtp"] += 1
            return
        head = packet.payload_start
        packet.key_frame_start = descriptor.key_frame_start
        packet.picture_id = descriptor.picture_id
        packet.picture_id_bits = descriptor.picture_id_bits
        packet.picture_id_offset = head + descriptor.picture_id_offset
        packet.tl0 = descriptor.tl0
        packet.tl0_offset = head + descriptor.tl0_offset if descriptor.tl0_offset else 0
        if descriptor.key_frame_start:
            track.key_frame_wanted = False

    def on_rtcp(self, item: rtcp.Item, now: float) -> None:
        """Sender reports are handed on with each receiver's numbers and the publisher's clock, so lips stay in sync."""
        if isinstance(item, rtcp.SenderReport):
            track, is_rtx = self._by_ssrc.get(item.ssrc, (None, True))
            if track is not None and not is_rtx and item.ssrc == track.ssrc:
                track.sender_report, track.report_arrived_at = item, now
                for down in track.downs:
                    down.wants_report = True

    def request_key_frame(self, track: UpTrack, now: float) -> None:
        """Ask for a key frame now, or as soon as the last request is old enough. It is asked for until one arrives."""
        track.key_frame_wanted = True
        self._request_wanted_key_frame(track, now)

    def _request_wanted_key_frame(self, track: UpTrack, now: float) -> None:
        due_at = track.key_frame_asked_at + self.config.key_frame_interval_seconds
        if track.ssrc and now >= due_at and self.srtp is not None:
            track.key_frame_asked_at = now
            self.send_rtcp(rtcp.picture_loss(self.ssrc, track.ssrc))

    def _request_missing(self, track: UpTrack, now: float) -> None:
        due = track.log.due_requests(now)
        if due:
            self.send_rtcp(rtcp.nack(self.ssrc, track.ssrc, due[:_MAX_REQUESTS]))

    def close(self, *, farewell: bool = True) -> None:
        """End the transport; what it has received and not yet sent on goes to nobody."""
        for track in self.tracks.values():
            track.downs = ()
        super().close(farewell=farewell)

    def tick(self, now: float) -> None:
        """Everything that is due: key-frame requests, NACKs, feedback, receiver reports, silence."""
        super().tick(now)
        if self.srtp is None:
            return
        for track in tuple(self.tracks.values()):
            if track.key_frame_wanted and track.downs:
                self._request_wanted_key_frame(track, now)
            if track.log.has_gaps:
                self._request_missing(track, now)
            if track.live and now - track.last_packet_at > self.config.source_silent_after_seconds:
                self.publish_owner.on_silence(track)
        if now >= self._feedback_due_at:
            self._feedback_due_at = now + self.config.feedback_interval_seconds
            media = next((track.ssrc for track in self.tracks.values() if track.ssrc), 0)
            for packet in self._feedback.take(self.ssrc, media):
                self.send_rtcp(packet)
        if now >= self._report_due_at:
            self._report_due_at = now + self.config.receiver_report_interval_seconds
            self._report(now)

    def _report(self, now: float) -> None:
        blocks = []
        for track in self.tracks.values():
            if not track.packets or not track.ssrc:
                continue
            last_report = delay = 0
            if track.sender_report is not None:
                last_report = track.sender_report.ntp_time >> 16 & 0xFFFFFFFF
                delay = int((now - track.report_arrived_at) * 65536)
            blocks.append(rtcp.report_block(track.ssrc, track.log.report(), last_report, delay))
        if blocks:
            self.send_rtcp(rtcp.receiver_report(self.ssrc, blocks[:31]))
