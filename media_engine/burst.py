"""Packets that leave together, laid out once for all receivers. Pure.

The kernel cuts a run into datagrams of one size, of which the last may be shorter (UDP_SEGMENT). Browsers split a
picture into packets that differ by a byte, the smaller ones first: so the smaller ones get a byte of RTP padding, and a
picture is one run. Padding is behind the payload and no part of it (RFC 3550, section 5.1). Sound has none: what is
sent again with the same number must be the same to the last byte (`FanOut.retransmit`).
"""

from collections.abc import Sequence
from typing import Final

from media_engine.packet import descriptor_of, form_of
from media_engine.receive_log import ReceiveLog
from media_engine.records import Packet

LARGEST_PADDING: Final = 8
MAX_RUN_PACKETS: Final = 60
MAX_RUN_BYTES: Final = 60_000
"""The kernel takes no run longer than one datagram might be, or of more than 64 pieces."""
MOST_TOGETHER: Final = 64
"""Packets of one burst: of any size, and each a run of its own, they fit into the outbox (`datagrams.py`)."""
_HAS_PADDING: Final = 0x20

Part = tuple[bytes, int, int, int, Packet]
"""What is sent of a packet, padding included; its size; its sequence and timestamp; the packet."""

Picture = tuple[int, int, int, int, int] | None
"""Where the picture id of a packet is, how many bits it has (`PictureDescriptor`), what it is; the same, without bits,
of TL0PICIDX."""


def pictures_of(packets: Sequence[Packet]) -> list[Picture]:
    """For each of `packets`, where the codec numbers its pictures; else None."""
    return [_picture_of(packet) for packet in packets]


def _picture_of(packet: Packet) -> Picture:
    picture, start = descriptor_of(packet), packet.payload_start
    if picture is None:
        return None
    id_at, tl0_at = start + picture.picture_id_offset, start + picture.tl0_offset if picture.tl0_offset else 0
    return id_at, picture.picture_id_bits, picture.picture_id, tl0_at, picture.tl0


class Burst:
    """Packets of one upstream in the order in which they came.

    `runs` are (packets, their bytes in all, bytes of the largest). `octets` are those of the payloads. `is_red`: laid
    out for those who take redundancy with sound.
    """

    __slots__ = (
        "_apart",
        "_laid_out",
        "first_sequence",
        "is_red",
        "newest",
        "octets",
        "packets",
        "parts",
        "runs",
        "size",
        "upstream",
    )

    def __init__(self, upstream: ReceiveLog, packets: Sequence[Packet], *, is_red: bool = False) -> None:
        self.upstream = upstream
        self.packets = packets
        self.is_red = is_red
        self._apart, self._laid_out = -1, b""
        self.parts: list[Part] = []
        self.runs: list[tuple[int, int, int]] = []
        self.size = self.octets = 0
        newest = packets[0]
        self.first_sequence = newest.sequence
        for packet in packets:
            sequence = packet.sequence
            if sequence > newest.sequence:
                newest = packet
            elif sequence < self.first_sequence:
                self.first_sequence = sequence
        self.newest = newest
        forms = [form_of(packet, True) for packet in packets] if is_red else [packet.data for packet in packets]
        sizes = [len(data) for data in forms]
        start, padding = 0, LARGEST_PADDING if newest.video else 0
        while start < len(sizes):
            count, largest = run_of(sizes, start, padding)
            self._add_run(forms, start, count, largest)
            start += count

    def laid_out(self, apart: int) -> bytes:
        """All that is sent, with `apart` bytes between two packets. The same bytes as long as `apart` is the same."""
        if apart != self._apart:
            self._apart, self._laid_out = apart, bytes(apart).join([part[0] for part in self.parts])
        return self._laid_out

    def _add_run(self, forms: Sequence[bytes], start: int, count: int, largest: int) -> None:
        last, total = start + count - 1, 0
        for index in range(start, last + 1):
            packet, data = self.packets[index], forms[index]
            size = len(data)
            self.octets += size - packet.payload_start
            if size < largest and index < last:
                data, size = padded(data, largest - size), largest
            total += size
            self.parts.append((data, size, packet.sequence, packet.timestamp, packet))
        self.size += total
        self.runs.append((count, total, largest))


def run_of(sizes: Sequence[int], start: int, padding: int = LARGEST_PADDING) -> tuple[int, int]:
    """How many of `sizes` from `start` on make one run, and the size that all of them but the last will have.

    `padding` is how many bytes a packet may get to have that size.
    """
    low = high = sizes[start]
    count = 1
    for size in sizes[start + 1 : start + MAX_RUN_PACKETS]:
        if high * (count + 1) > MAX_RUN_BYTES or size - low > padding:
            break
        count += 1
        if high - size > padding:
            break  # shorter than can be made good by padding: the last of this run
        low, high = min(low, size), max(high, size)
    return count, high


def padded(data: bytes, padding: int) -> bytes:
    """The RTP packet `data` with `padding` bytes (1 to 255) behind its payload. It must not have any yet."""
    return b"".join((bytes((data[0] | _HAS_PADDING,)), data[1:], bytes(padding - 1), bytes((padding,))))
