"""What the hot path reads and counts on of datagrams, packets and receivers: here in Python, in C with inner loops.

`inner.c` has the same records with the same fields, and reads them without asking Python. Whoever decides what is in
them, decides it here as there: `forwarder.py` the numbers, `link.py` and `ice.py` whether and where anything leaves.
"""

import math
from typing import TYPE_CHECKING, Any, Protocol

from media_engine import native
from media_engine.codecs import OPUS

if TYPE_CHECKING:
    from media_engine.datagrams import Address, Destination
    from media_engine.descriptor import PictureDescriptor
    from media_engine.numbered import Numbered
    from media_engine.receive_log import ReceiveLog
    from media_engine.srtp import SrtpPair


class Sources(Protocol):
    """What knows where the datagrams in its slots are from."""

    def source(self, number: int) -> "Address":
        """Who sent what is in the slot of this number, as people write it."""


class Slot:
    """Where one received datagram lies: at `place`, `view` in Python. What is in it lasts until more is read.

    `size` are the bytes received; DATAGRAM_BYTES means that the datagram was cut. `first` and `second` are its first
    two bytes, `ssrc` its bytes 8 to 11 as a number: the SSRC of RTP. Ask `size` first: what a datagram is too short
    for is left over from an earlier one, which may be somebody else's. `key` is the source, to look it up by: equal to
    `Inbox.key_of` its address, None where a connection is the source. `waited_seconds` is how long it lay in the
    kernel's buffer before it was read; 0 where the kernel does not say.
    """

    __slots__ = ("first", "key", "number", "place", "second", "size", "sources", "ssrc", "view", "waited_seconds")

    def __init__(self, sources: Sources, number: int, view: memoryview, place: Any) -> None:
        self.sources = sources
        self.number = number
        self.view = view
        self.place = place
        self.size = self.first = self.second = self.ssrc = 0
        self.key: object = None
        self.waited_seconds = 0.0


class Packet:
    """One canonical packet: fixed header and extensions as receivers get them, then the publisher's payload.

    `data` carries the receivers' payload type and send time; sequence, timestamp and SSRC in it are placeholders.
    `sequence` is the publisher's, extended; `codec` what the payload is in, `video` whether that is part of a picture.
    `red` is the same packet with redundancy (`red.py`) for those who take it, where it has come with some; `data` is
    without. `descriptor` is set once it was read (`packet.descriptor_of`).
    """

    __slots__ = ("codec", "data", "descriptor", "payload_start", "red", "sequence", "timestamp", "video")

    descriptor: "PictureDescriptor | None"

    def __init__(
        self, sequence: int, timestamp: int, data: bytes, payload_start: int, codec: str, red: bytes | None = None
    ) -> None:
        self.sequence = sequence
        self.timestamp = timestamp
        self.data = data
        self.payload_start = payload_start
        self.codec = codec
        self.red = red
        self.video = codec != OPUS


class Epoch:
    """A stretch of packets of one upstream, renumbered by adding these offsets. Sequence numbers are extended.

    It begins with `first_sequence` of the publisher. All of it is sent in one form, `is_red` or not, first time and
    again: a number is a nonce (`FanOut.retransmit`).
    """

    __slots__ = (
        *("first_sequence", "is_red", "picture_id_offset", "sequence_offset", "timestamp_offset"),
        *("tl0_offset", "upstream"),
    )

    def __init__(
        self,
        upstream: "ReceiveLog",
        first_sequence: int,
        sequence_offset: int,
        timestamp_offset: int,
        picture_id_offset: int,
        tl0_offset: int,
        is_red: bool = False,
    ) -> None:
        self.upstream = upstream
        self.first_sequence = first_sequence
        self.sequence_offset = sequence_offset
        self.timestamp_offset = timestamp_offset
        self.picture_id_offset = picture_id_offset
        self.tl0_offset = tl0_offset
        self.is_red = is_red


class Outlet:
    """Where what is sent on one transport leaves: how it is encrypted, where it goes, how fast its pictures may.

    Without `srtp` or `destination`, None, nothing leaves. `left` are the octets of pictures that may leave at once, see
    `Pace`, which keeps it; without one they leave as they come.
    """

    __slots__ = ("destination", "left", "srtp")

    def __init__(self) -> None:
        self.srtp: SrtpPair | None = None
        self.destination: Destination | None = None
        self.left = math.inf


class Lane:
    """One m-line's way out to one receiver.

    `payload_type` is what a receiver that has offered wants its packets to carry; 0 where it is ours. `wait` is the
    header extension that asks to show its pictures later (`waiting.py`). `numbered` counts its packets, where the
    receiver says which of them came. `packets` and the `octets` of their payloads are those sent a first time.
    `last_sequence`, `last_packet` and `last_epoch` are of the newest one sent, which was `last_at` in engine time.
    """

    __slots__ = (
        *("epoch", "last_at", "last_epoch", "last_packet", "last_sequence", "numbered", "octets", "outlet"),
        *("packets", "payload_type", "ssrc", "wait"),
    )

    def __init__(self) -> None:
        self.outlet = Outlet()
        self.ssrc = self.payload_type = self.packets = self.octets = 0
        self.wait: bytes | None = None
        self.numbered: Numbered | None = None
        self.epoch: Epoch | None = None
        self.last_sequence = 0
        self.last_packet: Packet | None = None
        self.last_epoch: Epoch | None = None
        self.last_at = 0.0


if native.inner is not None and not TYPE_CHECKING:
    Slot, Packet, Epoch = native.inner.Slot, native.inner.Packet, native.inner.Epoch
    Outlet, Lane = native.inner.Outlet, native.inner.Lane
