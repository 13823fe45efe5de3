"""The last packets of one stream, for answering retransmission requests. Pure.

Shared by all receivers of the stream; keyed by the publisher's extended sequence number, so that each receiver's own
numbering is somebody else's business.
"""

import contextlib

from media_engine.codecs import DESCRIPTORS, KEY_FRAMES, OPUS
from media_engine.descriptor import PictureDescriptor


class Packet:
    """One canonical packet: fixed header and extensions as receivers get them, then the publisher's payload.

    `data` carries the receivers' payload type and send time; sequence, timestamp and SSRC in it are placeholders.
    `sequence` is the publisher's, extended; `codec` what the payload is in. `red` is the same packet with redundancy
    (`red.py`) for those who take it, where it has come with some; `data` is without.
    """

    __slots__ = ("_picture", "codec", "data", "payload_start", "red", "sequence", "timestamp")

    _picture: PictureDescriptor | None

    def __init__(
        self, sequence: int, timestamp: int, data: bytes, payload_start: int, codec: str, red: bytes | None = None
    ) -> None:
        self.sequence = sequence
        self.timestamp = timestamp
        self.data = data
        self.payload_start = payload_start
        self.codec = codec
        self.red = red

    def form(self, is_red: bool) -> bytes:
        """What somebody is sent of it who takes redundancy, or does not: the same at all times."""
        return self.red if is_red and self.red is not None else self.data

    @property
    def video(self) -> bool:
        """Whether it is part of a picture."""
        return self.codec != OPUS

    @property
    def picture(self) -> PictureDescriptor | None:
        """The payload descriptor, where the codec numbers its pictures.

        Read when first asked for: most packets are forwarded without a look at it.
        """
        try:
            return self._picture
        except AttributeError:
            self._picture = None
        read = DESCRIPTORS.get(self.codec)
        if read is not None:
            with contextlib.suppress(ValueError):
                self._picture = read(self.data, self.payload_start, len(self.data))
        return self._picture

    @property
    def key_frame_start(self) -> bool:
        """Whether a key frame begins with this packet."""
        look = KEY_FRAMES.get(self.codec)
        if look is not None:
            return look(self.data, self.payload_start, len(self.data))
        picture = self.picture
        return picture is not None and picture.key_frame_start


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
