"""The two ends of a stream inside the engine.

An UpTrack is what one client publishes on one m-line; a DownTrack is one m-line towards one receiver. They hold state
and counters; who may be connected to whom is decided in `session.py` alone.
"""

import random
from typing import Protocol

from media_engine.forwarder import Forwarder
from media_engine.grants import Source
from media_engine.ice import IceTransport
from media_engine.packet_cache import PacketCache
from media_engine.receive_log import ReceiveLog
from media_engine.rtcp import SenderReport
from media_engine.sdp_write import RTX_PAYLOAD_TYPE
from media_engine.srtp import SrtpPair

AUDIO_CLOCK_RATE = 48000
VIDEO_CLOCK_RATE = 90000
_AUDIO_CACHE_PACKETS = 64
_VIDEO_CACHE_PACKETS = 512

TrackKey = tuple[str, Source]
"""Publisher and source: what a receiver subscribes to, whichever transport or SSRC carries it today."""


class ReceiverLink(Protocol):
    """The way to one receiver, as the hot path sees it."""

    srtp: SrtpPair | None
    ice: IceTransport


class UpTrack:
    """One published m-line. `downs` is replaced as a whole, never changed: a loop over it sees one state."""

    __slots__ = (
        "cache",
        "downs",
        "key",
        "key_frame_asked_at",
        "key_frame_wanted",
        "last_packet_at",
        "live",
        "log",
        "mid",
        "octets",
        "packets",
        "payload_type",
        "report_arrived_at",
        "rtx_payload_type",
        "sender_report",
        "ssrc",
        "video",
    )

    def __init__(self, key: TrackKey, mid: str) -> None:
        self.key = key
        self.mid = mid
        self.video = key[1].kind == "video"
        self.payload_type = -1
        self.rtx_payload_type = -1
        self.downs: tuple[DownTrack, ...] = ()
        self.live = False
        self.last_packet_at = 0.0
        self.packets = 0
        self.octets = 0
        self.key_frame_wanted = False
        self.key_frame_asked_at = float("-inf")
        self.bind(0)

    def __repr__(self) -> str:
        return f"<UpTrack {self.key[1].value} {'live' if self.live else 'silent'} to {len(self.downs)}>"

    @property
    def clock_rate(self) -> int:
        """Ticks per second of the RTP timestamp."""
        return VIDEO_CLOCK_RATE if self.video else AUDIO_CLOCK_RATE

    def bind(self, ssrc: int) -> None:
        """Take packets of `ssrc` from now on; what was known about an earlier SSRC no longer counts."""
        self.ssrc = ssrc
        self.log = ReceiveLog(self.clock_rate, wants_nack=self.video)
        self.cache = PacketCache(_VIDEO_CACHE_PACKETS if self.video else _AUDIO_CACHE_PACKETS)
        self.sender_report: SenderReport | None = None
        self.report_arrived_at = 0.0


class DownTrack:
    """One m-line of one receiver. Its SSRCs stay while it is active, and are new when it comes back into use."""

    __slots__ = (
        "forwarder",
        "freed",
        "key",
        "kind",
        "link",
        "mid",
        "negotiated",
        "octets",
        "packets",
        "refused",
        "retransmitted",
        "rtx_payload_type",
        "rtx_sequence",
        "rtx_ssrc",
        "ssrc",
        "up",
        "video",
        "wants_report",
    )

    def __init__(self, link: ReceiverLink, mid: str, kind: str, ssrc: int, rtx_ssrc: int) -> None:
        self.link = link
        self.mid = mid
        self.kind = kind
        self.video = kind == "video"
        self.ssrc = ssrc
        self.rtx_ssrc = rtx_ssrc
        self.rtx_payload_type = RTX_PAYLOAD_TYPE
        self.key: TrackKey | None = None
        self.negotiated: TrackKey | None = None
        self.freed = True
        self.up: UpTrack | None = None
        self.renumber()
        self.packets = self.octets = self.refused = self.retransmitted = 0
        self.wants_report = False

    def __repr__(self) -> str:
        state = "forwarding" if self.up and self.forwarder.epoch else "waiting" if self.up else "idle"
        return f"<DownTrack mid={self.mid} {self.kind} {state}>"

    def renumber(self) -> None:
        """Count from a new start, as a new SSRC has to."""
        self.forwarder = Forwarder(VIDEO_CLOCK_RATE if self.video else AUDIO_CLOCK_RATE)
        self.rtx_sequence = random.randrange(0x8000)  # noqa: S311 - not a secret

    def begun(self) -> None:
        """A new stretch begins: the receiver needs the mapping of its timestamps to the publisher's clock."""
        self.wants_report = True

    def next_rtx_sequence(self) -> int:
        """The next 16-bit sequence number of the retransmission stream."""
        self.rtx_sequence = (self.rtx_sequence + 1) & 0xFFFF
        return self.rtx_sequence
