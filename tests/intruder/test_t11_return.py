"""T11: removed, and back again, or never quite gone."""

from __future__ import annotations

import asyncio

from media_engine import OfferRejected
from tests.intruder.case import HOST, IntruderCase
from tests.intruder.engine_case import EngineCase
from tests.intruder.media_case import SILENCE_SECONDS, UNDER_WAY_SECONDS, MediaCase
from tests.support.client import Client
from tests.support.engine_room import settle, talk_once
from tests.support.portal import PASSWORD


class T11Return(IntruderCase):
    async def test_a_removed_persons_tickets_link_and_device_are_dead(self) -> None:
        """Guards: `Tickets.forget`, the block, `Room.expel`."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, link = await self.guest_with_link(meeting)
        guest = await self.join(client, meeting["code"], "Peter")
        who = await self.let_in(host, guest)
        spare = (await client.arrive(meeting["code"], "Peter")).json["ticket"]
        await host.ask("host.remove", participant=who, note="Wrong meeting")
        self.assertEqual((await guest.message("refused"))["reason"], "removed")
        self.assertEqual(await guest.closed(), 4403)
        socket = await client.open_socket()
        self.sockets.append(socket)
        await socket.send("hello", protocol=1, ticket=spare)
        self.assertEqual(await socket.closed(), 4401)
        self.assertEqual((await client.arrive(meeting["code"], "Peter")).json["reason"], "removed")
        other = self.client()
        await other.open_link(link)
        self.assertEqual((await other.arrive(meeting["code"], "Peter")).json["outcome"], "refuse")

    async def test_after_kill_9_members_come_back_by_themselves_and_the_removed_do_not(self) -> None:
        """Guards: `facts.seats_of_interrupted_meetings`; what was acknowledged is stored, and tickets are not."""
        meeting = await self.portal.schedule(HOST)
        clients: dict[str, Client] = {}
        client = self.client()
        await client.sign_in(HOST, PASSWORD)
        host = await self.join(client, meeting["code"])
        ids: dict[str, str] = {}
        for name in ("Peter", "Leila"):
            clients[name], _ = await self.guest_with_link(meeting, f"{name.lower()}@medreg.example")
            guest = await self.join(clients[name], meeting["code"], name)
            ids[name] = await self.let_in(host, guest)
        await host.ask("host.remove", participant=ids["Leila"])
        spare = (await clients["Peter"].arrive(meeting["code"], "Peter")).json["ticket"]
        await asyncio.to_thread(self.portal.kill_and_restart)
        socket = await self.open(clients["Peter"])
        await socket.send("hello", protocol=1, ticket=spare)
        self.assertEqual(await socket.closed(), 4401)
        answer = (await clients["Peter"].arrive(meeting["code"], "Peter")).json
        self.assertEqual((answer["outcome"], answer["participant"]), ("admit", ids["Peter"]))
        self.assertEqual((await clients["Leila"].arrive(meeting["code"], "Leila")).json["reason"], "removed")
        back = await self.join(clients["Peter"], meeting["code"], "Peter")
        self.assertEqual((await back.message("room"))["you"], ids["Peter"])
        again = await self.join(client, meeting["code"])
        self.assertTrue((await again.message("room"))["capabilities"]["host"])
        self.assertIn("audit chain intact", await asyncio.to_thread(self.portal.manage, "audit", "verify"))


class T11LastPacket(MediaCase):
    async def test_a_removed_persons_packets_have_stopped_both_ways_when_the_host_has_the_answer(self) -> None:
        """Guard: `Room.expel`, before anything is stored or told."""
        answer = asyncio.create_task(self.ingrid.socket.ask("host.remove", participant=self.peter.id))
        while not answer.done():
            await self.speak_for(0.02)
        await asyncio.sleep(UNDER_WAY_SECONDS)
        before = (self.peter.media.media_datagrams_received(), self.ingrid.heard(self.peter))
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual((self.peter.media.media_datagrams_received(), self.ingrid.heard(self.peter)), before)
        self.assertEqual(await self.peter.socket.closed(), 4403)

    async def test_removing_somebody_whose_socket_takes_nothing_is_as_quick_and_as_complete(self) -> None:
        """Guards: `Wire` writes in a task of its own; `Room.turn_out` waits for nobody."""
        self.peter.socket.stop_reading()
        for _ in range(10):
            await self.ingrid.socket.ask("chat", text="\N{GRINNING FACE}" * 4_000)
        await self.ingrid.socket.ask("host.remove", participant=self.peter.id)
        await self.assert_silence(self.peter, self.ingrid)
        people = (await self.portal.api(HOST, "GET", f"/meetings/{self.meeting['id']}/participants"))["items"]
        self.assertNotIn(self.peter.id, [one["id"] for one in people if one["state"] == "inside"])


class T11LastPacketAtTheEngine(EngineCase):
    async def test_not_one_packet_reaches_a_removed_listener(self) -> None:
        """Guard: `Engine.revoke` takes the down tracks away in the call itself."""
        await self.all_has_come()
        # The revocation comes before the loop turns: what Alice just sent is still in the kernel.
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
        await self.all_has_come()
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
        await self.all_has_come()
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

    async def test_taking_the_grant_to_subscribe_away_ends_media_with_the_same_call(self) -> None:
        """Guard: `Grants.may_subscribe` in the forward path."""
        await self.all_has_come()
        for _ in range(5):
            talk_once([self.alice])
        # What Alice just sent is still in the kernel: the engine reads it after the grant has gone.
        self.room.grant("bob", subscribe=False)
        before = self.bob.packets_received
        await self.room.talk_for([self.alice], 0.2)
        self.assertEqual(self.bob.packets_received, before)

    async def test_ending_the_session_silences_everybody(self) -> None:
        """Guard: `Engine.close_session` revokes every peer in the call itself."""
        await self.all_has_come()
        talk_once([self.alice])
        self.room.engine.close_session("room")
        before = self.bob.media_datagrams_received()
        await self.room.talk_for([self.alice], 0.2)
        self.assertEqual(self.bob.media_datagrams_received(), before)
