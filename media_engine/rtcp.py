"""RTCP packets (RFC 3550 section 6, RFC 3611, RFC 4585, RFC 5104, REMB). Pure.

Reads what publishers and receivers send and writes what the engine answers. Reports and requests become small values;
everything else in a compound packet is skipped. Transport-wide feedback is read and written by `feedback.py`, which
whoever wants to know calls.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from media_engine.receive_log import ReceptionReport

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
BYE = 203
TRANSPORT_FEEDBACK = 205
PAYLOAD_FEEDBACK = 206
EXTENDED_REPORT = 207

_HEADER = struct.Struct("!BBH")
_SENDER_INFO = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!IIIIII")
_MAX_PACKETS = 32
_MAX_NACKS = 512
"""Packets that one datagram may ask for."""
_REFERENCE_TIME_BLOCK, _DELAY_BLOCK = 4, 5


class SenderReport(NamedTuple):
    """The publisher's clock: RTP time `rtp_time` was NTP time `ntp_time` (32.32 fixed point)."""

    ssrc: int
    ntp_time: int
    rtp_time: int
    packets: int
    octets: int


class ReportBlock(NamedTuple):
    """What a receiver saw of `ssrc`. `last_report` and `delay` are in 1/65536 s (RFC 3550, section 6.4.1)."""

    ssrc: int
    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter: int
    last_report: int
    delay: int


class Nack(NamedTuple):
    """Sequence numbers of `ssrc` that the receiver asks for again."""

    ssrc: int
    sequences: tuple[int, ...]


class KeyFrameRequest(NamedTuple):
    """A PLI or FIR for `ssrc`."""

    ssrc: int


class BandwidthEstimate(NamedTuple):
    """REMB: the receiver's estimate of what it can take in all, in bits per second."""

    bits_per_second: int


class Bye(NamedTuple):
    """The named sources have ended."""

    ssrcs: tuple[int, ...]


class ReferenceTime(NamedTuple):
    """The clock of somebody who only receives, by which they measure the round trip (RFC 3611, section 4.4)."""

    ssrc: int
    ntp_time: int


class UnreadFeedback(NamedTuple):
    """Transport-wide feedback as it has come, behind the header. To read it costs more than all the rest together."""

    body: bytes


Item = SenderReport | ReportBlock | Nack | KeyFrameRequest | BandwidthEstimate | Bye | ReferenceTime | UnreadFeedback


def decode(compound: bytes) -> list[Item]:
    """The items of a (possibly reduced-size, RFC 5506) compound packet. Raises ValueError when it is malformed."""
    items: list[Item] = []
    offset, size = 0, len(compound)
    for _ in range(_MAX_PACKETS):
        if offset == size:
            return items
        if offset + 4 > size:
            raise ValueError("RTCP header is cut short")
        first, kind, words = _HEADER.unpack_from(compound, offset)
        end = offset + 4 + 4 * words
        if first >> 6 != 2 or end > size:
            raise ValueError("RTCP packet runs over the end")
        body = compound[offset + 4 : end]
        if first & 0x20:
            if end != size or not body or not 0 < body[-1] <= len(body):
                raise ValueError("RTCP padding is wrong")
            body = body[: -body[-1]]
        try:
            _decode_one(kind, first & 31, body, items)
        except struct.error:
            raise ValueError("RTCP packet is cut short") from None
        offset = end
    raise ValueError("too many RTCP packets in one datagram")


def _decode_one(kind: int, count: int, body: bytes, items: list[Item]) -> None:
    if kind == SENDER_REPORT:
        items.append(SenderReport(*_SENDER_INFO.unpack_from(body)))
        _decode_blocks(body, 24, count, items)
    elif kind == RECEIVER_REPORT:
        _decode_blocks(body, 4, count, items)
    elif kind == TRANSPORT_FEEDBACK and count == 1:
        items.append(_decode_nack(body))
        if sum(len(item.sequences) for item in items if isinstance(item, Nack)) > _MAX_NACKS:
            raise ValueError("NACKs for too many packets")
    elif kind == TRANSPORT_FEEDBACK and count == 15:
        items.append(UnreadFeedback(body))
    elif kind == PAYLOAD_FEEDBACK:
        _decode_payload_feedback(count, body, items)
    elif kind == EXTENDED_REPORT:
        _decode_extended(body, items)
    elif kind == BYE:
        items.append(Bye(struct.unpack_from(f"!{count}I", body)))


def _decode_blocks(body: bytes, offset: int, count: int, items: list[Item]) -> None:
    for index in range(count):
        ssrc, lost, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, offset + 24 * index)
        cumulative = lost & 0xFFFFFF
        if cumulative & 0x800000:
            cumulative -= 0x1000000
        items.append(ReportBlock(ssrc, lost >> 24, cumulative, highest, jitter, last_report, delay))


