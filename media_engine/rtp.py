"""RTP headers as bytes (RFC 3550, RFC 8285). Pure.

Finds what the engine needs in a decrypted packet and nothing else: fixed header, three or four header extensions, where
the payload starts and ends. The payload is opaque. Also sequence arithmetic, shared by everything that counts packets.
"""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING, Any, Final

from media_engine import native

if TYPE_CHECKING:
    from media_engine.srtp import SrtpPair

_inner: Final[Any] = native.inner
FIXED_HEADER: Final = struct.Struct("!BBHII")
_EXTENSION_HEADER: Final = struct.Struct("!HH")
ONE_BYTE_PROFILE: Final = 0xBEDE
TWO_BYTE_PROFILE: Final = 0x1000


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


class _Layout:
    """Where the wanted elements lie in extension blocks that are laid out like one that was walked through.

    A stream's packets carry the same elements in the same order. Compared with `mask`, a whole block is recognised by
    its identifiers and lengths at once, and a value costs a shift.
    """

    __slots__ = ("level_shift", "mask", "sequence_shift", "tags")

    def __init__(self, block: bytes, sequence_id: int, level_id: int) -> None:
        mask = bytearray(len(block))
        self.sequence_shift = self.level_shift = -1
        offset, end = 0, len(block)
        while offset < end:
            byte = block[offset]
            mask[offset] = 0xFF
            after = offset + (2 + (byte & 15) if byte else 1)
            if byte >= 0xF0 or after > end:
                raise ValueError("the block does not parse to its end")
            if byte and byte >> 4 == sequence_id:
                self.sequence_shift = 8 * (end - after) if byte & 15 == 1 else -1
            if byte and byte >> 4 == level_id:
                self.level_shift = 8 * (end - after) if byte & 15 == 0 else -1
            offset = after
        self.mask = int.from_bytes(mask)
        self.tags = int.from_bytes(block) & self.mask


_MAX_LAYOUTS: Final = 64
_MAX_LAYOUT_WORDS: Final = 8
_PLAIN_START: Final = struct.Struct("!BBHIIHH")
_PLAIN_FIRST_BYTE: Final = 0x90
"""Version 2, an extension block, neither padding nor contributing sources: what browsers send nearly always."""


_Outline = tuple[bool, int, int, int, int, int, int, int, int, int, int, int, int]


class PacketReader(RtpHeader):
    """Outlines the packets of one transport, with the values of the two extensions that every packet is asked for.

    `sequence_id` and `level_id` are the identifiers of transport-wide sequence number and audio level; -1 for none.
    """

    __slots__ = ("_layouts", "audio_level", "level_id", "sequence_id", "transport_sequence")

    def __init__(self) -> None:
        self.sequence_id = self.level_id = -1
        self.transport_sequence = self.audio_level = -1
        self._layouts: dict[int, _Layout] = {}

    def number_extensions(self, sequence_id: int, level_id: int) -> None:
        """Look for the extensions by these identifiers from now on; 0 for none."""
        self.sequence_id, self.level_id = sequence_id or -1, level_id or -1
        self._layouts.clear()

    def open(self, srtp: SrtpPair, place: Any, view: memoryview, size: int) -> int:
        """Decrypt the packet of `size` bytes that begins `view` and lies at `place`, and outline it.

        Its size then, or 0 where it is refused. Raises ValueError when what was in it is no RTP packet.
        """
        if _inner is not None and srtp.opener is not None:
            outline: _Outline | None = _inner.open(srtp.opener, view, size, self.sequence_id, self.level_id)
            if outline is None:
                return 0
            self._take(outline)
            return outline[12]
        plain = srtp.unprotect(place, size)
        if plain:
            self.read(view, plain)
        return plain

    def _take(self, outline: _Outline) -> None:
        """What the inner loop in C has found."""
        self.marker = outline[0]
        self.payload_type, self.sequence, self.timestamp = outline[1], outline[2], outline[3]
        self.ssrc, self.extension_profile, self.extension_start = outline[4], outline[5], outline[6]
        self.extension_end, self.payload_start, self.payload_end = outline[7], outline[8], outline[9]
        self.transport_sequence, self.audio_level = outline[10], outline[11]

    def read(self, packet: bytes | bytearray | memoryview, size: int) -> None:
        """Outline the first `size` bytes of `packet`. Raises ValueError when they are no RTP packet.

        `transport_sequence` and `audio_level` are -1 where the packet has none.
        """
        if _inner is not None:
            self._take(_inner.outline(packet, size, self.sequence_id, self.level_id))
            return
        if size >= 16 and packet[0] == _PLAIN_FIRST_BYTE:
            _, second, self.sequence, self.timestamp, self.ssrc, profile, words = _PLAIN_START.unpack_from(packet)
            start = 16 + 4 * words
            layout = self._layouts.get(second << 8 | words)
            if layout is not None and profile == ONE_BYTE_PROFILE and start <= size:
                block = int.from_bytes(packet[16:start])
                if block & layout.mask == layout.tags:
                    self.marker, self.payload_type = second > 127, second & 127
                    self.extension_profile, self.extension_start = profile, 16
                    self.extension_end = self.payload_start = start
                    self.payload_end = size
                    shift = layout.sequence_shift
                    self.transport_sequence = block >> shift & 0xFFFF if shift >= 0 else -1
                    shift = layout.level_shift
                    self.audio_level = block >> shift & 0xFF if shift >= 0 else -1
                    return
        super().read(packet, size)
        extensions = decode_extensions(packet, self)
        sequence, level = extensions.get(self.sequence_id, b""), extensions.get(self.level_id, b"")
        self.transport_sequence = int.from_bytes(sequence) if len(sequence) == 2 else -1
        self.audio_level = level[0] if len(level) == 1 else -1
        self._learn(packet)

    def _learn(self, packet: bytes | bytearray | memoryview) -> None:
        block = bytes(packet[self.extension_start : self.extension_end])
        if self.extension_profile != ONE_BYTE_PROFILE or len(block) > 4 * _MAX_LAYOUT_WORDS:
            return
        if len(self._layouts) >= _MAX_LAYOUTS:
            self._layouts.clear()
        with contextlib.suppress(ValueError):
            self._layouts[packet[1] << 8 | len(block) // 4] = _Layout(block, self.sequence_id, self.level_id)


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
