"""Bytes as the other side of the wire writes and reads them: STUN, RTP, RTCP.

Written from the RFCs and deliberately independent of `media_engine`: a mistake made twice in the
same words would not be found by a test. Pure; knows no sockets, no clocks and no keys but STUN's.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

STUN_MAGIC_COOKIE = 0x2112A442
BINDING_REQUEST = 0x0001
BINDING_INDICATION = 0x0011
BINDING_RESPONSE = 0x0101
BINDING_ERROR = 0x0111

ATTR_USERNAME = 0x0006
ATTR_MESSAGE_INTEGRITY = 0x0008
ATTR_ERROR_CODE = 0x0009
ATTR_XOR_MAPPED_ADDRESS = 0x0020
ATTR_PRIORITY = 0x0024
ATTR_USE_CANDIDATE = 0x0025
ATTR_FINGERPRINT = 0x8028
ATTR_ICE_CONTROLLED = 0x8029
ATTR_ICE_CONTROLLING = 0x802A

RTCP_SR, RTCP_RR, RTCP_SDES, RTCP_BYE, RTCP_RTPFB, RTCP_PSFB = 200, 201, 202, 203, 205, 206
RTPFB_NACK, RTPFB_TWCC = 1, 15
PSFB_PLI, PSFB_FIR, PSFB_AFB = 1, 4, 15

NTP_EPOCH_OFFSET_SECONDS = 2_208_988_800


# -- STUN (RFC 8489) -----------------------------------------------------------------------------


@dataclass(frozen=True)
class StunMessage:
    kind: int
    transaction: bytes
    attributes: dict[int, bytes]


def encode_stun(
    kind: int,
    transaction: bytes,
    attributes: Iterable[tuple[int, bytes]] = (),
    key: bytes | None = None,
    fingerprint: bool = True,
) -> bytes:
    """A STUN message; with `key` it ends in MESSAGE-INTEGRITY, with `fingerprint` in FINGERPRINT."""
    body = b"".join(struct.pack("!HH", t, len(v)) + v + bytes(-len(v) % 4) for t, v in attributes)

    def header(length: int) -> bytes:
        return struct.pack("!HHI", kind, length, STUN_MAGIC_COOKIE) + transaction

    if key is not None:
        digest = hmac.new(key, header(len(body) + 24) + body, hashlib.sha1).digest()
        body += struct.pack("!HH", ATTR_MESSAGE_INTEGRITY, 20) + digest
    if fingerprint:
        crc = zlib.crc32(header(len(body) + 8) + body) ^ 0x5354554E
        body += struct.pack("!HHI", ATTR_FINGERPRINT, 4, crc)
    return header(len(body)) + body


def decode_stun(data: bytes) -> StunMessage | None:
    """The message, or None when `data` is not well-formed STUN. Does not check any signature."""
    if len(data) < 20:
        return None
    kind, length, cookie = struct.unpack_from("!HHI", data)
    if cookie != STUN_MAGIC_COOKIE or length != len(data) - 20 or length % 4:
        return None
    attributes: dict[int, bytes] = {}
    at = 20
    while at + 4 <= len(data):
        attribute, size = struct.unpack_from("!HH", data, at)
        if at + 4 + size > len(data):
            return None
        attributes.setdefault(attribute, data[at + 4 : at + 4 + size])
        at += 4 + size + (-size % 4)
    return StunMessage(kind, data[8:20], attributes)


def stun_integrity_holds(data: bytes, key: bytes) -> bool:
    """True when MESSAGE-INTEGRITY is present and signed with `key` (RFC 8489 section 14.5)."""
    at = 20
    while at + 4 <= len(data):
        attribute, size = struct.unpack_from("!HH", data, at)
        if attribute == ATTR_MESSAGE_INTEGRITY and size == 20 and at + 24 <= len(data):
            signed = data[:2] + struct.pack("!H", at + 24 - 20) + data[4:at]
            return hmac.compare_digest(hmac.new(key, signed, hashlib.sha1).digest(), data[at + 4 : at + 24])
        at += 4 + size + (-size % 4)
    return False


def binding_request(
    *,
    username: str,
    password: str,
    tie_breaker: int,
    nominate: bool,
    transaction: bytes | None = None,
    controlling: bool = True,
) -> bytes:
    """An ICE connectivity check as the controlling side sends it (RFC 8445 section 7.2.2)."""
    attributes = [
        (ATTR_USERNAME, username.encode()),
        (ATTR_PRIORITY, struct.pack("!I", (110 << 24) | (65535 << 8) | 255)),
        (ATTR_ICE_CONTROLLING if controlling else ATTR_ICE_CONTROLLED, struct.pack("!Q", tie_breaker)),
    ]
    if nominate:
        attributes.append((ATTR_USE_CANDIDATE, b""))
    return encode_stun(BINDING_REQUEST, transaction or os.urandom(12), attributes, password.encode())


def binding_response(request: StunMessage, address: tuple[str, int], password: str) -> bytes:
    host, port = address[:2]
    packed = struct.unpack("!I", bytes(int(part) for part in host.split(".")))[0] ^ STUN_MAGIC_COOKIE
    mapped = struct.pack("!BBHI", 0, 1, port ^ (STUN_MAGIC_COOKIE >> 16), packed)
    return encode_stun(BINDING_RESPONSE, request.transaction, [(ATTR_XOR_MAPPED_ADDRESS, mapped)], password.encode())


# -- RTP (RFC 3550, RFC 8285) --------------------------------------------------------------------


@dataclass(frozen=True)
class RtpPacket:
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    marker: bool
    extensions: dict[int, bytes]
    payload: bytes


def encode_rtp(
    *,
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    payload: bytes,
    marker: bool = False,
    extensions: Iterable[tuple[int, bytes]] = (),
) -> bytes:
    """An RTP packet; extensions go out in the one-byte form."""
    block = b"".join(bytes((identifier << 4 | len(value) - 1,)) + value for identifier, value in extensions)
    block += bytes(-len(block) % 4)
    header = struct.pack(
        "!BBHII",
        0x90 if block else 0x80,
        payload_type | (0x80 if marker else 0),
        sequence & 0xFFFF,
        timestamp & 0xFFFFFFFF,
        ssrc,
    )
    return header + (struct.pack("!HH", 0xBEDE, len(block) // 4) + block if block else b"") + payload


def decode_rtp(data: bytes) -> RtpPacket | None:
    """The packet, or None when it is not well-formed RTP. Reads one- and two-byte extensions."""
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
    at = 12 + 4 * (first & 0x0F)
    extensions: dict[int, bytes] = {}
    if first & 0x10:
        if at + 4 > len(data):
            return None
        profile, words = struct.unpack_from("!HH", data, at)
        start, at = at + 4, at + 4 + 4 * words
        if at > len(data):
            return None
        extensions = dict(_extensions(profile, data[start:at]))
    end = len(data) - (data[-1] if first & 0x20 else 0)
    if end < at:
        return None
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, bool(second & 0x80), extensions, data[at:end])


def _extensions(profile: int, block: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    if profile == 0xBEDE:
        while at < len(block):
            identifier, length = block[at] >> 4, (block[at] & 0x0F) + 1
            at += 1
            if identifier == 0:
                continue
            if identifier == 15:
                return
            yield identifier, block[at : at + length]
            at += length
    elif profile & 0xFFF0 == 0x1000:
        while at + 1 < len(block):
            if block[at] == 0:
                at += 1
                continue
            yield block[at], block[at + 2 : at + 2 + block[at + 1]]
            at += 2 + block[at + 1]


def is_rtcp(data: bytes) -> bool:
    """Tells RTCP from RTP on a multiplexed transport (RFC 5761 section 4)."""
    return len(data) >= 2 and 192 <= data[1] <= 223


# -- RTCP (RFC 3550, RFC 4585, RFC 5104, draft-alvestrand-rmcat-remb) -------------------------------


@dataclass(frozen=True)
class RtcpPacket:
    """One packet of a compound. `count` is the five-bit field: report count, source count or FMT."""

    kind: int
    count: int
    body: bytes

    @property
    def is_pli(self) -> bool:
        return self.kind == RTCP_PSFB and self.count == PSFB_PLI

    @property
    def is_fir(self) -> bool:
        return self.kind == RTCP_PSFB and self.count == PSFB_FIR

    @property
    def is_key_frame_request(self) -> bool:
        return self.is_pli or self.is_fir

    @property
    def is_transport_feedback(self) -> bool:
        return self.kind == RTCP_RTPFB and self.count == RTPFB_TWCC

    @property
    def lost_sequences(self) -> list[int]:
        """The sequence numbers that a generic NACK asks for; empty for every other packet."""
        if self.kind != RTCP_RTPFB or self.count != RTPFB_NACK:
            return []
        wanted = []
        for at in range(8, len(self.body) - 3, 4):
            first, mask = struct.unpack_from("!HH", self.body, at)
            wanted.append(first)
            wanted += [(first + 1 + bit) & 0xFFFF for bit in range(16) if mask >> bit & 1]
        return wanted


def encode_rtcp(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def decode_rtcp(data: bytes) -> list[RtcpPacket]:
    """Every packet of the compound up to the first that does not fit."""
    packets = []
    at = 0
    while at + 4 <= len(data) and data[at] >> 6 == 2:
        first, kind, words = struct.unpack_from("!BBH", data, at)
        if at + 4 + 4 * words > len(data):
            break
        packets.append(RtcpPacket(kind, first & 0x1F, data[at + 4 : at + 4 + 4 * words]))
        at += 4 + 4 * words
    return packets


def sender_report(ssrc: int, *, unix_seconds: float, rtp_time: int, packets: int, octets: int) -> bytes:
    ntp = int((unix_seconds + NTP_EPOCH_OFFSET_SECONDS) * (1 << 32))
    return encode_rtcp(
        RTCP_SR,
        0,
        struct.pack("!IQIII", ssrc, ntp, rtp_time & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF),
    )


def source_description(ssrc: int, cname: str) -> bytes:
    text = cname.encode()
    chunk = struct.pack("!IBB", ssrc, 1, len(text)) + text + b"\0"
    return encode_rtcp(RTCP_SDES, 1, chunk + bytes(-len(chunk) % 4))


def receiver_report(ssrc: int, blocks: Iterable[tuple[int, int]] = ()) -> bytes:
    """`blocks` are (media ssrc, highest extended sequence); no loss is reported."""
    body = b"".join(struct.pack("!IIIIII", media, 0, highest, 0, 0, 0) for media, highest in blocks)
    return encode_rtcp(RTCP_RR, len(body) // 24, struct.pack("!I", ssrc) + body)


def nack(sender: int, media: int, sequences: Iterable[int]) -> bytes:
    items = b"".join(struct.pack("!HH", sequence & 0xFFFF, 0) for sequence in sequences)
    return encode_rtcp(RTCP_RTPFB, RTPFB_NACK, struct.pack("!II", sender, media) + items)


def picture_loss_indication(sender: int, media: int) -> bytes:
    return encode_rtcp(RTCP_PSFB, PSFB_PLI, struct.pack("!II", sender, media))


def estimated_maximum_bitrate(sender: int, bits_per_second: int, media: Iterable[int]) -> bytes:
    ssrcs = list(media)
    exponent = max(0, bits_per_second.bit_length() - 18)
    mantissa = bits_per_second >> exponent
    body = struct.pack("!II4sI", sender, 0, b"REMB", len(ssrcs) << 24 | exponent << 18 | mantissa)
    return encode_rtcp(RTCP_PSFB, PSFB_AFB, body + b"".join(struct.pack("!I", ssrc) for ssrc in ssrcs))
