"""The VP8 payload descriptor (RFC 7741, section 4.2). Pure.

The only bytes of a VP8 payload that the engine looks at or rewrites: picture id, TL0PICIDX, the temporal layer and the
key-frame bit, which stay in the clear in encrypted rooms.
"""

from media_engine.descriptor import PictureDescriptor


def decode_descriptor(packet: bytes | bytearray | memoryview, start: int, end: int) -> PictureDescriptor:
    """Read the descriptor of the payload at `packet[start:end]`. Raises ValueError when it is cut short."""
    try:
        return _decode(bytes(packet[start : min(end, start + 8)]))
    except IndexError:
        raise ValueError("VP8 descriptor is cut short") from None


def _decode(payload: bytes) -> PictureDescriptor:
    first = payload[0]
    position = 1
    picture_id = picture_offset = picture_bits = tl0 = tl0_offset = layer = 0
    needs_lowest_alone = False
    if first & 0x80:
        flags = payload[1]
        position = 2
        if flags & 0x80:
            picture_offset = 2
            if payload[2] & 0x80:
                picture_id = (payload[2] & 0x7F) << 8 | payload[3]
                picture_bits = 15
                position = 4
            else:
                picture_id = payload[2]
                picture_bits = 7
                position = 3
        if flags & 0x40:
            tl0 = payload[position]
            tl0_offset = position
            position += 1
        if flags & 0x30:
            layers = payload[position]  # TID, Y and KEYIDX: present or cut short
            if flags & 0x20:
                layer, needs_lowest_alone = layers >> 6, bool(layers & 0x20)
            position += 1
    # S set and PID zero: the first packet of a frame, whose next byte starts with the inverse key-frame flag P.
    starts = first & 0x10 and not first & 0x07
    key = bool(starts and not payload[position] & 1)
    return PictureDescriptor(key, picture_id, picture_offset, picture_bits, tl0, tl0_offset, layer, needs_lowest_alone)
