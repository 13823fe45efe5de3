"""T7: media, keys or words for somebody who waits at the door."""

from __future__ import annotations

import json

from media_engine import OfferRejected
from tests.intruder.case import HOST, TITLE, IntruderCase
from tests.intruder.engine_case import MICROPHONE, EngineCase, heard
from tests.intruder.media_case import SILENCE_SECONDS, MediaCase
from tests.support.client import Refused
from tests.support.engine_room import settle, talk_once
from tests.support.rtc_client import Client as MediaClient


class T7WaitingAtTheDoor(IntruderCase):
    async def test_somebody_at_the_door_learns_nothing_and_can_do_nothing(self) -> None:
        """Guard: `commands.act` (inside only), and `views.door` (what a stranger is told)."""
        door = {"listed": "walks_in", "colleagues": "walks_in", "guests": "knocks", "anyone": "knocks"}
        meeting = await self.portal.schedule(HOST, door=door)
        host = await self.host_inside(meeting)
        stranger = await self.join(self.client(), meeting["code"], "Eve")
        await stranger.message("door", reason="knock")
        await host.ask("chat", text="a secret")
        for kind, fields in (
            ("media.start", {"fresh": True}),
            ("media.publish", {"sdp": "v=0", "sources": {}}),
            ("media.answer", {"offer": 0, "sdp": "v=0"}),
            ("media.state", {"microphone": True, "camera": True}),
            ("chat", {"text": "hello"}),
            ("hand", {"raised": True}),
            ("reaction", {"emoji": "👏"}),
        ):
            with self.assertRaises(Refused) as refused:
                await stranger.ask(kind, **fields)
            self.assertEqual(refused.exception.code, "not_inside")
        told = json.dumps(stranger.messages, ensure_ascii=False)
        for secret in (TITLE, "Ingrid", "Sæther", "a secret", "sdp"):
            self.assertNotIn(secret, told)
        self.assertEqual({message["type"] for message in stranger.messages}, {"door", "error"})


class T7WaitingWithTransports(MediaCase):
    async def test_somebody_at_the_door_gets_no_offer_and_no_packet(self) -> None:
        """Guards: `Room.grant` (inside only) and, behind it, the engine's absent grant."""
        browser, _ = await self.guest_with_link(self.meeting, "leila@medreg.example")
        socket = await self.join(browser, self.meeting["code"], "Leila")
        leila = self.member(socket, (await socket.message("door"))["participant"])
        sdp, sources = leila.media.offer_publish(MICROPHONE)
        for kind, fields in (("media.start", {"fresh": True}), ("media.publish", {"sdp": sdp, "sources": sources})):
            with self.assertRaises(Refused) as refused:
                await socket.ask(kind, **fields)
            self.assertEqual(refused.exception.code, "not_inside")
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual(socket.count("media.offer"), 0)
        self.assertEqual(leila.media.media_datagrams_received(), 0)


class T7WaitingAtTheEngine(EngineCase):
    async def test_somebody_who_is_waiting_cannot_negotiate_a_transport(self) -> None:
        """Guards: the grant lookup in `Engine.answer_publish` and in `Engine.open_subscribe`."""
        mallory = MediaClient("mallory")
        with self.assertRaises(OfferRejected) as refused:
            self.room.publish(mallory, MICROPHONE)
        self.assertEqual(refused.exception.code, "no_grant")
        with self.assertRaises(OfferRejected):
            self.room.engine.open_subscribe("room", "mallory", True)
        await self.room.talk_for([self.alice], 0.2)
        self.assertEqual(self.offers_to("mallory"), [])

    async def test_a_granted_peer_that_was_given_nothing_receives_and_sends_nothing(self) -> None:
        """Guards: `Grants.may_publish` and `Grants.may_subscribe` where packets are forwarded."""
        waiting = MediaClient("waiting")
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
