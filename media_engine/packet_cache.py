"""The last packets of one stream, for answering retransmission requests. Pure.

Shared by all receivers of the stream; keyed by the publisher's extended sequence number, so that each receiver's own
numbering is somebody else's business.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Packet:
    """One canonical packet: fixed header and extensions as receivers get them, then the publisher's payload.

    `data` carries the receivers' payload type and send time; sequence, timestamp and SSRC in it are placeholders. The
    VP8 fields are copied from the descriptor; `picture_id_offset` and `tl0_offset` count from the start of `data`.
    """

    sequence: int
    timestamp: int
    data: bytes
    payload_start: int
    key_frame_start: bool = False
    picture_id: int = 0
    picture_id_offset: int = 0
    picture_id_bits: int = 0
    tl0: int = 0
    tl0_offset: int = 0


class PacketCache:
    """A ring of `size` packets; `size` is a power of two."""

    __slots__ = ("_mask", "_ring")

    def __init__(self, size: int) -> None:
        self._mask = size - 1
        self._ring: list[Packet | None] = [None] * size

    def add(self, packet: Packet) -> None:
        """Keep `packet`, in place of the one `size` sequence numbers earlier."""
        self._ring[packet.sequence & self._mask] = packet

    def get(self, sequence: int) -> Packet | None:
        """The packet with this extended sequence number, if it is still here."""
        packet = self._ring[sequence & self._mask]
        return packet if packet is not None and packet.sequence == sequence else None

    def clear(self) -> None:
        """Forget everything, so that nothing published under a withdrawn grant can be asked for."""
        self._ring = [None] * len(self._ring)
