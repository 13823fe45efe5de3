"""A trace of the packets of one session: headers only, bounded in number and time, off unless asked for. Pure.

For finding out why somebody sees nothing. Payloads are not copied, encrypted or not.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

from media_engine.rtp import decode_extensions, decode_header

MAX_PACKETS = 20_000
MAX_SECONDS = 60.0
_MAX_HEADER_BYTES = 96

Direction = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class _Entry:
    at: float
    direction: Direction
    peer_id: str
    size: int
    head: bytes


class PacketTrace:
    """What passes until `until` (engine time), the last `MAX_PACKETS` of it. `session` is compared by identity."""

    def __init__(self, session: object, until: float) -> None:
        self.session = session
        self.until = until
        self._entries: deque[_Entry] = deque(maxlen=MAX_PACKETS)

    def note(self, at: float, direction: Direction, peer_id: str, packet: memoryview | bytes, size: int) -> None:
        """Keep the header of the RTP packet `packet`, of `size` bytes and well-formed; `at` is engine time."""
        head = 12 + 4 * (packet[0] & 15)
        if packet[0] & 0x10:
            head += 4 + 4 * (packet[head + 2] << 8 | packet[head + 3])
        self._entries.append(_Entry(at, direction, peer_id, size, bytes(packet[: min(head, size, _MAX_HEADER_BYTES)])))

    def packets(self) -> list[dict[str, Any]]:
        """What was kept, oldest first, as plain values. Extension values are in hexadecimal, by identifier."""
        return [_as_values(entry) for entry in self._entries]


def _as_values(entry: _Entry) -> dict[str, Any]:
    found: dict[str, Any] = {
        "at": round(entry.at, 6),
        "direction": entry.direction,
        "peer": entry.peer_id,
        "bytes": entry.size,
    }
    # The padding bit would have the last byte looked at, which is not here.
    head = bytes((entry.head[0] & ~0x20,)) + entry.head[1:]
    try:
        header = decode_header(head, len(head))
    except ValueError:
        return found | {"header": entry.head[:12].hex()}
    return found | {
        "ssrc": header.ssrc,
        "payload_type": header.payload_type,
        "sequence": header.sequence,
        "timestamp": header.timestamp,
        "marker": header.marker,
        "extensions": {number: value.hex() for number, value in decode_extensions(head, header).items()},
    }
