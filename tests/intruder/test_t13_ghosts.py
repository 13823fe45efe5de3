"""T13: listening without being seen.

Walks over long histories are in `test_t13_random_walk.py`.
"""

from __future__ import annotations

from tests.intruder.case import HOST
from tests.intruder.engine_case import MICROPHONE, EngineCase, hears
from tests.intruder.media_case import MediaCase, Member
from tests.support.client import Json
from tests.support.engine_room import settle


class T13Ghosts(MediaCase):
    async def people(self) -> dict[str, Json]:
        """Who is inside, as the host's own screen has it now: what `room` said and every change since."""
        found: dict[str, Json] = {}
        for message in self.ingrid.socket.messages:
            if message["type"] == "room":
                found = {one["participant"]: one for one in message["people"]}
            elif message["type"] == "person":
                found[message["person"]["participant"]] = message["person"]
            elif message["type"] == "gone":
                found.pop(message["participant"], None)
        return found

    async def test_who_lost_the_socket_and_still_hears_is_still_shown(self) -> None:
        """Guard: the roster is the seats, and only a seat has a grant."""
        await self.peter.socket.cut()
        await self.until(lambda: any(m["type"] == "person" for m in self.ingrid.socket.messages[-3:]))
        before = self.peter.heard(self.ingrid)
        await self.until(lambda: self.peter.heard(self.ingrid) > before + 5)
        self.assertFalse((await self.people())[self.peter.id]["connected"])

    async def test_who_left_hears_nothing_through_what_was_open(self) -> None:
        """Guard: `Room.vacate` revokes before anybody is told."""
        await self.peter.socket.send("leave")
        self.assertEqual(await self.peter.socket.closed(), 1000)
        await self.assert_silence(self.peter, self.ingrid)
        await self.ingrid.socket.message("gone", participant=self.peter.id)
        self.assertEqual(set(await self.people()), {self.ingrid.id})

    async def test_beginning_anew_leaves_no_second_listener_behind(self) -> None:
        """Guard: `media.start` with `fresh` replaces the transport; one seat hears once, and is one on the roster."""
        socket = await self.join(self.peters_browser, self.meeting["code"], "Peter")
        self.assertEqual(await self.peter.socket.closed(), 4409)
        again = Member(socket, self.peter.id)
        self.addCleanup(again.close)
        await socket.ask("media.start", fresh=True)
        await self.until(lambda: again.heard(self.ingrid) > 5)
        # Feedback about what the old page still publishes may come; media of others may not.
        before = self.peter.media.packets_received
        heard = again.heard(self.ingrid)
        await self.until(lambda: again.heard(self.ingrid) > heard + 20)
        self.assertEqual(self.peter.media.packets_received, before)
        self.assertEqual(set(await self.people()), {self.ingrid.id, self.peter.id})

    async def test_somebody_sent_to_the_door_hears_nothing_there(self) -> None:
        """Guard: `Room._keep_outside` revokes; the seat that waits has no grant."""
        await self.ingrid.socket.ask("host.to_door", participant=self.peter.id)
        await self.peter.socket.message("door")
        await self.assert_silence(self.peter, self.ingrid)
        self.assertEqual(set(await self.people()), {self.ingrid.id})
        listed = (await self.portal.api(HOST, "GET", f"/meetings/{self.meeting['id']}/participants"))["items"]
        self.assertEqual([one["id"] for one in listed if one["state"] == "inside"], [self.ingrid.id])


class T13GhostAtTheEngine(EngineCase):
    async def test_nobody_is_offered_a_stream_without_a_grant_to_subscribe(self) -> None:
        """Guard: `Grants.may_subscribe` where tracks for an offer are chosen."""
        mallory = await self.room.enter("mallory", MICROPHONE, subscribe=False)
        self.room.engine.open_subscribe("room", "mallory", True)
        await self.room.talk_for([self.alice], 0.3)
        self.assertEqual(self.offers_to("mallory"), [])
        self.assertIsNone(mallory.subscribe)

    async def test_media_does_not_cross_from_one_session_to_another(self) -> None:
        """Guard: peers are looked up in their own session only."""
        elsewhere = await self.room.enter("bob", session="another room")
        await self.room.talk_until([self.alice], hears(self.bob, "alice"))
        await settle()
        self.assertEqual(elsewhere.packets_received, 0)
        self.assertIsNone(elsewhere.subscribe)
