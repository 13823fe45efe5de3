"""Media that looks real from outside: VP8 and Opus payloads that end in a stamp.

The VP8 descriptor (RFC 7741) and the key-frame bit are right, because forwarders read them; the rest
is noise, because they must not. The stamp's last 24 bytes tell the receiver which stream and which
packet this is and when it left.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence

STAMP = struct.Struct("!IIQQ")  # magic, stream, packet number in the stream, nanoseconds
STAMP_MAGIC = 0x57A4B10C
NOISE = os.urandom(4096)

VP8_CLOCK_HERTZ = 90_000
OPUS_CLOCK_HERTZ = 48_000
OPUS_TOC_20_MS = 0x78


def stamp(stream: int, number: int, now_ns: int) -> bytes:
    return STAMP.pack(STAMP_MAGIC, stream, number, now_ns & ~0xFF | 1)  # 1: as a sealed picture ends


def read_stamp(packet: bytes | memoryview) -> tuple[int, int, int] | None:
    """(stream, packet number, nanoseconds), or None when the packet does not end in a stamp."""
    if len(packet) < 12 + STAMP.size:
        return None
    magic, stream, number, sent_ns = STAMP.unpack_from(packet, len(packet) - STAMP.size)
    return (stream, number, sent_ns) if magic == STAMP_MAGIC else None


class Vp8Payloads:
    """Numbers pictures as an encoder does: 15-bit picture id, TL0PICIDX, one temporal layer."""

    def __init__(self, first_picture_id: int = 0x7F00, tl0: int = 0xF0) -> None:
        self.picture_id = first_picture_id
        self.tl0 = tl0

    def frame(self, sizes: Sequence[int], *, key: bool) -> Iterator[bytes]:
        """The payloads of one frame, of these sizes in bytes, with room for the stamp left at their ends."""
        self.picture_id = (self.picture_id + 1) & 0x7FFF
        self.tl0 = (self.tl0 + 1) & 0xFF
        for index, packet_bytes in enumerate(sizes):
            start = index == 0
            descriptor = struct.pack("!BBHBB", 0x90 if start else 0x80, 0xE0, 0x8000 | self.picture_id, self.tl0, 0)
            head = descriptor + (vp8_frame_tag(key) if start else b"")
            yield head + NOISE[index : index + packet_bytes - len(head) - STAMP.size]


def vp8_frame_tag(key: bool) -> bytes:
    """The first bytes of a VP8 frame (RFC 6386 section 9.1): the P bit, and a key frame's size."""
    if not key:
        return b"\x11\x00\x00"
    return b"\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 640, 360)


def is_vp8_key_frame_start(payload: bytes | memoryview) -> bool:
    """True for the packet that begins a key frame (RFC 7741 section 4.2 and 4.3)."""
    if len(payload) < 2 or not payload[0] & 0x10 or payload[0] & 0x07:
        return False
    at = 1
    if payload[0] & 0x80:
        flags, at = payload[1], 2
        if flags & 0x80:
            at += 2 if payload[at] & 0x80 else 1
        at += bool(flags & 0x40) + bool(flags & 0x30)
    return at < len(payload) and not payload[at] & 0x01


def opus_payload(payload_bytes: int) -> bytes:
    """One 20 ms packet without its stamp."""
    return bytes((OPUS_TOC_20_MS,)) + NOISE[: payload_bytes - 1 - STAMP.size]


def sealed_opus_payload(payload_bytes: int, counter: int) -> bytes:
    """The same, and it begins with an SFrame header (RFC 9605 section 4.3): key 1, and the counter."""
    size = (counter.bit_length() + 7) // 8
    header = bytes((0x10 | counter,)) if counter < 8 else bytes((0x18 | size - 1,)) + counter.to_bytes(size)
    return header + NOISE[: payload_bytes - len(header) - STAMP.size]
