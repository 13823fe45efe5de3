"""Standing at the door: what hosts see of it and say to it, for how long, how many, and who never has to."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from asgiref.sync import sync_to_async

from meetings import budgets
from meetings.door import Wait
from meetings.live import Live
from meetings.live.seats import Person, Seat, has_place_at_door
from meetings.live.tries import Tries
from meetings.models import Participant
from meetings.services import door as door_services
from meetings.signaling.protocol import Close
from meetings.signaling.rates import AddressBudgets, Budgets
from meetings.tests.live_case import Browser, Json, LiveCase, Talk, make_link, make_user, running_live


def somebody(name: str, kind: str = "anyone", network: str = "203.0.113.0/24") -> Person:
    return Person(
        participant_id=str(uuid4()), name=name, kind=kind, is_guest=kind in {"anyone", "guest"}, provenance="",
        provenance_for_hosts="", email=None, network=network, invitation_id=None, user_id=None, may_know=False,
        organiser=False, knocked_at=None, entered_at=None, host_message="",
    )  # fmt: skip


def at_the_door(count: int, kind: str = "anyone", network: str = "") -> list[Seat]:
    """So many, each from a network of their own unless one is named."""
    seats = [Seat(somebody(f"{kind} {n}", kind, network or f"10.{n // 250}.{n % 250}.0/24"), 0.0) for n in range(count)]
    for seat in seats:
        seat.wait = Wait("knock")
    return seats


def standing_still(budget: budgets.Budget) -> Budgets:
    """The budget on a stopped clock: what was used up stays so on a slow machine too."""
    return Budgets(budget.rate, lambda: 0.0)


class WaitingCase(LiveCase):
    async def knocks(self, live: Live, name: str, **more: str) -> tuple[Browser, Talk, str]:
        browser = Browser(live, **more)
        talk = await browser.join(self.code, name)
        return browser, talk, (await talk.message("door"))["participant"]

    async def second_host(self, live: Live) -> Browser:
        other = await sync_to_async(make_user)("Marcus Bell")
        await self.occurrence.meeting.hosts.aadd(other)
        return await Browser(live).sign_in(other)

    async def queue(self, talk: Talk, *names: str) -> list[Json]:
        """Reads on until these and no others are told to be at the door."""
        while True:
            waiting: list[Json] = (await talk.message("waiting"))["waiting"]
            if [one["name"] for one in waiting] == list(names):
                return waiting


class HostsTests(WaitingCase):
    async def test_every_host_is_told_and_who_comes_back_sees_exactly_the_open_knocks(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = await self.second_host(live)
            other = await browser.join(self.code)
            self.assertEqual((await other.message("room"))["waiting"], [])
            _, peter, _ = await self.knocks(live, "Peter")
            _, _, leila = await self.knocks(live, "Leila")
            for talk in (host, other):
                await self.queue(talk, "Peter", "Leila")
            await other.cut()
            await peter.send("leave")
            await self.queue(host, "Leila")
            await host.ask("door.message", participant=leila, text="In a moment")
            await self.knocks(live, "Yuki")
            await self.queue(host, "Leila", "Yuki")
            again = await browser.join(self.code)
            waiting = (await again.message("room"))["waiting"]
            self.assertEqual([one["name"] for one in waiting], ["Leila", "Yuki"])
            await again.ask("door.admit", participant=leila)
            while (answered := (await host.message("waiting"))["answered"]) is None:
                pass
            self.assertEqual((answered["name"], answered["by"], answered["answer"]), ("Leila", "Marcus Bell", "let_in"))
            await self.queue(again, "Yuki")

    async def test_a_host_says_something_to_one_who_waits_and_nobody_else_hears_it(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            browser, peter, who = await self.knocks(live, "Peter")
            _, leila, _ = await self.knocks(live, "Leila")
            await host.ask("door.message", participant=who, text="Five more minutes")
            told = await peter.message("door", message="Five more minutes")
            self.assertEqual(told["reason"], "knock")
            await peter.cut()
            back = await browser.join(self.code, "Peter")
            self.assertEqual((await back.message("door"))["message"], "Five more minutes")
            await leila.ask("ping")
            self.assertEqual({one["message"] for one in leila.heard if one["type"] == "door"}, {None})

    async def test_nobody_who_should_be_looked_at_comes_in_with_the_others(self) -> None:
        invitation, secret = await sync_to_async(make_link)(self.occurrence, "p.lindqvist@medreg.example")
        async with running_live() as live:
            host = await self.host_inside(live)
            first = Browser(live)
            await first.open_link(secret)
            await (await first.join(self.code, "Peter Lindqvist")).message("door")
            second = Browser(live)
            await second.open_link(secret)
            self.assertEqual((await second.arrive(self.code, "Peter"))["reason"], "link_in_use")
            await (await second.socket()).cut()
            wish = await second.arrive(self.code, "Peter", move="ask")
            talk = await second.socket()
            await talk.send("hello", protocol=1, ticket=wish["ticket"])
            await talk.message("door", reason="moving")
            _, _, plain = await self.knocks(live, "Sofie Brandt")
            _, _, alike = await self.knocks(live, "Ιngrid Sæther")  # a Greek iota
            queue = await self.queue(host, "Peter Lindqvist", "Peter", "Sofie Brandt", "Ιngrid Sæther")
            flags = {one["participant"]: one["cautions"] for one in queue}
            self.assertEqual((flags[plain], flags[alike]), ([], ["name_in_use"]))
            self.assertIn("link_in_use", flags[wish["participant"]])
            for who in (alike, wish["participant"]):
                self.assertEqual((await host.ask("door.admit", participant=who, bulk=True))["code"], "flagged")
                self.assertIsNone((await Participant.objects.aget(pk=who)).let_in_at)
            self.assertEqual((await host.ask("door.admit", participant=plain, bulk=True))["type"], "ok")
            self.assertEqual((await host.ask("door.admit", participant=alike))["type"], "ok")
            self.assertEqual((await Participant.objects.aget(pk=alike)).state, Participant.State.INSIDE)
        self.assertIsNotNone((await type(invitation).objects.aget(pk=invitation.pk)).claimed_device)


class LastingTests(WaitingCase):
    async def test_waiting_has_no_end_of_its_own(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            _, peter, who = await self.knocks(live, "Peter")
            now = live.clock() + 6 * 3600
            live.clock = lambda: now
            for _ in range(2):
                await live.upkeep.look_after(live.rooms[self.id])
                await live.upkeep.clear_up()
            self.assertEqual((await peter.ask("ping"))["type"], "ok")
            self.assertEqual((await host.ask("door.admit", participant=who))["type"], "ok")
            await peter.message("room")

    async def test_a_no_and_a_block_outlive_a_restart_and_the_host_who_said_them(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            peter, _, who = await self.knocks(live, "Peter")
            leila, _, blocked = await self.knocks(live, "Leila")
            await host.ask("door.refuse", participant=who, note="Later")
            await host.ask("door.refuse", participant=blocked, block=True)
            await host.send("leave")
            await host.closed()
        async with running_live() as live:
            peter.live = leila.live = live
            answer = await peter.arrive(self.code, "Peter")
            self.assertEqual((answer["reason"], answer["note"]), ("not_let_in", "Later"))
            self.assertEqual((await leila.arrive(self.code, "Someone else"))["reason"], "blocked")
            seat = await Participant.objects.aget(pk=who)
            assert seat.refused_until is not None
            seat.refused_until -= door_services.COOL_DOWN
            await seat.asave(update_fields=["refused_until"])
            self.assertEqual((await peter.arrive(self.code, "Peter"))["outcome"], "wait")

    async def test_a_host_who_comes_changes_nothing_for_those_who_knock(self) -> None:
        await type(self.occurrence.meeting).objects.filter(code=self.code).aupdate(door_colleagues="knocks")
        colleague = await sync_to_async(make_user)("Sofie Brandt")
        async with running_live() as live:
            early = await (await Browser(live).sign_in(colleague)).join(self.code)
            self.assertEqual((await early.message("door"))["reason"], "no_host")
            _, peter, _ = await self.knocks(live, "Peter")
            host = await self.host_inside(live)
            for talk in (early, peter):
                await talk.message("door", reason="knock", host_here=True)
            await host.send("leave")
            for talk in (early, peter):
                await talk.message("door", reason="no_host", host_here=False)
            await self.host_inside(live)
            for talk in (early, peter):
                await talk.message("door", reason="knock", host_here=True)
                self.assertNotIn("room", [one["type"] for one in talk.heard])

    async def test_who_is_moved_back_knocks_though_the_table_lets_them_walk_in(self) -> None:
        colleague = await sync_to_async(make_user)("Sofie Brandt")
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = await Browser(live).sign_in(colleague)
            talk = await browser.join(self.code)
            who = (await talk.message("room"))["you"]
            await host.ask("host.to_door", participant=who)
            self.assertEqual((await talk.message("door"))["reason"], "knock")
            self.assertNotIn(who, live.engine.stats(self.id))
            await talk.send("leave")
            await talk.closed()
            again = await browser.join(self.code)
            self.assertEqual((await again.message("door"))["reason"], "knock")
            await host.ask("door.admit", participant=who)
            await again.message("room")


class CrowdTests(WaitingCase):
    def test_strangers_take_no_place_from_people_who_are_known_and_a_network_none_from_others(self) -> None:
        crowd = at_the_door(budgets.WAITING_OF_A_NETWORK.most, network="203.0.113.0/24")
        self.assertFalse(has_place_at_door(somebody("one more"), crowd))
        self.assertTrue(has_place_at_door(somebody("from elsewhere", network="198.51.100.0/24"), crowd))
        crowd = at_the_door(budgets.WAITING.most)
        self.assertFalse(has_place_at_door(somebody("from elsewhere", network="198.51.100.0/24"), crowd))
        for kind in ("guest", "colleague", "listed", "host"):
            self.assertTrue(has_place_at_door(somebody("known", kind), crowd), kind)
        crowd += at_the_door(budgets.WAITING_KNOWN.most, "colleague")
        self.assertFalse(has_place_at_door(somebody("known", "guest"), crowd))
        self.assertTrue(has_place_at_door(somebody("host", "host"), crowd))

    async def test_a_crowd_at_the_door_keeps_off_strangers_and_nobody_else(self) -> None:
        _, secret = await sync_to_async(make_link)(self.occurrence, "p.lindqvist@medreg.example")
        async with running_live() as live:
            early, _, _ = await self.knocks(live, "Yuki")
            room = live.rooms[self.id]
            room.seats |= {seat.id: seat for seat in at_the_door(budgets.WAITING.most)}
            late = await Browser(live).join(self.code, "Late")
            self.assertEqual(await late.closed(), Close.TOO_MANY)
            guest = Browser(live)
            await guest.open_link(secret)
            await (await guest.join(self.code, "Peter")).message("door")
            await (await early.join(self.code, "Yuki")).message("door")  # stands there already
            await self.host_inside(live)

    async def test_knocks_of_one_address_run_out_and_nobody_elses_do(self) -> None:
        _, secret = await sync_to_async(make_link)(self.occurrence, "p.lindqvist@medreg.example")
        async with running_live() as live:
            live.tries.knocks = AddressBudgets(budgets.KNOCKS.rate, lambda: 0.0)
            while live.tries.knocks.take("127.0.0.1", self.occurrence.pk):
                pass
            flood = Browser(live)
            answer = await flood.arrive(self.code, "Mallory")
            self.assertEqual((answer["status"], answer["code"]), (429, "too_many"))
            self.assertEqual(await Participant.objects.acount(), 0)
            await self.knocks(live, "Leila", network="198.51.100.9")
            await self.host_inside(live)
            guest = Browser(live)
            await guest.open_link(secret)
            browser, talk = guest, await guest.join(self.code, "Peter")
            await talk.message("door")
            # Coming back to a place at the door is no knock; knocking anew over and over is.
            for _ in range(budgets.KNOCKS_OF_ONE.most):
                self.assertEqual((await browser.arrive(self.code, "Peter"))["outcome"], "wait")
            while live.tries.knocks_of_one.take((self.occurrence.pk, f"link {await self.link_key()}")):
                pass
            await talk.send("leave")
            await talk.closed()
            self.assertEqual((await browser.arrive(self.code, "Peter"))["code"], "too_many")

    async def link_key(self) -> int:
        token = await self.occurrence.invitations.values_list("tokens__pk", flat=True).afirst()
        assert token is not None
        return int(token)

    async def test_a_meetings_strangers_together_have_a_budget(self) -> None:
        async with running_live() as live:
            live.tries.knocks_of_all = standing_still(budgets.KNOCKS_OF_ALL)
            while live.tries.knocks_of_all.take(self.occurrence.pk):
                pass
            answer = await Browser(live, network="198.51.100.9").arrive(self.code, "Mallory")
            self.assertEqual(answer["code"], "too_many")
            self.assertTrue(live.tries.knocks.has("198.51.100.9", self.occurrence.pk))
            await self.host_inside(live)

    async def test_whoever_walks_in_has_a_budget_too_and_whoever_has_a_seat_needs_none(self) -> None:
        """Another device key is another seat: nobody fills the table of seats, and the log, through an open door."""
        await type(self.occurrence.meeting).objects.filter(code=self.code).aupdate(door_anyone="walks_in")
        key = self.occurrence.pk
        colleague = await sync_to_async(make_user)("Omar Haddad")
        async with running_live() as live:
            await self.host_inside(live)
            live.tries = Tries(lambda: 0.0)
            known, omar = Browser(live), await Browser(live).sign_in(colleague)
            self.assertEqual((await known.arrive(self.code, "Peter"))["outcome"], "admit")
            self.assertEqual((await omar.arrive(self.code))["outcome"], "admit")
            while live.tries.entries.take("127.0.0.1", key):
                pass
            while live.tries.knocks_of_one.take((key, f"account {colleague.pk}")):
                pass
            seats = await Participant.objects.acount()
            self.assertEqual((await Browser(live).arrive(self.code, "Mallory")).get("code"), "too_many")
            self.assertEqual((await (await Browser(live).sign_in(colleague)).arrive(self.code)).get("code"), "too_many")
            self.assertEqual(await Participant.objects.acount(), seats)
            self.assertEqual((await known.arrive(self.code, "Peter"))["outcome"], "admit")
            self.assertEqual((await omar.arrive(self.code))["outcome"], "admit")
            elsewhere = Browser(live, network="198.51.100.9")
            self.assertEqual((await elsewhere.arrive(self.code, "Leila"))["outcome"], "admit")
            while live.tries.entries_of_all.take(key):
                pass
            another = Browser(live, network="203.0.113.9")
            self.assertEqual((await another.arrive(self.code, "Yuki")).get("code"), "too_many")
            self.assertEqual((await (await self.second_host(live)).arrive(self.code))["outcome"], "admit")

    async def test_hosts_are_never_locked_out_of_their_own_door(self) -> None:
        await type(self.occurrence.meeting).objects.filter(code=self.code).aupdate(capacity=1)
        async with running_live() as live:
            host = await self.host_inside(live)
            browser = await self.second_host(live)
            # The same device knocked signed out, was turned away and blocked.
            stranger = Browser(live)
            stranger.key = browser.key
            talk = await stranger.join(self.code, "Nobody")
            blocked = (await talk.message("door"))["participant"]
            await host.ask("door.refuse", participant=blocked, block=True)
            await host.ask("door.lock", locked=True)
            await host.ask("host.suspend")
            live.rooms[self.id].seats |= {seat.id: seat for seat in at_the_door(budgets.WAITING.most)}
            other = await browser.join(self.code)
            self.assertTrue((await other.message("room"))["capabilities"]["host"])


class LockedTests(WaitingCase):
    """Who comes to a locked door can tell the hosts, and only they open it."""

    async def locked(self, live: Live) -> Talk:
        host = await self.host_inside(live)
        await host.ask("door.lock", locked=True)
        return host

    async def tells(self, browser: Browser, name: str = "") -> Talk:
        answer = await browser.arrive(self.code, name, tell_hosts=True)
        self.assertEqual((answer["outcome"], answer["reason"]), ("wait", "knock"))
        talk = await browser.socket()
        await talk.send("hello", protocol=1, ticket=answer["ticket"])
        return talk

    async def test_who_would_walk_in_stands_at_a_locked_door_until_a_host_answers(self) -> None:
        colleague = await sync_to_async(make_user)("Sofie Brandt")
        await sync_to_async(make_link)(self.occurrence, colleague.email, user=colleague)
        async with running_live() as live:
            host = await self.locked(live)
            browser = await Browser(live).sign_in(colleague)
            for answer in (await browser.look(self.code), await browser.arrive(self.code)):
                self.assertEqual((answer["reason"], answer["may_tell"]), ("locked", True))
                self.assertIsNotNone(answer["at"])
            talk = await self.tells(browser)
            who = (await talk.message("door", reason="knock"))["participant"]
            self.assertEqual([one["participant"] for one in await self.queue(host, "Sofie Brandt")], [who])
            await live.reconcile(self.id)
            self.assertNotIn(who, live.engine.stats(self.id))
            await talk.cut()
            back = await browser.join(self.code)  # coming back to the place at the door needs no second word
            await back.message("door", reason="knock")
            self.assertEqual((await host.ask("door.refuse", participant=who))["type"], "ok")
            self.assertEqual((await browser.arrive(self.code, tell_hosts=True))["reason"], "not_let_in")

    async def test_a_host_lets_one_in_and_the_lock_stays(self) -> None:
        async with running_live() as live:
            host = await self.locked(live)
            answer = await Browser(live).arrive(self.code, "Leila")
            self.assertEqual((answer["reason"], answer["at"], answer["may_tell"]), ("locked", None, True))
            first, second = await self.tells(Browser(live), "Leila"), await self.tells(Browser(live), "Yuki")
            who = (await first.message("door"))["participant"]
            await second.message("door")
            await host.ask("door.admit", participant=who)
            await first.message("room")
            await live.reconcile(self.id)
            self.assertEqual([one.person.name for one in live.rooms[self.id].waiting()], ["Yuki"])
            self.assertIsNotNone((await self.refresh()).locked_at)

    async def test_telling_opens_no_way_around_a_code_or_the_opening_time(self) -> None:
        _, secret = await sync_to_async(make_link)(self.occurrence, "p.lindqvist@medreg.example")
        meetings = type(self.occurrence.meeting).objects.filter(code=self.code)
        async with running_live() as live:
            await self.locked(live)
            guest = Browser(live)
            await guest.open_link(secret)
            await meetings.aupdate(door_guests="walks_in", door_guests_verified=True)
            answer = await guest.arrive(self.code, "Peter", tell_hosts=True)
            self.assertEqual((answer["reason"], answer["may_tell"]), ("locked", False))
            await meetings.aupdate(door_guests_verified=False, door_opens_minutes=0)
            await type(self.occurrence).objects.aupdate(starts_at=self.occurrence.starts_at + timedelta(minutes=30))
            answer = await guest.arrive(self.code, "Peter", tell_hosts=True)
            self.assertEqual((answer["reason"], answer["may_tell"]), ("locked", False))
            self.assertEqual(await Participant.objects.filter(state="waiting").acount(), 0)
