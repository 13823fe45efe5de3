"""Somebody who wants media they may not have, at the level of datagrams.

Alice speaks, Bob may listen, Mallory may not (or not any more). Every test first shows that the honest
path works, so that silence means a guard and not a broken client. The docstrings name the guard whose
removal makes the test fail.
"""

from __future__ import annotations

import unittest
from collections.abc import Callable
from dataclasses import replace

from media_engine import OfferRejected, SubscribeOffer
from tests.support import wire
from tests.support.engine_room import EngineRoom, settle, talk_once
from tests.support.rtc_client import Client
from tests.support.rtc_transport import Transport, open_socket

MICROPHONE, CAMERA = "microphone", "camera"


def hears(listener: Client, speaker: str, source: str = MICROPHONE) -> Callable[[], bool]:
    """A condition: another packet of this stream has reached the listener since now."""
    before = heard(listener, speaker, source)
    return lambda: heard(listener, speaker, source) > before


def heard(listener: Client, speaker: str, source: str = MICROPHONE) -> int:
    stream = listener.down.get((speaker, source))
    return stream.packets if stream is not None else 0


class MediaIntruderTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.room = await self.enterAsyncContext(EngineRoom())
        self.alice = await self.room.enter("alice", MICROPHONE, CAMERA, subscribe=False)
        self.bob = await self.room.enter("bob")
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))

    def offers_to(self, peer: str) -> list[SubscribeOffer]:
        return [e for e in self.room.events if isinstance(e, SubscribeOffer) and e.peer_id == peer]

    async def assert_hears_nothing_from(self, listener: Client, speaker: str, source: str = MICROPHONE) -> None:
        before = heard(listener, speaker, source)
        await settle()
        self.assertEqual(heard(listener, speaker, source), before)


class BeforeAdmissionTest(MediaIntruderTest):
    async def test_somebody_who_is_waiting_cannot_negotiate_a_transport(self) -> None:
        """Guards: the grant lookup in `Engine.answer_publish` and in `Engine.open_subscribe`."""
        mallory = Client("mallory")
        with self.assertRaises(OfferRejected) as refused:
            self.room.publish(mallory, MICROPHONE)
        self.assertEqual(refused.exception.code, "no_grant")
        with self.assertRaises(OfferRejected):
            self.room.engine.open_subscribe("room", "mallory", True)
        await self.room.talk_for([self.alice], 0.2)
        self.assertEqual(self.offers_to("mallory"), [])

    async def test_media_from_an_address_that_never_connected_goes_nowhere_and_is_not_answered(self) -> None:
        """Guard: the lookup of the sender's address in the mux."""
        stranger = open_socket()
        self.addCleanup(stranger.close)
        rtp = wire.encode_rtp(payload_type=111, sequence=1, timestamp=1, ssrc=7, payload=b"x" * 100)
        before = self.bob.media_datagrams_received()
        for _ in range(200):
            stranger.sendto(rtp, self.room.address)
            stranger.sendto(wire.receiver_report(7), self.room.address)
        await settle()
        self.assertEqual(self.bob.media_datagrams_received(), before)
        with self.assertRaises(BlockingIOError):
            stranger.recv(2048)

    async def test_a_connectivity_check_without_credentials_is_not_answered(self) -> None:
        """Guards: the ufrag lookup and `stun` message integrity, so that no address can be taken over."""
        assert self.alice.publish is not None and self.alice.publish.remote is not None
        stranger = open_socket()
        self.addCleanup(stranger.close)
        ufrag = self.alice.publish.remote.ufrag
        for username, password in [("nobody:nobody", "wrong"), (f"{ufrag}:x", "wrong"), (f"{ufrag}:x", "")]:
            for nominate in (True, False):
                stranger.sendto(
                    wire.binding_request(username=username, password=password, tie_breaker=1, nominate=nominate),
                    self.room.address,
                )
        unsigned = wire.encode_stun(
            wire.BINDING_REQUEST, b"t" * 12, [(wire.ATTR_USERNAME, ufrag.encode()), (wire.ATTR_USE_CANDIDATE, b"")]
        )
        stranger.sendto(unsigned, self.room.address)
        await settle()
        while (answer := _read(stranger)) is not None:
            message = wire.decode_stun(answer)
            assert message is not None
            self.assertNotEqual(message.kind, wire.BINDING_RESPONSE)
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))

    async def test_a_granted_peer_that_was_given_nothing_receives_and_sends_nothing(self) -> None:
        """Guards: `Grants.may_publish` and `Grants.may_subscribe` where packets are forwarded."""
        waiting = Client("waiting")
        self.room.grant("waiting", subscribe=False)
        self.room.clients["room", "waiting"] = waiting
        try:
            self.room.publish(waiting, MICROPHONE)
        except OfferRejected as error:
            self.assertEqual(error.code, "no_grant")
        try:
            self.room.engine.open_subscribe("room", "waiting", True)
        except OfferRejected as error:
            self.assertEqual(error.code, "no_grant")
        for _ in range(20):
            talk_once([self.alice])
            if waiting.publish is not None and waiting.publish.is_connected:
                talk_once([waiting])
            await settle(0.02)
        self.assertEqual(self.offers_to("waiting"), [])
        self.assertEqual(heard(self.bob, "waiting"), 0)
        self.assertNotIn(("waiting", MICROPHONE), self.bob.down)


