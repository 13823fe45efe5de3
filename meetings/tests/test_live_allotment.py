"""One account's meetings leave room for everybody else's, and strangers at their doors keep their hosts out of none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import override_settings

from meetings.models import Meeting, Participant
from meetings.signaling.protocol import Close
from meetings.tests.live_case import Browser, LiveCase, make_meeting, make_user, running_live


class AllotmentTests(LiveCase):
    def setUp(self) -> None:
        super().setUp()
        of_two = override_settings(LINTEL=replace(settings.LINTEL, live_meetings_per_account=2))
        of_two.enable()
        self.addCleanup(of_two.disable)
        self.others = [make_meeting(self.host, door_anyone="knocks").meeting.code for _ in range(2)]

    async def enter(self, live: Any, code: str, user: Any) -> Any:
        talk = await (await Browser(live).sign_in(user)).join(code)
        await talk.message("room")
        return talk

    async def test_beyond_the_limit_a_meeting_goes_live_when_another_one_is_over(self) -> None:
        colleague = await sync_to_async(make_user)("Marcus Bell")
        theirs = (await sync_to_async(make_meeting)(colleague)).meeting.code
        async with running_live() as live:
            host = Browser(live)
            await host.sign_in(self.host)
            first = await self.enter(live, self.code, self.host)
            await self.enter(live, self.others[0], self.host)
            seats = await Participant.objects.acount()
            answer = await host.arrive(self.others[1])
            self.assertEqual((answer["status"], answer["code"], answer["most"]), (409, "too_many_meetings", 2))
            self.assertIn("have 2 live meetings", answer["detail"])
            self.assertEqual(await Participant.objects.acount(), seats)
            await self.enter(live, theirs, colleague)  # another account's
            self.assertEqual((await host.arrive(self.code))["outcome"], "admit")  # one that is live
            await first.send("host.end")
            while await first.hear() is not None:
                pass
            await self.enter(live, self.others[1], self.host)

    async def test_whoever_got_their_ticket_at_the_same_time_is_counted_too(self) -> None:
        async with running_live() as live:
            browsers = [await Browser(live).sign_in(self.host) for _ in range(3)]
            codes = [self.code, *self.others]
            answers = [await one.arrive(code) for one, code in zip(browsers, codes, strict=True)]
            talks = []
            for browser, answer in zip(browsers, answers, strict=True):
                talks.append(await browser.socket())
                await talks[-1].send("hello", protocol=1, ticket=answer["ticket"])
            for talk in talks[:2]:
                await talk.message("room")
            self.assertEqual(await talks[2].closed(), Close.TOO_MANY)
            self.assertEqual(len(live.rooms), 2)

    async def test_strangers_at_the_doors_of_all_somebodys_meetings_keep_their_host_out_of_none(self) -> None:
        async with running_live() as live:
            for code in (self.code, self.others[0]):
                await (await Browser(live).join(code, "Mallory")).message("door")
            answer = await Browser(live, network="10.1.2.3").arrive(self.others[1], "Mallory")
            self.assertEqual(answer["code"], "not_now")
            await self.enter(live, self.others[1], self.host)

    async def test_nobody_but_the_one_who_made_a_meeting_learns_how_many_they_have_going_on(self) -> None:
        cohost = await sync_to_async(make_user)("Marcus Bell")
        last = await Meeting.objects.aget(code=self.others[1])
        await last.hosts.aadd(cohost)
        async with running_live() as live:
            for code in (self.code, self.others[0]):
                await self.enter(live, code, self.host)
            for browser in (Browser(live), await Browser(live).sign_in(cohost)):
                answer = await browser.arrive(self.others[1], "Mallory")
                told = {"status": 409, "code": "not_now", "detail": "This meeting can’t begin now."}
                self.assertEqual(told.items() & answer.items(), told.items())
                self.assertEqual(answer.keys(), {*told, "type", "title"})
