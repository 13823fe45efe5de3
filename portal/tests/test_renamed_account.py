"""An account that gets another name while it waits at a door is looked at again, as who types another one is."""

from __future__ import annotations

from asgiref.sync import sync_to_async

from meetings.models import Meeting
from meetings.tests.live_case import Browser, make_user, running_live
from meetings.tests.test_renamed import RenamedCase
from portal.accounts.services import change_profile


class RenamedAccountTests(RenamedCase):
    async def test_an_account_that_is_renamed_at_the_door_is_looked_at_again(self) -> None:
        await Meeting.objects.aupdate(door_colleagues="knocks")
        colleague = await sync_to_async(make_user)("Anna Berg")
        async with running_live() as live:
            host = await self.host_inside(live)
            talk = await (await Browser(live).sign_in(colleague)).join(self.code)
            who = (await talk.message("door"))["participant"]
            anna = await self.shown(host, "Anna Berg")
            await sync_to_async(change_profile)(colleague, name="Boris Berg", time_zone="Europe/Oslo")
            boris = await self.shown(host, "Boris Berg")  # first: to ask for something reads on past what comes before
            answer = await host.ask("door.admit", participant=who, revision=anna["revision"])
            self.assertEqual(answer["code"], "changed")
            answer = await host.ask("door.admit", participant=who, revision=boris["revision"])
            self.assertEqual(answer["type"], "ok")
