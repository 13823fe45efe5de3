"""The AV1 aggregation header (RTP Payload Format For AV1, section 4.4), of which one bit matters here. Pure.

https://aomediacodec.github.io/av1-rtp-spec/
"""

_CONTINUES = 0x80
_BEGINS_SEQUENCE = 0x08


def starts_key_frame(packet: bytes | bytearray | memoryview, start: int, end: int) -> bool:
    """Whether the payload at `packet[start:end]` begins a coded video sequence: a picture that needs no other.

    Such a payload can't go on with what an earlier packet began, and has something behind its header.
    """
    return end - start > 1 and packet[start] & (_BEGINS_SEQUENCE | _CONTINUES) == _BEGINS_SEQUENCE
