"""RTP headers as bytes (RFC 3550, RFC 8285). Pure.

Finds what the engine needs in a decrypted packet and nothing else: fixed header, three or four header extensions, where
the payload starts and ends. The payload is opaque. Also sequence arithmetic, shared by everything that counts packets.
"""

import struct

FIXED_HEADER = struct.Struct("!BBHII")
_EXTENSION_HEADER = struct.Struct("!HH")
ONE_BYTE_PROFILE = 0xBEDE
TWO_BYTE_PROFILE = 0x1000


class RtpHeader:
    """The outline of one packet. `payload_end` leaves padding out.

    `read` may be called again and again: the hot path outlines every packet in the same object.
    """

    __slots__ = (
        "extension_end",
        "extension_profile",
        "extension_start",
        "marker",
        "payload_end",
        "payload_start",
        "payload_type",
        "sequence",
        "ssrc",
        "timestamp",
    )

    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    extension_start: int
    extension_end: int
    extension_profile: int
    payload_start: int
    payload_end: int

    def read(self, packet: bytes | bytearray | memoryview, size: int) -> None:
        """Outline the first `size` bytes of `packet`. Raises ValueError when they are no RTP packet."""
        if size < 12:
            raise ValueError("RTP packet is too short")
        first, second, self.sequence, self.timestamp, self.ssrc = FIXED_HEADER.unpack_from(packet)
        if first >> 6 != 2:
            raise ValueError("RTP version is not 2")
        self.marker = second > 127
        self.payload_type = second & 127
        start = 12 + 4 * (first & 15)
        if first & 0x10:
            if start + 4 > size:
                raise ValueError("RTP extension header runs over the end")
            self.extension_profile, words = _EXTENSION_HEADER.unpack_from(packet, start)
            self.extension_start = start + 4
            self.extension_end = start = start + 4 + 4 * words
        else:
            self.extension_profile = self.extension_start = self.extension_end = 0
        end = size
        if first & 0x20 and size > start:
            padding = packet[size - 1]
            if not padding:
                raise ValueError("RTP padding of zero")
            end -= padding
        if start > end:
            raise ValueError("RTP packet has a negative payload")
        self.payload_start = start
        self.payload_end = end


def decode_header(packet: bytes | bytearray | memoryview, size: int) -> RtpHeader:
    """The outline of the first `size` bytes of `packet`. Raises ValueError when they are no RTP packet."""
    header = RtpHeader()
    header.read(packet, size)
    return header


def decode_extensions(packet: bytes | bytearray | memoryview, header: RtpHeader) -> dict[int, bytes]:
    """Header extensions by id, one-byte and two-byte form (RFC 8285). What does not parse ends the list quietly."""
    found: dict[int, bytes] = {}
    block = bytes(packet[header.extension_start : header.extension_end])  # bytes are quicker to index than a view
    offset, end = 0, len(block)
    if header.extension_profile == ONE_BYTE_PROFILE:
        while offset < end:
            byte = block[offset]
            if byte == 0:
                offset += 1
                continue
            after = offset + 2 + (byte & 15)
            if byte >= 0xF0 or after > end:
                break
            found[byte >> 4] = block[offset + 1 : after]
            offset = after
    elif header.extension_profile & 0xFFF0 == TWO_BYTE_PROFILE:
        while offset + 1 < end:
            identifier = block[offset]
            if identifier == 0:
                offset += 1
                continue
            after = offset + 2 + block[offset + 1]
            if after > end:
                break
            found[identifier] = block[offset + 2 : after]
            offset = after
    return found


def unwrap(value: int, reference: int) -> int:
    """The extended sequence number of 16-bit `value` that is nearest to `reference`; may be negative near a start."""
    delta = (value - reference) & 0xFFFF
    return reference + (delta if delta < 0x8000 else delta - 0x10000)


def one_byte_extension(identifier: int, value: bytes) -> bytes:
    """One element in the one-byte form; `value` is 1 to 16 bytes."""
    return bytes([identifier << 4 | (len(value) - 1)]) + value


def extension_block(elements: bytes) -> bytes:
    """A one-byte-form extension block: profile, length in words, elements, padding to a word."""
    padded = elements + bytes(-len(elements) & 3)
    return _EXTENSION_HEADER.pack(ONE_BYTE_PROFILE, len(padded) // 4) + padded
