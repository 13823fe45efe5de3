"""How Chromium packs a camera's pictures into packets, recorded from Chromium 156 publishing VP8 to the engine.

A picture's packets leave together, the second 0.01 to 0.4 ms after the first and each following one 0.03 ms later.
Their sizes are equal but for one byte: libwebrtc splits a picture into parts that are as equal as they can be, the
smaller ones first. Microphone packets come every 20 ms; with `cbr=1`, as in encrypted rooms, all of one size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

OPUS_PACKETS_PER_SECOND = 50
OPUS_BYTES = 100


@dataclass(frozen=True)
class Camera:
    """`pictures` are (bytes of a payload, packets of that size, packets of one byte more), played in a circle."""

    name: str
    pictures_per_second: int
    pictures: Sequence[tuple[int, int, int]]

    @property
    def packets_per_second(self) -> float:
        """Packets that one participant sends each second, microphone included."""
        packets = sum(smaller + larger for _, smaller, larger in self.pictures)
        return self.pictures_per_second * packets / len(self.pictures) + OPUS_PACKETS_PER_SECOND

    def sizes(self) -> Iterator[list[int]]:
        """The payload sizes of one picture after another, without end."""
        while True:
            for size, smaller, larger in self.pictures:
                yield [size] * smaller + [size + 1] * larger


# fmt: off
_SMALL = (
    (1084, 1, 3), (1155, 3, 1), (947, 3, 2), (1142, 1, 3), (1027, 1, 3), (967, 4, 0), (959, 1, 3), (968, 1, 3),
    (1065, 3, 1), (1037, 1, 3), (936, 1, 3), (1034, 1, 2), (1093, 1, 2), (914, 2, 2), (1142, 3, 0), (1020, 3, 0),
    (907, 2, 1), (867, 2, 1), (985, 2, 1), (1067, 3, 0), (895, 1, 3), (1017, 4, 0), (1121, 2, 1), (939, 1, 3),
    (927, 3, 1), (962, 2, 2), (904, 3, 1), (966, 4, 0), (995, 4, 0), (978, 4, 0), (966, 3, 1), (976, 2, 2),
)
_LARGE = (
    (1074, 4, 3), (1136, 4, 2), (1042, 1, 6), (1165, 6, 0), (1112, 6, 1), (1064, 7, 0), (1093, 4, 3), (1027, 4, 3),
    (1056, 3, 4), (1033, 4, 3), (1039, 2, 5), (1160, 3, 3), (1043, 5, 3), (1085, 4, 2), (1105, 7, 0), (1016, 1, 6),
    (1070, 5, 2), (1020, 3, 4), (1019, 2, 5), (1150, 3, 3), (1141, 4, 2), (1106, 1, 6), (1068, 4, 3), (1095, 5, 2),
    (1085, 1, 6), (1108, 5, 2), (1110, 3, 4), (1114, 6, 1), (1144, 5, 2), (1085, 3, 5), (1106, 3, 5), (1151, 4, 3),
)
# fmt: on
SMALL = Camera("640x360, 0.7 Mbit/s", pictures_per_second=30, pictures=_SMALL)
LARGE = Camera("1280x720, 1.7 Mbit/s", pictures_per_second=30, pictures=_LARGE)
