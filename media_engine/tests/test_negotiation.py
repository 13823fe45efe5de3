"""Offers and answers of real transports: renegotiation, reload, restart, reuse of m-lines."""

import re

from media_engine import OfferRejected, Source, TransportState
from media_engine.tests.client import (
    Client,
    ClientTransport,
    EngineTestCase,
    answer_to,
    eventually,
    publish_offer,
    vp8,
)


class PublishTests(EngineTestCase):
    async def test_a_screen_is_added_and_taken_away_on_the_same_transport(self) -> None:
        anna, ben = await self.pair()
        answer = await anna.publish(Source.MICROPHONE, Source.CAMERA, Source.SCREEN)
        self.assertEqual(answer.count("a=recvonly"), 3)
        anna.send_video(b"slides", source=Source.SCREEN)
        await eventually(lambda: len(ben.offers[-1].tracks) == 3 and ben.answered == len(ben.offers))
        anna.send_video(b"slides", source=Source.SCREEN)
        await eventually(lambda: [p for p in ben.received if b"slides" in p])
        await anna.publish(Source.MICROPHONE, Source.CAMERA)
        await eventually(lambda: len(ben.offers[-1].tracks) == 2 and ben.answered == len(ben.offers))
        self.assertEqual(ben.offers[-1].sdp.count("a=inactive"), 1)
        self.assertEqual([e for e in self.events if isinstance(e, TransportState) and e.state == "closed"], [])

    async def test_an_m_line_that_was_inactive_comes_back_with_another_ssrc_for_chromium_to_show_it(
        self,
    ) -> None:
        anna, ben = await self.pair()
        await anna.publish(Source.MICROPHONE, Source.CAMERA, Source.SCREEN)
        anna.send_video(source=Source.SCREEN)
        await eventually(lambda: len(ben.offers[-1].tracks) == 3 and ben.answered == len(ben.offers))
        anna.send_video(b"slides", source=Source.SCREEN)
        await eventually(lambda: [p for p in ben.received if b"slides" in p])
        ssrc = ben.ssrc_of("anna", Source.SCREEN)
        await anna.publish(Source.MICROPHONE, Source.CAMERA)
        await eventually(lambda: len(ben.offers[-1].tracks) == 2 and ben.answered == len(ben.offers))
        cleo = await self.publisher("cleo", Source.CAMERA)
        cleo.send_video(b"cleo")
        await eventually(lambda: len(ben.offers[-1].tracks) == 3 and ben.answered == len(ben.offers))
        cleo.send_video(b"cleo")
        await eventually(lambda: [p for p in ben.received if b"cleo" in p])
        self.assertNotEqual(ben.ssrc_of("cleo", Source.CAMERA), ssrc)
        self.assertTrue(ben.packets_of("cleo", Source.CAMERA))
        self.assertEqual(len(ben.offers[-1].sdp.split("\r\nm=")) - 1, 3)

    async def test_a_page_reload_replaces_the_transport_and_receivers_go_on_without_a_new_offer(self) -> None:
        anna, ben = await self.pair()
        offers, old = len(ben.offers), anna.publishing
        last = ben.packets_of("anna", Source.MICROPHONE)[-1][0].sequence
        anna.sdp_session += 1
        await anna.publish(Source.MICROPHONE, Source.CAMERA, transport=ClientTransport(self.engine.port))
        anna.sequence[Source.MICROPHONE] = 40000
        anna.send_audio(b"after")
        anna.send_video(b"after")
        await eventually(lambda: len([p for p in ben.received if b"after" in p]) == 2)
        self.assertEqual(ben.packets_of("anna", Source.MICROPHONE)[-1][0].sequence, (last + 1) & 0xFFFF)
        self.assertEqual(len(ben.offers), offers)
        assert old is not None
        await eventually(lambda: "closed" in old.states)
        await old.close()
        self.assertNotIn(TransportState("session", "anna", "publish", "closed"), self.events)

    async def test_an_ice_restart_keeps_association_and_numbers(self) -> None:
        anna, ben = await self.pair()
        transport = anna.publishing
        assert transport is not None
        before = transport.remote_ufrag
        transport.ice.restart()
        transport.follow(anna.offer_publish(Source.MICROPHONE, Source.CAMERA))
        self.assertNotEqual(transport.remote_ufrag, before)
        anna.send_audio(b"meanwhile")
        await transport.check()
        anna.send_audio(b"afterwards")
        await eventually(lambda: [p for p in ben.received if b"afterwards" in p])
        self.assertTrue([p for p in ben.received if b"meanwhile" in p])

    async def test_a_refused_offer_changes_nothing(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None
        good = publish_offer(anna.publishing, {"0": Source.MICROPHONE, "1": Source.CAMERA}, anna.sdp_session)
        attempts = [
            ("v=0", {}),
            (good, {"9": Source.CAMERA}),
            (good, {"0": Source.CAMERA}),
            (good, {"0": Source.MICROPHONE, "1": Source.SCREEN_AUDIO}),
            (good.replace("actpass", "passive"), {"0": Source.MICROPHONE}),
            (good.replace("extmap:3 ", "extmap:4 ", 1), {"0": Source.MICROPHONE, "1": Source.CAMERA}),
        ]
        for offer, sources in attempts:
            with self.assertRaises(OfferRejected) as refusal:
                self.engine.answer_publish("session", "anna", offer, sources)
            self.assertEqual(refusal.exception.code, "bad_sdp")
        anna.send_audio(b"undisturbed")
        await eventually(lambda: [p for p in ben.received if b"undisturbed" in p])

    async def test_ssrcs_are_learnt_by_mid_when_the_offer_names_none(self) -> None:
        anna = self.client("anna")
        anna.grant()
        anna.publishing = ClientTransport(self.engine.port)
        offer = publish_offer(anna.publishing, {"0": Source.MICROPHONE})
        lines = [line for line in offer.split("\r\n") if not line.startswith("a=ssrc")]
        lines.insert(-1, "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid")
        answer = self.engine.answer_publish("session", "anna", "\r\n".join(lines), {"0": Source.MICROPHONE})
        anna.publishing.follow(answer)
        await anna.publishing.connect()
        ben = await self.listener("ben")
        anna.send_audio(b"who is this?")
        named = bytearray(anna.rtp(Source.MICROPHONE, 300, b"named"))
        named[21:24] = bytes([4 << 4]) + b"0" + b"\x00"
        anna.publishing.send(bytes(named))
        await eventually(lambda: ben.offers)
        self.assertEqual(ben.offers[-1].tracks[0].source, Source.MICROPHONE)

    async def test_payload_types_tell_what_is_what_where_nothing_else_does(self) -> None:
        """RFC 9143, section 9.2. So GStreamer offers RTP that it passes on."""
        ben = await self.listener("ben")
        anna = await self.unnamed({"0": Source.MICROPHONE, "1": Source.CAMERA})
        anna.send_audio()
        anna.send_video(b"seen")
        await eventually(lambda: len(ben.offers[-1:]) and len(ben.offers[-1].tracks) == 2)
        await ben.flows()
        assert anna.publishing is not None
        lost = anna.rtp(Source.CAMERA, anna.sequence[Source.CAMERA], vp8(b"again", 9, key=True))
        anna.publishing.send(anna.rtx(Source.CAMERA, 1, lost))
        await eventually(lambda: [p for p in ben.received if b"again" in p])

    async def test_payload_types_of_two_m_lines_tell_nothing(self) -> None:
        anna = await self.unnamed({"0": Source.CAMERA, "1": Source.SCREEN})
        anna.send_video()
        await eventually(lambda: self.engine.stats("session")["anna"]["links"]["publish"]["dropped"]["ssrc"] == 1)

    async def unnamed(self, sources: dict[str, Source]) -> Client:
        """A publisher whose offer names no SSRC, and whose packets no mid."""
        anna = self.client("anna")
        anna.grant()
        anna.publishing = ClientTransport(self.engine.port)
        offer = re.sub(r"a=ssrc[^\r]*\r\n", "", publish_offer(anna.publishing, sources))
        anna.publishing.follow(self.engine.answer_publish("session", "anna", offer, sources))
        await anna.publishing.connect()
        return anna


class SubscribeTests(EngineTestCase):
    async def test_offers_come_one_at_a_time_and_changes_in_between_are_put_together(self) -> None:
        ben = await self.listener("ben")
        ben.answer_automatically = False
        anna = await self.publisher("anna", Source.MICROPHONE)
        anna.send_audio()
        await eventually(lambda: len(ben.offers) == 1)
        for name in ("cleo", "dora", "emil"):
            other = await self.publisher(name, Source.MICROPHONE)
            other.send_audio()
            await eventually(lambda name=name: self.engine.stats("session")[name]["publishes"][0]["live"])  # type: ignore[misc]
        self.assertEqual(len(ben.offers), 1)
        ben.answer(ben.offers[0])
        await eventually(lambda: len(ben.offers) == 2)
        self.assertEqual(len(ben.offers[1].tracks), 4)
        self.assertEqual({(t.mid, t.publisher_id) for t in ben.offers[0].tracks}, {("0", "anna")})

    async def test_answers_to_anything_but_the_current_offer_are_refused(self) -> None:
        ben = await self.listener("ben")
        ben.answer_automatically = False
        anna = await self.publisher("anna", Source.MICROPHONE)
        anna.send_audio()
        await eventually(lambda: ben.offers)
        assert ben.subscribing is not None
        offer = ben.offers[0]
        good = answer_to(offer.sdp, ben.subscribing)
        cases = [
            (offer.offer_id + 1, good, "wrong_state"),
            (offer.offer_id + 1, "not even read", "wrong_state"),
            (offer.offer_id, good.replace("a=mid:0", "a=mid:5").replace("BUNDLE 0", "BUNDLE 5"), "bad_sdp"),
            (offer.offer_id, good.replace("a=setup:active", "a=setup:passive"), "bad_sdp"),
            (offer.offer_id, good.replace("m=audio", "m=video"), "bad_sdp"),
            (offer.offer_id, "", "bad_sdp"),
        ]
        for number, answer, code in cases:
            with self.assertRaises(OfferRejected) as refusal:
                self.engine.accept_answer("session", "ben", number, answer)
            self.assertEqual(refusal.exception.code, code)
        ben.answer(offer)
        with self.assertRaises(OfferRejected) as refusal:
            self.engine.accept_answer("session", "ben", offer.offer_id, good)
        self.assertEqual(refusal.exception.code, "wrong_state")
        await ben.connected()

    async def test_after_a_cut_socket_the_current_offer_is_made_again(self) -> None:
        anna, ben = await self.pair()
        count = len(ben.offers)
        ben.open(fresh=False)
        await eventually(lambda: len(ben.offers) == count + 1)
        self.assertEqual(ben.offers[-1].tracks, ben.offers[-2].tracks)
        anna.send_audio(b"again")
        await eventually(lambda: [p for p in ben.received if b"again" in p])

    async def test_offers_of_a_replaced_transport_are_never_mistaken_for_those_of_its_successor(self) -> None:
        _, ben = await self.pair()
        ben.answer_automatically = False
        last = len(ben.offers)
        for _ in range(3):
            self.engine.open_subscribe("session", "ben", True)
        await eventually(lambda: len(ben.offers) > last)
        numbers = [offer.offer_id for offer in ben.offers]
        self.assertEqual(len(set(numbers)), len(numbers))
        self.assertEqual(len(ben.offers), last + 1, "an offer of a transport that is gone was delivered")

    async def test_a_fresh_transport_replaces_the_old_one_quietly(self) -> None:
        anna, ben = await self.pair()
        old = ben.subscribing
        ben.open(fresh=True)
        await ben.connected()
        anna.send_audio(b"fresh")
        await eventually(lambda: [p for p in ben.received if b"fresh" in p])
        assert old is not None
        await eventually(lambda: "closed" in old.states)
        await old.close()
        self.assertNotIn(TransportState("session", "ben", "subscribe", "closed"), self.events)

    async def test_an_m_line_that_the_client_refused_carries_nothing(self) -> None:
        anna = await self.publisher("anna")
        anna.send_audio()
        anna.send_video()
        await eventually(lambda: all(one["live"] for one in self.engine.stats("session")["anna"]["publishes"]))
        ben = await self.listener("ben")
        ben.answer_automatically = False
        await eventually(lambda: ben.offers)
        offer = ben.offers[-1]
        assert ben.subscribing is not None
        ben.subscribing.follow(offer.sdp)
        answer = answer_to(offer.sdp, ben.subscribing).replace("a=recvonly", "a=inactive", 1)
        self.engine.accept_answer("session", "ben", offer.offer_id, answer)
        await ben.subscribing.connect()
        anna.send_audio(b"sound")
        anna.send_video(b"image")
        await eventually(lambda: [p for p in ben.received if b"image" in p])
        self.assertFalse([p for p in ben.received if b"sound" in p])

    async def test_early_dtls_waits_for_the_answer(self) -> None:
        ben = await self.listener("ben")
        ben.answer_automatically = False
        anna = await self.publisher("anna", Source.MICROPHONE)
        anna.send_audio()
        await eventually(lambda: ben.offers)
        transport, offer = ben.subscribing, ben.offers[0]
        assert transport is not None
        transport.follow(offer.sdp)
        await transport.check()
        transport.start_dtls()
        await transport.check()
        self.engine.accept_answer("session", "ben", offer.offer_id, answer_to(offer.sdp, transport))
        await ben.connected()
        anna.send_audio(b"arrived")
        await eventually(lambda: [p for p in ben.received if b"arrived" in p])
