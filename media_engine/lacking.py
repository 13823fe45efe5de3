"""Which receivers lack the codec that something is published in, and what has been said about it. Pure.

A picture in a codec that a client can't decode is not offered to it. Both sides are told: who sees nothing of whom, and
who is not seen by how many.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from media_engine.codecs import VP8
from media_engine.events import Unplayable, UnplayableTrack, Unseen, UnseenSource

Lacking = Mapping[str, Sequence[UnplayableTrack]]
"""Of each receiver."""


class LackingCodecs:
    """Those of one session."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._unplayable: dict[str, tuple[UnplayableTrack, ...] | None] = {}
        self._unseen: dict[str, tuple[UnseenSource, ...] | None] = {}

    def forget(self, peer_id: str) -> None:
        """Say again what concerns this peer, if there was anything: it may have missed the last word."""
        if peer_id in self._unplayable:
            self._unplayable[peer_id] = None
        if peer_id in self._unseen:
            self._unseen[peer_id] = None

    def changes(self, lacking: Lacking) -> list[Unplayable | Unseen]:
        """What is different from what was last returned, now that receivers lack so much: an event for each peer."""
        unplayable = {peer_id: tuple(tracks) for peer_id, tracks in lacking.items() if tracks}
        # Everybody decodes VP8 (RFC 7742, section 5). Nobody shall be told to change what can't be changed for better.
        counted = Counter(track for tracks in unplayable.values() for track in tracks if track.codec != VP8)
        unseen: dict[str, tuple[UnseenSource, ...]] = {}
        for track, receivers in counted.items():
            source = UnseenSource(track.source, track.codec, receivers)
            unseen[track.publisher_id] = (*unseen.get(track.publisher_id, ()), source)
        events: list[Unplayable | Unseen] = []
        for peer_id in [*unplayable, *(self._unplayable.keys() - unplayable.keys())]:
            if unplayable.get(peer_id, ()) != self._unplayable.get(peer_id, ()):
                events.append(Unplayable(self._session_id, peer_id, unplayable.get(peer_id, ())))
        for peer_id in [*unseen, *(self._unseen.keys() - unseen.keys())]:
            if unseen.get(peer_id, ()) != self._unseen.get(peer_id, ()):
                events.append(Unseen(self._session_id, peer_id, unseen.get(peer_id, ())))
        self._unplayable, self._unseen = {**unplayable}, {**unseen}
        return events
