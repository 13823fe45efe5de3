"""Which pictures of one stream a receiver is sent whose way is too narrow for all of them. Pure.

Encoders make some pictures that no other needs, or none but these: temporal layers, numbered from 0 on, each of which
needs only itself and those below. Chromium makes three of every camera. Without the upper ones a picture moves less
smoothly and takes about half. Down it goes at once; up with a picture that needs nothing that was left out.
"""

from typing import Final

from media_engine.packet import descriptor_of
from media_engine.records import Packet

ALL: Final = 7
"""Layers are told in three bits."""


class Thinning:
    """The layers up to `most` are wanted; those up to `present` are sent."""

    __slots__ = ("_highest", "_newest", "most", "present")

    def __init__(self, most: int) -> None:
        self.most = most
        self.begin()

    def begin(self) -> None:
        """What comes now begins with a picture that needs no other."""
        self.present = ALL
        self._highest = 0
        self._newest = -1

    @property
    def is_over(self) -> bool:
        """Whether everything is wanted again, and sent."""
        return self.most == ALL and self.present >= self._highest

    def takes(self, packet: Packet) -> bool:
        """Whether `packet` is sent. Call for every packet, in the order in which they come."""
        picture = descriptor_of(packet)
        layer, present = picture.layer if picture is not None else 0, min(self.present, self.most)
        if picture is None or packet.sequence <= self._newest:
            return layer <= present
        self._newest = packet.sequence
        self._highest = max(self._highest, layer)
        if picture.key_frame_start:
            present = self.most
        elif layer == present + 1 and layer <= self.most and picture.needs_lowest_alone:
            present = layer
        self.present = present
        if picture.frees_higher and layer <= present:
            self.present = self.most
        return layer <= present


def shares(packets: list[Packet]) -> tuple[float, ...]:
    """Which share of the octets of `packets` is in the lowest layer, in this and the next, and so on up to all."""
    octets = [0] * (ALL + 1)
    for packet in packets:
        picture = descriptor_of(packet)
        octets[picture.layer if picture is not None else 0] += len(packet.data)
    total, came, found = sum(octets), 0, list[float]()
    for layer in octets:
        came += layer
        found.append(came / total if total else 1.0)
        if came == total:
            break
    return tuple(found)
