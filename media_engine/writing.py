"""Writes the packets of a burst for one receiver: its numbers, and what else it has that others have not; encrypted."""

from __future__ import annotations

import struct
from typing import Final

from media_engine.burst import Burst
from media_engine.datagrams import Outbox
from media_engine.forwarder import rewrite_picture
from media_engine.records import Epoch, Lane
from media_engine.sdp_write import TRANSPORT_SEQUENCE_ID
from media_engine.srtp import SrtpPair, length

NUMBERS: Final = struct.Struct("!HII")
"""Sequence, timestamp and SSRC, from byte 2 on."""
_COUNTED: Final = struct.Struct("!HIIIBHx")
"""The same and, in place of the time of sending, a transport-wide number."""
_SHOWN_EXTENSIONS: Final = 0xBEDE0002
NUMBER_ELEMENT: Final = TRANSPORT_SEQUENCE_ID << 4 | 1
WAIT_START: Final = 20
WAIT_END: Final = 24
"""In the header of pictures."""


def suit(view: memoryview, at: int, lane: Lane) -> None:
    """Write into the packet at `at` what this receiver has that others have not."""
    if lane.payload_type:
        view[at + 1] = view[at + 1] & 0x80 | lane.payload_type
    if lane.wait:
        view[at + WAIT_START : at + WAIT_END] = lane.wait


def write(outbox: Outbox, at: int, burst: Burst, lane: Lane, epoch: Epoch, srtp: SrtpPair) -> int:
    """Write `burst` at `at`, where there is room, as `lane` has it in `epoch`. Where it ends; 0 if libsrtp refused."""
    overhead, ssrc, view = srtp.overhead, lane.ssrc, outbox.view
    sequence_offset, timestamp_offset = epoch.sequence_offset, epoch.timestamp_offset
    picture_moves = epoch.picture_id_offset or epoch.tl0_offset
    number = lane.numbered.following if lane.numbered is not None else 0
    place, seal, tx = outbox.place, srtp.seal, srtp.tx
    numbers, counted, is_special = NUMBERS.pack_into, _COUNTED.pack_into, lane.payload_type or lane.wait
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
            suit(view, at, lane)
        if picture_moves:
            rewrite_picture(view[at : at + size], packet, epoch)
        length[0] = size
        if seal(tx, place + at, length):
            return 0
        at += size + overhead
    return at