class GrantTest(MediaIntruderTest):
    async def test_nobody_is_offered_a_stream_without_a_grant_to_subscribe(self) -> None:
        """Guard: `Grants.may_subscribe` where tracks for an offer are chosen."""
        mallory = await self.room.enter("mallory", MICROPHONE, subscribe=False)
        self.room.engine.open_subscribe("room", "mallory", True)
        await self.room.talk_for([self.alice], 0.3)
        self.assertEqual(self.offers_to("mallory"), [])
        self.assertIsNone(mallory.subscribe)

    async def test_taking_the_grant_to_subscribe_away_ends_media_with_the_same_call(self) -> None:
        """Guard: `Grants.may_subscribe` in the forward path."""
        await settle(0.1)
        for _ in range(5):
            talk_once([self.alice])
        # What Alice just sent is still in the kernel: the engine reads it after the grant has gone.
        self.room.grant("bob", subscribe=False)
        before = self.bob.packets_received
        await self.room.talk_for([self.alice], 0.2)
        self.assertEqual(self.bob.packets_received, before)

    async def test_a_camera_is_not_forwarded_with_a_grant_for_the_microphone_only(self) -> None:
        """Guard: `Grants.may_publish` per source; its lack is how mute is enforced."""
        await settle(0.1)
        talk_once([self.alice])
        self.room.grant("alice", MICROPHONE, subscribe=False)
        camera = heard(self.bob, "alice", CAMERA)
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))
        await settle(0.1)
        self.assertEqual(heard(self.bob, "alice", CAMERA), camera)

    async def test_a_second_stream_does_not_ride_on_another_sources_m_line(self) -> None:
        """Guard: the cap of one stream per m-line (SSRC learning by mid)."""
        mallory = await self.room.enter("mallory", MICROPHONE, subscribe=False)
        await self.room.talk_until([mallory], hears(self.bob, "mallory"))
        up = mallory.up[MICROPHONE]
        smuggled = replace(up, ssrc=up.ssrc ^ 0x55AA, source=CAMERA, sequence=1)
        for _ in range(20):
            smuggled.send_frame(1)
        await settle()
        self.assertEqual(heard(self.bob, "mallory", CAMERA), 0)

    async def test_an_expired_lease_forwards_nothing(self) -> None:
        """Guard: `expires_at` in `Grants.may_publish`, checked against the clock on every wake-up."""
        await settle(0.1)
        self.room.grant("alice", MICROPHONE, CAMERA, subscribe=False, lease_seconds=0.0)
        for _ in range(5):
            talk_once([self.alice])
        await self.assert_hears_nothing_from(self.bob, "alice")

    async def test_media_does_not_cross_from_one_session_to_another(self) -> None:
        """Guard: peers are looked up in their own session only."""
        elsewhere = await self.room.enter("bob", session="another room")
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))
        await settle()
        self.assertEqual(elsewhere.packets_received, 0)
        self.assertIsNone(elsewhere.subscribe)


class AnotherAddressTest(MediaIntruderTest):
    async def test_genuine_media_sent_from_another_address_is_dropped(self) -> None:
        """Guard: SRTP only from the validated address (the mux's address table)."""
        assert self.alice.publish is not None
        up = self.alice.up[MICROPHONE]
        thief = open_socket()
        self.addCleanup(thief.close)
        await settle(0.05)
        before = heard(self.bob, "alice")
        for _ in range(10):
            stolen = self.alice.publish.protect_rtp(up.packet(b"stolen" * 10))
            up.sequence += 1
            self.alice.publish.send_datagram(stolen, sender=thief)
        await settle()
        self.assertEqual(heard(self.bob, "alice"), before)
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))

    async def test_a_replayed_packet_is_forwarded_once(self) -> None:
        """Guards: libsrtp's replay window and the receive log's dedupe."""
        assert self.alice.publish is not None
        up = self.alice.up[MICROPHONE]
        await settle(0.05)
        before = heard(self.bob, "alice")
        once = self.alice.publish.protect_rtp(up.packet(b"once" * 10))
        up.sequence += 1
        for _ in range(10):
            self.alice.publish.send_datagram(once)
        await self.room.talk_until([], lambda: heard(self.bob, "alice") > before)
        await settle()
        self.assertEqual(heard(self.bob, "alice"), before + 1)

    async def test_a_forged_check_does_not_move_a_listener_to_another_address(self) -> None:
        """Guard: message integrity before a change of address."""
        assert self.bob.subscribe is not None and self.bob.subscribe.remote is not None
        thief = open_socket()
        self.addCleanup(thief.close)
        for _ in range(5):
            self.bob.subscribe.check(sender=thief, password="guessed" * 4)
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))
        await settle(0.1)
        while (datagram := _read(thief)) is not None:
            self.assertLess(datagram[0], 4, "anything but STUN went to the thief")

    async def test_an_honest_change_of_address_keeps_the_stream(self) -> None:
        """The other side of the guard above: a signed check with USE-CANDIDATE moves the listener."""
        assert self.bob.subscribe is not None
        self.bob.subscribe.move_to()
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))


