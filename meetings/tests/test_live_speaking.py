"""Who speaks: what a client may say of its own microphone, what that changes, and who is told of whom."""

from __future__ import annotations

from typing import Any

from media_engine import Source
from media_engine.tests.client import Client, ClientTransport, eventually, publish_offer
from meetings.live import Live
from meetings.signaling.protocol import ProtocolError, decode
from meetings.tests.live_case import Browser, Json, LiveCase, Talk, running_live

WALKS_IN = dict.fromkeys(("door_listed", "door_colleagues", "door_guests", "door_anyone"), "walks_in")


class SpeakingCase(LiveCase):
    async def inside(self, live: Live, name: str) -> tuple[Talk, str]:
        talk = await Browser(live).join(self.code, name)
        return talk, (await talk.message("room"))["you"]

    def rules(self) -> Json:
        return WALKS_IN | {"encryption": "e2ee"}

    def said(self, live: Live, who: str) -> Any:
        return live.engine.stats(self.id)[who]["speaking"]


class Saying(SpeakingCase):
    async def test_who_has_the_microphone_says_whether_they_speak_until_it_is_off(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            peter, who = await self.inside(live, "Peter")
            self.assertEqual((await peter.ask("media.speaking", speaking=True))["code"], "wrong_state")
            self.assertIsNone(self.said(live, who))
            await peter.ask("media.state", microphone=True, camera=False)
            self.assertEqual((await peter.ask("media.speaking", speaking=True))["type"], "ok")
            self.assertIs(self.said(live, who), True)
            await peter.ask("media.speaking", speaking=False)
            self.assertIs(self.said(live, who), False)
            await peter.ask("media.speaking", speaking=None)
            self.assertIsNone(self.said(live, who))

            await peter.ask("media.speaking", speaking=True)
            await host.ask("host.mute", participant=who, source="microphone")
            self.assertIsNone(self.said(live, who))
            self.assertEqual((await peter.ask("media.speaking", speaking=True))["code"], "wrong_state")

    async def test_who_has_no_right_to_speak_or_nobody_has_says_nothing(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            peter, who = await self.inside(live, "Peter")
            await peter.ask("media.state", microphone=True, camera=False)
            await peter.ask("media.speaking", speaking=True)
            await host.ask("host.suspend")
            self.assertEqual((await peter.ask("media.speaking", speaking=True))["code"], "suspended")
            await host.ask("host.resume")
            await host.ask("host.rights", speak="hosts")
            self.assertIsNone(self.said(live, who))
            self.assertEqual((await peter.ask("media.speaking", speaking=True))["code"], "not_allowed")
            self.assertIsNone(self.said(live, who))

    async def test_what_was_said_does_not_outlive_the_socket_on_which_it_was(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            peter, who = await self.inside(live, "Peter")
            await peter.ask("media.state", microphone=True, camera=False)
            await peter.ask("media.speaking", speaking=False)
            await peter.cut()
            self.assertIsNone(self.said(live, who), "they are heard, though their page can't say that they speak")

    async def test_a_hectic_talker_is_told_to_be_slower_and_stays(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            peter, _ = await self.inside(live, "Peter")
            await peter.ask("media.state", microphone=True, camera=False)
            answers = [await peter.ask("media.speaking", speaking=bool(number % 2)) for number in range(40)]
            refused = [answer["code"] for answer in answers if answer["type"] == "error"]
            self.assertGreater(len(refused), 20)
            self.assertEqual(set(refused), {"too_many"})
            self.assertEqual((await peter.ask("reaction", emoji="👏")).get("code"), "wrong_state", "another budget")

    def test_only_yes_no_and_nothing_are_words(self) -> None:
        for word in ('"yes"', "1", "0", "[]", '{"on": true}'):
            with self.assertRaises(ProtocolError) as refused:
                decode(f'{{"type": "media.speaking", "speaking": {word}}}')
            self.assertEqual((refused.exception.code, refused.exception.field), ("bad_field", "speaking"))
        with self.assertRaises(ProtocolError):
            decode('{"type": "media.speaking"}')


class Naming(SpeakingCase):
    def rules(self) -> Json:
        return WALKS_IN | {"encryption": "transport"}

    async def test_everybody_inside_is_told_who_speaks_but_of_themselves(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            peter, who = await self.inside(live, "Peter")
            voice = Client(live.engine, self.id, who)
            voice.publishing = ClientTransport(live.engine.port)
            await peter.ask("media.start", fresh=True)
            await peter.ask("media.state", microphone=True, camera=False)
            offer = publish_offer(voice.publishing, {"0": Source.MICROPHONE})
            answer = await peter.ask("media.publish", sdp=offer, sources={"0": "microphone"})
            voice.publishing.follow(answer["sdp"])
            await voice.publishing.connect()
            voice.level = 120
            voice.send_audio()
            await eventually(lambda: live.engine.stats(self.id)[who]["publishes"][0]["live"])
            voice.level = 10
            for _ in range(20):
                voice.send_audio()
            self.assertEqual((await host.message("media.speakers"))["speakers"], [who])
            await peter.ask("media.state", microphone=False, camera=False)
            self.assertEqual((await host.message("media.speakers"))["speakers"], [])
            await peter.ask("ping")
            self.assertNotIn("media.speakers", [message["type"] for message in peter.heard])
            await voice.publishing.close()
