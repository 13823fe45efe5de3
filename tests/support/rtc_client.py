"""A scripted participant: a publish and a subscribe transport, streams up, counted streams down.

Knows no signalling: whoever drives it carries the descriptions (`tests.support.engine_room` in one
process, `benchmarks.control` across two, a WebSocket elsewhere).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.support import synthetic, wire
from tests.support.dtls_srtp import Identity
from tests.support.rtc_transport import Transport
from tests.support.sdp_text import (
    ABS_SEND_TIME,
    MID,
    OPUS_PAYLOAD_TYPE,
    TRANSPORT_CC,
    VP8_PAYLOAD_TYPE,
    Description,
    Media,
    Secrets,
    UpMedia,
    read_description,
    write_publish_offer,
    write_subscribe_answer,
)

MID_PACKETS = 100  # a browser repeats the mid until its first receiver report
REMB_BITS_PER_SECOND = 10_000_000
AUDIO_SOURCES = ("microphone", "screen_audio")


@dataclass
class UpStream:
    """One published source. `send_*` stamps, numbers and sends; every packet is remembered only by count."""

    transport: Transport
    source: str
    mid: str
    ssrc: int
    stream_number: int
    sequence: int = 65000
    timestamp: int = 4_294_900_000
    packets: int = 0
    octets: int = 0
    sealed: bool = False
    key_frame_wanted: bool = True
    key_frame_requests: int = 0
    extensions: dict[str, int] = field(default_factory=dict)
    vp8: synthetic.Vp8Payloads = field(default_factory=synthetic.Vp8Payloads)
    transport_sequence: Callable[[], int] = lambda: 0

    @property
    def kind(self) -> str:
        return "audio" if self.source in AUDIO_SOURCES else "video"

    def send_opus(self, payload_bytes: int = 100) -> None:
        plain = synthetic.opus_payload(payload_bytes)
        payload = synthetic.sealed_opus_payload(payload_bytes, self.packets) if self.sealed else plain
        self._send(OPUS_PAYLOAD_TYPE, payload, marker=self.packets == 0)
        self.timestamp += synthetic.OPUS_CLOCK_HERTZ // 50

    def send_frame(self, packets: int = 3, packet_bytes: int = 1100, frames_per_second: int = 30) -> None:
        """One video frame; a key frame when one was asked for or none was sent yet."""
        self.send_frame_of([packet_bytes] * packets, frames_per_second)

    def send_frame_of(self, sizes: Sequence[int], frames_per_second: int = 30) -> None:
        """The same, in payloads of these sizes in bytes."""
        key, self.key_frame_wanted = self.key_frame_wanted, False
        for index, payload in enumerate(self.vp8.frame(sizes, key=key)):
            self._send(VP8_PAYLOAD_TYPE, payload, marker=index == len(sizes) - 1)
        self.timestamp += synthetic.VP8_CLOCK_HERTZ // frames_per_second

    def send_payload(self, payload: bytes, *, marker: bool = True) -> None:
        """A payload of the caller's, numbered as the next packet and without a stamp."""
        self.transport.send_rtp(self.packet(payload, marker=marker))
        self.sequence += 1

    def send_something(self) -> None:
        if self.kind == "audio":
            self.send_opus()
        else:
            self.send_frame()

    def packet(self, payload: bytes, *, marker: bool = True, payload_type: int | None = None) -> bytes:
        """The next packet in the clear, not sent and not counted."""
        if payload_type is None:
            payload_type = OPUS_PAYLOAD_TYPE if self.kind == "audio" else VP8_PAYLOAD_TYPE
        return wire.encode_rtp(
            payload_type=payload_type,
            sequence=self.sequence,
            timestamp=self.timestamp,
            ssrc=self.ssrc,
            payload=payload,
            marker=marker,
            extensions=self._extension_values(),
        )

    def report(self) -> None:
        """A sender report and the CNAME, once a second as RFC 3550 wants."""
        report = wire.sender_report(
            self.ssrc, unix_seconds=time.time(), rtp_time=self.timestamp, packets=self.packets, octets=self.octets
        )
        self.transport.send_rtcp(report + wire.source_description(self.ssrc, "scripted"))

    def _send(self, payload_type: int, payload: bytes, *, marker: bool) -> None:
        mark = synthetic.stamp(self.stream_number, self.packets, time.time_ns())
        self.transport.send_rtp(self.packet(payload + mark, marker=marker, payload_type=payload_type))
        self.packets += 1
        self.octets += len(payload) + len(mark)
        self.sequence += 1

    def _extension_values(self) -> list[tuple[int, bytes]]:
        values = []
        if MID in self.extensions and self.packets < MID_PACKETS:
            values.append((self.extensions[MID], self.mid.encode()))
        if ABS_SEND_TIME in self.extensions:
            fixed = int(time.time() * (1 << 18)) & 0xFFFFFF  # 6.18 fixed-point seconds
            values.append((self.extensions[ABS_SEND_TIME], fixed.to_bytes(3)))
        if TRANSPORT_CC in self.extensions:
            values.append((self.extensions[TRANSPORT_CC], (self.transport_sequence() & 0xFFFF).to_bytes(2)))
        return values


