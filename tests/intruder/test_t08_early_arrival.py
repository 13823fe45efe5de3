"""T8: inside because one was early: waiting in an empty room until it is a meeting."""

from __future__ import annotations

from tests.intruder.case import HOST, IntruderCase
from tests.support.client import Refused


class T8EarlyArrival(IntruderCase):
    async def test_who_was_there_before_the_host_still_waits_when_the_host_comes(self) -> None:
        """Guard: `door._as_member` asks the same table early and late."""
        meeting = await self.portal.schedule(HOST)
        early = []
        for name in ("Peter", "Leila"):
            client, _ = await self.guest_with_link(meeting, f"{name.lower()}@medreg.example")
            guest = await self.join(client, meeting["code"], name)
            await guest.message("door", reason="no_host")
            early.append(guest)
        host = await self.host_inside(meeting)
        self.assertEqual(len((await host.message("room"))["waiting"]), 2)
        for guest in early:
            await guest.message("door", reason="knock")
            with self.assertRaises(Refused) as refused:
                await guest.ask("media.start", fresh=True)
            self.assertEqual(refused.exception.code, "not_inside")
            self.assertEqual(guest.count("room"), 0)

    async def test_who_was_early_and_comes_back_later_still_waits(self) -> None:
        """Guard: the same, asked anew for a seat that has been taken before."""
        meeting = await self.portal.schedule(HOST)
        client, _ = await self.guest_with_link(meeting)
        await (await self.join(client, meeting["code"], "Peter")).cut()
        await self.host_inside(meeting)
        back = await self.join(client, meeting["code"], "Peter")
        await back.message("door", reason="knock")
        self.assertEqual(back.count("room"), 0)

    async def test_before_the_door_opens_nobody_knocks(self) -> None:
        """Guard: `Facts.opens_at`. Ready an hour early is an hour early."""
        meeting = await self.portal.schedule(HOST, starts_at="2031-01-01T10:00:00Z", door_opens_minutes=10)
        client, _ = await self.guest_with_link(meeting)
        answer = (await client.arrive(meeting["code"], "Peter")).json
        self.assertEqual((answer["outcome"], answer["reason"]), ("wait", "early"))
        guest = await self.join(client, meeting["code"], "Peter")
        await self.host_inside(meeting)
        self.assertEqual((await guest.ask("ping"))["type"], "ok")
        self.assertEqual({message["reason"] for message in guest.messages if message["type"] == "door"}, {"early"})