class FingerprintTest(MediaIntruderTest):
    async def test_publishing_under_anothers_fingerprint_is_not_heard(self) -> None:
        """Guard: the certificate is compared with the signalled fingerprint before any media."""
        mallory = Client("mallory")
        self.room.grant("mallory", MICROPHONE, subscribe=False)
        mallory.publish = Transport(identity=mallory.identity)
        claim = replace(mallory.publish.local, fingerprint=self.alice.identity.fingerprint)
        self.room.publish(mallory, MICROPHONE, claim=claim)
        for _ in range(25):
            if mallory.publish.is_connected:
                talk_once([mallory])
            talk_once([self.alice])
            await settle(0.02)
        self.assertEqual(heard(self.bob, "mallory"), 0)
        self.assertNotIn(("mallory", MICROPHONE), self.bob.down)

    async def test_subscribing_under_anothers_fingerprint_gets_no_media(self) -> None:
        """Guard: the certificate is compared with the answer's fingerprint before any media."""
        self.room.fingerprint_claims["mallory"] = self.bob.identity.fingerprint
        mallory = await self.room.enter("mallory")
        await self.room.talk_for([self.alice], 0.6)
        assert mallory.subscribe is not None
        self.assertEqual(mallory.media_datagrams_received(), 0)

    async def test_repeating_the_handshake_of_another_does_not_take_their_place(self) -> None:
        """Guard: DTLS only from the validated address. A ClientHello from elsewhere changes nothing."""
        mallory = Transport()
        self.addCleanup(mallory.close)
        assert self.alice.publish is not None
        mallory.server = self.room.address
        mallory.remote = self.alice.publish.remote
        mallory._start_dtls()
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))
        await settle()
        self.assertFalse(mallory.is_connected)
        self.assertEqual(mallory.count["dtls"], 0)


class RemovedTest(MediaIntruderTest):
    async def test_not_one_packet_reaches_a_removed_listener(self) -> None:
        """Guard: `Engine.revoke` takes the down tracks away in the call itself."""
        for _ in range(5):
            talk_once([self.alice])
        # The revocation comes before the loop turns: what Alice just sent is still in the kernel.
        await settle(0.1)
        for _ in range(5):
            talk_once([self.alice])
        self.room.engine.revoke("room", "bob")
        before = self.bob.media_datagrams_received()
        for _ in range(10):
            talk_once([self.alice])
            await settle(0.02)
        self.assertEqual(self.bob.media_datagrams_received(), before)

    async def test_not_one_packet_of_a_removed_speaker_is_forwarded(self) -> None:
        """Guard: `Engine.revoke` closes the speaker's tracks and address in the call itself."""
        await settle(0.1)
        for _ in range(5):
            talk_once([self.alice])
        self.room.engine.revoke("room", "alice")
        before = self.bob.packets_received
        for _ in range(10):
            talk_once([self.alice])
            await settle(0.02)
        self.assertEqual(self.bob.packets_received, before)

    async def test_a_removed_peer_cannot_come_back_by_its_old_credentials(self) -> None:
        """Guard: `Engine.revoke` forgets the ufrag and the peer."""
        self.room.engine.revoke("room", "bob")
        assert self.bob.subscribe is not None
        before = self.bob.media_datagrams_received()
        answered = self.bob.subscribe.count["stun_responses"]
        self.bob.subscribe.check()
        with self.assertRaises(OfferRejected):
            self.room.engine.open_subscribe("room", "bob", True)
        await self.room.talk_for([self.alice], 0.2)
        self.assertEqual(self.bob.subscribe.count["stun_responses"], answered)
        self.assertEqual(self.bob.media_datagrams_received(), before)

    async def test_ending_the_session_silences_everybody(self) -> None:
        """Guard: `Engine.close_session` revokes every peer in the call itself."""
        await settle(0.1)
        talk_once([self.alice])
        self.room.engine.close_session("room")
        before = self.bob.media_datagrams_received()
        await self.room.talk_for([self.alice], 0.2)
        self.assertEqual(self.bob.media_datagrams_received(), before)


def _read(sock: object) -> bytes | None:
    try:
        return sock.recv(2048)  # type: ignore[attr-defined, no-any-return]
    except BlockingIOError:
        return None
