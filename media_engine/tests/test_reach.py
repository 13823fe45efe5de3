"""Members who change networks in the middle of a meeting."""

from media_engine import EngineConfig, Source
from media_engine.tests.client import Client, EngineTestCase, eventually


class NetworkChangeTests(EngineTestCase):
    async def test_a_receiver_goes_on_at_another_address_with_the_same_keys_and_numbers(self) -> None:
        anna, ben = await self.pair()
        receiving = ben.subscribing
        assert receiving is not None
        ufrag, certificate, ssrc = (
            receiving.remote_ufrag,
            receiving.remote_fingerprint,
            ben.ssrc_of("anna", Source.CAMERA),
        )
        receiving.move()
        answered = ben.answered
        ben.open(fresh=False)
        await eventually(lambda: ben.answered > answered, "no offer came")
        self.assertNotEqual(receiving.remote_ufrag, ufrag)
        self.assertEqual(receiving.remote_fingerprint, certificate)
        await receiving.check()
        anna.send_video()
        await eventually(lambda: len(ben.packets_of("anna", Source.CAMERA)) == 2)
        self.assertEqual(ben.ssrc_of("anna", Source.CAMERA), ssrc)
        self.one_after_the_other(ben)

    async def test_a_publisher_goes_on_at_another_address_with_the_same_keys_and_numbers(self) -> None:
        anna, ben = await self.pair()
        sending = anna.publishing
        assert sending is not None
        ufrag, certificate = sending.remote_ufrag, sending.remote_fingerprint
        sending.move()
        sending.follow(anna.offer_publish(Source.MICROPHONE, Source.CAMERA))
        self.assertNotEqual(sending.remote_ufrag, ufrag)
        self.assertEqual(sending.remote_fingerprint, certificate)
        await sending.check()
        anna.send_video()
        await eventually(lambda: len(ben.packets_of("anna", Source.CAMERA)) == 2)
        self.one_after_the_other(ben)

    async def test_before_the_new_address_has_proved_itself_nothing_is_taken_from_it(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None
        anna.publishing.move()
        anna.publishing.follow(anna.offer_publish(Source.MICROPHONE, Source.CAMERA))
        strangers = self.engine.dropped["stranger"]
        anna.send_video()
        await eventually(lambda: self.engine.dropped["stranger"] == strangers + 1)
        self.assertEqual(len(ben.packets_of("anna", Source.CAMERA)), 1)

    def one_after_the_other(self, ben: Client) -> None:
        first, second = (header.sequence for header, _ in ben.packets_of("anna", Source.CAMERA))
        self.assertEqual(second, (first + 1) & 0xFFFF)


class SilenceTests(EngineTestCase):
    config = EngineConfig(port=0, tick_seconds=0.01)

    async def test_who_is_not_heard_of_is_sent_nothing_and_goes_on_with_the_same_keys_when_heard_again(self) -> None:
        anna, ben = await self.pair()
        assert anna.publishing is not None and ben.subscribing is not None
        link = self.engine._sessions["session"].peers["ben"].subscribe
        assert link is not None
        for _ in range(11):
            self.clock.advance(3)
            await anna.publishing.check()
        await eventually(lambda: link.ice.destination is None)
        anna.send_audio(b"unheard")
        await anna.publishing.check()
        self.assertEqual(link.state, "disconnected")
        await ben.subscribing.check()
        self.assertEqual(link.state, "connected")
        anna.send_audio(b"heard")
        await eventually(lambda: ben.packets_of("anna", Source.MICROPHONE)[-1][1] == b"heard")
        self.assertNotIn(b"unheard", [payload for _, payload in ben.packets_of("anna", Source.MICROPHONE)])
        for _ in range(21):
            self.clock.advance(3)
            await anna.publishing.check()
        await eventually(lambda: link.state == "closed")
