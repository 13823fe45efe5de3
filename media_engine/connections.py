"""Who is connected to whom in a session: the only place where a publisher is connected to a receiver.

`reconcile` derives every connection from the grants, so that there is one answer to "may this flow?" and withdrawing
takes effect before the caller gets control back. It is synchronous; nothing here awaits. Knows nothing of signalling.
"""

import itertools
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from media_engine.allocation import PAUSED
from media_engine.codecs import SEALED
from media_engine.events import Event, SourceLive, SubscribeOffer
from media_engine.key_frames import KeyFrameBudget
from media_engine.lacking import Lacking, LackingCodecs
from media_engine.peer import Peer
from media_engine.seals import Seals
from media_engine.speaking import Speaking
from media_engine.subscribe import SubscribeLink
from media_engine.tracks import DownTrack, TrackKey, UpTrack, coming
from media_engine.wiring import Wiring


class Shared(NamedTuple):
    """What the connections of all receivers depend on. Equal ones have the same tracks, not tracks alike.

    Sources that have ever been live are `seen` and have m-lines, sound first, also while they are muted; `tracks` are
    their encodings, smallest first. Of these some are `allowed` to be forwarded, and of those some `live`; in which of
    the `codecs` each is; who is `unheard` as others have the floor.
    """

    seen: list[TrackKey]
    tracks: dict[TrackKey, tuple[UpTrack, ...]]
    allowed: dict[TrackKey, tuple[UpTrack, ...]]
    live: set[TrackKey]
    codecs: dict[TrackKey, str]
    unheard: set[TrackKey]


