"""Whether streams of an end-to-end encrypted session are sealed: a sample of each now and then (`tripwire.py`).

Forwards and withdraws nothing: that what is unsealed flows no more is the business of `connections.py`.
"""

from collections.abc import Sequence

from media_engine.tracks import TrackKey, UpTrack
from media_engine.tripwire import Tripwire


class Seals:
    """Those that were found `unsealed` are forwarded no more, until their publisher begins anew."""

    def __init__(self) -> None:
        self.unsealed: set[TrackKey] = set()
        self._tripwires: dict[UpTrack, tuple[int, Tripwire]] = {}

    def forget(self, peer_id: str) -> None:
        """Begin with a clean sheet."""
        self.unsealed = {key for key in self.unsealed if key[0] != peer_id}

    def look(self, tracks: Sequence[UpTrack]) -> list[TrackKey]:
        """Sample the newest packet of every encoding; once per tick, never on a packet's way. Who is found unsealed."""
        found = []
        for gone in self._tripwires.keys() - set(tracks):
            del self._tripwires[gone]
        for track in tracks:
            ssrc, tripwire = self._tripwires.get(track, (0, None))
            if tripwire is None or ssrc != track.ssrc:
                tripwire = Tripwire(video=track.video)
                self._tripwires[track] = (track.ssrc, tripwire)
            packet = track.cache.get(track.log.highest)
            if packet is not None and not tripwire.look(packet.sequence, packet.data, packet.payload_start):
                self.unsealed.add(track.key)
                del self._tripwires[track]
                found.append(track.key)
        return found
