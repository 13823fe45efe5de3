"""No grant, no media: over real DTLS-SRTP, counted where the packets arrive.

That a packet did *not* come is shown by a later, permitted packet that did: the port is read in order.
"""

from media_engine import EngineConfig, Grants, OfferRejected, Source, SourceLive, TransportState, rtcp
from media_engine.tests.client import EVERYTHING, Client, EngineTestCase, eventually


class GrantTests(EngineTestCase):
    # No timer runs: what is tested must hold in the forward path itself.
    config = EngineConfig(port=0, tick_seconds=3600.0)

    async def third_voice(self) -> Client:
        """A publisher whose packets show that everything sent before them has been dealt with."""
        return await self.publisher("cleo", Source.MICROPHONE)

    async def passes(self, cleo: Client, ben: Client) -> None:
        """Wait until a packet that `cleo` sends now has reached `ben`."""
        before = len(ben.packets_of("cleo", Source.MICROPHONE))
        cleo.send_audio(b"later")
        await eventually(lambda: len(ben.packets_of("cleo", Source.MICROPHONE)) > before)

    async def trio(self) -> tuple[Client, Client, Client]:
        anna, ben = await self.pair()
        cleo = await self.third_voice()
        cleo.send_audio()
        await eventually(lambda: len(ben.offers[-1].tracks) == 3)
        await self.passes(cleo, ben)
        return anna, ben, cleo

    async def test_a_packet_reaches_everybody_who_may_have_it_and_its_payload_is_untouched(self) -> None:
        anna, ben = await self.pair()
        anna.send_audio(bytes(range(256)))
        await eventually(lambda: len(ben.packets_of("anna", Source.MICROPHONE)) == 2)
        self.assertEqual(ben.packets_of("anna", Source.MICROPHONE)[-1][1], bytes(range(256)))

    async def test_nobody_hears_themselves(self) -> None:
        anna, _ = await self.pair()
        anna.open()
        cleo = await self.third_voice()
        cleo.send_audio()
        await eventually(lambda: anna.offers)
        self.assertEqual({track.publisher_id for track in anna.offers[-1].tracks}, {"cleo"})

    async def test_without_grants_neither_offers_nor_subscriptions_are_taken(self) -> None:
        anna = await self.publisher("anna")
        stranger = self.client("stranger")
        stranger.publishing = anna.publishing
        for attempt in (
            lambda: stranger.offer_publish(Source.MICROPHONE),
            stranger.open,
            lambda: self.engine.accept_answer("session", "stranger", 1, "v=0"),
        ):
            with self.assertRaises(OfferRejected) as refusal:
                attempt()
            self.assertEqual(refusal.exception.code, "no_grant")
        stranger.publishing = None

    async def test_a_source_without_a_grant_is_answered_but_not_forwarded(self) -> None:
        ben = await self.listener("ben")
        anna = self.client("anna")
        anna.grant(publish=frozenset({Source.MICROPHONE}))
        await anna.publish(Source.MICROPHONE, Source.CAMERA)
        anna.send_video()
        anna.send_audio()
        await eventually(lambda: ben.offers)
        self.assertEqual([track.source for track in ben.offers[-1].tracks], [Source.MICROPHONE])
        self.assertFalse([e for e in self.events if isinstance(e, SourceLive) and e.source is Source.CAMERA])

    async def test_revoking_stops_both_directions_before_it_returns(self) -> None:
        anna, ben, cleo = await self.trio()
        anna.send_audio(b"too late")
        anna.send_audio(b"too late")
        self.engine.revoke("session", "anna")
        await self.passes(cleo, ben)
        self.assertEqual(len(ben.packets_of("cleo", Source.MICROPHONE)), 2)
        self.assertFalse([p for p in ben.received if b"too late" in p])

    async def test_a_removed_peers_transports_are_dead_and_its_name_is_free(self) -> None:
        anna, ben, cleo = await self.trio()
        received = len(ben.received)
        self.engine.revoke("session", "ben")
        cleo.send_audio()
        dora = await self.listener("dora")
        cleo.send_audio()
        await eventually(lambda: dora.offers)
        await dora.connected()
        self.assertEqual(len(ben.received), received)
        self.assertIsNotNone(ben.subscribing)
        with self.assertRaises(OfferRejected):
            ben.open(fresh=False)
        closed = [e for e in self.events if isinstance(e, TransportState) and e.peer_id == "ben"]
        await eventually(lambda: closed or [e for e in self.events if isinstance(e, TransportState)])
        self.assertNotIn("ben", self.engine.stats("session"))
        self.assertTrue(anna.publishing)

    async def test_a_removed_peer_is_told_by_its_transports(self) -> None:
        """RFC 9725, section 4.2: a device has no other connection on which it could hear of it."""
        _, ben, _ = await self.trio()
        self.engine.revoke("session", "ben")
        await eventually(lambda: ben.subscribing and "closed" in ben.subscribing.states, "no goodbye")

    async def test_a_lease_that_is_over_forwards_nothing_though_no_timer_ran(self) -> None:
        anna, ben, cleo = await self.trio()
        anna.grant(seconds=5)
        cleo.grant(seconds=500)
        ben.grant(seconds=500)
        self.clock.advance(5)
        anna.send_audio(b"over")
        await self.passes(cleo, ben)
        self.assertFalse([p for p in ben.received if b"over" in p])

    async def test_what_one_says_does_not_cover_up_that_anothers_lease_is_over(self) -> None:
        """Whoever only shows something else has only their own connections looked at, unless there is more to do."""
        await self.pair()
        cleo = await self.listener("cleo")
        await cleo.connected()
        await eventually(lambda: all(one["flows"] for one in self.receives("cleo")))
        for name, client in self.clients.items():
            client.grant(frozenset() if name != "anna" else EVERYTHING, seconds=60 if name == "cleo" else 1000)
        self.clock.advance(61)
        self.engine.show("session", "ben", {("anna", Source.CAMERA): 180})
        self.assertEqual([one["flows"] for one in self.receives("cleo")], [False, False])
        self.engine.show("session", "ben", {})
        self.assertEqual([one["flows"] for one in self.receives("ben")], [True, False])
        self.assertEqual([one["receivers"] for one in self.engine.stats("session")["anna"]["publishes"]], [1, 0])

    async def test_a_receiver_whose_lease_is_over_gets_nothing(self) -> None:
        anna, ben, cleo = await self.trio()
        dora = await self.listener("dora")
        await eventually(lambda: dora.offers)
        await dora.connected()
        anna.grant(seconds=500)
        cleo.grant(seconds=500)
        dora.grant(publish=frozenset(), seconds=500)
        ben.grant(publish=frozenset(), seconds=5)
        received = len(ben.received)
        self.clock.advance(5)
        anna.send_audio(b"over")
        await eventually(lambda: [p for p in dora.received if b"over" in p])
        self.assertEqual(len(ben.received), received)

    async def test_muting_keeps_the_line_and_unmuting_goes_on_where_it_stopped(self) -> None:
        anna, ben, cleo = await self.trio()
        offers = len(ben.offers)
        anna.send_audio(b"said")
        await eventually(lambda: [p for p in ben.received if b"said" in p])
        anna.grant(publish=frozenset({Source.CAMERA}))
        for _ in range(5):
            anna.send_audio(b"muted")
        await self.passes(cleo, ben)
        anna.grant()
        anna.send_audio(b"back")
        await eventually(lambda: [p for p in ben.received if b"back" in p])
        headers = [header for header, _ in ben.packets_of("anna", Source.MICROPHONE)]
        self.assertFalse([p for p in ben.received if b"muted" in p])
        self.assertEqual(headers[-1].sequence, (headers[-2].sequence + 1) & 0xFFFF)
        self.assertEqual(headers[-1].timestamp - headers[-2].timestamp, 960 * 6)
        self.assertEqual(len(ben.offers), offers)

    async def test_what_was_said_before_muting_cannot_be_asked_for_afterwards(self) -> None:
        anna, ben, cleo = await self.trio()
        anna.send_video(b"before")
        await eventually(lambda: [p for p in ben.received if b"before" in p])
        ssrc = ben.ssrc_of("anna", Source.CAMERA)
        header = ben.packets_of("anna", Source.CAMERA)[-1][0]
        anna.grant(publish=frozenset({Source.MICROPHONE}))
        anna.grant()
        assert ben.subscribing is not None
        ben.subscribing.send_rtcp(rtcp.nack(1, ssrc, [header.sequence]))
        ben.subscribing.send_rtcp(rtcp.picture_loss(1, ssrc))
        await self.passes(cleo, ben)
        self.assertEqual(len([p for p in ben.received if b"before" in p]), 1)

    async def test_withdrawing_the_right_to_receive_stops_a_listener_and_giving_it_back_resumes(self) -> None:
        anna, ben, cleo = await self.trio()
        ben.grant(publish=frozenset(), subscribe=False)
        anna.send_audio(b"unheard")
        cleo.send_audio(b"unheard")
        ben.grant(publish=frozenset(), subscribe=True)
        anna.send_audio(b"heard")
        await eventually(lambda: [p for p in ben.received if b"heard" in p and b"unheard" not in p])

    async def test_a_source_that_sends_before_it_may_is_heard_once_it_may(self) -> None:
        ben = await self.listener("ben")
        anna = self.client("anna")
        anna.grant(publish=frozenset())
        await anna.publish(Source.MICROPHONE)
        anna.send_audio(b"too early")
        await eventually(lambda: self.engine.stats("session")["anna"]["packets_in"])
        self.assertEqual(ben.offers, [])
        anna.grant(publish=frozenset({Source.MICROPHONE}))
        await eventually(lambda: ben.offers)
        await ben.connected()
        anna.send_audio(b"in time")
        await eventually(lambda: [p for p in ben.received if b"in time" in p])
        self.assertFalse([p for p in ben.received if b"too early" in p])

    async def test_a_held_session_forwards_nothing_whatever_is_granted_and_goes_on_without_negotiating(self) -> None:
        anna, ben, _ = await self.trio()
        other = await self.publisher("otto", Source.MICROPHONE, session_id="other")
        listener = self.client("lena", session_id="other")
        listener.grant(publish=frozenset())
        listener.open()
        other.send_audio()
        await eventually(lambda: listener.offers)
        await listener.connected()
        offers, received = len(ben.offers), len(ben.received)
        anna.send_audio(b"held")  # is read after the hold
        self.engine.hold("session")
        anna.grant(seconds=500)
        ben.grant(seconds=500)
        anna.send_video(b"held")
        other.send_audio(b"elsewhere it goes on")
        await eventually(lambda: [p for p in listener.received if b"elsewhere it goes on" in p])
        self.assertEqual(len(ben.received), received)
        self.engine.release("session")
        anna.send_audio(b"back")
        await eventually(lambda: [p for p in ben.received if b"back" in p])
        self.assertFalse([p for p in ben.received if b"held" in p])
        self.assertEqual(len(ben.offers), offers)

    async def test_a_hold_outlives_everybody_in_the_session_and_ends_with_it(self) -> None:
        self.engine.hold("session")
        self.engine._tick()
        ben = await self.listener("ben")
        anna = await self.publisher("anna", Source.MICROPHONE)
        anna.send_audio(b"held")
        await eventually(lambda: self.engine.stats("session")["anna"]["packets_in"])
        self.assertEqual(ben.offers, [])
        self.engine.close_session("session")
        self.engine.set_grants("session", "ben", Grants(EVERYTHING, True, self.clock() + 1))
        self.assertFalse(self.engine._sessions["session"].held)

    async def test_a_stream_that_somebody_may_not_receive_is_neither_offered_nor_sent_to_them(self) -> None:
        anna = await self.publisher("anna", Source.MICROPHONE, Source.CAMERA)
        cleo = await self.third_voice()
        ben = self.client("ben")
        some = frozenset({("anna", Source.MICROPHONE), ("cleo", Source.MICROPHONE)})
        ben.grant(publish=frozenset(), receive=some)
        ben.open()
        anna.send_audio()
        anna.send_video(b"unseen")
        cleo.send_audio()
        await eventually(lambda: ben.offers and len(ben.offers[-1].tracks) == 2)
        self.assertEqual({(track.publisher_id, track.source) for track in ben.offers[-1].tracks}, some)
        await ben.connected()
        anna.send_video(b"unseen")
        await self.passes(cleo, ben)
        self.assertFalse([p for p in ben.received if b"unseen" in p])

    async def test_taking_one_stream_from_a_listener_leaves_them_the_others(self) -> None:
        anna, ben, cleo = await self.trio()
        others = frozenset({("anna", Source.CAMERA), ("cleo", Source.MICROPHONE)})
        ben.grant(publish=frozenset(), receive=others)
        anna.send_audio(b"unheard")
        anna.send_video(b"seen")
        await self.passes(cleo, ben)
        self.assertFalse([p for p in ben.received if b"unheard" in p])
        await eventually(lambda: [p for p in ben.received if b"seen" in p])
        self.assertEqual({(t.publisher_id, t.source) for t in ben.offers[-1].tracks}, others)

    async def test_a_listener_who_may_receive_nothing_receives_nothing(self) -> None:
        anna, ben, cleo = await self.trio()
        dora = await self.listener("dora")
        await eventually(lambda: dora.offers)
        await dora.connected()
        received = len(ben.received)
        ben.grant(publish=frozenset(), receive=frozenset())
        anna.send_audio(b"over")
        await self.passes(cleo, dora)
        self.assertEqual(len(ben.received), received)

    async def test_sessions_do_not_mix(self) -> None:
        anna, ben = await self.pair()
        other = await self.publisher("otto", Source.MICROPHONE, session_id="other")
        other.send_audio(b"elsewhere")
        anna.send_audio(b"here")
        await eventually(lambda: [p for p in ben.received if b"here" in p])
        self.assertFalse([p for p in ben.received if b"elsewhere" in p])

    async def test_closing_a_session_ends_everybody(self) -> None:
        anna, ben = await self.pair()
        self.engine.close_session("session")
        self.assertEqual(self.engine.stats("session"), {})
        with self.assertRaises(OfferRejected):
            anna.offer_publish(Source.MICROPHONE)
        await eventually(lambda: ben.subscribing and "closed" in ben.subscribing.states, "no goodbye")

    async def test_a_renewed_lease_changes_nothing_but_its_end(self) -> None:
        anna, ben = await self.pair()
        before = len(self.engine.trace("session"))
        anna.grant(seconds=100)
        self.assertEqual(len(self.engine.trace("session")), before)
        self.clock.advance(61)
        ben.grant(publish=frozenset(), seconds=100)
        anna.send_audio(b"still here")
        await eventually(lambda: [p for p in ben.received if b"still here" in p])

    async def test_an_id_that_could_break_the_sdp_is_refused(self) -> None:
        for peer_id in ("", "a b", "a\r\na=x", "x" * 65, "ä"):
            with self.assertRaises(ValueError):
                self.engine.set_grants("session", peer_id, Grants(EVERYTHING, True, self.clock() + 1))
