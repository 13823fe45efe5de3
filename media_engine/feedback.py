"""Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01). Pure.

Publishers are told by it what arrives: without it a browser never sends more than its starting rate. Record every
packet that carries a transport-wide sequence number, then take the feedback packets a few times a second. Receivers
tell us the same of what they are sent: `decode` reads it. Time is a parameter, in seconds.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Final

from media_engine.rtp import unwrap

_HEADER: Final = struct.Struct("!BBHIIHHI")
_PADDING: Final = (b"", b"\x01", b"\x00\x02", b"\x00\x00\x03")
_TICK_SECONDS: Final = 0.00025
_REFERENCE_TICKS: Final = 256  # 64 ms
_MAX_STATUSES: Final = 400
_MAX_JUMP: Final = 1000
_MOST_AT_ONCE: Final = 16
"""Feedbacks of one call. One or two are enough for whom counts on by one, however fast they send."""
_MISSING, _SMALL, _LARGE = 0, 1, 2
_MOST_TOLD: Final = 8192
"""Packets that one feedback says something about: far more than two seconds of any way that we send by."""
_MOST_LEFT_OVER: Final = 3
"""Bytes behind the last arrival: some senders fill words without the padding bit."""


@dataclass(frozen=True, slots=True)
class TransportFeedback:
    """What a receiver says of the `count` transport-wide 16-bit numbers from `first` on.

    `came` are those that arrived, in order: how far behind `first`, and when in seconds of the receiver's clock, of
    which only differences mean anything.
    """

    first: int
    count: int
    came: tuple[tuple[int, float], ...]


def decode(body: bytes) -> TransportFeedback:
    """Read what follows the RTCP header, without padding. Raises ValueError when it is malformed.

    Takes time for what is there, not for what is claimed: long runs of what did not come cost nothing.
    """
    if len(body) < 16:
        raise ValueError("transport feedback is cut short")
    _, _, first, count, reference = struct.unpack_from("!IIHHI", body)
    if not 0 < count <= _MOST_TOLD:
        raise ValueError("transport feedback about nothing, or too much")
    offsets, large, at = _decode_chunks(body, count)
    ticks = (reference >> 8) * _REFERENCE_TICKS
    if at + len(offsets) + len(large) > len(body):
        raise ValueError("transport feedback lacks a time")
    deltas: Iterable[int] = body[at : at + len(offsets)]
    if large:
        deltas = _decode_deltas(body, at, offsets, frozenset(large))
    if len(body) - at - len(offsets) - len(large) > _MOST_LEFT_OVER:
        raise ValueError("transport feedback has more times than packets")
    times = [tick * _TICK_SECONDS for tick in accumulate(deltas, initial=ticks)]
    return TransportFeedback(first, count, tuple(zip(offsets, times[1:], strict=True)))


def _decode_deltas(body: bytes, at: int, offsets: list[int], large: frozenset[int]) -> Iterator[int]:
    for offset in offsets:
        if offset in large:
            yield int.from_bytes(body[at : at + 2], "big", signed=True)
            at += 2
        else:
            yield body[at]
            at += 1


def _decode_chunks(body: bytes, count: int) -> tuple[list[int], list[int], int]:
    """The offsets of the packets that came, those of them whose time takes two bytes, and where the times begin."""
    offsets: list[int] = []
    large: list[int] = []
    offset, at = 0, 16
    while offset < count:
        if len(offsets) > len(body) - at:
            raise ValueError("transport feedback lacks a time")
        if at + 2 > len(body):
            raise ValueError("transport feedback is cut short")
        chunk = body[at] << 8 | body[at + 1]
        at += 2
        if chunk & 0x8000:
            covered, came, came_large = _decode_vector(chunk)
            offsets += [offset + index for index in came]
            if came_large:
                large += [offset + index for index in came_large]
            offset += covered
            continue
        symbol, run = chunk >> 13, min(chunk & 0x1FFF, count - offset)
        if not run or symbol > _LARGE:
            raise ValueError("transport feedback has a run of nothing")
        if symbol and len(offsets) + run > len(body):
            raise ValueError("transport feedback lacks a time")
        if symbol:
            offsets += range(offset, offset + run)
        if symbol == _LARGE:
            large += range(offset, offset + run)
        offset += run
    while offsets and offsets[-1] >= count:
        offsets.pop()  # a vector speaks of more packets than there are to speak of
    while large and large[-1] >= count:
        large.pop()
    return offsets, large, at


@lru_cache(maxsize=4096)
def _decode_vector(chunk: int) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """How many packets a status vector is about, which of them came, and which of those with a time of two bytes."""
    if not chunk & 0x4000:
        return 14, tuple(index for index in range(14) if chunk >> (13 - index) & 1), ()
    symbols = [chunk >> (12 - 2 * index) & 3 for index in range(7)]
    if max(symbols) > _LARGE:
        raise ValueError("transport feedback has an unknown symbol")
    came = tuple(index for index, symbol in enumerate(symbols) if symbol)
    return 7, came, tuple(index for index in came if symbols[index] == _LARGE)


class FeedbackRecorder:
    """Arrival times of one transport.

    The loop in C notes in `arrivals` itself what comes in order, from the number `following` on, and `follow` how many.
    """

    __slots__ = ("_base", "_count", "_highest", "arrivals")

    def __init__(self) -> None:
        self.arrivals: dict[int, float] = {}
        self._base: int | None = None
        self._highest = 0
        self._count = 0

    @property
    def following(self) -> int:
        """The extended number of what comes next, if it comes in order; -1 before the first."""
        return -1 if self._base is None else self._highest + 1

    def follow(self, count: int) -> None:
        """Note that `count` more have arrived, in order, and are in `arrivals`."""
        self._highest += count

    def record(self, sequence: int, now: float) -> None:
        """Note that transport-wide 16-bit `sequence` arrived."""
        following = self._highest + 1
        if following & 0xFFFF == sequence and self._base is not None:  # nearly always: the next one, in order
            self._highest = following
            self.arrivals[following] = now
            return
        if self._base is None:
            self._base = self._highest = sequence
        extended = unwrap(sequence, self._highest)
        if extended > self._highest:
            if extended - self._highest > _MAX_JUMP:
                # Not a loss but a restart of the numbering; reporting the gap as lost would collapse the sender's rate.
                self.arrivals.clear()
                self._base = extended
            self._highest = extended
        elif extended < self._base:
            if extended < self._base - _MAX_STATUSES:
                return
            self._base = extended
        self.arrivals.setdefault(extended, now)

    def take(self, sender_ssrc: int, media_ssrc: int) -> list[bytes]:
        """Feedback for what came since the last call, as RTCP packets; none when nothing has arrived.

        Of numbers that jump without end not all is told.
        """
        packets: list[bytes] = []
        arrivals = self.arrivals
        while arrivals:
            if len(packets) == _MOST_AT_ONCE:
                arrivals.clear()
                self._base = self._highest + 1
                break
            begin, oldest = self._base, min(arrivals)
            assert begin is not None  # noqa: S101 - set with the first arrival
            if oldest - begin >= _MAX_STATUSES:
                begin = oldest
            end = min(self._highest, begin + _MAX_STATUSES - 1)
            reference = int(arrivals[oldest] / _TICK_SECONDS) // _REFERENCE_TICKS
            packet, following = self._encode(begin, end, reference, sender_ssrc, media_ssrc)
            packets.append(packet)
            self._base = following
        return packets

    def _encode(self, begin: int, end: int, reference: int, sender_ssrc: int, media_ssrc: int) -> tuple[bytes, int]:
        """One packet covering `begin` up to `end` or to where a time no longer fits; also where to go on.

        `reference` is when the first of them came, or less, in `_REFERENCE_TICKS`.
        """
        arrivals, previous = self.arrivals, reference * _REFERENCE_TICKS
        symbols: list[int] = []
        times: list[int] = []
        """The bytes of them."""
        sequence = begin
        while sequence <= end:
            arrival = arrivals.get(sequence)
            if arrival is None:
                symbols.append(_MISSING)
            else:
                tick = int(arrival / _TICK_SECONDS)
                delta = tick - previous
                if 0 <= delta <= 255:
                    symbols.append(_SMALL)
                    times.append(delta)
                elif -0x8000 <= delta <= 0x7FFF:
                    symbols.append(_LARGE)
                    times += (delta >> 8 & 0xFF, delta & 0xFF)
                else:
                    break
                previous = tick
                del arrivals[sequence]
            sequence += 1
        while symbols and symbols[-1] == _MISSING and sequence <= end:
            symbols.pop()  # a packet cut short by time ends with something received
            sequence -= 1
        body = _chunks(symbols) + bytes(times)
        padding = -len(body) & 3
        self._count = (self._count + 1) & 0xFF
        head = _HEADER.pack(
            0x80 | (0x20 if padding else 0) | 15,
            205,
            4 + (len(body) + padding) // 4,
            sender_ssrc,
            media_ssrc,
            begin & 0xFFFF,
            len(symbols),
            (reference & 0xFFFFFF) << 8 | ((self._count - 1) & 0xFF),
        )
        return head + body + _PADDING[padding], sequence


def _chunks(symbols: list[int]) -> bytes:
    """Packet status chunks: long runs as run-length chunks, the rest as vectors of seven two-bit symbols."""
    chunks = bytearray()
    position, count = 0, len(symbols)
    while position < count:
        symbol = symbols[position]
        run = position + 1
        while run < count and symbols[run] == symbol:
            run += 1
        if run - position >= 7 or run == count:
            chunks += struct.pack("!H", symbol << 13 | (run - position))
            position = run
        else:
            vector = symbols[position : position + 7]
            packed = 0
            for value in vector:
                packed = packed << 2 | value
            packed <<= 2 * (7 - len(vector))
            chunks += struct.pack("!H", 0xC000 | packed)
            position += len(vector)
    return bytes(chunks)
