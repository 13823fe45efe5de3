"""What is asked of a canonical packet (`records.Packet`) that the hot path does not ask. Pure."""

import contextlib

from media_engine.codecs import DESCRIPTORS, KEY_FRAMES
from media_engine.descriptor import PictureDescriptor
from media_engine.records import Packet


def form_of(packet: Packet, is_red: bool) -> bytes:
    """What somebody is sent of it who takes redundancy, or does not: the same at all times."""
    return packet.red if is_red and packet.red is not None else packet.data


def descriptor_of(packet: Packet) -> PictureDescriptor | None:
    """The payload descriptor, where the codec numbers its pictures.

    Read when first asked for: most packets are forwarded without a look at it.
    """
    try:
        return packet.descriptor
    except AttributeError:
        packet.descriptor = None
    read = DESCRIPTORS.get(packet.codec)
    if read is not None:
        with contextlib.suppress(ValueError):
            packet.descriptor = read(packet.data, packet.payload_start, len(packet.data))
    return packet.descriptor


def begins_key_frame(packet: Packet) -> bool:
    """Whether a key frame begins with it."""
    look = KEY_FRAMES.get(packet.codec)
    if look is not None:
        return look(packet.data, packet.payload_start, len(packet.data))
    picture = descriptor_of(packet)
    return picture is not None and picture.key_frame_start
