"""Writes the packets of a burst for one receiver: its numbers, and what else it has that others have not; encrypted.

Runs for every packet and receiver, so it may be the inner loop in C that does it (`inner.c`), to the same bytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from media_engine import native
from media_engine.burst import Burst
from media_engine.datagrams import Outbox
from media_engine.forwarder import Epoch, rewrite_picture
from media_engine.sdp_write import TRANSPORT_SEQUENCE_ID
from media_engine.srtp import SrtpPair, length

if TYPE_CHECKING:
    from media_engine.tracks import DownTrack

_inner: Final[Any] = native.inner
NUMBERS: Final = struct.Struct("!HII")
"""Sequence, timestamp and SSRC, from byte 2 on."""
_COUNTED: Final = struct.Struct("!HIIIBHx")
"""The same and, in place of the time of sending, a transport-wide number."""
_SHOWN_EXTENSIONS: Final = 0xBEDE0002
NUMBER_ELEMENT: Final = TRANSPORT_SEQUENCE_ID << 4 | 1
WAIT_START: Final = 20
WAIT_END: Final = 24
"""In the header of pictures."""


def suit(view: memoryview, at: int, down: DownTrack) -> None:
    """Write into the packet at `at` what this receiver has that others have not."""
    if down.payload_type:
        view[at + 1] = view[at + 1] & 0x80 | down.payload_type
    if down.wait:
        view[at + WAIT_START : at + WAIT_END] = down.wait


def write(outbox: Outbox, at: int, burst: Burst, down: DownTrack, epoch: Epoch, srtp: SrtpPair) -> int:
    """Write `burst` at `at`, where there is room, as `down` gets it in `epoch`. Where it ends; 0 if libsrtp refused."""
    overhead, ssrc, view = srtp.overhead, down.ssrc, outbox.view
    sequence_offset, timestamp_offset = epoch.sequence_offset, epoch.timestamp_offset
    picture_moves = epoch.picture_id_offset or epoch.tl0_offset
    number = down.numbered.following if down.numbered is not None else 0
    if _inner is not None and srtp.context:
        pictures = burst.pictures if picture_moves else None
        # fmt: off
        written: int = _inner.write(
            srtp.context, view, at, burst.laid_out(overhead), burst.parts, overhead,
            sequence_offset, timestamp_offset, ssrc, number, down.payload_type, down.wait or None,
            pictures, epoch.picture_id_offset, epoch.tl0_offset,
        )
        # fmt: on
        return written
    place, seal, tx = outbox.place, srtp.seal, srtp.tx
    numbers, counted, is_special = NUMBERS.pack_into, _COUNTED.pack_into, down.payload_type or down.wait
    data = burst.laid_out(overhead)
    view[at : at + len(data)] = data
    for _, size, sequence, timestamp, packet in burst.parts:
        out, time = (sequence + sequence_offset) & 0xFFFF, (timestamp + timestamp_offset) & 0xFFFFFFFF
        if number:
            counted(view, at + 2, out, time, ssrc, _SHOWN_EXTENSIONS, NUMBER_ELEMENT, number & 0xFFFF)
            number += 1
        else:
            numbers(view, at + 2, out, time, ssrc)
        if is_special:
            suit(view, at, down)
        if picture_moves:
            rewrite_picture(view[at : at + size], packet, epoch)
        length[0] = size
        if seal(tx, place + at, length):
            return 0
        at += size + overhead
    return at
