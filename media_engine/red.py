"""Redundant coding of sound (RED, RFC 2198): a packet that carries what packets before it carried once more. Pure.

Knows where blocks begin and end. What is in them, and which packet a block was the content of, is not its business.
"""

_REDUNDANT_HEADER_BYTES = 4
_MOST_REDUNDANT = 8
_MORE = 0x80
_SIZE_BITS = 10

Block = tuple[int, int, int]
"""How many ticks older than the packet it is; where it starts in the packet, and where it ends."""


def decode(packet: bytes | bytearray | memoryview, start: int, end: int, payload_type: int) -> tuple[Block, ...]:
    """The blocks of the payload from `start` up to `end`, oldest first; the last is the packet's own and not empty.

    Raises ValueError where headers or blocks run over the end, where there are more than eight beside the last, and
    where one is of another `payload_type`.
    """
    headers: list[int] = []
    at = start
    while True:
        if at >= end:
            raise ValueError("RED without a last block")
        first = packet[at]
        if first & ~_MORE != payload_type:
            raise ValueError("RED with another codec inside")
        if not first & _MORE:
            break
        if at + _REDUNDANT_HEADER_BYTES > end or len(headers) == _MOST_REDUNDANT:
            raise ValueError("RED with headers over the end, or too many of them")
        headers.append(packet[at + 1] << 16 | packet[at + 2] << 8 | packet[at + 3])
        at += _REDUNDANT_HEADER_BYTES
    at += 1
    blocks: list[Block] = []
    for header in headers:
        size = header & (1 << _SIZE_BITS) - 1
        blocks.append((header >> _SIZE_BITS, at, at + size))
        at += size
    if at >= end:
        raise ValueError("RED with blocks over the end, or nothing in the last")
    blocks.append((0, at, end))
    return tuple(blocks)


def relabelled(packet: bytes | bytearray | memoryview, blocks: tuple[Block, ...], payload_type: int) -> bytearray:
    """The payload that these are all the `blocks` of, with `payload_type` in each of their headers."""
    last = _REDUNDANT_HEADER_BYTES * (len(blocks) - 1)
    payload = bytearray(packet[blocks[0][1] - last - 1 : blocks[-1][2]])
    for at in range(0, last, _REDUNDANT_HEADER_BYTES):
        payload[at] = _MORE | payload_type
    payload[last] = payload_type
    return payload
