"""The two ends of a stream inside the engine.

An UpTrack is one encoding of what a client publishes on one m-line: a picture may come in several (simulcast, RFC
8853). A DownTrack is one m-line towards one receiver. They hold state and counters; who may be connected to whom is
decided in `connections.py` alone.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from media_engine.codecs import OPUS, VP8
from media_engine.forwarder import Forwarder
from media_engine.grants import Source
from media_engine.packet_cache import PacketCache
from media_engine.receive_log import ReceiveLog
from media_engine.rtcp import ReportBlock, SenderReport
from media_engine.sdp_write import RTX_PAYLOAD_TYPES
from media_engine.thinning import ALL, Thinning, shares
from media_engine.voices import Loudness
from media_engine.waiting import Waiting

if TYPE_CHECKING:
    from media_engine.lines import Lines

AUDIO_CLOCK_RATE = 48000
VIDEO_CLOCK_RATE = 90000
_AUDIO_CACHE_PACKETS = 64
_VIDEO_CACHE_PACKETS = 512

_LEAST_JUDGED = 20
"""Packets of which a share says something."""
_LOOKED_AT = 64
"""Of the latest packets, to tell how much of a picture is in which layer: seconds of one so small that it matters."""
_NOT_COMING_SECONDS = 1.5
"""An encoding without a packet for so long, beside others that have some, was stopped by its sender."""

TrackKey = tuple[str, Source]
"""Publisher and source: what a receiver subscribes to, whichever transport or SSRC carries it today."""


class UpTrack:
    """One encoding of a published m-line, named by its `rid` where there are several.

    `downs`, who has it, is replaced as a whole, by `feed` alone: a loop over it sees one state. Some of them take sound
    with redundancy (`red_downs`), where it comes so, and some not all of its pictures (`thinned_downs`); the others are
    `plain_downs`. `bits_per_second` is what came lately, and `redundant_bits_per_second` what came with it a second
    time; `waiting` how long its losses are worth waiting for, `loudness` how loud it is, if its packets say so.
    `is_repeated` says whether lost packets are worth asking for.

    Counters are those of the present SSRC: `packets` and the `octets` of their payloads, without duplicates, and
    without the `redundant_octets` of `redundant` packets; how many were `repaired` by a retransmission, or `restored`
    from redundancy; how many `nacks` and requests for key frames went to the publisher.
    """

    __slots__ = (
        "_asked_before",
        "_judged",
        "_metered_octets",
        "_metered_redundant_octets",
        "bits_per_second",
        "cache",
        "codec",
        "downs",
        "is_repeated",
        "key",
        "key_frame_asked_at",
        "key_frame_wanted",
        "key_frames_asked",
        "last_packet_at",
        "live",
        "log",
        "loudness",
        "mid",
        "nacks",
        "octets",
        "packets",
        "payload_type",
        "plain_downs",
        "red_downs",
        "red_payload_type",
        "redundant",
        "redundant_bits_per_second",
        "redundant_octets",
        "repaired",
        "report_arrived_at",
        "restored",
        "rid",
        "rtx_payload_type",
        "sender_report",
        "ssrc",
        "thinned_downs",
        "video",
        "waiting",
    )

    def __init__(self, key: TrackKey, mid: str, rid: str = "") -> None:
        self.key = key
        self.mid = mid
        self.rid = rid
        self.video = key[1].kind == "video"
        self.codec = VP8 if self.video else OPUS
        self.payload_type = -1
        self.rtx_payload_type = self.red_payload_type = -1
        self.feed(())
        self.live = False
        self.last_packet_at = 0.0
        self.key_frame_wanted = False
        self.key_frame_asked_at = float("-inf")
        self.is_repeated = self.video
        self.bits_per_second = self.redundant_bits_per_second = 0.0
        self.loudness = Loudness()
        self.bind(0)

    def __repr__(self) -> str:
        state = "live" if self.live else "silent"
        return f"<UpTrack {self.key[1].value} {self.rid or '-'} {state} to {len(self.downs)}>"

    @property
    def clock_rate(self) -> int:
        """Ticks per second of the RTP timestamp."""
        return VIDEO_CLOCK_RATE if self.video else AUDIO_CLOCK_RATE

    def feed(self, downs: tuple[DownTrack, ...]) -> None:
        """Pass it on to `downs`, and to nobody else."""
        self.downs = downs
        is_red = self.red_payload_type >= 0
        self.red_downs = tuple(down for down in downs if down.is_red) if is_red else ()
        self.thinned_downs = tuple(down for down in downs if down.thinning is not None)
        self.plain_downs = downs
        if self.red_downs or self.thinned_downs:
            self.plain_downs = tuple(down for down in downs if down.thinning is None and not (is_red and down.is_red))

    def bind(self, ssrc: int) -> None:
        """Take packets of `ssrc` from now on; what was known about an earlier SSRC no longer counts."""
        self.ssrc = ssrc
        self.packets = self.octets = self.repaired = 0
        self.redundant = self.redundant_octets = self.restored = self._metered_redundant_octets = 0
        self.nacks = self.key_frames_asked = self._metered_octets = self._asked_before = self._judged = 0
        self.waiting = Waiting()
        self.log = ReceiveLog(self.clock_rate, wants_nack=self.is_repeated)
        self.cache = PacketCache(_VIDEO_CACHE_PACKETS if self.video else _AUDIO_CACHE_PACKETS)
        self.sender_report: SenderReport | None = None
        self.report_arrived_at = 0.0

    def hear(self, level: int, now: float, packets: int = 1) -> None:
        """Note more packets, one of sound, and how loud it says that it is (RFC 6464); -1 for nothing said."""
        if not self.video and level >= 0:
            self.loudness.hear(level, now - self.last_packet_at)
        self.last_packet_at = now
        self.packets += packets

    def judge_losses(self, now: float) -> None:
        """Take what was lost since the last call into `waiting`, unless it came to too little to tell."""
        log, packets = self.log, self.packets
        if packets >= self._judged + _LEAST_JUDGED:
            self.waiting.on_lost((log.asked - self._asked_before) / (packets - self._judged), log.round_trip, now)
            self._judged, self._asked_before = packets, log.asked
            log.asks_twice = self.waiting.seconds > 0

    def meter(self, seconds: float) -> None:
        """Take what came since the last call, `seconds` ago, into `bits_per_second`. Half of it is what was before."""
        came = 8 * (self.octets - self._metered_octets) / seconds
        again = 8 * (self.redundant_octets - self._metered_redundant_octets) / seconds
        self._metered_octets, self._metered_redundant_octets = self.octets, self.redundant_octets
        self.bits_per_second = _halfway(self.bits_per_second, came)
        self.redundant_bits_per_second = _halfway(self.redundant_bits_per_second, again)

    def layer_shares(self) -> tuple[float, ...]:
        """Which share of what came lately is in its lowest temporal layer, in that and the next, and so on up to 1."""
        newest = self.log.highest
        found = [self.cache.get(sequence) for sequence in range(newest - _LOOKED_AT + 1, newest + 1)]
        return shares([packet for packet in found if packet is not None])


def _halfway(before: float, now: float) -> float:
    return (before + now) / 2 if before and now else now


def coming(encodings: Sequence[UpTrack]) -> tuple[float, ...]:
    """Bits per second of each of one source's `encodings`; 0 for one that its sender has stopped.

    A still picture takes next to nothing, and still has to be forwarded.
    """
    latest, patience = max(track.last_packet_at for track in encodings), 2 * _NOT_COMING_SECONDS
    rates = []
    for track in encodings:
        rates.append(max(1.0, track.bits_per_second) if track.last_packet_at > latest - patience else 0.0)
        patience = _NOT_COMING_SECONDS  # browsers stop the largest first: where the smallest pauses, it comes again
    return tuple(rates)


def elapsed_ticks(before: UpTrack, last_timestamp: int, after: UpTrack, timestamp: int) -> int | None:
    """How much later than `last_timestamp` of one encoding is `timestamp` of another, by the publisher's clock.

    RTP timestamps of encodings have nothing to do with each other but through sender reports (RFC 3550, section 6.4).
    None while one of them has none, or where the answer can't be true.
    """
    old, new = before.sender_report, after.sender_report
    if old is None or new is None:
        return None
    since_report = _signed(timestamp - new.rtp_time) - _signed(last_timestamp - old.rtp_time)
    between_reports = (new.ntp_time - old.ntp_time) * after.clock_rate >> 32
    ticks = since_report + between_reports
    return ticks if 0 < ticks < 10 * after.clock_rate else None


def _signed(ticks: int) -> int:
    return ((ticks + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class DownTrack:
    """One m-line of one receiver. Its SSRCs stay while it is active, and are new when it comes back into use.

    `forwarder` has its numbers and counts what is sent. The other counters are those of the present SSRC, too: what is
    `retransmitted`; what libsrtp has `refused`; `nacks` and requests for key frames from the receiver. `reported` is
    the receiver's latest report block, `round_trips` are measured with them and with when `reports_sent` were, by the
    middle of their NTP time (RFC 3550, section 6.4.1).

    `up` is the encoding that flows or may begin; `next_up` the one that takes its place at its next key frame. `rank`
    is the index of the encoding that the receiver shall have, smallest first; `allocation.PAUSED` for none. `switched`
    says that one has taken the other's place, which the former's `downs` don't know yet. `takes_red` says that the
    receiver knows redundancy, `is_red` that it is sent some. `thinning` says which pictures it is sent, where that is
    not all of them. `doubled` is the last sequence number that had its turn to be sent twice; `is_rejected` says
    whether the client has refused the m-line.
    """

    __slots__ = (
        "codec",
        "doubled",
        "forwarder",
        "freed",
        "is_red",
        "is_rejected",
        "key",
        "key_frames_asked",
        "kind",
        "last_round_trip_seconds",
        "link",
        "mid",
        "nacks",
        "negotiated",
        "next_up",
        "rank",
        "refused",
        "reported",
        "reported_at",
        "reports_sent",
        "retransmitted",
        "retransmitted_octets",
        "round_trips",
        "round_trips_seconds",
        "rtx_payload_type",
        "rtx_sequence",
        "rtx_ssrc",
        "switched",
        "takes_red",
        "thinning",
        "up",
        "video",
        "wants_report",
    )

    def __init__(self, link: Lines, mid: str, kind: str, ssrc: int, rtx_ssrc: int) -> None:
        self.link = link
        self.mid = mid
        self.kind = kind
        self.video = kind == "video"
        self.forwarder = Forwarder(VIDEO_CLOCK_RATE if self.video else AUDIO_CLOCK_RATE)
        self.forwarder.outlet, self.forwarder.ssrc = link.outlet, ssrc
        self.rtx_ssrc = rtx_ssrc
        self.codec = VP8 if self.video else OPUS
        self.rtx_payload_type = RTX_PAYLOAD_TYPES[self.codec]
        self.key: TrackKey | None = None
        self.negotiated: TrackKey | None = None
        self.freed = True
        self.is_rejected = self.takes_red = False
        self.is_red: bool = False
        self.thinning: Thinning | None = None
        self.up: UpTrack | None = None
        self.next_up: UpTrack | None = None
        self.switched = False
        self.rank = 0
        self._count_anew()

    def __repr__(self) -> str:
        state = "forwarding" if self.up and self.forwarder.epoch else "waiting" if self.up else "idle"
        return f"<DownTrack mid={self.mid} {self.kind} {state}>"

    def speak(self, codec: str) -> None:
        """Carry this codec, under our payload types."""
        self.codec, self.rtx_payload_type = codec, RTX_PAYLOAD_TYPES[codec]

    @property
    def ssrc(self) -> int:
        """The SSRC of its packets; retransmissions have one of their own."""
        return self.forwarder.ssrc

    def renumber(self, ssrc: int, rtx_ssrc: int) -> None:
        """Go by other SSRCs, and count from a new start."""
        self.forwarder.ssrc, self.rtx_ssrc = ssrc, rtx_ssrc
        self.forwarder.restart()
        self._count_anew()

    def _count_anew(self) -> None:
        self.doubled = self.forwarder.last_sequence
        self.rtx_sequence = random.randrange(0x8000)  # noqa: S311 - not a secret
        self.refused = self.retransmitted = self.retransmitted_octets = 0
        self.nacks = self.key_frames_asked = 0
        self.reported: ReportBlock | None = None
        self.reported_at = 0.0
        self.reports_sent: dict[int, float] = {}
        self.round_trips, self.round_trips_seconds, self.last_round_trip_seconds = 0, 0.0, 0.0
        self.wants_report = False

    def thin(self, most: int) -> bool:
        """Send its pictures up to temporal layer `most` from now on. Whether it begins to be thinned, or has ended."""
        thinning = self.thinning
        if thinning is None:
            self.thinning = Thinning(most) if most != ALL else None
        else:
            thinning.most = most
            if thinning.is_over:
                self.thinning = None
        return self.thinning is not thinning

    def disconnect(self) -> None:
        """Nothing flows until it is connected again, and nothing older is ever sent again."""
        if self.up is not None or self.next_up is not None:
            self.up = self.next_up = None
            self.forwarder.pause()

    def begun(self) -> None:
        """A new stretch begins: the receiver needs the mapping of its timestamps to the publisher's clock."""
        self.wants_report = True

    def next_rtx_sequence(self) -> int:
        """The next 16-bit sequence number of the retransmission stream."""
        self.rtx_sequence = (self.rtx_sequence + 1) & 0xFFFF
        return self.rtx_sequence
