"""Moving a personal link while people are in the room: who is asked, who is told what, and whose media flow."""

from __future__ import annotations

import re
from typing import Any

from asgiref.sync import sync_to_async
from django.core import mail

from meetings import tasks
from meetings.models import EmailCode, Invitation, Participant
from meetings.tests.live_case import Browser, Json, LiveCase, Talk, make_link, running_live

FIRST, SECOND = "203.0.113.7", "198.51.100.7"


class MoveTests(LiveCase):
    def setUp(self) -> None:
        super().setUp()
        self.guest, self.secret = make_link(self.occurrence, "peter@medreg.example", name="Peter Lindqvist")

    def rules(self) -> Json:
        return {"door_anyone": "turned_away"}

    async def device(self, live: Any, network: str) -> Browser:
        browser = Browser(live, network=network)
        await browser.open_link(self.secret)
        return browser

    async def guest_inside(self, live: Any, host: Talk) -> tuple[Browser, Talk, str]:
        browser = await self.device(live, FIRST)
        talk = await browser.join(self.code, "Peter")
        who = (await talk.message("door"))["participant"]
        await host.ask("door.admit", participant=who)
        await talk.message("room")
        return browser, talk, who

    async def asks(self, live: Any) -> tuple[Browser, Talk, str]:
        browser = await self.device(live, SECOND)
        answer = await browser.arrive(self.code, "Peter", move="ask")
        assert (answer["outcome"], answer["reason"]) == ("wait", "moving"), answer
        talk = await browser.socket()
        await talk.send("hello", protocol=1, ticket=answer["ticket"])
        door = await talk.message("door", reason="moving")
        return browser, talk, door["participant"]

    async def test_the_holder_is_asked_and_their_yes_moves_the_seat(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            _laptop, first, old = await self.guest_inside(live, host)
            _phone, second, new = await self.asks(live)
            question = await first.message("link.asked")
            self.assertEqual(question["network"], "198.51.100.0/24")
            self.assertEqual((await first.ask("link.answer", wish=question["wish"], allow=True))["type"], "ok")
            refused = await first.message("refused")
            self.assertEqual((refused["reason"], await first.closed()), ("link_moved", 4403))
            room = await second.message("room")
            self.assertEqual({one["participant"] for one in room["people"]} - {room["you"]}, {live_host(live, self.id)})
            self.assertEqual(room["you"], new)
            self.assertEqual((await host.message("gone"))["why"], "moved")
            self.assertNotIn(old, live.rooms[self.id].seats)
            self.assertNotIn(old, live.engine.stats(self.id).get("peers", {}))
            self.assertEqual((await Invitation.objects.aget()).claimed_network, "198.51.100.0/24")

    async def test_their_no_turns_the_second_device_away_and_hosts_are_told(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            _laptop, first, old = await self.guest_inside(live, host)
            phone, second, _new = await self.asks(live)
            question = await first.message("link.asked")
            await first.ask("link.answer", wish=question["wish"], allow=False)
            self.assertEqual((await second.message("refused"))["reason"], "move_refused")
            self.assertIsNone((await first.message("link.asked"))["wish"])
            told = await host.message("person")
            while told["person"]["participant"] != old or not (told["person"]["link"] or {}).get("denied"):
                told = await host.message("person")
            self.assertEqual(told["person"]["cautions"], ["link_in_use"])
            again = await phone.arrive(self.code, "Peter", move="ask")
            self.assertEqual((again["outcome"], again["reason"]), ("refuse", "move_refused"))
            self.assertIn(old, live.rooms[self.id].seats)

    async def test_a_host_is_shown_both_networks_and_their_let_in_moves_the_link(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            _laptop, first, _old = await self.guest_inside(live, host)
            _phone, second, new = await self.asks(live)
            queue = await host.message("waiting")
            while not queue["waiting"]:
                queue = await host.message("waiting")
            flagged = queue["waiting"][0]
            self.assertEqual((flagged["reason"], flagged["cautions"]), ("moving", ["name_in_use", "link_in_use"]))
            shown = flagged["link"]
            self.assertEqual(
                (shown["first_network"], shown["second_network"], shown["asks"]),
                ("203.0.113.0/24", "198.51.100.0/24", True),
            )
            await host.ask("door.admit", participant=new)
            self.assertEqual((await first.message("refused"))["reason"], "link_moved")
            self.assertEqual((await second.message("room"))["you"], new)

    async def test_only_the_holder_of_this_link_answers(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            _laptop, first, _old = await self.guest_inside(live, host)
            await sync_to_async(make_link)(self.occurrence, "leila@haddad.example")
            _phone, second, _new = await self.asks(live)
            wish = (await first.message("link.asked"))["wish"]
            for talk in (host, second):
                for allow in (True, False):
                    answer = await talk.ask("link.answer", wish=wish, allow=allow)
                    self.assertEqual(answer.get("code"), "wrong_state")
            for nonsense in ("0", "999999999999999999"):
                self.assertEqual((await first.ask("link.answer", wish=nonsense, allow=True))["code"], "wrong_state")
            for broken in ("", "-1", "1.0", "1" * 19, "x", 1, None):
                self.assertEqual((await first.ask("link.answer", wish=broken, allow=True))["code"], "bad_field")
            self.assertFalse(any(message["type"] == "link.asked" for message in [*host.heard, *second.heard]))

    async def test_the_question_is_asked_again_after_a_cut_and_ends_with_the_wait(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            laptop, first, _old = await self.guest_inside(live, host)
            _phone, second, _new = await self.asks(live)
            wish = (await first.message("link.asked"))["wish"]
            await first.cut()
            back = await laptop.join(self.code, "Peter")
            self.assertEqual((await back.message("link.asked"))["wish"], wish)
            await second.send("leave")
            self.assertIsNone((await back.message("link.asked"))["wish"])

    async def test_the_mailed_code_moves_the_seat_at_once(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            _laptop, first, _old = await self.guest_inside(live, host)
            phone = await self.device(live, SECOND)
            refused = await phone.arrive(self.code, "Peter")
            self.assertEqual((refused["reason"], refused["link"]["here"]), ("link_in_use", True))
            self.assertEqual(refused["link"]["sent_to"], "p•••@medreg.example")
            asked = await phone.arrive(self.code, "Peter", move="code")
            self.assertEqual((asked["outcome"], asked["reason"]), ("refuse", "verify_email"))
            await sync_to_async(tasks.send_email_code.func)((await EmailCode.objects.aget()).pk)
            digits = re.search(r"^    (\d{6})$", mail.outbox[-1].body, re.MULTILINE)
            assert digits is not None
            answer = await phone.arrive(self.code, "Peter", move="code", email_code=digits[1])
            self.assertEqual((answer["outcome"], answer["reason"]), ("admit", "seat"))
            self.assertEqual((await first.message("refused"))["reason"], "link_moved")
            second = await phone.socket()
            await second.send("hello", protocol=1, ticket=answer["ticket"])
            await second.message("room")
            self.assertEqual(await Participant.objects.filter(state="inside").acount(), 2)

    async def test_a_move_that_is_none_is_a_clear_error(self) -> None:
        async with running_live() as live:
            phone = await self.device(live, SECOND)
            answer = await phone.arrive(self.code, "Peter", move="please")
            self.assertEqual((answer["status"], answer["field"]), (400, "move"))


def live_host(live: Any, occurrence_id: str) -> str:
    return str(live.rooms[occurrence_id].hosts()[0].id)
