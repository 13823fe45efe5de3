"""One media session: its peers, and the only place where a publisher is connected to a receiver.

`reconcile` derives every connection from the grants, so that there is one answer to "may this flow?" and withdrawing
takes effect before the caller gets control back. It is synchronous; nothing here awaits.
"""

import itertools
import math
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, NamedTuple

from media_engine import fragment, sdp
from media_engine.allocation import PAUSED
from media_engine.codecs import SEALED
from media_engine.errors import OfferRejected
from media_engine.events import (
    Event,
    SourceLive,
    Speakers,
    SubscribeOffer,
    TransportName,
    TransportState,
    TransportStateName,
    Unsealed,
)
from media_engine.floor import Floor
from media_engine.grants import NOTHING, Grants, Source
from media_engine.key_frames import KeyFrameBudget
from media_engine.lacking import Lacking, LackingCodecs
from media_engine.link import Link
from media_engine.publish import PublishLink
from media_engine.subscribe import SubscribeLink
from media_engine.tracks import DownTrack, TrackKey, UpTrack, coming
from media_engine.tripwire import Tripwire
from media_engine.voices import Said
from media_engine.watch import WatchLink
from media_engine.wiring import Wiring

_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_NAME_SPEAKERS_SECONDS = 0.3


class Peer:
    """What one participant holds in the session. Absent grants mean no.

    `said` is what they say of their own microphone, if anything; `speakers` whom they were told last to speak;
    `key_frames` what they may have others make; `put_off` the encodings whose key frame they wait for, and of which
    they have had so many made that nobody has been asked yet.
    """

    __slots__ = ("grants", "key_frames", "peer_id", "publish", "put_off", "said", "speakers", "subscribe")

    def __init__(self, peer_id: str) -> None:
        self.peer_id = peer_id
        self.grants: Grants = NOTHING
        self.publish: PublishLink | None = None
        self.subscribe: SubscribeLink | None = None
        self.said: Said | None = None
        self.speakers: tuple[str, ...] = ()
        self.key_frames: dict[TrackKey, KeyFrameBudget] = {}
        self.put_off: set[UpTrack] = set()

    def __repr__(self) -> str:
        return f"<Peer {self.peer_id} publish={self.publish} subscribe={self.subscribe}>"

    @property
    def links(self) -> list[Link]:
        """The transports that exist."""
        return [link for link in (self.publish, self.subscribe) if link is not None]

    def link(self, name: TransportName) -> Link | None:
        """The transport of this name, if there is one."""
        return self.publish if name == "publish" else self.subscribe


class Shared(NamedTuple):
    """What the connections of all receivers depend on. Equal ones have the same tracks, not tracks alike.

    Sources that have ever been live are `seen` and have m-lines, also while they are muted: sound first, `tracks` are
    their encodings, smallest first. Of these some are `allowed` to be forwarded, and of those some `live`; in which of
    the `codecs` each is; who is `unheard` as others have the floor.
    """

    seen: list[TrackKey]
    tracks: dict[TrackKey, tuple[UpTrack, ...]]
    allowed: dict[TrackKey, tuple[UpTrack, ...]]
    live: set[TrackKey]
    codecs: dict[TrackKey, str]
    unheard: set[TrackKey]


