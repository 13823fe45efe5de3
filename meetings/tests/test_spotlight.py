"""Whom a host pins for everyone: one person, told to all with the host's name, written down, over when they go."""

from __future__ import annotations

from meetings.models import AuditEntry
from meetings.tests.live_case import Browser, LiveCase, running_live


class SpotlightTests(LiveCase):
    async def test_one_person_has_it_and_newcomers_are_told(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            me = live.rooms[self.id].hosts()[0].id
            guest = await Browser(live).join(self.code, "Peter")
            who = (await host.message("waiting"))["waiting"][0]["participant"]
            await host.ask("door.admit", participant=who)
            await guest.message("room")
            self.assertEqual((await host.ask("host.spotlight", participant=who, on=True))["type"], "ok")
            while (told := (await guest.message("person"))["person"])["spotlight"] is None:
                pass
            self.assertEqual((told["participant"], told["spotlight"]), (who, "Ingrid Sæther"))

            await host.ask("host.spotlight", participant=me, on=True)
            later = await self.host_inside(live)
            people = later.last("room")["people"]
            self.assertEqual([one["participant"] for one in people if one["spotlight"]], [me])
            await later.ask("host.spotlight", participant=who, on=False)  # it isn't theirs: nobody loses it
            self.assertEqual(live.rooms[self.id].seats[me].spotlit_by, "Ingrid Sæther")
            await later.ask("host.spotlight", participant=me, on=False)
            self.assertIsNone(live.rooms[self.id].seats[me].spotlit_by)
            kinds = [entry.kind async for entry in AuditEntry.objects.order_by("pk") if "spotlight" in entry.kind]
            self.assertEqual(kinds, [f"host.spotlight_{state}" for state in ("on", "on", "off", "off")])

    async def test_who_is_sent_back_to_the_door_comes_in_without_it(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guest = await Browser(live).join(self.code, "Peter")
            who = (await host.message("waiting"))["waiting"][0]["participant"]
            self.assertEqual((await host.ask("host.spotlight", participant=who, on=True))["code"], "wrong_state")
            await host.ask("door.admit", participant=who)
            await guest.message("room")
            await host.ask("host.spotlight", participant=who, on=True)
            await host.ask("host.to_door", participant=who)
            await guest.message("door")
            self.assertIsNone(live.rooms[self.id].seats[who].spotlit_by)
            for bad in ({"on": 1}, {"on": None}, {}, {"on": True, "by": "Marcus"}):
                self.assertEqual((await host.ask("host.spotlight", participant=who, **bad))["code"], "bad_field")
