"""Making only some connections anew comes to the same as making all of them anew, whatever has happened before.

No packet flows here: transports are set up without a network, so that thousands of steps cost little.
"""

import asyncio
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pylibsrtp

from media_engine import EngineConfig, Grants, Source, SubscribeOffer
from media_engine.link import Link
from media_engine.peer import Peer
from media_engine.session import MediaSession
from media_engine.srtp import SrtpPair, srtp_pair
from media_engine.tests.client import ClientTransport, EngineTestCase, answer_to, in_codec, publish_offer
from media_engine.tracks import UpTrack

NAMES = ("anna", "ben", "cleo", "dora", "emil")
SOURCES = (Source.MICROPHONE, Source.CAMERA, Source.SCREEN)
STEPS = 200


def keys() -> SrtpPair:
    policy = {
        "ssrc_type": pylibsrtp.Policy.SSRC_ANY_INBOUND,
        "srtp_profile": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    }
    theirs, ours = os.urandom(28), os.urandom(28)
    inward = pylibsrtp.Policy(key=theirs, **policy)
    policy["ssrc_type"] = pylibsrtp.Policy.SSRC_ANY_OUTBOUND
    return srtp_pair(
        pylibsrtp.Session(inward),
        pylibsrtp.Session(pylibsrtp.Policy(key=ours, **policy)),
        "SRTP_AEAD_AES_128_GCM",
        theirs,
        ours,
    )