def _decode_nack(body: bytes) -> Nack:
    _, ssrc = struct.unpack_from("!II", body)
    sequences: dict[int, None] = {}
    for offset in range(8, len(body) - 3, 4):
        first, following = struct.unpack_from("!HH", body, offset)
        sequences[first] = None
        while following:
            first += 1
            if following & 1:
                sequences[first & 0xFFFF] = None
            following >>= 1
        if len(sequences) > _MAX_NACKS:
            raise ValueError("a NACK for too many packets")
    return Nack(ssrc, tuple(sequences))


def _decode_payload_feedback(count: int, body: bytes, items: list[Item]) -> None:
    _, media = struct.unpack_from("!II", body)
    if count == 1:
        items.append(KeyFrameRequest(media))
    elif count == 4:
        for offset in range(8, len(body) - 7, 8):
            items.append(KeyFrameRequest(struct.unpack_from("!I", body, offset)[0]))
    elif count == 15 and body[8:12] == b"REMB":
        value = struct.unpack_from("!I", body, 12)[0]
        items.append(BandwidthEstimate((value & 0x3FFFF) << (value >> 18 & 0x3F)))


def _decode_extended(body: bytes, items: list[Item]) -> None:
    """Of several reference times the first counts: each would be answered."""
    ssrc = struct.unpack_from("!I", body)[0]
    offset, is_first = 4, True
    while offset < len(body):
        kind, _, words = struct.unpack_from("!BBH", body, offset)
        if offset + 4 + 4 * words > len(body):
            raise ValueError("RTCP extended report runs over the end")
        if kind == _REFERENCE_TIME_BLOCK and words == 2 and is_first:
            is_first = False
            items.append(ReferenceTime(ssrc, struct.unpack_from("!Q", body, offset + 4)[0]))
        offset += 4 + 4 * words


def _packet(count: int, kind: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def sender_report(ssrc: int, ntp_time: int, rtp_time: int, packets: int, octets: int) -> bytes:
    """A sender report without report blocks."""
    return _packet(
        0,
        SENDER_REPORT,
        _SENDER_INFO.pack(ssrc, ntp_time, rtp_time & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF),
    )


def report_block(ssrc: int, report: ReceptionReport, last_report: int, delay: int) -> bytes:
    """One report block; `last_report` and `delay` as in `ReportBlock`."""
    lost = report.fraction_lost << 24 | (report.cumulative_lost & 0xFFFFFF)
    return _BLOCK.pack(ssrc, lost, report.highest_sequence, report.jitter, last_report, min(delay, 0xFFFFFFFF))


def receiver_report(sender_ssrc: int, blocks: Sequence[bytes]) -> bytes:
    """A receiver report of at most 31 blocks."""
    return _packet(len(blocks), RECEIVER_REPORT, struct.pack("!I", sender_ssrc) + b"".join(blocks))


def source_description(ssrc: int, cname: str) -> bytes:
    """An SDES packet with the CNAME that binds one publisher's audio and video together (at most 255 bytes)."""
    text = cname.encode()[:255]
    chunk = struct.pack("!IBB", ssrc, 1, len(text)) + text
    return _packet(1, SOURCE_DESCRIPTION, chunk + bytes(4 - len(chunk) % 4))


def delay_since_reference(sender_ssrc: int, reference: ReferenceTime) -> bytes:
    """The answer to a reference time that has come just now: no time has passed since (RFC 3611, section 4.5)."""
    block = struct.pack("!BBHIII", _DELAY_BLOCK, 0, 3, reference.ssrc, reference.ntp_time >> 16 & 0xFFFFFFFF, 0)
    return _packet(0, EXTENDED_REPORT, struct.pack("!I", sender_ssrc) + block)


def nack(sender_ssrc: int, media_ssrc: int, sequences: Iterable[int]) -> bytes:
    """A generic NACK for `sequences` (RFC 4585, section 6.2.1), given in ascending order."""
    pairs: list[list[int]] = []
    for sequence in sequences:
        distance = (sequence - pairs[-1][0]) & 0xFFFF if pairs else 0
        if pairs and 1 <= distance <= 16:
            pairs[-1][1] |= 1 << (distance - 1)
        else:
            pairs.append([sequence, 0])
    body = struct.pack("!II", sender_ssrc, media_ssrc) + b"".join(struct.pack("!HH", *pair) for pair in pairs)
    return _packet(1, TRANSPORT_FEEDBACK, body)


def picture_loss(sender_ssrc: int, media_ssrc: int) -> bytes:
    """A PLI: the sender should make a key frame."""
    return _packet(1, PAYLOAD_FEEDBACK, struct.pack("!II", sender_ssrc, media_ssrc))
