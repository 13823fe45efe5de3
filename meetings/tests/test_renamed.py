"""Somebody who waits gives another name: a host's yes is about whom the host saw, and about nobody else."""

from __future__ import annotations

from asgiref.sync import sync_to_async

from meetings.models import Encryption, Meeting, Participant
from meetings.services import door as door_services
from meetings.tests.live_case import Json, Talk, running_live
from meetings.tests.test_waiting import WaitingCase


class RenamedCase(WaitingCase):
    async def shown(self, host: Talk, name: str) -> Json:
        (one,) = await self.queue(host, name)
        return one


class RenamedTests(RenamedCase):
    async def let_in_at(self, who: str) -> object:
        return (await Participant.objects.aget(pk=who)).let_in_at

    async def test_a_yes_to_anna_lets_no_boris_in(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser, _, who = await self.knocks(live, "Anna")
            anna = await self.shown(host, "Anna")
            await browser.arrive(self.code, "Boris")
            for more in ({"revision": anna["revision"]}, {}):
                answer = await host.ask("door.admit", participant=who, **more)
                self.assertEqual((answer["type"], answer.get("code")), ("error", "changed"))
            self.assertIsNone(await self.let_in_at(who))

    async def test_a_new_name_is_a_new_knock_which_hosts_look_at_and_may_let_in(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser, talk, who = await self.knocks(live, "Anna")
            anna = await self.shown(host, "Anna")
            self.assertEqual((anna["revision"], anna["cautions"]), (0, []))
            await host.ask("door.message", participant=who, text="One moment, Anna")
            await talk.message("door", message="One moment, Anna")
            await browser.arrive(self.code, "Boris")
            boris = await self.shown(host, "Boris")
            self.assertEqual((boris["participant"], boris["cautions"]), (who, ["renamed"]))
            self.assertGreater(boris["knocked_at"], anna["knocked_at"])
            self.assertIsNone((await talk.message("door", message=None))["message"])
            held = await host.ask("door.admit", participant=who, revision=boris["revision"], bulk=True)
            self.assertEqual(held["code"], "flagged")
            answer = await host.ask("door.admit", participant=who, revision=boris["revision"])
            self.assertEqual(answer["type"], "ok")
            await talk.message("room")

    async def test_the_same_name_again_is_nothing_new(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser, _, who = await self.knocks(live, "Anna")
            anna = await self.shown(host, "Anna")
            await (await browser.join(self.code, "Anna")).message("door")
            self.assertEqual((await host.ask("door.admit", participant=who, revision=anna["revision"]))["type"], "ok")

    async def test_who_stops_waiting_and_knocks_as_somebody_else_is_somebody_else(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser, talk, who = await self.knocks(live, "Anna")
            anna = await self.shown(host, "Anna")
            await talk.send("leave")
            await self.queue(host)
            await (await browser.join(self.code, "Boris")).message("door")
            await self.shown(host, "Boris")
            answer = await host.ask("door.admit", participant=who, revision=anna["revision"])
            self.assertEqual(answer["code"], "changed")

    async def test_a_name_may_not_go_to_and_fro(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser, _, who = await self.knocks(live, "Anna")
            anna = await self.shown(host, "Anna")
            await browser.arrive(self.code, "Boris")
            await browser.arrive(self.code, "Anna")
            answer = await host.ask("door.admit", participant=who, revision=anna["revision"])
            self.assertEqual(answer["code"], "changed")

    async def test_a_hosts_word_for_the_keys_is_not_kept_for_another_name(self) -> None:
        await Meeting.objects.aupdate(encryption=Encryption.E2EE)
        async with running_live() as live:
            host = await self.host_inside(live)
            browser, _, who = await self.knocks(live, "Anna")
            anna = await self.shown(host, "Anna")
            await browser.arrive(self.code, "Boris")
            answer = await host.ask("door.admit", participant=who, revision=anna["revision"], word="AAEC")
            self.assertEqual(answer["code"], "changed")
            self.assertEqual((await Participant.objects.aget(pk=who)).word, "")

    async def test_whom_a_host_let_in_keeps_the_name(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            browser, _, who = await self.knocks(live, "Anna")
            seat = await Participant.objects.aget(pk=who)
            await sync_to_async(door_services.let_in)(self.host, seat, revision=0)
            await browser.arrive(self.code, "Boris")
            self.assertEqual((await Participant.objects.aget(pk=who)).name, "Anna")