class MediaSession:
    """Peers who may exchange media, and nobody else."""

    def __init__(
        self,
        session_id: str,
        wiring: Wiring,
        emit: Callable[[Event], None],
        closing: Callable[[Link], None],
    ) -> None:
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
        self._closing = closing
        self._offer_ids = itertools.count(1)
        self._shared = Shared([], {}, {}, set(), {}, set())
        self._unsealed: set[TrackKey] = set()
        self._lacking = LackingCodecs(session_id)
        self._floor: Floor[TrackKey] = Floor(wiring.config.max_voices)
        self._name_speakers_at = -math.inf
        self._restage = False
        """Whether somebody says that they speak who said nothing, or the other way round: others may be held back."""
        self._tripwires: dict[UpTrack, tuple[int, Tripwire]] = {}

    def __repr__(self) -> str:
        return f"<MediaSession {self.session_id} {len(self.peers)} peers>"

    def set_grants(self, peer_id: str, grants: Grants) -> None:
        """Replace what `peer_id` may do. A renewal of the same grants changes only their end."""
        now = self._clock()
        peer = self.peers.get(peer_id)
        if peer is None:
            if not _ID.fullmatch(peer_id):
                raise ValueError("a peer id is 1 to 64 letters, digits, dots, dashes or underscores")
            if len(self.peers) >= self._config.max_peers_per_session:
                raise OfferRejected("busy", "the session has its maximum of peers")
            peer = self.peers[peer_id] = Peer(peer_id)
        before, peer.grants = peer.grants, grants
        self.lease_floor = min(self.lease_floor, grants.expires_at)
        if Source.MICROPHONE not in grants.publish:
            peer.said = None
        same = replace(before, expires_at=grants.expires_at) == grants
        if same and now < before.expires_at and now < grants.expires_at:
            return
        publish = sorted(source.value for source in grants.publish)
        self._note("granted", peer_id, publish=publish, subscribe=grants.subscribe)
        self.reconcile([peer])

    def revoke(self, peer_id: str) -> None:
        """Forget the peer. When this returns, not one more packet goes to or comes from it."""
        peer = self.peers.pop(peer_id, None)
        if peer is None:
            return
        peer.grants = NOTHING
        self._unsealed = {key for key in self._unsealed if key[0] != peer_id}
        for link in peer.links:
            link.close(farewell=False)
        for other in self.peers.values():
            for key in [key for key in other.key_frames if key[0] == peer_id]:
                del other.key_frames[key]
        self._note("revoked", peer_id, **self._counts(peer))
        self.reconcile([])

    def hold(self) -> None:
        """Forward nothing from now on, whatever grants say. When this returns, not one more packet passes."""
        if not self.held:
            self.held = True
            self._note("held")
            self.reconcile()

    def release(self) -> None:
        """Let the grants decide again."""
        if self.held:
            self.held = False
            self._note("released")
            self.reconcile()

    def close(self) -> None:
        """End the session for everybody."""
        peers, self.peers = self.peers, {}
        for peer in peers.values():
            peer.grants = NOTHING
            for link in peer.links:
                link.close()
        self._note("closed")
        self.reconcile()

    def answer_publish(self, peer_id: str, offer_sdp: str, sources: Mapping[str, Source]) -> str:
        """Take a publisher's offer; see `Engine.answer_publish`."""
        peer = self._peer_with_lease(peer_id)
        offer = self._decode(offer_sdp, self._config.max_sections)
        if not offer.ufrag:
            raise OfferRejected("bad_sdp", "the offer has no audio or video m-line")
        if self.sealed:
            for section in offer.sections:
                section.restrict(SEALED | {"rtx"})
        link = peer.publish
        if link is not None and link.continues(offer):
            answer, ended = link.apply(offer, sources)
        else:
            fresh = PublishLink(self, peer_id, self._wiring)
            try:
                answer, ended = fresh.apply(offer, sources)
            except OfferRejected:
                fresh.close()
                raise
            peer.publish = fresh
            # Another transport begins with a clean sheet; the same one does not.
            self._unsealed = {key for key in self._unsealed if key[0] != peer_id}
            if link is not None:
                link.close()
        named = sorted(source.value for source in sources.values())
        self._note("publish_answered", peer_id, sources=named, ended=len(ended))
        self.reconcile([])
        return answer

    def restart_ice(self, peer_id: str, name: TransportName, theirs: fragment.Fragment) -> str:
        """Give a transport new ICE credentials; see `Engine.restart_ice`."""
        link = self._peer_with_lease(peer_id).link(name)
        if link is None or link.state == "closed":
            raise OfferRejected("wrong_state", "there is no such transport")
        link.restart_ice()
        link.ice.follow(theirs.ufrag, theirs.password)
        self._note(f"{name}_restarted", peer_id)
        return fragment.encode(link.local())

    def close_transport(self, peer_id: str, name: TransportName) -> None:
        """End one transport of a peer, without telling its owner, who asked for it."""
        peer = self.peers.get(peer_id)
        link = peer.link(name) if peer is not None else None
        if peer is None or link is None:
            return
        if name == "publish":
            peer.publish = None
        else:
            peer.subscribe = None
        link.close()
        self.reconcile([])

    def open_subscribe(self, peer_id: str, *, fresh: bool, decodes: AbstractSet[str] | None = None) -> None:
        """Give the peer a subscribing transport, a new one if `fresh`, and offer what there is to receive."""
        peer = self._peer_with_lease(peer_id)
        link = peer.subscribe
        if link is not None and (fresh or link.state == "closed"):
            # Replaced before it is closed: the peer asked for this, and must not be told to begin again.
            peer.subscribe = None
            link.close()
            link = None
        if link is None:
            link = peer.subscribe = SubscribeLink(self, peer_id, self._wiring)
        else:
            # Whoever asks again has been cut off, and may be on another network now.
            link.restart_ice()
            link.offer_again()
        link.decodes = decodes
        self._lacking.forget(peer_id)
        peer.speakers = ()  # whoever begins again, or was cut off, knows of nobody
        self._note("subscribe_opened", peer_id, fresh=fresh)
        self.reconcile([peer])

    def answer_subscribe(self, peer_id: str, offer_sdp: str) -> str:
        """Answer a receiver's offer; see `Engine.answer_subscribe`."""
        peer = self._peer_with_lease(peer_id)
        if not peer.grants.may_subscribe(self._clock()):
            raise OfferRejected("no_grant", "this peer may not receive media here")
        offer = self._decode(offer_sdp, self._config.max_sections)
        link = WatchLink(self, peer_id, self._wiring)
        try:
            answer = link.apply(offer)
        except OfferRejected:
            link.close()
            raise
        before, peer.subscribe = peer.subscribe, link
        if before is not None:
            before.close()
        self._note("subscribe_answered", peer_id, tracks=len(link.downs))
        now = self._clock()
        self._choose_speakers(self._microphones(now), now)
        self.reconcile()
        return answer

    def accept_answer(self, peer_id: str, offer_id: int, answer_sdp: str) -> None:
        """Take a receiver's answer; see `Engine.accept_answer`."""
        link = self._peer_with_lease(peer_id).subscribe
        if link is None or link.state == "closed":
            raise OfferRejected("wrong_state", "there is no subscribing transport")
        link.accept(offer_id, self._decode(answer_sdp, self._config.max_subscribe_sections))
        self._note("subscribe_answered", peer_id, offer=offer_id)
        self.reconcile([self.peers[peer_id]])

    def _decode(self, text: str, max_sections: int) -> sdp.Description:
        return sdp.decode(text, max_bytes=self._config.max_sdp_bytes, max_sections=max_sections)

    def _peer_with_lease(self, peer_id: str) -> Peer:
        peer = self.peers.get(peer_id)
        if peer is None or self._clock() >= peer.grants.expires_at:
            raise OfferRejected("no_grant", "this peer may not exchange media here")
        return peer

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
                wanted = [key for key in shared.seen if self._may_be_sent(peer, key, now)]
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
            {key for key in live if self._is_unheard(allowed[key][0])},
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
        if down.rank == PAUSED or self._is_unheard(tracks[0]):
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

    def _is_unheard(self, track: UpTrack) -> bool:
        """Whether others have the floor. Of whom nobody knows whether they speak nothing is held back."""
        heard = self._floor.heard
        if heard is None or track.key[1] is not Source.MICROPHONE or track.key in heard:
            return False
        peer = self.peers.get(track.key[0])
        return track.loudness.value >= 0 or (peer is not None and peer.said is not None)

    def _microphones(self, now: float) -> dict[TrackKey, float]:
        """How loud those microphones are that may be heard now; below 0 where neither packets nor their owners say."""
        loudness = {}
        for key, tracks in self._allowed(self._published(), now).items():
            track, said = tracks[0], self.peers[key[0]].said
            if key[1] is not Source.MICROPHONE or not track.live:
                continue
            level = track.loudness.faded(now - track.last_packet_at)
            loudness[key] = said.loudness(now) if level < 0 and said is not None else level
        return loudness

    def set_speaking(self, peer_id: str, speaking: bool | None) -> None:
        """What a peer says of its own microphone; see `Engine.set_speaking`."""
        peer = self.peers.get(peer_id)
        if peer is None:
            return
        self._restage |= (peer.said is None) is not (speaking is None)
        if speaking is None:
            peer.said = None
            return
        now = self._clock()
        peer.said = peer.said or Said(now)
        peer.said.say(speaking, now)

    def _forget_said(self, now: float) -> None:
        """Nothing counts as said that was said long ago."""
        for peer in self.peers.values():
            if peer.said is not None and not peer.said.holds(now):
                peer.said, self._restage = None, True

    def _listen(self, now: float) -> None:
        """Pass on the loudest few, once there are more; let those who watch hear and see who speaks; name who does."""
        self._forget_said(now)
        microphones = self._microphones(now)
        changed = self._floor.listen({key: level for key, level in microphones.items() if level >= 0}, now)
        if self._choose_speakers(microphones, now) or changed or self._restage:
            self._restage = False
            self.reconcile()
        if now >= self._name_speakers_at:
            self._name_speakers_at = now + _NAME_SPEAKERS_SECONDS
            self._name_speakers(now)

    def _choose_speakers(self, microphones: Mapping[TrackKey, float], now: float) -> bool:
        """Let those who watch hear and see who speaks. Whether anybody's choice is another one."""
        changed = False
        for peer in self.peers.values():
            link = peer.subscribe
            if isinstance(link, WatchLink):
                theirs = {key: level for key, level in microphones.items() if self._may_be_sent(peer, key, now)}
                changed |= link.choose_speakers(theirs, now)
        return changed

    def _name_speakers(self, now: float) -> None:
        """Tell each peer who speaks of those whom it may hear, when that is somebody else than before."""
        speakers = self._floor.speakers
        for peer in self.peers.values():
            if not speakers and not peer.speakers:
                continue
            theirs = tuple(key[0] for key in speakers if self._may_be_sent(peer, key, now))
            if theirs != peer.speakers:
                peer.speakers = theirs
                self._emit(Speakers(self.session_id, peer.peer_id, theirs))

    @staticmethod
    def _may_be_sent(peer: Peer, key: TrackKey, now: float) -> bool:
        return key[0] != peer.peer_id and peer.grants.may_receive(*key, now)

    def _published(self) -> dict[TrackKey, tuple[UpTrack, ...]]:
        """Every published source with its encodings, smallest first."""
        found: dict[TrackKey, tuple[UpTrack, ...]] = {}
        for peer in self.peers.values():
            if peer.publish is not None and peer.publish.state != "closed":
                for track in peer.publish.tracks.values():
                    found[track.key] = (*found.get(track.key, ()), track)
        return found

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

    def _may_publish(self, key: TrackKey, now: float) -> bool:
        peer = self.peers.get(key[0])
        return peer is not None and key not in self._unsealed and peer.grants.may_publish(key[1], now)

    def _offer(self, link: SubscribeLink) -> None:
        offer_id = next(self._offer_ids)
        text, tracks = link.make_offer(offer_id)
        self._note("subscribe_offered", link.peer_id, offer=offer_id, tracks=len(tracks))
        self._emit(SubscribeOffer(self.session_id, link.peer_id, offer_id, text, tracks))

    def _announce(self, live: set[TrackKey]) -> None:
        for key in live ^ self._shared.live:
            self._note("live" if key in live else "silent", key[0], source=key[1].value)
            self._emit(SourceLive(self.session_id, key[0], key[1], key in live))

    def show(self, peer_id: str, tiles: Mapping[TrackKey, int]) -> None:
        """What the peer shows of others; see `Engine.show`."""
        peer = self._peer_with_lease(peer_id)
        if peer.subscribe is not None and peer.subscribe.show(tiles):
            self.reconcile([peer])

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

    def on_link_state(self, link: Link, state: TransportStateName) -> None:
        """A transport changed its state: say so, unless it has been replaced, and connect or disconnect."""
        peer = self.peers.get(link.peer_id)
        self._note(f"{link.name}_{state}", link.peer_id)
        if peer is None or link in peer.links:
            self._emit(TransportState(self.session_id, link.peer_id, link.name, state))
        if state == "closed":
            self._closing(link)
        if state in ("connected", "closed"):
            self.reconcile([peer] if peer is not None and link is peer.subscribe else [])

    def tick(self, now: float) -> None:
        """Leases, transports, reports. Forgets peers whose lease has long been over."""
        self.expire(now)
        limit = now - self._config.forgotten_after_expiry_seconds
        for peer in tuple(self.peers.values()):
            if peer.grants.expires_at < limit:
                self.revoke(peer.peer_id)
                continue
            for link in peer.links:
                if link.state != "closed":
                    self._tick_link(link, now)
            if peer.put_off:
                self._request_what_was_put_off(peer, now)
        if self.sealed:
            self._look_at_seals()
        self._listen(now)
        self._allocate(now)

    def _tick_link(self, link: Link, now: float) -> None:
        try:
            link.tick(now)
        except Exception:  # noqa: BLE001 - whatever one member has done, what is due for the others is done
            self._wiring.mux.note_failure()

    def _look_at_seals(self) -> None:
        """Sample the newest packet of every encoding that is forwarded. Once per tick, never on a packet's way."""
        tracks = [track for encodings in self._published().values() for track in encodings]
        for gone in self._tripwires.keys() - set(tracks):
            del self._tripwires[gone]
        for track in tracks:
            ssrc, tripwire = self._tripwires.get(track, (0, None))
            if tripwire is None or ssrc != track.ssrc:
                tripwire = Tripwire(video=track.video)
                self._tripwires[track] = (track.ssrc, tripwire)
            packet = track.cache.get(track.log.highest)
            if packet is not None and not tripwire.look(packet.sequence, packet.data, packet.payload_start):
                key = track.key
                self._unsealed.add(key)
                del self._tripwires[track]
                self._note("unsealed", key[0], source=key[1].value)
                self._emit(Unsealed(self.session_id, key[0], key[1]))
                self.reconcile()

    def _allocate(self, now: float) -> None:
        """Ask anew which encodings fit whom, of those whose turn it is: not all in one tick."""
        due = []
        for peer in self.peers.values():
            link = peer.subscribe
            if link is not None and link.srtp is not None and now >= link.allocate_at:
                due.append((peer, link))
        if due:
            rates = {key: coming(tracks) for key, tracks in self._allowed(self._published(), now).items()}
            changed = [peer for peer, link in due if link.allocate(rates, now)]
            if changed:
                self.reconcile(changed)

    def _note(self, event: str, peer_id: str = "", **details: Any) -> None:
        self.trace.append({"at": round(self._clock(), 3), "event": event, "peer": peer_id, **details})

    @staticmethod
    def _counts(peer: Peer) -> dict[str, int]:
        downs = peer.subscribe.downs if peer.subscribe is not None else []
        return {
            "packets_in": peer.publish.packets_in if peer.publish is not None else 0,
            "packets_out": sum(down.packets for down in downs),
        }

    def stats(self) -> dict[str, Any]:
        """Counters for people and tests; ids only, never names or addresses."""
        return {peer_id: self._peer_stats(peer) for peer_id, peer in self.peers.items()}

    def _peer_stats(self, peer: Peer) -> dict[str, Any]:
        links: dict[TransportName, Any] = {}
        for link in peer.links:
            links[link.name] = {
                "state": link.state or "new",
                "packets_in": link.packets_in,
                "octets_in": link.octets_in,
                "dropped": dict(link.dropped),
            }
        publish = peer.publish
        subscribe = peer.subscribe
        return {
            **self._counts(peer),
            "speaking": peer.said.is_speaking if peer.said is not None else None,
            "links": links,
            "publishes": [
                {
                    "source": track.key[1].value,
                    "live": track.live,
                    "packets": track.packets,
                    "octets": track.octets,
                    "receivers": len(track.downs),
                    "heard": not self._is_unheard(track),
                }
                for track in (publish.tracks.values() if publish is not None else ())
            ],
            "receives": [
                {
                    "publisher": down.key[0],
                    "source": down.key[1].value,
                    "flows": down.up is not None,
                    "packets": down.packets,
                    "octets": down.octets,
                    "retransmitted": down.retransmitted,
                }
                for down in (subscribe.downs if subscribe is not None else ())
                if down.key is not None
            ],
            "bandwidth_bits_per_second": _finite(subscribe.downlink.available) if subscribe is not None else 0,
            "round_trip_seconds": round(subscribe.round_trip_seconds, 4) if subscribe is not None else 0.0,
        }


def _goes_on(down: DownTrack, asked: AbstractSet[object]) -> bool:
    """Whether a connection that nobody has asked about is still one."""
    return down.link.srtp is not None and down.link not in asked


def _finite(bits_per_second: float) -> int:
    return round(bits_per_second) if bits_per_second < math.inf else 0
