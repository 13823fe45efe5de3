"""Who speaks in a session: whose microphones are passed on, whom those who watch hear and see, and who is told of it.

What is said and measured of voices comes together here with who may hear whom; choosing is `floor.py`'s.
"""

import math
from collections.abc import Callable, Mapping

from media_engine.events import Event, Speakers
from media_engine.floor import Floor
from media_engine.grants import Source
from media_engine.peer import Peer
from media_engine.tracks import TrackKey, UpTrack
from media_engine.voices import Said
from media_engine.watch import WatchLink

_NAME_SPEAKERS_SECONDS = 0.3


class Speaking:
    """Of the `peers` of one session, which others change."""

    def __init__(
        self, session_id: str, peers: Mapping[str, Peer], emit: Callable[[Event], None], max_voices: int
    ) -> None:
        self._session_id = session_id
        self._peers = peers
        self._emit = emit
        self._floor: Floor[TrackKey] = Floor(max_voices)
        self._name_speakers_at = -math.inf
        self._restage = False
        """Whether somebody says that they speak who said nothing, or the other way round: others may be held back."""

    def say(self, peer: Peer, speaking: bool | None, now: float) -> None:
        """What a peer says of its own microphone; see `Engine.set_speaking`."""
        self._restage |= (peer.said is None) is not (speaking is None)
        if speaking is None:
            peer.said = None
            return
        peer.said = peer.said or Said(now)
        peer.said.say(speaking, now)

    def is_unheard(self, track: UpTrack) -> bool:
        """Whether others have the floor. Of whom nobody knows whether they speak nothing is held back."""
        heard = self._floor.heard
        if heard is None or track.key[1] is not Source.MICROPHONE or track.key in heard:
            return False
        peer = self._peers.get(track.key[0])
        return track.loudness.value >= 0 or (peer is not None and peer.said is not None)

    def listen(self, allowed: Mapping[TrackKey, tuple[UpTrack, ...]], now: float) -> bool:
        """Look who is the loudest of the sources that may be heard. Whether connections have to follow."""
        self._forget_said(now)
        if not self._floor.is_due(len(self._peers), now) and not self._somebody_watches():
            return False
        microphones = self._microphones(allowed, now)
        changed = self._floor.listen({key: level for key, level in microphones.items() if level >= 0}, now)
        changed |= self._choose(microphones, now) or self._restage
        self._restage = False
        return changed

    def choose(self, allowed: Mapping[TrackKey, tuple[UpTrack, ...]], now: float) -> None:
        """Let those who watch hear and see who speaks, and somebody who has just begun to watch at once."""
        self._choose(self._microphones(allowed, now), now)

    def name(self, now: float) -> None:
        """Tell each peer who speaks of those whom it may hear, when that is somebody else than before."""
        if now < self._name_speakers_at:
            return
        self._name_speakers_at = now + _NAME_SPEAKERS_SECONDS
        speakers = self._floor.speakers
        for peer in self._peers.values():
            if not speakers and not peer.speakers:
                continue
            theirs = tuple(key[0] for key in speakers if peer.may_be_sent(key, now))
            if theirs != peer.speakers:
                peer.speakers = theirs
                self._emit(Speakers(self._session_id, peer.peer_id, theirs))

    def _forget_said(self, now: float) -> None:
        """Nothing counts as said that was said long ago."""
        for peer in self._peers.values():
            if peer.said is not None and not peer.said.holds(now):
                peer.said, self._restage = None, True

    def _microphones(self, allowed: Mapping[TrackKey, tuple[UpTrack, ...]], now: float) -> dict[TrackKey, float]:
        """How loud those microphones are that may be heard now; below 0 where neither packets nor their owners say."""
        loudness = {}
        for key, tracks in allowed.items():
            track, said = tracks[0], self._peers[key[0]].said
            if key[1] is not Source.MICROPHONE or not track.live:
                continue
            level = track.loudness.faded(now - track.last_packet_at)
            loudness[key] = said.loudness(now) if level < 0 and said is not None else level
        return loudness

    def _somebody_watches(self) -> bool:
        return any(isinstance(peer.subscribe, WatchLink) for peer in self._peers.values())

    def _choose(self, microphones: Mapping[TrackKey, float], now: float) -> bool:
        """Whether anybody's choice is another one."""
        changed = False
        for peer in self._peers.values():
            link = peer.subscribe
            if isinstance(link, WatchLink):
                theirs = {key: level for key, level in microphones.items() if peer.may_be_sent(key, now)}
                changed |= link.choose_speakers(theirs, now)
        return changed
