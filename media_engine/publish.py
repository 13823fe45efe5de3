"""The publishing transport of one peer: from a decrypted packet to the canonical one that every receiver is sent.

Learns which SSRC belongs to which m-line, unwraps retransmissions and redundancy (RED), drops duplicates, keeps the
reports and requests that a browser needs in order to send well. Whether anybody may have the packet is not decided
here: `UpTrack.downs` says it.
"""

import math
import struct
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from media_engine import native, red, rtcp, sdp_write
from media_engine.fanout import absolute_send_time
from media_engine.feedback import FeedbackRecorder
from media_engine.packet import begins_key_frame
from media_engine.publish_lines import PublishLines, PublishOwner
from media_engine.records import Packet, Slot
from media_engine.rtp import PacketReader, decode_extensions
from media_engine.srtp import SrtpPair
from media_engine.tracks import UpTrack
from media_engine.wiring import Wiring

# Fixed header and extension block of every packet that receivers get: abs-send-time, for sound the level of it, and for
# pictures room for how long they are to wait (`waiting.py`), which is padding until somebody writes there.
_PLAIN: Final = struct.Struct("!BBHIIHHB3s")
_SHOWN: Final = struct.Struct("!BBHIIHHB3s4x")
_LEVELLED: Final = struct.Struct("!BBHIIHHB3sBBH")
_SEND_TIME_ELEMENT: Final = sdp_write.ABSOLUTE_SEND_TIME_ID << 4 | 2
_LEVEL_ELEMENT: Final = sdp_write.AUDIO_LEVEL_ID << 4
_inner: Final[Any] = native.inner
_PICTURE: Final = -2
"""What the inner loop in C is given in place of a sound's level: it is a picture."""
_Taken = tuple[list[Packet], int, int, list[tuple[int, int, int, float]], str | None]
"""What the loop in C has taken: see `inner.take`."""
_MAX_REQUESTS: Final = 64
_METER_SECONDS: Final = 0.5