class Connections:
    """The peers of a session, and what flows between them."""

    def __init__(self, session_id: str, wiring: Wiring, emit: Callable[[Event], None]) -> None:
        self.session_id = session_id
        self.peers: dict[str, Peer] = {}
        self.held = False
        self.sealed = False
        self.lease_floor = math.inf
        self.trace: deque[dict[str, Any]] = deque(maxlen=wiring.config.trace_events)
        self._wiring = wiring
        self._config = wiring.config
        self._clock = wiring.clock
        self._emit = emit
        self._offer_ids = itertools.count(1)
        self._shared = Shared([], {}, {}, set(), {}, set())
        self._lacking = LackingCodecs(session_id)
        self.seals = Seals()
        self.speaking = Speaking(session_id, self.peers, emit, wiring.config.max_voices)

    def expire(self, now: float) -> None:
        """Withdraw what leases that are over had permitted. The hot path calls this; no timer needs to run."""
        if now >= self.lease_floor:
            self.reconcile()

    def reconcile(self, only: Sequence[Peer] | None = None) -> None:
        """Make every connection what the grants say now: the one place that connects a publisher to a receiver.

        What a receiver is given is a function of what it has said and may do itself and of what is the same for all
        (`Shared`). With `only` these have said or may do something else than before, or nobody, and theirs alone are
        made anew: in a large session somebody says something all the time. Where that which is the same for all has
        changed as well, or a lease has ended, everybody's are.
        """
        now = self._clock()
        published = self._published()
        shared = self._look_around(published, now)
        concerns_all = only is None or now >= self.lease_floor or shared != self._shared
        self.lease_floor = min(
            (peer.grants.expires_at for peer in self.peers.values() if peer.grants.expires_at > now), default=math.inf
        )
        self._announce(shared.live)
        self._shared = shared
        rates = {key: coming(tracks) for key, tracks in shared.allowed.items()}
        downs: dict[UpTrack, list[DownTrack]] = {}
        asked = set()
        for peer in self.peers.values() if concerns_all else only or ():
            link = peer.subscribe
            if link is None or link.state == "closed":
                continue
            asked.add(link)
            if peer.grants.may_subscribe(now):
                wanted = [key for key in shared.seen if peer.may_be_sent(key, now)]
                link.want(wanted, shared.live, shared.unheard, shared.codecs)
            link.allocate(rates, now)
            for down in link.downs:
                for track in self._encodings_for(peer, down, shared.allowed, now):
                    downs.setdefault(track, []).append(down)
            if link.needs_offer and peer.grants.may_subscribe(now):
                self._offer(link)
        for key, tracks in published.items():
            for track in tracks:
                others = [] if concerns_all else [down for down in track.downs if _goes_on(down, asked)]
                track.feed((*others, *downs.get(track, ())))
                if key not in shared.allowed:
                    track.cache.clear()
        for event in self._lacking.changes(self._lacked(now)):
            self._note(type(event).__name__.lower(), event.peer_id)
            self._emit(event)

    def _look_around(self, published: Mapping[TrackKey, tuple[UpTrack, ...]], now: float) -> Shared:
        allowed = self._allowed(published, now)
        live = {key for key, tracks in allowed.items() if any(track.live for track in tracks)}
        # A grant may come after the first packet: what is live and allowed now has been seen, whichever came first.
        seen = [key for key in published if key in self._shared.tracks or key in live]
        seen.sort(key=lambda key: key[1].kind)
        return Shared(
            seen,
            {key: published[key] for key in seen},
            {key: allowed[key] for key in seen if key in allowed},
            live,
            {key: published[key][0].codec for key in seen},
            {key for key in live if self.speaking.is_unheard(allowed[key][0])},
        )

    def _lacked(self, now: float) -> Lacking:
        """What each receiver may have and its client can't decode."""
        return {
            peer.peer_id: peer.subscribe.unplayable
            for peer in self.peers.values()
            if peer.subscribe is not None and peer.subscribe.state != "closed" and peer.grants.may_subscribe(now)
        }

    def _encodings_for(
        self, peer: Peer, down: DownTrack, allowed: Mapping[TrackKey, tuple[UpTrack, ...]], now: float
    ) -> tuple[UpTrack, ...]:
        """What this m-line of a receiver is given now; none where anything at all speaks against it."""
        key = down.key
        tracks = allowed.get(key) if key is not None else None
        flows = (
            key is not None
            and tracks is not None
            and peer.grants.may_receive(*key, now)
            and down.link.srtp is not None
            and down.negotiated == key
        )
        if flows and tracks is not None:
            return self._connect(peer, down, tracks, now)
        down.disconnect()
        return ()

    def _connect(self, peer: Peer, down: DownTrack, tracks: tuple[UpTrack, ...], now: float) -> tuple[UpTrack, ...]:
        """The encodings whose packets this receiver is given: what flows, and what takes its place at a key frame."""
        if down.rank == PAUSED or self.speaking.is_unheard(tracks[0]):
            down.disconnect()
            return ()
        target = tracks[min(down.rank, len(tracks) - 1)]
        if down.up not in tracks or down.forwarder.epoch is None:
            asked, down.next_up = down.up is target, None
            down.up = target
        elif target is down.up:
            asked, down.next_up = True, None
        else:
            asked = down.next_up is target
            down.next_up = target
        if target.video and not asked and not self.request_key_frame(peer.peer_id, target, now):
            peer.put_off.add(target)
        return (down.up,) if down.next_up is None else (down.up, down.next_up)

    def _allowed(
        self, published: Mapping[TrackKey, tuple[UpTrack, ...]], now: float
    ) -> dict[TrackKey, tuple[UpTrack, ...]]:
        """Those of `published` whose publishers may have them forwarded now."""
        if self.held:
            return {}
        return {
            key: tracks
            for key, tracks in published.items()
            if self._may_publish(key, now) and (not self.sealed or tracks[0].codec in SEALED)
        }

    def _allowed_now(self, now: float) -> Mapping[TrackKey, tuple[UpTrack, ...]]:
        """What may be forwarded now, of what has ever been live: what the connections are made of."""
        self.expire(now)
        return self._shared.allowed

    def _may_publish(self, key: TrackKey, now: float) -> bool:
        peer = self.peers.get(key[0])
        return peer is not None and key not in self.seals.unsealed and peer.grants.may_publish(key[1], now)

    def _published(self) -> dict[TrackKey, tuple[UpTrack, ...]]:
        """Every published source with its encodings, smallest first."""
        found: dict[TrackKey, tuple[UpTrack, ...]] = {}
        for peer in self.peers.values():
            if peer.publish is not None and peer.publish.state != "closed":
                for track in peer.publish.tracks.values():
                    found[track.key] = (*found.get(track.key, ()), track)
        return found

    def _allocate(self, now: float) -> None:
        """Ask anew which encodings fit whom, of those whose turn it is: not all in one tick."""
        due = []
        for peer in self.peers.values():
            link = peer.subscribe
            if link is not None and link.srtp is not None and now >= link.allocate_at:
                due.append((peer, link))
        if due:
            rates = {key: coming(tracks) for key, tracks in self._allowed_now(now).items()}
            changed = [peer for peer, link in due if link.allocate(rates, now)]
            if changed:
                self.reconcile(changed)

    def _offer(self, link: SubscribeLink) -> None:
        offer_id = next(self._offer_ids)
        text, tracks = link.make_offer(offer_id)
        self._note("subscribe_offered", link.peer_id, offer=offer_id, tracks=len(tracks))
        self._emit(SubscribeOffer(self.session_id, link.peer_id, offer_id, text, tracks))

    def _announce(self, live: set[TrackKey]) -> None:
        for key in live ^ self._shared.live:
            self._note("live" if key in live else "silent", key[0], source=key[1].value)
            self._emit(SourceLive(self.session_id, key[0], key[1], key in live))

    def request_key_frame(self, receiver_id: str, track: UpTrack, now: float) -> bool:
        """Ask the publisher of `track` for a receiver. False: that has had too many made of late, and nobody is asked.

        One that is on its way already, whoever has asked for it, is on its way to all.
        """
        receiver, publisher = self.peers.get(receiver_id), self.peers.get(track.key[0])
        if receiver is None or publisher is None or publisher.publish is None:
            return False
        if not track.key_frame_wanted:
            budget = receiver.key_frames.get(track.key)
            if budget is None:
                budget = receiver.key_frames[track.key] = KeyFrameBudget(now)
            if not budget.take(now):
                return False
        publisher.publish.request_key_frame(track, now)
        return True

    def _request_what_was_put_off(self, peer: Peer, now: float) -> None:
        downs = peer.subscribe.downs if peer.subscribe is not None else []
        waiting = {track for down in downs for track in (down.up, down.next_up) if track is not None}
        peer.put_off &= waiting
        for track in tuple(peer.put_off):
            if self.request_key_frame(peer.peer_id, track, now):
                peer.put_off.discard(track)

    def on_first_packet(self, track: UpTrack) -> None:
        """A silent track has a packet."""
        track.live = True
        self.reconcile([])

    def on_silence(self, track: UpTrack) -> None:
        """A live track has had none for long."""
        track.live = False
        self.reconcile([])

    def _note(self, event: str, peer_id: str = "", **details: Any) -> None:
        self.trace.append({"at": round(self._clock(), 3), "event": event, "peer": peer_id, **details})


def _goes_on(down: DownTrack, asked: AbstractSet[object]) -> bool:
    """Whether a connection that nobody has asked about is still one."""
    return down.link.srtp is not None and down.link not in asked
