"""H.264 payloads (RFC 6184), as far as the engine looks at them: whether a picture begins that needs no other. Pure."""

_SINGLE_TIME_AGGREGATE = 24
_FRAGMENT = 28
_WHOLE_PICTURE = 5
_SEQUENCE_PARAMETERS = 7
_STARTS = frozenset((_WHOLE_PICTURE, _SEQUENCE_PARAMETERS))
_TYPE = 0x1F
_FIRST_FRAGMENT = 0x80


def starts_key_frame(packet: bytes | bytearray | memoryview, start: int, end: int) -> bool:
    """Whether the payload at `packet[start:end]` begins an IDR picture, or the parameters in front of one."""
    if end <= start:
        return False
    kind = packet[start] & _TYPE
    if kind == _FRAGMENT:
        header = packet[start + 1] if end > start + 1 else 0
        return bool(header & _FIRST_FRAGMENT) and header & _TYPE in _STARTS
    if kind != _SINGLE_TIME_AGGREGATE:
        return kind in _STARTS
    at = start + 1
    while at + 3 <= end:
        if packet[at + 2] & _TYPE in _STARTS:
            return True
        at += 2 + (packet[at] << 8 | packet[at + 1])
    return False
