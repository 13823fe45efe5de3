"""How fast pictures leave to one receiver, and which of their packets wait for their turn. Pure.

A key frame that leaves in one lump fills the queue in front of a narrow way, and sound waits behind it. So of pictures
no more leaves at once than the way takes in a moment; the rest waits here, in order, and what follows waits behind it.
Sound never does. Where nothing is known of the way, or it is wide, nothing waits, and the hot path only counts down.

What waits has not been permitted: it is asked again when its turn comes. Each entry names the epoch in which it was to
leave, and an epoch ends when a grant does (`Forwarder.pause`).
"""

import math
from collections import deque
from typing import Final, NamedTuple

from media_engine.burst import MOST_TOGETHER
from media_engine.records import Epoch, Outlet, Packet
from media_engine.tracks import DownTrack

_LUMP_SECONDS: Final = 0.05
"""What leaves in so long may leave at once: a picture that belongs to the rate does."""
_LEAST_LUMP_OCTETS: Final = 2_500
_MOST_WAITING_SECONDS: Final = 1.0
_MOST_WAITING_OCTETS: Final = 1 << 20
_MOST_REPAIRS: Final = 256
REPAIR_OCTETS: Final = 1_200
"""What a repair is taken to be while it waits; most packets of a picture are about as large."""


class Turn(NamedTuple):
    """What may leave now: packets of one epoch, or sequence numbers that a receiver has asked for again."""

    down: DownTrack
    epoch: Epoch | None
    packets: list[Packet]
    sequence: int


class Pace:
    """One transport's pictures."""

    __slots__ = ("_at", "_budget", "_outlet", "_packets", "_repairs", "_waiting_octets", "dropped", "rate")

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self.rate = math.inf
        """In octets per second."""
        self.dropped = 0
        """Packets for which there was no room. Whoever misses them asks for them again."""
        self._packets: deque[tuple[DownTrack, Epoch, Packet]] = deque()
        self._repairs: deque[tuple[DownTrack, int]] = deque()
        self._waiting_octets = 0
        self._budget = 0.0
        self._at = 0.0

    @property
    def left(self) -> float:
        """The octets that may leave at once; below 0 while something waits."""
        return self._outlet.left

    @left.setter
    def left(self, octets: float) -> None:
        self._outlet.left = octets

    @property
    def is_waiting(self) -> bool:
        return bool(self._packets or self._repairs)

    @property
    def _lump(self) -> float:
        return max(_LEAST_LUMP_OCTETS, self.rate * _LUMP_SECONDS)

    def refill(self, rate: float, now: float) -> None:
        """Keep to `rate` from now on, and add what the time since the last call is worth. Call with every tick."""
        self.rate = rate
        if self.is_waiting:
            return
        if rate == math.inf:
            self.left = math.inf
        else:
            self.left = min(self._lump, max(0.0, self.left) + rate * max(0.0, now - self._at))
        self._at = now

    def put(self, down: DownTrack, epoch: Epoch, packets: list[Packet], now: float) -> None:
        """Have `packets` wait. What there is no room for is as good as lost."""
        most = min(_MOST_WAITING_OCTETS, max(_LEAST_LUMP_OCTETS, self.rate * _MOST_WAITING_SECONDS))
        self._begin_to_wait(now)
        for packet in packets:
            if self._waiting_octets + len(packet.data) > most:
                self.dropped += 1
                continue
            self._waiting_octets += len(packet.data)
            self._packets.append((down, epoch, packet))

    def put_repair(self, down: DownTrack, sequence: int, now: float) -> None:
        """Have a packet that was asked for again wait, ahead of what has never been sent, unless too many do."""
        if len(self._repairs) >= _MOST_REPAIRS:
            return
        self._begin_to_wait(now)
        self._repairs.append((down, sequence))

    def _begin_to_wait(self, now: float) -> None:
        if not self.is_waiting:
            self._budget, self._at = max(0.0, self.left), now
        self.left = -1.0

    def due(self, now: float) -> list[Turn]:
        """Take out what may leave by now. The last of it may be a packet too much."""
        if now > self._at:
            self._budget = min(self._lump, self._budget + self.rate * (now - self._at))
            self._at = now
        turns: list[Turn] = []
        while self._repairs and self._budget > 0:
            down, sequence = self._repairs.popleft()
            self._budget -= REPAIR_OCTETS
            turns.append(Turn(down, None, [], sequence))
        while self._packets and self._budget > 0:
            down, epoch, packet = self._packets.popleft()
            size = len(packet.data)
            self._waiting_octets -= size
            if not down.forwarder.goes_on(epoch):
                continue  # who may not have it any more, or something else by now
            self._budget -= size
            last = turns[-1] if turns else None
            if last and last.down is down and last.epoch is epoch and len(last.packets) < MOST_TOGETHER:
                last.packets.append(packet)
            else:
                turns.append(Turn(down, epoch, [packet], -1))
        if not self.is_waiting:
            self.left = max(0.0, self._budget)
        return turns

    def clear(self) -> None:
        """Forget what waits."""
        self._packets.clear()
        self._repairs.clear()
        self._waiting_octets = 0
        self.left = max(0.0, self.left)
