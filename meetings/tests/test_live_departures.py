"""While it is stored that somebody was turned out, others lose their rights all the same, and who comes back waits."""

from __future__ import annotations

import asyncio
from typing import Any

from asgiref.sync import sync_to_async

from meetings.live import Live, storing
from meetings.models import Invitation, Participant
from meetings.services import invitations
from meetings.tests.live_case import Browser, LiveCase, Talk, make_link, running_live

SEEN_SECONDS = 0.3


class DepartureTests(LiveCase):
    """Guests walk in; the disk takes its time to store who went."""

    def rules(self) -> dict[str, Any]:
        return {"door_guests": "walks_in"}

    async def inside(self, live: Live, name: str, network: str) -> tuple[Browser, Talk, Invitation]:
        invitation, secret = await sync_to_async(make_link)(self.occurrence, f"{name.lower()}@medreg.example")
        browser = Browser(live, network=network)
        await browser.open_link(secret)
        talk = await browser.join(self.code, name)
        await talk.message("room")
        return browser, talk, invitation

    def hold(self, live: Live) -> asyncio.Event:
        """Nothing of who went is stored until this is set."""
        goes_on, database = asyncio.Event(), live.database

        async def slow(function: Any, *args: Any, **details: Any) -> Any:
            if function is storing.put_out:
                await goes_on.wait()
            return await database(function, *args, **details)

        live.database = slow  # type: ignore[method-assign]
        return goes_on

    async def revoke(self, live: Live, invitation: Invitation) -> asyncio.Task[None]:
        await sync_to_async(invitations.revoke)(self.host, invitation)
        return asyncio.create_task(live.reconcile(self.id))

    async def test_the_next_who_loses_a_right_does_not_wait_until_it_is_stored(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            guests = [await self.inside(live, "Peter", "127.0.0.2"), await self.inside(live, "Leila", "127.0.0.3")]
            goes_on = self.hold(live)
            tasks = []
            for _, talk, invitation in guests:
                tasks.append(await self.revoke(live, invitation))
                await talk.message("refused")
            self.assertEqual(len(live.engine.stats(self.id)), 1)
            self.assertEqual(await Participant.objects.filter(state=Participant.State.REFUSED).acount(), 0)
            goes_on.set()
            await asyncio.gather(*tasks)
            self.assertEqual(await Participant.objects.filter(state=Participant.State.REFUSED).acount(), 2)
            await host.cut()

    async def test_who_comes_back_waits_until_it_is_stored_that_they_went(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser, talk, invitation = await self.inside(live, "Peter", "127.0.0.2")
            goes_on = self.hold(live)
            going = await self.revoke(live, invitation)
            await talk.message("refused")
            await Invitation.objects.filter(pk=invitation.pk).aupdate(revoked_at=None)
            await invitation.tokens.aupdate(killed_at=None)
            answer = await browser.arrive(self.code, "Peter")
            again = await browser.socket()
            await again.send("hello", protocol=1, ticket=answer["ticket"])
            hearing = asyncio.create_task(again.hear())
            await asyncio.wait([hearing], timeout=SEEN_SECONDS)
            self.assertFalse(hearing.done())
            self.assertNotIn(answer["participant"], live.rooms[self.id].seats)
            goes_on.set()
            await going
            # Their seat was open when they asked, and is closed by now; they ask once more.
            self.assertEqual((await hearing or {}).get("type"), "refused")
            self.assertEqual(await again.closed(), 4403)
            back = await browser.join(self.code, "Peter")
            await back.message("room")
            await host.cut()
