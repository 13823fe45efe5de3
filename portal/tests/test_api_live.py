"""A host's program at the door of a live meeting: real sockets, a real engine, the API beside them."""

from __future__ import annotations

import asyncio
from typing import Any

from asgiref.sync import sync_to_async

from meetings.live import Live
from meetings.models import Meeting, Participant
from meetings.signaling.protocol import Close
from meetings.tests.live_case import Browser, LiveCase, Talk, make_user, running_live
from portal.tests.api_case import Speaks, token_of


class AtTheDoor(Speaks, LiveCase):
    """The host's program holds a token and is not in the meeting itself; a second host is."""

    async def prepared(self) -> None:
        self.path = f"/meetings/{self.occurrence.meeting_id}"
        self.token = await token_of(self.host)
        second = await sync_to_async(make_user)("Marcus Bell")
        await sync_to_async(self.occurrence.meeting.hosts.add)(second)
        self.second = second

    async def second_inside(self, live: Live) -> Talk:
        talk = await (await Browser(live).sign_in(self.second)).join(self.code)
        await talk.message("room")
        return talk

    async def people(self) -> dict[str, dict[str, Any]]:
        answer = await self.call("GET", f"{self.path}/participants", self.token)
        assert answer.status == 200, answer.body
        return {one["name"]: one for one in answer.body["items"]}

    async def act(self, who: str, action: str, body: Any = None) -> tuple[int, str]:
        answer = await self.call("POST", f"{self.path}/participants/{who}/{action}", self.token, body)
        return answer.status, answer.code or answer.body["state"]

    async def knocking(self, live: Live, name: str = "Peter") -> tuple[Browser, Talk, str]:
        browser = Browser(live)
        talk = await browser.join(self.code, name)
        who = (await talk.message("door"))["participant"]
        return browser, talk, who

    async def inside(self, live: Live, name: str = "Peter") -> tuple[Browser, Talk, str]:
        browser, talk, who = await self.knocking(live, name)
        assert await self.act(who, "admit") == (200, "inside")
        await talk.message("room")
        return browser, talk, who

    async def test_nobody_is_there_before_anybody_came(self) -> None:
        await self.prepared()
        async with running_live():
            answer = await self.call("GET", f"{self.path}/participants", self.token)
            assert answer.body == {"live": False, "items": [], "next": None}

    async def test_who_knocks_is_listed_let_in_and_listed_inside(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            _, guest, who = await self.knocking(live)
            people = await self.people()
            assert people["Peter"]["id"] == who
            assert (people["Peter"]["state"], people["Peter"]["kind"]) == ("waiting", "anyone")
            assert people["Marcus Bell"]["state"] == "inside"
            assert await self.act(who, "admit") == (200, "inside")
            assert (await guest.message("room"))["you"] == who
            assert (await self.people())["Peter"]["state"] == "inside"
            assert await self.act(who, "admit") == (409, "wrong_state")

    async def test_a_program_that_lets_in_everybody_leaves_those_whom_a_host_should_look_at(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            _, _, plain = await self.knocking(live)
            _, _, alike = await self.knocking(live, "Ιngrid Sæther")  # a Greek iota
            assert await self.act(alike, "admit", {"bulk": True}) == (409, "flagged")
            assert (await Participant.objects.aget(pk=alike)).let_in_at is None
            assert await self.act(plain, "admit", {"bulk": True}) == (200, "inside")
            assert await self.act(alike, "admit", {"bulk": False}) == (200, "inside")

    async def test_a_programs_yes_is_about_whom_it_saw(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            browser, _, who = await self.knocking(live, "Anna")
            anna = (await self.people())["Anna"]
            await browser.arrive(self.code, "Boris")
            await live.reconcile(self.id)
            for body in ({"revision": anna["revision"]}, {"revision": anna["revision"], "bulk": False}, {}, None):
                assert await self.act(who, "admit", body) == (409, "changed")
            boris = (await self.people())["Boris"]
            assert (boris["id"], boris["cautions"]) == (who, ["renamed"])
            assert await self.act(who, "admit", {"revision": boris["revision"]}) == (200, "inside")

    async def test_a_program_permits_and_a_host_confirms_where_the_server_has_no_keys(self) -> None:
        await sync_to_async(Meeting.objects.update)(encryption="e2ee")
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            _, guest, who = await self.knocking(live)
            assert await self.act(who, "admit") == (202, "permitted")
            await guest.message("room")
            assert (await Participant.objects.aget(pk=who)).word == ""

    async def test_who_is_refused_is_told_so_and_may_knock_again_later(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            browser, guest, who = await self.knocking(live)
            assert await self.act(who, "refuse", {"note": "This session is for panel members."}) == (200, "refused")
            refused = await guest.message("refused")
            assert (refused["reason"], refused["note"]) == ("not_let_in", "This session is for panel members.")
            assert await guest.closed() == Close.REFUSED
            assert (await browser.arrive(self.code, "Peter"))["reason"] == "not_let_in"
            assert "Peter" not in await self.people()

    async def test_who_is_removed_is_out_before_the_answer_and_stays_out(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            browser, guest, who = await self.inside(live)
            assert await self.act(who, "remove", {"note": "Wrong meeting"}) == (200, "removed")
            assert who not in {seat.id for seat in live.rooms[self.id].inside()}
            assert (await guest.message("refused"))["reason"] == "removed"
            assert (await browser.arrive(self.code, "Peter"))["outcome"] == "refuse"
            assert (await browser.arrive(self.code, "Somebody else"))["outcome"] == "refuse"
            assert await self.act(who, "admit") == (409, "wrong_state")

    async def test_who_is_sent_back_to_the_door_gets_nothing_until_let_in_again(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            _, guest, who = await self.inside(live)
            assert await self.act(who, "move-to-door") == (200, "waiting")
            assert who not in {seat.id for seat in live.rooms[self.id].inside()}
            assert (await guest.message("door"))["reason"] == "knock"
            assert (await self.people())["Peter"]["state"] == "waiting"
            assert (await guest.ask("chat", text="still here"))["code"] == "not_inside"
            assert await self.act(who, "admit") == (200, "inside")
            await guest.message("room")
            assert (await self.people())["Peter"]["state"] == "inside"

    async def test_a_host_is_not_sent_to_the_door_and_nobody_acts_on_themselves(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            mine = await (await Browser(live).sign_in(self.host)).join(self.code)
            me = (await mine.message("room"))["you"]
            people = await self.people()
            assert await self.act(people["Marcus Bell"]["id"], "move-to-door") == (409, "wrong_state")
            assert await self.act(me, "remove") == (409, "wrong_state")
            assert await self.act(me, "move-to-door") == (409, "wrong_state")
            assert len(live.rooms[self.id].inside()) == 2

    async def test_muting_tells_the_person_and_who_did_it(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            _, guest, who = await self.inside(live)
            await guest.ask("media.state", microphone=True, camera=False, screen=False)
            assert (await self.people())["Peter"]["microphone"] is True
            assert await self.act(who, "mute", {"source": "microphone"}) == (200, "inside")
            assert (await guest.message("muted"))["by"] == "Ingrid Sæther"
            assert (await self.people())["Peter"]["microphone"] is False

    async def test_rights_are_given_and_taken_and_a_host_can_ask_but_not_switch(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            _, guest, who = await self.inside(live)
            await guest.ask("media.state", microphone=True, camera=True)
            assert await self.act(who, "rights", {"speak": False, "chat": False}) == (200, "inside")
            peter = (await self.people())["Peter"]
            assert peter["rights"] == {**dict.fromkeys(("speak", "chat", "record"), False), "show": True, "share": True}
            assert (peter["microphone"], peter["camera"]) == (False, True)
            assert await self.act(who, "rights", {}) == (422, "invalid")
            assert await self.act(who, "ask", {"source": "microphone"}) == (200, "inside")
            assert (await guest.message("host.asked"))["by"] == "Ingrid Sæther"
            peter = (await self.people())["Peter"]
            assert (peter["rights"]["speak"], peter["microphone"]) == (True, False)
            answer = await self.call("PATCH", self.path, self.token, {"options": {"show": "hosts"}, "notify": False})
            assert answer.status == 200
            await live.reconcile(self.id)
            assert (await self.people())["Peter"]["camera"] is False
            answer = await self.call("POST", f"{self.path}/mute-all", self.token, {"unmute": False})
            assert answer.status == 200
            answer = await self.call("GET", self.path, self.token)
            assert answer.body["options"]["speak"] == "hosts"

    async def test_a_co_host_is_made_and_unmade_and_the_organiser_is_nobodys(self) -> None:
        await self.prepared()
        async with running_live() as live:
            mine = await (await Browser(live).sign_in(self.host)).join(self.code)
            me = (await mine.message("room"))["you"]
            talk = await (await Browser(live).sign_in(await sync_to_async(make_user)("Ada Colleague"))).join(self.code)
            ada = (await talk.message("room"))["you"]
            assert await self.act(ada, "make-host") == (200, "inside")
            assert talk.last("room")["capabilities"]["host"] or (await talk.message("room"))["capabilities"]["host"]
            assert {one["name"] for one in (await self.people()).values() if one["host"]} == {
                "Ada Colleague",
                "Ingrid Sæther",
            }
            assert await self.act(ada, "take-host") == (200, "inside")
            assert await self.act(me, "take-host") == (409, "wrong_state")
            assert (await self.people())["Ingrid Sæther"]["organiser"] is True

    async def test_who_only_answers_the_door_makes_and_unmakes_no_host_and_is_told_which_scope_does(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            talk = await (await Browser(live).sign_in(await sync_to_async(make_user)("Ada Colleague"))).join(self.code)
            ada = (await talk.message("room"))["you"]
            marcus = (await self.people())["Marcus Bell"]["id"]
            token = await token_of(self.host, "read", "door")
            for who, action in ((ada, "make-host"), (marcus, "take-host")):
                answer = await self.call("POST", f"{self.path}/participants/{who}/{action}", token)
                assert (answer.status, answer.code) == (403, "scope_missing")
                assert "“write”" in answer.body["detail"]
            hosts = self.occurrence.meeting.hosts.order_by("name")
            assert [host.name async for host in hosts] == ["Ingrid Sæther", "Marcus Bell"]

    async def test_everything_is_suspended_before_it_is_answered_and_resumed_the_same_way(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            _, guest, _ = await self.inside(live)
            answer = await self.call("POST", f"{self.path}/suspend", self.token)
            assert (answer.status, answer.body["suspended"], answer.body["status"]) == (200, True, "live")
            assert (await guest.ask("chat", text="hello"))["code"] == "suspended"
            assert (await Browser(live).arrive(self.code, "Leila"))["reason"] == "suspended"
            answer = await self.call("POST", f"{self.path}/resume", self.token, {"quiet": True})
            assert (answer.status, answer.body["suspended"]) == (200, False)
            await live.reconcile(self.id)
            assert (await guest.ask("chat", text="hello"))["type"] == "ok"

    async def test_a_locked_door_stays_shut_until_it_is_unlocked(self) -> None:
        await self.prepared()
        async with running_live() as live:
            host = await self.second_inside(live)
            answer = await self.call("POST", f"{self.path}/lock", self.token)
            assert (answer.status, answer.body["locked"], answer.body["status"]) == (200, True, "live")
            assert (await host.message("meeting"))["meeting"]["locked"] is True
            assert (await Browser(live).arrive(self.code, "Peter"))["reason"] == "locked"
            answer = await self.call("POST", f"{self.path}/unlock", self.token)
            assert (answer.status, answer.body["locked"]) == (200, False)
            assert (await Browser(live).arrive(self.code, "Peter"))["outcome"] == "wait"

    async def test_ending_puts_everybody_out_and_nobody_gets_in_again(self) -> None:
        await self.prepared()
        async with running_live() as live:
            host = await self.second_inside(live)
            _, guest, who = await self.inside(live)
            answer = await self.call("POST", f"{self.path}/end", self.token)
            assert (answer.status, answer.body["status"]) == (200, "ended")
            assert self.id not in live.rooms
            assert (await guest.message("refused"))["reason"] == "ended"
            assert await host.closed() == Close.ENDED
            assert (await Browser(live).arrive(self.code, "Peter"))["outcome"] == "refuse"
            assert await self.act(who, "admit") == (409, "wrong_state")
            for action in ("end", "lock", "unlock"):
                answer = await self.call("POST", f"{self.path}/{action}", self.token)
                assert (answer.status, answer.code) == (409, "wrong_state"), action

    async def test_a_change_of_the_door_through_the_api_acts_on_people_inside(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            colleague = await sync_to_async(make_user)("Ada Colleague")
            talk = await (await Browser(live).sign_in(colleague)).join(self.code)
            await talk.message("room")
            answer = await self.call("PATCH", self.path, self.token, {"door": "named_people", "notify": False})
            assert answer.status == 200, answer.body
            assert (await talk.message("refused"))["reason"] == "closed"

    async def test_a_revoked_invitation_ends_the_visit(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            made = await self.call(
                "POST", f"{self.path}/invitations", self.token, {"email": "guest@elsewhere.example", "notify": False}
            )
            browser = Browser(live)
            await browser.open_link(made.body["join_url"].rpartition("/i/")[2])
            talk = await browser.join(self.code, "Guest")
            who = (await talk.message("door"))["participant"]
            assert await self.act(who, "admit") == (200, "inside")
            await talk.message("room")
            answer = await self.call("POST", f"{self.path}/invitations/{made.body['id']}/revoke", self.token)
            assert answer.status == 200
            assert (await talk.message("refused"))["reason"] == "closed"
            assert (await browser.arrive(self.code, "Guest"))["outcome"] == "refuse"

    async def test_of_many_answers_at_once_one_counts(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            _, _, who = await self.knocking(live)
            answers = await asyncio.gather(*(self.act(who, action) for action in ("refuse", "admit", "refuse")))
            assert answers[0] == (200, "refused")
            assert answers[1] == (409, "wrong_state")
            assert who not in {seat.id for seat in live.rooms[self.id].inside()}

    async def test_without_a_live_part_nothing_is_done_and_it_says_so(self) -> None:
        await self.prepared()
        for action in ("lock", "unlock", "end"):
            answer = await self.call("POST", f"{self.path}/{action}", self.token)
            assert (answer.status, answer.code) == (503, "try_again")
        await self.refresh()
        assert self.occurrence.locked_at is None
        assert self.occurrence.ended_at is None

    async def test_a_host_who_is_one_no_longer_can_do_nothing(self) -> None:
        await self.prepared()
        async with running_live() as live:
            await self.second_inside(live)
            _, _, who = await self.knocking(live)
            await sync_to_async(self.occurrence.meeting.hosts.remove)(self.host)
            assert await self.act(who, "admit") == (404, "not_found")
            assert (await Participant.objects.aget(pk=who)).let_in_at is None
            assert await Meeting.objects.filter(hosts=self.second).aexists()
