"""The VP9 payload descriptor (RFC 9628, section 4.2). Pure.

Read for where a key frame begins, for the two numbers that a receiver wants to see go on where another stretch of
packets begins, and for the temporal layer. The picture behind it is opaque.
"""

from media_engine.descriptor import PictureDescriptor

_HAS_PICTURE_ID, _IS_PREDICTED, _HAS_LAYER, _IS_FLEXIBLE, _BEGINS_FRAME = 0x80, 0x40, 0x20, 0x10, 0x08
_IS_LONG = 0x80
_SPATIAL_LAYER, _SWITCHING_UP_POINT = 0x0E, 0x10
_MOST_REFERENCES = 3
_LONGEST = 8
"""Bytes of the longest descriptor without a scalability structure, and one of the picture behind it."""


def decode_descriptor(packet: bytes | bytearray | memoryview, start: int, end: int) -> PictureDescriptor:
    """Read the descriptor of the payload at `packet[start:end]`. Raises ValueError for one that is cut short or wrong.

    Of a scalability structure, which may follow, nothing is read.
    """
    try:
        return _decode(bytes(packet[start : min(end, start + _LONGEST)]))
    except IndexError:
        raise ValueError("VP9 descriptor is cut short") from None


def _decode(payload: bytes) -> PictureDescriptor:
    first = payload[0]
    position = 1
    picture_id = picture_offset = picture_bits = tl0 = tl0_offset = layers = 0
    if first & _HAS_PICTURE_ID:
        picture_offset = 1
        if payload[1] & _IS_LONG:
            picture_id, picture_bits, position = (payload[1] & 0x7F) << 8 | payload[2], 15, 3
        else:
            picture_id, picture_bits, position = payload[1], 7, 2
    elif first & _IS_FLEXIBLE:
        raise ValueError("VP9 in flexible mode has a picture id")
    if first & _HAS_LAYER:
        layers = payload[position]
        position += 1
        if not first & _IS_FLEXIBLE:
            tl0, tl0_offset = payload[position], position
            position += 1
    if first & _IS_FLEXIBLE and first & _IS_PREDICTED:
        position = _after_references(payload, position)
    payload[position]  # the picture, or its structure: present or cut short
    key = bool(first & _BEGINS_FRAME) and not first & _IS_PREDICTED and not layers & _SPATIAL_LAYER
    frees_higher = bool(layers & _SWITCHING_UP_POINT)
    return PictureDescriptor(
        key, picture_id, picture_offset, picture_bits, tl0, tl0_offset, layers >> 5, frees_higher=frees_higher
    )


def _after_references(payload: bytes, position: int) -> int:
    for _ in range(_MOST_REFERENCES):
        is_last = not payload[position] & 1
        position += 1
        if is_last:
            return position
    raise ValueError("VP9 picture refers to more than three others")
