"""One media session as its owner talks to it: grants, holds, offers and answers of its peers, and what is due by time.

What flows follows in `connections.py`, before the caller gets control back.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from media_engine import fragment, sdp
from media_engine.codecs import SEALED
from media_engine.connections import Connections
from media_engine.errors import OfferRejected
from media_engine.events import Event, TransportName, TransportState, TransportStateName, Unsealed
from media_engine.grants import NOTHING, Grants, Source
from media_engine.link import Link
from media_engine.peer import Peer
from media_engine.publish import PublishLink
from media_engine.statistics import peer_counts, peer_packets
from media_engine.subscribe import SubscribeLink
from media_engine.tracks import TrackKey
from media_engine.watch import WatchLink
from media_engine.wiring import Wiring

_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


class MediaSession(Connections):
    """Peers who may exchange media, and nobody else."""

    def __init__(
        self,
        session_id: str,
        wiring: Wiring,
        emit: Callable[[Event], None],
        closing: Callable[[Link], None],
    ) -> None:
        super().__init__(session_id, wiring, emit)
        self._closing = closing

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
        self.seals.forget(peer_id)
        for link in peer.links:
            link.close()
        for other in self.peers.values():
            for key in [key for key in other.key_frames if key[0] == peer_id]:
                del other.key_frames[key]
        self._note("revoked", peer_id, **peer_packets(peer))
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
        peers = tuple(self.peers.values())
        self.peers.clear()
        for peer in peers:
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
            self.seals.forget(peer_id)
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
        self.speaking.choose(self._allowed_now(now), now)
        self.reconcile()
        return answer

    def accept_answer(self, peer_id: str, offer_id: int, answer_sdp: str) -> None:
        """Take a receiver's answer; see `Engine.accept_answer`."""
        link = self._peer_with_lease(peer_id).subscribe
        if link is None or link.state == "closed":
            raise OfferRejected("wrong_state", "there is no subscribing transport")
        if not link.expects_answer(offer_id):
            raise OfferRejected("wrong_state", "this is not the answer to the current offer")
        link.accept(self._decode(answer_sdp, self._config.max_subscribe_sections))
        self._note("subscribe_answered", peer_id, offer=offer_id)
        self.reconcile([self.peers[peer_id]])

    def _decode(self, text: str, max_sections: int) -> sdp.Description:
        return sdp.decode(text, max_bytes=self._config.max_sdp_bytes, max_sections=max_sections)

    def _peer_with_lease(self, peer_id: str) -> Peer:
        peer = self.peers.get(peer_id)
        if peer is None or self._clock() >= peer.grants.expires_at:
            raise OfferRejected("no_grant", "this peer may not exchange media here")
        return peer

    def show(self, peer_id: str, tiles: Mapping[TrackKey, int]) -> None:
        """What the peer shows of others; see `Engine.show`."""
        peer = self._peer_with_lease(peer_id)
        if peer.subscribe is not None and peer.subscribe.show(tiles):
            self.reconcile([peer])

    def set_speaking(self, peer_id: str, speaking: bool | None) -> None:
        """What a peer says of its own microphone; see `Engine.set_speaking`."""
        peer = self.peers.get(peer_id)
        if peer is not None:
            self.speaking.say(peer, speaking, self._clock())

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

    def turn(self) -> Iterator[None]:
        """What is due every `tick_seconds`, a step each time it is asked: leases, transports, reports.

        Forgets peers whose lease has long been over. Between two steps anybody may come or go.
        """
        self.expire(self._clock())
        for peer in tuple(self.peers.values()):
            now = self._clock()
            if self.peers.get(peer.peer_id) is not peer:
                continue
            if peer.grants.expires_at < now - self._config.forgotten_after_expiry_seconds:
                self.revoke(peer.peer_id)
                continue
            if peer.put_off:
                self._request_what_was_put_off(peer, now)
            for link in peer.links:
                if link.state != "closed":
                    self._tick_link(link, self._clock())
                    yield
        if self.sealed:
            self._look_at_seals()
        self._listen(self._clock())
        yield
        self._allocate(self._clock())

    def _tick_link(self, link: Link, now: float) -> None:
        try:
            link.tick(now)
        except Exception:  # noqa: BLE001 - whatever one member has done, what is due for the others is done
            self._wiring.mux.note_failure()

    def _listen(self, now: float) -> None:
        """Pass on the loudest few, once there are more; let those who watch hear and see who speaks; name who does."""
        if self.speaking.listen(self._allowed_now(now), now):
            self.reconcile()
        self.speaking.name(now)

    def _look_at_seals(self) -> None:
        tracks = [track for encodings in self._published().values() for track in encodings]
        for key in self.seals.look(tracks):
            self._note("unsealed", key[0], source=key[1].value)
            self._emit(Unsealed(self.session_id, key[0], key[1]))
            self.reconcile()

    def stats(self) -> dict[str, Any]:
        """Counters for people and tests; ids only, never names or addresses."""
        return {peer_id: peer_counts(peer, self.speaking.is_unheard) for peer_id, peer in self.peers.items()}
