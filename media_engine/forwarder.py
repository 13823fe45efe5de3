"""Renumbers one stream for one receiver. Pure.

Whatever happens upstream (late start, mute, another source on the same m-line, later another layer), the receiver sees
one SSRC with gapless sequence numbers, a steady timestamp and monotonic picture ids (VP8, VP9). Every stretch of
packets with the same offsets, in one form, is an *epoch*; old epochs are kept for answering retransmission requests.

The hot path in `fanout.py` reads the offsets of the current epoch directly (`records.py`); this file decides them.
"""

import random
from collections import deque
from typing import Final

from media_engine.codecs import VP8
from media_engine.packet import descriptor_of
from media_engine.receive_log import ReceiveLog
from media_engine.records import Epoch, Lane, Packet
from media_engine.rtp import unwrap

_MAX_EPOCHS: Final = 64
"""Where pictures are left out, one begins after each."""
_MOST_LEFT_OUT: Final = 256


class Forwarder(Lane):
    """The numbering of one DownTrack.

    `begin` starts an epoch at a packet; after that a packet belongs to the current epoch when its sequence is not
    before `first_sequence`. `note` must be called for every packet sent; the inner loop does it itself.
    """

    __slots__ = ("_clock_rate", "_epochs", "_left_out", "_newest_left_out")

    def __init__(self, clock_rate: int, first_sequence: int | None = None) -> None:
        super().__init__()
        self._clock_rate = clock_rate
        self.restart(first_sequence)

    def restart(self, first_sequence: int | None = None) -> None:
        """Count from a new start, as a new SSRC has to."""
        self._epochs: list[Epoch] = []
        self._left_out: deque[tuple[int, int]] = deque()
        """Sequence numbers of the upstream that are not sent, each with 1 where it begins another picture, else 0."""
        self._newest_left_out: Packet | None = None
        self.epoch = self.last_epoch = self.last_packet = None
        # SRTP starts its rollover counter at zero on both sides: a start in the lower half keeps a loss at the very
        # beginning from being taken for a wrap (RFC 3711, section 3.3.1).
        start = random.randrange(0x8000) if first_sequence is None else first_sequence  # noqa: S311
        self.last_sequence = start - 1
        self.last_at = 0.0
        self.packets = self.octets = 0

    def begin(
        self,
        upstream: ReceiveLog,
        packet: Packet,
        now: float,
        elapsed_ticks: int | None = None,
        *,
        is_red: bool = False,
    ) -> Epoch:
        """Start an epoch at `packet` of `upstream`, right after the newest packet sent. `now` is in seconds.

        `elapsed_ticks` is how much later it is than that packet, where the publisher's clock says so; else ours does.
        """
        timestamp_offset = picture_id_offset = tl0_offset = 0
        last, previous = self.last_packet, self.last_epoch
        if last is not None and previous is not None:
            if previous.upstream is upstream:
                timestamp_offset = previous.timestamp_offset
            else:
                elapsed = elapsed_ticks or max(1, int((now - self.last_at) * self._clock_rate))
                timestamp_offset = (
                    last.timestamp + previous.timestamp_offset + elapsed - packet.timestamp
                ) & 0xFFFFFFFF
            picture, shown = descriptor_of(packet), descriptor_of(last)
            if picture is not None and shown is not None:
                if picture.picture_id_bits and shown.picture_id_bits:
                    picture_id_offset = shown.picture_id + previous.picture_id_offset + 1 - picture.picture_id
                if picture.tl0_offset and shown.tl0_offset:
                    tl0_offset = shown.tl0 + previous.tl0_offset + 1 - picture.tl0
        epoch = Epoch(
            upstream,
            packet.sequence,
            self.last_sequence + 1 - packet.sequence,
            timestamp_offset,
            picture_id_offset,
            tl0_offset,
            is_red,
        )
        self._left_out.clear()
        self._newest_left_out = None
        return self._enter(epoch)

    def _enter(self, epoch: Epoch) -> Epoch:
        self.epoch = epoch
        self._epochs.append(epoch)
        if len(self._epochs) > _MAX_EPOCHS:
            self._epochs.pop(0).first_sequence = _NEVER
        return epoch

    def leave_out(self, packet: Packet) -> None:
        """`packet` of the current epoch is not sent, and what comes behind it closes up."""
        before = self._newest_left_out
        if before is not None and packet.sequence <= before.sequence:
            return  # it comes late, and those behind it may have been sent already
        is_other = before is None or before.timestamp != packet.timestamp
        self._newest_left_out = packet
        self._left_out.append((packet.sequence, int(is_other)))
        if len(self._left_out) > _MOST_LEFT_OUT:
            self._left_out.popleft()  # a hole in the numbers, that the receiver asks for in vain

    def has_left_out(self, sequence: int) -> bool:
        """Whether something before `sequence` was left out behind which nothing has closed up yet."""
        return bool(self._left_out) and self._left_out[0][0] < sequence

    def close_up(self, packet: Packet) -> None:
        """Have `packet` and what follows take the numbers of what was left out before it."""
        epoch = self.epoch
        if epoch is None:
            return
        packets = pictures = 0
        while self.has_left_out(packet.sequence):
            pictures += self._left_out.popleft()[1]
            packets += 1
        # Of VP9 the numbers of other pictures stand in the pictures themselves: there they have gaps.
        shift = pictures if packet.codec == VP8 else 0
        if epoch.sequence_offset - packets + packet.sequence <= self.last_sequence:
            return  # it comes late
        self._enter(
            Epoch(
                epoch.upstream,
                packet.sequence,
                epoch.sequence_offset - packets,
                epoch.timestamp_offset,
                epoch.picture_id_offset - shift,
                epoch.tl0_offset,
                epoch.is_red,
            )
        )

    def goes_on(self, epoch: Epoch) -> bool:
        """Whether what was to be sent in `epoch` may still be: nothing else has begun since, and nothing has ended."""
        current = self.epoch
        return current is not None and current.upstream is epoch.upstream and epoch.first_sequence < _NEVER

    def leave(self) -> None:
        """End the current epoch: until `begin`, nothing is forwarded; what was sent may be sent again.

        Whoever calls it and has something begin asks afterwards whether it has. Were the epoch set to None in that very
        function, a compiler that goes by types would take it for None there ever after.
        """
        self.epoch = None

    def pause(self) -> None:
        """End the current epoch: until `begin`, nothing is forwarded, and nothing older is ever sent again."""
        self.epoch = None
        for epoch in self._epochs:
            epoch.first_sequence = _NEVER

    def note(self, packet: Packet, now: float) -> None:
        """Remember `packet`, which was just sent in the current epoch, when it is the newest."""
        epoch = self.epoch
        if epoch is not None and packet.sequence + epoch.sequence_offset > self.last_sequence:
            self.last_sequence = packet.sequence + epoch.sequence_offset
            self.last_packet, self.last_epoch = packet, epoch
            self.last_at = now

    def find(self, sequence: int) -> tuple[Epoch, int] | None:
        """Which upstream packet a receiver means by its 16-bit `sequence`: its epoch and extended number there."""
        extended = unwrap(sequence, self.last_sequence)
        if extended > self.last_sequence:
            return None
        for epoch in reversed(self._epochs):
            upstream_sequence = extended - epoch.sequence_offset
            if upstream_sequence >= epoch.first_sequence:
                return epoch, upstream_sequence
        return None