@dataclass
class DownStream:
    """One subscribed m-line: what came, and whether its numbering holds together."""

    publisher: str
    source: str
    ssrc: int
    packets: int = 0
    gaps: int = 0
    late: int = 0
    unstamped: int = 0
    first_stamp: int = -1
    last_stamp: int = -1
    highest: int = -1
    key_frame_starts: int = 0
    payloads: list[bytes] | None = None  # set to [] to keep every payload

    def __repr__(self) -> str:
        return f"<DownStream {self.publisher}:{self.source} {self.packets} packets, {self.gaps} gaps>"


class Client:
    """A participant named by `peer`. Everything received is counted in `down`, by (publisher, source)."""

    numbers = iter(range(1, 1 << 31))
    subscribe_transport = Transport

    def __init__(self, peer: str, *, identity: Identity | None = None, address: str = "127.0.0.1") -> None:
        self.peer = peer
        self.address = address
        self.identity = identity or Identity()
        self.publish: Transport | None = None
        self.subscribe: Transport | None = None
        self.up: dict[str, UpStream] = {}
        self.down: dict[tuple[str, str], DownStream] = {}
        self.latencies_ns: list[int] | None = None
        self.last_arrival_ns = 0  # of a packet of media, on the real-time clock
        self.feedback: list[wire.RtcpPacket] = []
        self.reports_received = 0
        self._by_ssrc: dict[int, DownStream] = {}
        self._transport_sequence = 0
        self._ssrc = secrets.randbits(31)

    # -- publishing ------------------------------------------------------------------------------------

    def offer_publish(self, *sources: str, claim: Secrets | None = None) -> tuple[str, dict[str, str]]:
        """An offer for these sources and its mid → source map. Sources already offered keep their m-line.

        `claim` puts another's credentials or fingerprint into the description: an intruder's move.
        """
        if self.publish is None:
            self.publish = Transport(identity=self.identity, on_rtcp=self._take_feedback, bind=(self.address, 0))
        for source in sources:
            if source not in self.up:
                self.up[source] = UpStream(
                    transport=self.publish,
                    source=source,
                    mid=str(len(self.up)),
                    ssrc=secrets.randbits(32),
                    stream_number=next(self.numbers),
                    transport_sequence=self._next_transport_sequence,
                )
        media = [
            UpMedia(up.mid, up.kind, up.ssrc, None if up.kind == "audio" else up.ssrc ^ 1) for up in self.up.values()
        ]
        sdp = write_publish_offer(claim or self.publish.local, media, cname=self.peer)
        return sdp, {up.mid: up.source for up in self.up.values()}

    def accept_publish_answer(self, sdp: str) -> None:
        """Takes the server's answer over and begins to connect."""
        assert self.publish is not None
        answer = read_description(sdp)
        for up in self.up.values():
            up.extensions = answer.by_mid(up.mid).extensions
        if self.publish.remote is None:
            self.publish.start(answer)

    def _next_transport_sequence(self) -> int:
        self._transport_sequence += 1
        return self._transport_sequence

    def _take_feedback(self, compound: bytes) -> None:
        for packet in wire.decode_rtcp(compound):
            self.reports_received += 1
            if packet.is_key_frame_request:
                for up in self._asked_for(packet):
                    up.key_frame_wanted = True
                    up.key_frame_requests += 1
            if len(self.feedback) < 1000:
                self.feedback.append(packet)

    def _asked_for(self, packet: wire.RtcpPacket) -> list[UpStream]:
        at = 8 if packet.is_fir else 4
        wanted = int.from_bytes(packet.body[at : at + 4])
        return [up for up in self.up.values() if up.ssrc == wanted]

    # -- subscribing -----------------------------------------------------------------------------------

    def answer_subscribe(self, sdp: str, *, claim_fingerprint: str | None = None) -> str:
        """Answers the server's offer; begins to connect when the offer names a new transport."""
        offer = read_description(sdp)
        transport = self.subscribe
        if transport is None or transport.remote != offer.secrets:
            if transport is not None:
                transport.close()
            transport = self.subscribe = self.subscribe_transport(
                identity=self.identity, on_rtp=self._take_rtp, on_rtcp=self._take_report, bind=(self.address, 0)
            )
            self._by_ssrc.clear()
            transport.start(offer)
        self._map_streams(offer)
        local = transport.local
        if claim_fingerprint is not None:
            local = replace(local, fingerprint=claim_fingerprint)
        return write_subscribe_answer(local, offer)

    def _map_streams(self, offer: Description) -> None:
        for media in offer.media:
            if media.direction not in ("sendonly", "sendrecv") or not media.ssrcs:
                continue
            publisher, source = self.origin(media)
            stream = self.down.setdefault((publisher, source), DownStream(publisher, source, media.ssrcs[0]))
            stream.ssrc = media.ssrcs[0]
            self._by_ssrc[stream.ssrc] = stream

    def origin(self, media: Media) -> tuple[str, str]:
        """(publisher, source) from the track id that the engine promises: "<publisher>:<source>"."""
        publisher, _, source = media.track_id.rpartition(":")
        return publisher, source

    def _take_rtp(self, packet: memoryview, arrival_ns: int) -> None:
        self.last_arrival_ns = arrival_ns
        stream = self._by_ssrc.get(int.from_bytes(packet[8:12]))
        if stream is None:
            assert self.subscribe is not None
            self.subscribe.count["rtp_of_no_stream"] += 1
            return
        _note_sequence(stream, int.from_bytes(packet[2:4]))
        stream.packets += 1
        if stream.payloads is not None:
            decoded = wire.decode_rtp(bytes(packet))
            assert decoded is not None
            stream.payloads.append(decoded.payload)
            stream.key_frame_starts += synthetic.is_vp8_key_frame_start(decoded.payload)
        mark = synthetic.read_stamp(packet)
        if mark is None:
            stream.unstamped += 1
            return
        if stream.first_stamp < 0:
            stream.first_stamp = mark[1]
        stream.last_stamp = max(stream.last_stamp, mark[1])
        if self.latencies_ns is not None:
            self.latencies_ns.append(arrival_ns - mark[2])

    def _take_report(self, compound: bytes) -> None:
        self.reports_received += 1

    def send_receiver_reports(self) -> None:
        """What a browser tells about what it receives, once a second: reports and its estimate."""
        if self.subscribe is None or not self.subscribe.is_connected or not self._by_ssrc:
            return
        blocks = [(s.ssrc, s.highest) for s in self._by_ssrc.values() if s.highest >= 0][:31]
        remb = wire.estimated_maximum_bitrate(self._ssrc, REMB_BITS_PER_SECOND, list(self._by_ssrc)[:20])
        self.subscribe.send_rtcp(wire.receiver_report(self._ssrc, blocks) + remb)

    def request_key_frame(self, publisher: str, source: str) -> None:
        assert self.subscribe is not None
        media = self.down[publisher, source].ssrc
        self.subscribe.send_rtcp(wire.receiver_report(self._ssrc) + wire.picture_loss_indication(self._ssrc, media))

    def request_again(self, publisher: str, source: str, sequences: list[int]) -> None:
        """A NACK for these sequence numbers of the stream as it was sent to this client."""
        assert self.subscribe is not None
        media = self.down[publisher, source].ssrc
        self.subscribe.send_rtcp(wire.receiver_report(self._ssrc) + wire.nack(self._ssrc, media, sequences))

    # -- both ------------------------------------------------------------------------------------------

    @property
    def packets_received(self) -> int:
        return sum(stream.packets for stream in self.down.values())

    def media_datagrams_received(self) -> int:
        """Every SRTP or SRTCP datagram that reached either socket, readable or not."""
        return sum(t.count["srtp_datagrams"] for t in (self.publish, self.subscribe) if t is not None)

    def close(self, *, politely: bool = True) -> None:
        for transport in (self.publish, self.subscribe):
            if transport is not None:
                transport.close(politely=politely)


def _note_sequence(stream: DownStream, sequence: int) -> None:
    """Extends the 16-bit number over wraps and counts what is missing (RFC 3550 appendix A.1)."""
    if stream.highest < 0:
        stream.highest = sequence
        return
    ahead = (sequence - stream.highest) & 0xFFFF
    if ahead == 0 or ahead >= 0x8000:
        stream.late += 1
        return
    stream.gaps += ahead - 1
    stream.highest += ahead


SourceMap = Mapping[str, str]