class ReconcileWalk(EngineTestCase):
    config = EngineConfig(port=0, tick_seconds=3600.0, max_voices=2, max_subscribe_sections=10)

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.transport = ClientTransport(self.engine.port)
        self.addAsyncCleanup(self.transport.close)
        self.offers: dict[str, SubscribeOffer] = {}

    @property
    def session(self) -> MediaSession:
        return self.engine._made("session")

    def _on_event(self, event: Any) -> None:
        super()._on_event(event)
        if isinstance(event, SubscribeOffer):
            self.offers[event.peer_id] = event

    def grant(self, name: str, rng: random.Random) -> None:
        publish = frozenset(source for source in SOURCES if rng.random() < 0.7)
        some = frozenset((other, source) for other in NAMES for source in SOURCES if rng.random() < 0.7)
        ends = self.clock() + rng.choice((2, 60, 60, 60))
        grants = Grants(publish, rng.random() < 0.8, ends, some if rng.random() < 0.3 else None)
        self.engine.set_grants("session", name, grants)

    def join(self, name: str) -> None:
        self.engine.set_grants("session", name, Grants(frozenset(SOURCES), True, self.clock() + 60))
        named = {"0": Source.MICROPHONE, "1": Source.CAMERA}
        self.engine.answer_publish("session", name, publish_offer(self.transport, named, 7), named)
        self.engine.open_subscribe("session", name, True)

    def publish(self, name: str, rng: random.Random) -> None:
        chosen = rng.sample(SOURCES, rng.randint(1, 3))
        named = {str(mid): source for mid, source in enumerate(chosen)}
        codec = rng.choice(("vp8", "vp8", "vp9"))
        offer = in_codec(publish_offer(self.transport, named, rng.choice((7,) * 12 + (8,))), codec)
        self.engine.answer_publish("session", name, offer, named)

    def answer(self, name: str, rng: random.Random) -> None:
        offer = self.offers.get(name)
        if offer is not None:
            text = answer_to(offer.sdp, self.transport)
            if rng.random() < 0.2:
                text = text.replace("a=recvonly", "a=inactive", 1)
            self.engine.accept_answer("session", name, offer.offer_id, text)

    def connect(self, link: Link) -> None:
        if link.state == "connecting":
            link.dtls.srtp = keys()
            link._on_dtls("connected")

    def show(self, name: str, rng: random.Random) -> None:
        tiles = {(other, Source.CAMERA): rng.choice((0, 180, 720)) for other in NAMES if rng.random() < 0.7}
        self.engine.show("session", name, tiles)

    def media(self, peer: Peer, rng: random.Random) -> None:
        begins = rng.random() < 0.65
        for track in list(peer.publish.tracks.values()) if peer.publish is not None else []:
            if rng.random() < 0.7 and track.live is not begins:
                self.move(track, begins=begins)

    def speak(self, name: str, rng: random.Random) -> None:
        self.engine.set_speaking("session", name, rng.choice((True, True, False, None)))
        self.session._listen(self.clock())  # as the next tick does

    def hang_up(self, peer: Peer, rng: random.Random) -> None:
        if peer.links:
            rng.choice(peer.links).close()

    def step(self, rng: random.Random) -> None:
        name = rng.choice(NAMES)
        peer = self.session.peers.get(name)
        if peer is None:
            self.join(name)
            return
        steps: list[tuple[int, Callable[[], object]]] = [
            (3, lambda: self.grant(name, rng)),
            (2, lambda: self.publish(name, rng)),
            (1, lambda: self.engine.open_subscribe("session", name, rng.random() < 0.2)),
            (15, lambda: self.answer(name, rng)),
            (8, lambda: [self.connect(link) for link in peer.links]),
            (9, lambda: self.media(peer, rng)),
            (2, lambda: self.show(name, rng)),
            (4, lambda: self.speak(name, rng)),
            (1, lambda: self.hang_up(peer, rng)),
            (1, lambda: self.engine.revoke("session", name)),
            (1, lambda: self.clock.advance(rng.choice((0.1, 1.0, 3.0)))),
            (2, lambda: (self.engine.hold if rng.random() < 0.2 else self.engine.release)("session")),
        ]
        weights, calls = zip(*steps, strict=True)
        rng.choices(calls, weights)[0]()

    def move(self, track: UpTrack, *, begins: bool) -> None:
        track.last_packet_at = self.clock()
        (self.session.on_first_packet if begins else self.session.on_silence)(track)

    def connections(self) -> dict[str, object]:
        """Everything that decides what reaches whom."""
        found: dict[str, object] = {}
        for peer in self.session.peers.values():
            if peer.publish is not None:
                for (mid, rid), track in peer.publish.tracks.items():
                    fed = {(down.link.peer_id, down.mid, id(down)) for down in track.downs}
                    kinds = {id(down) for down in (*track.plain_downs, *track.red_downs)}
                    found[f"{peer.peer_id} {mid} {rid}"] = (id(track), fed, kinds == {id(down) for down in track.downs})
            found[peer.peer_id] = self.received(peer)
        return found

    def received(self, peer: Peer) -> object:
        link = peer.subscribe
        if link is None or link.state == "closed":
            return None
        lines = [(down.mid, down.key, id(down.up), id(down.next_up)) for down in link.downs]
        return id(link), lines, link.needs_offer, link.unplayable

    async def walk(self, seed: int) -> int:
        rng, flowed = random.Random(seed), 0
        for name in NAMES:
            self.join(name)
        for number in range(STEPS):
            try:
                self.step(rng)
            except Exception as refused:  # noqa: BLE001 - what is refused has to leave everything as it was, too
                self.assertEqual(type(refused).__name__, "OfferRejected")
            await asyncio.sleep(0)  # offers are told after the call that makes them
            self.session.expire(self.clock())  # as the next packet does
            made = self.connections()
            self.session.reconcile()
            self.assertEqual(made, self.connections(), f"seed {seed}, step {number}")
            flowed += sum(
                down.up is not None for p in self.session.peers.values() if p.subscribe for down in p.subscribe.downs
            )
        return flowed

    async def test_whatever_happens_everything_is_as_if_all_had_been_made_anew(self) -> None:
        """Guard: `Connections.reconcile`, what is the same for all."""
        flowed = 0
        for seed in range(4):
            flowed += await self.walk(seed)
            self.engine.close_session("session")
            self.offers.clear()
        self.assertGreater(flowed, 1000, "walks on which hardly anything flows prove nothing")

    async def meeting(self) -> tuple[UpTrack, Peer]:
        """Everybody receives everybody. Anna's microphone, which is off, and Ben."""
        for name in NAMES:
            self.join(name)
        for peer in self.session.peers.values():
            assert peer.publish is not None
            for track in tuple(peer.publish.tracks.values()):
                self.move(track, begins=True)
        for _ in range(3):
            await asyncio.sleep(0)
            for name, peer in self.session.peers.items():
                if peer.subscribe is not None and peer.subscribe.in_flight is not None:
                    self.answer(name, random.Random(0))
                for link in peer.links:
                    self.connect(link)
        anna, ben = self.session.peers["anna"], self.session.peers["ben"]
        assert anna.publish is not None
        track = next(track for track in anna.publish.tracks.values() if track.key[1] is Source.MICROPHONE)
        self.move(track, begins=False)
        self.assertIn(ben.subscribe, {down.link for down in track.downs})
        return track, ben

    async def test_no_ssrc_is_given_twice_under_the_same_keys(self) -> None:
        """Guard: `Lines._new_ssrc`. What is drawn is drawn from so few that most of it has been drawn before."""
        draws = random.Random(0)
        with patch("media_engine.lines.secrets.randbits", lambda _: draws.randint(1, 300)):
            _, ben = await self.meeting()
            link = ben.subscribe
            assert link is not None
            down = link.downs[0]
            given = {link.ssrc} | {ssrc for one in link.downs for ssrc in (one.ssrc, one.rtx_ssrc)}
            self.assertEqual(len(given), 1 + 2 * len(link.downs))
            for _ in range(100):
                link._renumber(down)
                self.assertTrue(given.isdisjoint((down.ssrc, down.rtx_ssrc)) and down.ssrc != down.rtx_ssrc)
                given |= {down.ssrc, down.rtx_ssrc}
            link._last_ssrc = -link._stride & 0xFFFFFFFF
            self.assertNotIn(0, link._new_ssrcs(), "0 is the SSRC of nobody")

    async def test_whose_microphone_was_off_when_its_grant_ended_is_not_heard_when_it_is_on(self) -> None:
        """Guard: `Shared.allowed`. Who is live doesn't change by it, and the packet is in nobody's way."""
        track, _ = await self.meeting()
        self.engine.set_grants("session", "anna", Grants(frozenset({Source.CAMERA}), True, self.clock() + 60))
        self.assertEqual(track.downs, ())
        self.move(track, begins=True)
        self.assertEqual((track.downs, track.plain_downs, track.red_downs), ((), (), ()))

    async def test_who_comes_anew_with_a_microphone_that_is_off_is_heard_when_it_is_on(self) -> None:
        """Guard: `Shared.tracks`."""
        _, ben = await self.meeting()
        anna = self.session.peers["anna"]
        offer = publish_offer(self.transport, {"0": Source.MICROPHONE}, 99)
        self.engine.answer_publish("session", "anna", offer, {"0": Source.MICROPHONE})
        assert anna.publish is not None
        (track,) = anna.publish.tracks.values()
        self.assertIn(ben.subscribe, {down.link for down in track.downs})

    async def test_another_codec_of_a_picture_has_another_line(self) -> None:
        """Guard: `Shared.codecs`."""
        _, ben = await self.meeting()
        anna = self.session.peers["anna"]
        assert anna.publish is not None and ben.subscribe is not None
        camera = next(track for track in anna.publish.tracks.values() if track.key[1] is Source.CAMERA)
        before = [down for down in ben.subscribe.downs if down.key == camera.key]
        camera.codec = "vp9"
        self.session.reconcile([])
        after = [down for down in ben.subscribe.downs if down.key == camera.key]
        self.assertEqual(([down.codec for down in after], set(before) & set(after)), (["vp9"], set()))

    async def test_of_what_one_says_the_connections_of_others_are_not_made_anew(self) -> None:
        """What it is for: coming, going and negotiating in a large meeting."""
        await self.meeting()
        looked: set[str] = set()

        @dataclass(frozen=True)
        class Noted(Grants):
            """Says who is asked about."""

            name: str = ""

            def may_receive(self, publisher_id: str, source: Source, now: float) -> bool:
                looked.add(self.name)
                return super().may_receive(publisher_id, source, now)

        everything = frozenset(SOURCES), True, self.clock() + 60
        for name, peer in self.session.peers.items():
            peer.grants = Noted(*everything, name=name)
        self.engine.set_grants("session", "ben", Noted(*everything, receive=frozenset(), name="ben"))
        self.engine.set_grants("session", "late", Grants(*everything))
        self.engine.revoke("session", "late")
        named = {"0": Source.MICROPHONE, "1": Source.CAMERA, "2": Source.SCREEN}
        self.engine.answer_publish("session", "anna", publish_offer(self.transport, named, 7), named)
        self.assertEqual(looked, {"ben"})
        anna = self.session.peers["anna"]
        assert anna.publish is not None
        screen = next(track for track in anna.publish.tracks.values() if track.key[1] is Source.SCREEN)
        self.move(screen, begins=True)
        self.assertEqual(looked, set(NAMES))
