"""What a server could make of what it was sent: plays media that `tapped_portal` wrote down, searches its texts.

Plays as a server would: puts VP8 frames together from packets (RFC 7741), gives them and Opus packets to decoders. A
decoder makes a picture of almost anything, so pictures count when they look like the one that was filmed, and sound
when most of it is silence, as that of a microphone that beeps.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av  # noqa: TID251 (the engine never decodes; this is what it could do)

from tests.support.sframe import decode_header

MEDIA_FILE = "tapped-media"
TEXT_FILE = "tapped-texts"
ENTRY = struct.Struct("!HHdBQI")
"""Lengths of name and payload, seconds since 1970, marker, extended sequence number, timestamp."""

WIDTH, HEIGHT = 32, 24
_MOST_FRAMES = 200
_SILENT = 200  # of 32,767
_BASE64 = re.compile(r"[A-Za-z0-9_-]{16,}")


@dataclass(frozen=True)
class Tapped:
    at: float
    sequence: int
    timestamp: int
    marker: bool
    payload: bytes


class Tap:
    """What was written until now in the data directory of a tapped portal."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def packets(self, participant: str, source: str) -> list[Tapped]:
        """Of one source, one encoding after the other, each in the order of its numbers."""
        return [packet for encoding in self._encodings(participant, source) for packet in encoding]

    def _encodings(self, participant: str, source: str) -> list[list[Tapped]]:
        wanted = f"{participant} {source} ".encode()
        found: dict[bytes, dict[int, Tapped]] = defaultdict(dict)
        for name, packet in self._read():
            if name.startswith(wanted):
                found[name][packet.sequence] = packet
        return [[encoding[sequence] for sequence in sorted(encoding)] for encoding in found.values()]

    def _read(self) -> Iterator[tuple[bytes, Tapped]]:
        data = (self.data_dir / MEDIA_FILE).read_bytes()
        at = 0
        while at + ENTRY.size <= len(data):
            named, size, when, marker, sequence, timestamp = ENTRY.unpack_from(data, at)
            at += ENTRY.size
            yield (
                data[at : at + named],
                Tapped(when, sequence, timestamp, bool(marker), data[at + named : at + named + size]),
            )
            at += named + size

    def likeness(self, participant: str, source: str, picture: Sequence[int]) -> float:
        """How like `picture` (WIDTH × HEIGHT, 0–255) the likest picture is that a VP8 decoder makes; at most 1."""
        made = (seen for encoding in self._encodings(participant, source) for seen in _pictures(encoding))
        return max((_correlation(seen, picture) for seen in made), default=0.0)

    def silence(self, participant: str, source: str = "microphone") -> float:
        """The share of packets that an Opus decoder plays as silence, after the first one with a sound."""
        decoder: Any = av.CodecContext.create("opus", "r")
        decoder.sample_rate, decoder.layout = 48_000, "mono"
        peaks = []
        for packet in self.packets(participant, source):
            try:
                frames = decoder.decode(av.Packet(packet.payload))
            except av.FFmpegError:
                peaks.append(32_767)
                continue
            peaks += [_peak(frame) for frame in frames]
        heard = next((index for index, peak in enumerate(peaks) if peak > _SILENT), len(peaks))
        heard_of = peaks[heard:]
        return sum(peak <= _SILENT for peak in heard_of) / len(heard_of) if heard_of else 0.0

    def epochs(self, participant: str, since: float = 0) -> set[int]:
        """Under which epochs (their low bits) this person's sealed sound came that was forwarded since then."""
        sound = self.packets(participant, "microphone")
        return {decode_header(packet.payload)[0] & 15 for packet in sound if packet.at >= since}

    def holds(self, text: str) -> bool:
        """Whether a text of a socket has these words, openly or in base64 of any kind."""
        wanted = text.encode()
        for line in (self.data_dir / TEXT_FILE).read_text().splitlines():
            if text in line or json.dumps(text)[1:-1] in line:
                return True
            if any(wanted in _decoded(piece) for piece in _BASE64.findall(line)):
                return True
        return False


def _decoded(piece: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4))
    except binascii.Error:
        return b""


def _pictures(packets: list[Tapped]) -> Iterator[list[int]]:
    decoder: Any = av.CodecContext.create("vp8", "r")
    frames: dict[int, bytes] = defaultdict(bytes)
    for packet in packets:
        frames[packet.timestamp] += packet.payload[_descriptor_size(packet.payload) :]
    for frame in list(frames.values())[:_MOST_FRAMES]:
        try:
            made = decoder.decode(av.Packet(frame))
        except av.FFmpegError:
            continue
        for picture in made:
            plane = picture.reformat(WIDTH, HEIGHT, "gray").planes[0]
            rows = bytes(plane)
            yield [rows[y * plane.line_size + x] for y in range(HEIGHT) for x in range(WIDTH)]


def _descriptor_size(payload: bytes) -> int:
    """RFC 7741 section 4.2."""
    if not payload[0] & 0x80:
        return 1
    flags = payload[1]
    size = 2
    if flags & 0x80:
        size += 2 if payload[2] & 0x80 else 1
    return size + bool(flags & 0x40) + bool(flags & 0x30)


def _peak(frame: Any) -> int:
    """Of planar 32-bit floats or 16-bit integers, as 16-bit."""
    data = bytes(frame.planes[0])
    if frame.format.name.startswith("flt"):
        return int(32_767 * max(map(abs, struct.unpack(f"{len(data) // 4}f", data)), default=0))
    return max(map(abs, struct.unpack(f"{len(data) // 2}h", data)), default=0)


def _correlation(one: Sequence[int], other: Sequence[int]) -> float:
    """Pearson's, of two pictures of one size; 0 where one is of one colour."""
    mean_one, mean_other = sum(one) / len(one), sum(other) / len(other)
    shared = sum((a - mean_one) * (b - mean_other) for a, b in zip(one, other, strict=True))
    own = sum((a - mean_one) ** 2 for a in one) * sum((b - mean_other) ** 2 for b in other)
    return float(shared / own**0.5) if own else 0.0
