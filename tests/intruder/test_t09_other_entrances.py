"""T9: around the door, by another entrance."""

from __future__ import annotations

from tests.intruder.case import HOST, IntruderCase
from tests.intruder.media_case import SILENCE_SECONDS, MediaCase
from tests.support.client import Refused


class T9OtherEntrances(IntruderCase):
    async def test_a_lock_keeps_everybody_out_but_those_who_have_a_seat(self) -> None:
        """Guard: `Facts.locked_at` in `door.decide`."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        guest = await self.join(client, meeting["code"], "Peter")
        who = await self.let_in(host, guest)
        await host.ask("door.lock", locked=True)
        late, _ = await self.guest_with_link(meeting, "leila@medreg.example")
        self.assertEqual((await late.arrive(meeting["code"], "Leila")).json["reason"], "locked")
        await guest.cut()
        back = await self.join(client, meeting["code"], "Peter")
        self.assertEqual((await back.message("room"))["you"], who)


class T9OtherMeetings(MediaCase):
    async def test_a_transport_answered_for_one_meeting_carries_nothing_of_another(self) -> None:
        """Guard: sessions of the engine are named by occurrence; a seat's socket acts only in its own."""
        other = await self.portal.schedule(HOST)
        host = await self.host_inside(other)
        spy = self.member(host, (await host.message("room"))["you"])
        await spy.speak()
        with self.assertRaises(Refused) as refused:
            await host.ask("host.remove", participant=self.peter.id)
        self.assertEqual(refused.exception.code, "no_such_participant")
        await self.speak_for(SILENCE_SECONDS)
        self.assertEqual(host.count("media.offer"), 0)
        self.assertEqual(spy.media.packets_received, 0)