class PublishLink(PublishLines):
    """Client to server."""

    takes_rtp = True

    def __init__(self, owner: PublishOwner, peer_id: str, wiring: Wiring) -> None:
        super().__init__(owner, peer_id, wiring)
        self._blocks: tuple[red.Block, ...] = ()
        """Of the last packet that was RED."""
        self._metered_at = 0.0
        self._sent_at, self._send_time = math.nan, b""  # no time is that one
        self._feedback = FeedbackRecorder()
        self._feedback_due_at = 0.0
        self._report_due_at = 0.0

    def on_rtp(self, srtp: SrtpPair, slots: Sequence[Slot], now: float) -> None:
        """Decrypt and route packets: feedback, track, retransmission, duplicate, then out to whoever may have them."""
        is_quick = _inner is not None and srtp.opener is not None and self.fan_out.trace is None
        heard: Slot | None = None
        at = 0
        while at < len(slots):
            if is_quick:
                at += self._take_run(srtp, slots, at, now)
                if at == len(slots):
                    break
            if self._take_slot(srtp, slots[at], now):
                heard = slots[at]
            at += 1
        if heard is not None:
            self.hear(heard, now)

    def _take_run(self, srtp: SrtpPair, slots: Sequence[Slot], at: int, now: float) -> int:
        """Take from `at` on what goes on with a stream, packet by packet, by the loop in C. How many slots that were.

        As `_take_slot` and `_take_packet` do, where nothing is to be decided.
        """
        ssrc = slots[at].ssrc
        bound = self._by_ssrc.get(ssrc)
        if bound is None or bound[1]:
            return 0
        track, header, feedback = bound[0], self._header, self._feedback
        log = track.log
        if track.ssrc != ssrc or not track.live or not track.downs or not log.has_begun:
            return 0
        # fmt: off
        found: _Taken = _inner.take(
            srtp.opener, slots, at, ssrc, track.payload_type, log.highest + 1, header.sequence_id, header.level_id,
            sdp_write.PAYLOAD_TYPES[track.codec], track.codec, now, log.timestamp,
            feedback.arrivals, feedback.following,
        )
        # fmt: on
        packets, octets, recorded, noted, refused = found
        if packets:
            log.follow(len(packets))
            feedback.follow(recorded)
            for timestamp, number, level, arrived_at in noted:
                if number >= 0:
                    feedback.record(number, arrived_at)
                if timestamp != log.timestamp:
                    log.measure_jitter(timestamp, arrived_at)
                if not track.video:
                    track.hear(level, now)
            if track.video:
                track.hear(-1, now, len(packets))
            track.octets += octets
            self._pass_on(packets, track, now)
            self.hear(slots[at + len(packets) - 1], now)
        if refused is None:
            return len(packets)
        self.dropped[refused] += 1
        return len(packets) + 1

    def _take_slot(self, srtp: SrtpPair, slot: Slot, now: float) -> bool:
        """Decrypt and route one packet. Whether it was the peer's."""
        header, view, ssrc, trace = self._header, slot.view, slot.ssrc, self.fan_out.trace
        is_new = ssrc not in self._ssrcs
        if is_new and not self._may_add_ssrc():
            return False
        try:
            size = header.open(srtp, slot.place, view, slot.size)
        except ValueError:
            self._ssrcs.add(ssrc)
            self.dropped["rtp"] += 1
            return False
        if not size:
            self.dropped["srtp"] += 1
            return False
        if is_new:
            self._ssrcs.add(ssrc)
        arrived_at = now - slot.waited_seconds
        if trace is not None and trace.session is self.session:
            trace.note(arrived_at, "in", self.peer_id, view, size)
        if header.transport_sequence >= 0:
            self._feedback.record(header.transport_sequence, arrived_at)
        bound = self._by_ssrc.get(ssrc) or self._learn(view, header)
        if bound is None:
            self.dropped["ssrc"] += 1
            return True
        track, is_rtx = bound
        if self._unwrap(view, header, track) if is_rtx else self._belongs(view, header, track):
            self._take_packet(view, track, header, now, None if is_rtx else arrived_at)
        return True

    def _take_packet(
        self, view: memoryview, track: UpTrack, header: PacketReader, now: float, arrived_at: float | None
    ) -> None:
        """Forward a packet of `track`, unless it was here before. `arrived_at` is None for a retransmission."""
        log = track.log
        sequence = log.add(header.sequence, now)
        if sequence is None:
            return
        if arrived_at is None or sequence == log.repaired:
            track.repaired += 1
        elif header.timestamp != log.timestamp:
            log.measure_jitter(header.timestamp, arrived_at)
        track.hear(header.audio_level, now)
        track.octets += header.payload_end - header.payload_start
        if not track.live:
            self.publish_owner.on_first_packet(track)
        if header.payload_type == track.red_payload_type:
            self._take_redundancy(view, track, sequence, header, now)
        if track.downs or track.key_frame_wanted:
            self._pass_on([self._canonical(view, track, sequence, header, now)], track, now)
        elif log.missing and now >= log.due_at:
            self._request_missing(track, now)

    def _pass_on(self, packets: list[Packet], track: UpTrack, now: float) -> None:
        """Keep `packets` of `track` for whoever may have them, and send them; ask for what is missing between them."""
        if track.key_frame_wanted and any([begins_key_frame(packet) for packet in packets]):
            track.key_frame_wanted = False
        if track.downs:
            track.cache.add(packets)
            self.fan_out.collect(packets, track, now)
        if track.log.missing and now >= track.log.due_at:
            self._request_missing(track, now)

    def _learn(self, view: memoryview, header: PacketReader) -> tuple[UpTrack, bool] | None:
        """Which track an unknown SSRC belongs to, by its mid and rid extensions and payload type (RFC 8852, 9143)."""
        found = decode_extensions(view, header)
        named = found.get(self._mid_id, b"").decode("ascii", "replace")
        mid = named or self._by_payload_type.get(header.payload_type, "")
        rid = found.get(self._rid_id) or found.get(self._repaired_rid_id) or b""
        track = self.tracks.get((mid, rid.decode("ascii", "replace"))) or self.tracks.get((mid, ""))
        if not mid or track is None:
            return None
        is_rtx = header.payload_type == track.rtx_payload_type
        if not is_rtx and header.payload_type not in (track.payload_type, track.red_payload_type):
            return None
        return (track, is_rtx) if self._bind(header.ssrc, track, is_rtx=is_rtx) else None

    def _belongs(self, view: memoryview, header: PacketReader, track: UpTrack) -> bool:
        """Whether a packet on a media SSRC has a payload type that was agreed; a new SSRC starts the track anew."""
        if header.payload_type != track.payload_type and not self._open(view, header, track):
            self.dropped["rtp"] += 1
            return False
        if header.ssrc != track.ssrc:
            track.bind(header.ssrc)
            track.key_frame_wanted = track.video
        return True

    def _open(self, view: memoryview, header: PacketReader, track: UpTrack) -> bool:
        """Outline the packet's own block, where it is RED that was agreed and may still come."""
        if header.payload_type != track.red_payload_type or self.publish_owner.sealed:
            return False
        try:
            self._blocks = red.decode(view, header.payload_start, header.payload_end, track.payload_type)
        except ValueError:
            return False
        header.payload_start = self._blocks[-1][1]
        return True

    def _take_redundancy(
        self, view: memoryview, track: UpTrack, sequence: int, header: PacketReader, now: float
    ) -> None:
        """Count what came once more with the packet `sequence`, and pass on of it what did not come before.

        The last block before the packet's own is of the packet before. RED doesn't say so; but libwebrtc makes it so,
        and a timestamp that is not between the packets around it says otherwise.
        """
        *redundant, (_, own, _) = self._blocks
        if not redundant:
            return
        track.redundant += 1
        track.redundant_octets += own - redundant[0][1]
        (ticks, start, end), before = redundant[-1], track.cache.get(sequence - 2)
        timestamp = (header.timestamp - ticks) & 0xFFFFFFFF
        is_before = ticks and (before is None or 0 < (timestamp - before.timestamp) & 0xFFFFFFFF < 0x80000000)
        if track.downs and is_before and start < end and track.log.restore(sequence - 1):
            track.restored += 1
            head = _PLAIN.pack(
                0x90, sdp_write.OPUS_PAYLOAD_TYPE, 0, 0, 0, 0xBEDE, 1, _SEND_TIME_ELEMENT, absolute_send_time(now)
            )
            packet = Packet(sequence - 1, timestamp, b"".join((head, view[start:end])), len(head), track.codec)
            track.cache.add((packet,))
            self.fan_out.collect([packet], track, now)

    @staticmethod
    def _unwrap(view: memoryview, header: PacketReader, track: UpTrack) -> bool:
        """Turn the header of a retransmission into that of the original (RFC 4588). False: nothing is inside."""
        if header.payload_type != track.rtx_payload_type or header.payload_end - header.payload_start < 2:
            return False  # padding, with which browsers probe for bandwidth
        if not track.ssrc:
            return False
        start = header.payload_start
        header.sequence = view[start] << 8 | view[start + 1]
        header.payload_start = start + 2
        return True

    def _canonical(self, view: memoryview, track: UpTrack, sequence: int, header: PacketReader, now: float) -> Packet:
        """The packet as every receiver gets it, but for numbers: their payload types, their extensions."""
        send_time = self._send_time_of(now)
        second = header.marker << 7 | sdp_write.PAYLOAD_TYPES[track.codec]
        level = header.audio_level
        is_red = bool(track.red_downs) and header.payload_type == track.red_payload_type
        if _inner is not None and not is_red:
            start, end = header.payload_start, header.payload_end
            shown_or_level = _PICTURE if track.video else level
            made: bytes = _inner.canonical(view, start, end, second, send_time, shown_or_level)
            return Packet(sequence, header.timestamp, made, len(made) - end + start, track.codec)
        if track.video:
            head = _SHOWN.pack(0x90, second, 0, 0, 0, 0xBEDE, 2, _SEND_TIME_ELEMENT, send_time)
        elif level < 0:
            head = _PLAIN.pack(0x90, second, 0, 0, 0, 0xBEDE, 1, _SEND_TIME_ELEMENT, send_time)
        else:
            head = _LEVELLED.pack(
                0x90, second, 0, 0, 0, 0xBEDE, 2, _SEND_TIME_ELEMENT, send_time, _LEVEL_ELEMENT, level, 0
            )
        data = b"".join((head, view[header.payload_start : header.payload_end]))
        redundant = None
        if is_red:
            names = bytes((0x90, header.marker << 7 | sdp_write.RED_PAYLOAD_TYPE))
            redundant = b"".join((names, head[2:], red.relabelled(view, self._blocks, sdp_write.OPUS_PAYLOAD_TYPE)))
        return Packet(sequence, header.timestamp, data, len(head), track.codec, redundant)

    def _send_time_of(self, now: float) -> bytes:
        """What all packets carry that came together."""
        if now != self._sent_at:
            self._sent_at, self._send_time = now, absolute_send_time(now)
        return self._send_time

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
            track.key_frames_asked += 1
            self.send_rtcp(rtcp.picture_loss(self.ssrc, track.ssrc))

    def _request_missing(self, track: UpTrack, now: float) -> None:
        due = track.log.due_requests(now)
        if due:
            track.nacks += 1
            self.send_rtcp(rtcp.nack(self.ssrc, track.ssrc, due[:_MAX_REQUESTS]))

    def counted(self) -> Counter[str]:
        """See `Link.counted`."""
        counted = super().counted()
        for track in self.tracks.values():
            counted["nacks_out"] += track.nacks
            counted["key_frames_asked_out"] += track.key_frames_asked
            counted["repaired"] += track.repaired + track.restored
        return counted

    def close(self) -> None:
        """End the transport; what it has received and not yet sent on goes to nobody."""
        for track in self.tracks.values():
            track.feed(())
        super().close()

    def tick(self, now: float) -> None:
        """Everything that is due: key-frame requests, NACKs, feedback, receiver reports, silence."""
        super().tick(now)
        if self.srtp is None:
            return
        for track in tuple(self.tracks.values()):
            if track.key_frame_wanted and track.downs:
                self._request_wanted_key_frame(track, now)
            if track.log.missing and now >= track.log.due_at:
                self._request_missing(track, now)
            if track.live and now - track.last_packet_at > self.config.source_silent_after_seconds:
                self.publish_owner.on_silence(track)
        if now - self._metered_at >= _METER_SECONDS:
            for track in self.tracks.values():
                track.meter(now - self._metered_at)
                if track.video:
                    track.judge_losses(now)
            self._metered_at = now
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
