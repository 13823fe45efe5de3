"""The last packets of one stream, for answering retransmission requests. Pure.

Shared by all receivers of the stream; keyed by the publisher's extended sequence number, so that each receiver's own
numbering is somebody else's business.
"""

from collections.abc import Sequence

from media_engine.records import Packet


class PacketCache:
    """A ring of `size` packets; `size` is a power of two."""

    __slots__ = ("_mask", "_ring")

    def __init__(self, size: int) -> None:
        self._mask = size - 1
        self._ring: list[Packet | None] = [None] * size

    def add(self, packets: Sequence[Packet]) -> None:
        """Keep `packets`, which follow on each other, in place of those `size` sequence numbers earlier."""
        ring, mask, sequence = self._ring, self._mask, packets[0].sequence
        for packet in packets:
            ring[sequence & mask] = packet
            sequence += 1

    def get(self, sequence: int) -> Packet | None:
        """The packet with this extended sequence number, if it is still here."""
        packet = self._ring[sequence & self._mask]
        return packet if packet is not None and packet.sequence == sequence else None

    def clear(self) -> None:
        """Forget everything, so that nothing published under a withdrawn grant can be asked for."""
        self._ring = [None] * len(self._ring)