_NEVER: Final = 1 << 62


def renumbered(packet: Packet, epoch: Epoch, ssrc: int) -> bytearray:
    """A copy of `packet.data` with the numbering of `epoch`. The fan-out does the same in place, for many receivers."""
    data = bytearray(packet.data)
    data[2:4] = ((packet.sequence + epoch.sequence_offset) & 0xFFFF).to_bytes(2, "big")
    data[4:8] = ((packet.timestamp + epoch.timestamp_offset) & 0xFFFFFFFF).to_bytes(4, "big")
    data[8:12] = ssrc.to_bytes(4, "big")
    rewrite_picture(data, packet, epoch)
    return data


def rewrite_picture(data: bytearray | memoryview, packet: Packet, epoch: Epoch) -> None:
    """Patch picture id and TL0PICIDX of `packet`'s copy in `data` (`descriptor.py`), keeping their width."""
    picture, start = descriptor_of(packet), packet.payload_start
    if picture is None:
        return
    if picture.picture_id_bits and epoch.picture_id_offset:
        at = start + picture.picture_id_offset
        if picture.picture_id_bits == 15:
            value = (picture.picture_id + epoch.picture_id_offset) & 0x7FFF
            data[at] = 0x80 | value >> 8
            data[at + 1] = value & 0xFF
        else:
            data[at] = (picture.picture_id + epoch.picture_id_offset) & 0x7F
    if picture.tl0_offset and epoch.tl0_offset:
        data[start + picture.tl0_offset] = (picture.tl0 + epoch.tl0_offset) & 0xFF
