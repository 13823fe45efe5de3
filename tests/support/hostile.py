"""What somebody might send who means no good: datagrams, media and reports, without end."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from itertools import count

from tests.support import wire
from tests.support.rtc_client import UpStream


def malformed_datagrams(seed: int) -> Iterator[bytes]:
    """Nonsense of every class that the first byte tells apart, some of it nearly right."""
    chance = random.Random(seed)
    stun = wire.encode_stun(wire.BINDING_REQUEST, b"t" * 12, [(wire.ATTR_USERNAME, b"a:b")], b"key")
    client_hello = bytes((22, 254, 253)) + bytes(8) + struct.pack("!H", 60) + os.urandom(60)
    rtp = wire.encode_rtp(payload_type=96, sequence=1, timestamp=2, ssrc=3, payload=b"x" * 50)
    seeds = [stun, client_hello, rtp, wire.receiver_report(1), b""]
    while True:
        kind = chance.randrange(4)
        if kind == 0:
            yield chance.randbytes(chance.choice((1, 2, 11, 19, 24, 200, 1500, 9000)))
        elif kind == 1:
            chosen = bytearray(chance.choice(seeds) or b"\0")
            for _ in range(chance.randrange(1, 6)):
                chosen[chance.randrange(len(chosen))] = chance.randrange(256)
            yield bytes(chosen)
        elif kind == 2:
            yield chance.choice(seeds)[: chance.randrange(0, 60)]
        else:
            # A STUN message of 24 bytes whose one attribute claims to be longer than it is.
            yield struct.pack("!HHI", 1, 4, wire.STUN_MAGIC_COOKIE) + b"t" * 12 + b"\x00\x06\x00\xff"


def malformed_rtp(seed: int) -> Iterator[bytes]:
    """Genuinely protected later, so that the engine has to parse it: headers that lie, jumps, endless SSRCs."""
    chance = random.Random(seed)
    for number in count():
        ssrc = chance.randrange(1000)  # each costs the sender a context, too
        plain = wire.encode_rtp(
            payload_type=chance.choice((96, 97, 111, 5)),
            sequence=number & 0xFFFF,
            timestamp=chance.getrandbits(32),
            ssrc=ssrc,
            payload=chance.randbytes(chance.randrange(0, 40)),
            extensions=[(4, chance.randbytes(chance.randrange(1, 16)))],
        )
        lying = bytearray(plain)
        if number % 4 == 0:
            lying[0] |= 0x20  # padding, of a length that the last byte invents
        elif number % 4 == 1:
            lying[14:16] = b"\x00\x01"  # an extension shorter than what follows
        elif number % 4 == 2:
            lying[12:14] = b"\x10\x0f"
        yield bytes(lying)


def malformed_rtcp(seed: int) -> Iterator[bytes]:
    """Reports that lie about their counts, NACKs for everything, endless key-frame requests."""
    chance = random.Random(seed)
    while True:
        ssrc = chance.getrandbits(32)
        yield wire.encode_rtcp(wire.RTCP_RR, 31, struct.pack("!I", ssrc))
        yield wire.nack(ssrc, chance.getrandbits(32), range(0, 1000, 17))
        yield wire.picture_loss_indication(ssrc, ssrc)
        yield wire.encode_rtcp(wire.RTCP_RTPFB, wire.RTPFB_TWCC, chance.randbytes(chance.randrange(1, 20) * 4))
        yield wire.encode_rtcp(wire.RTCP_PSFB, 15, b"\0" * 8 + b"REMB" + b"\xff" * 4)
        yield wire.encode_rtcp(wire.RTCP_SDES, 31, chance.randbytes(16))
        yield wire.encode_rtcp(chance.randrange(192, 224), chance.randrange(32), chance.randbytes(8))
        yield wire.encode_rtcp(wire.RTCP_BYE, 31, struct.pack("!I", ssrc))


def jumping_rtp(seed: int, payload_type: int, ssrc: int) -> Iterator[bytes]:
    """A stream whose timestamps jump anywhere and whose sequence numbers jump ahead, as far as SRTP can follow."""
    chance = random.Random(seed)
    sequence = 0
    while True:
        sequence = sequence + chance.randrange(1, 0x4000) & 0xFFFF
        yield wire.encode_rtp(
            payload_type=payload_type,
            sequence=sequence,
            timestamp=chance.getrandbits(32),
            ssrc=ssrc,
            payload=chance.randbytes(60),
        )


def changing_ssrcs(up: UpStream) -> Iterator[bytes]:
    """A stream that has another SSRC with every packet, of two that take turns: each time it begins anew."""
    ssrcs = up.ssrc, up.ssrc ^ 2
    for number in count():
        up.ssrc = ssrcs[number % 2]
        up.sequence += 1
        yield up.packet(b"another" * 10)


def unproven_checks(seed: int) -> Iterator[bytes]:
    """Binding requests as ICE sends them, with credentials that nobody has given out."""
    chance = random.Random(seed)
    while True:
        name = chance.randbytes(4).hex().encode()
        yield wire.encode_stun(
            wire.BINDING_REQUEST, chance.randbytes(12), [(wire.ATTR_USERNAME, name + b":x")], chance.randbytes(12)
        )
