"""T3, T5: links that open nothing any more tell nothing, whatever the reason, and holding a link moves nothing."""

from __future__ import annotations

import re
import secrets
from typing import Any

from tests.intruder.case import COLLEAGUE, HOST, TITLE, IntruderCase
from tests.support.client import Answer, Client, Json
from tests.support.portal import PASSWORD

VARIES = {"date"}  # and what is different for every visitor anyhow: see `plain`


class T5DeadLinks(IntruderCase):
    async def dead(self, what: str) -> tuple[Client, str]:
        """A browser that holds a link of this kind, and the code at which it stands. The link was opened while it
        lived."""
        meeting = await self.portal.schedule(HOST)
        if what == "unknown":
            client = self.client()
            return client, await client.open_link(f"/i/{secrets.token_urlsafe(24)}")
        if what == "forbidden":
            return self.client(), meeting["code"]
        invitation = await self.portal.invite(HOST, meeting, "peter@medreg.example")
        client = self.client()
        await client.open_link(invitation["join_url"])
        one = f"/meetings/{meeting['id']}/invitations/{invitation['id']}"
        if what == "ended":
            host = await self.host_inside(meeting)
            await host.send("host.end")
            await host.closed()
        elif what == "cancelled":
            await self.portal.api(HOST, "DELETE", f"/meetings/{meeting['id']}")
        elif what == "old code":
            client = self.client()
            await self.portal.api(HOST, "POST", f"/meetings/{meeting['id']}/rotate-link")
        else:
            await self.portal.api(HOST, "POST", f"{one}/{what}")
        return client, meeting["code"]

    KINDS = ("unknown", "forbidden", "revoke", "rotate", "ended", "cancelled", "old code")

    def plain(self, answer: Answer, code: str) -> tuple[int, Any, str]:
        """An answer without what differs for every visitor: the code in the address, CSRF, cookies, the clock."""
        text = answer.body.decode().replace(code, "CODE")
        text = re.sub(r'"csrf": "\w+"|value="\w{64}"', "", text)
        names = sorted(name for name in answer.headers if name.lower() not in VARIES)
        sizes = {name: value for name, value in answer.headers.items() if name.lower() in {"content-type", "vary"}}
        return answer.status, (names, sizes), text

    async def test_every_dead_link_has_the_page_and_the_answers_of_an_unknown_one(self) -> None:
        """Guards: `arrivals.NOTHING_HERE` for all, `takes_place_no_more`, `_look_by_retired_code`."""
        found: dict[str, Any] = {}
        for what in self.KINDS:
            client, code = await self.dead(what)
            client.cookies = {name: kept for name, kept in client.cookies.items() if "lintel-csrf" not in name}
            page = await client.get(f"/m/{code}")
            look, arrive = await client.look(code), await client.arrive(code, "Peter")
            found[what] = [self.plain(answer, code) for answer in (page, look, arrive)]
        for what in self.KINDS[1:]:
            self.assertEqual(found[what], found["unknown"], what)
        self.assertEqual([status for status, _, _ in found["unknown"]], [404, 200, 200])
        self.assertNotIn(TITLE, str(found))

    async def test_opening_a_dead_link_again_leads_where_an_unknown_one_leads(self) -> None:
        """Guard: `invitations.open_link`."""
        meeting = await self.portal.schedule(HOST)
        invitation = await self.portal.invite(HOST, meeting, "peter@medreg.example")
        path = "/i/" + invitation["join_url"].rsplit("/", 1)[1]
        one = f"/meetings/{meeting['id']}/invitations/{invitation['id']}"
        await self.portal.api(HOST, "POST", f"{one}/rotate")
        answers = [await self.client().get(where) for where in (path, f"/i/{secrets.token_urlsafe(24)}")]
        codes = [answer.headers["Location"].removeprefix("/m/") for answer in answers]
        self.assertNotIn(meeting["code"], codes)
        for answer, code in zip(answers, codes, strict=True):
            self.assertRegex(code, r"\A\w{4}-\w{4}-\w{4}\Z")
            self.assertEqual((answer.status, answer.body), (302, b""))
        self.assertEqual(sorted(answers[0].headers), sorted(answers[1].headers))

    async def test_nobody_but_its_proved_owner_is_told_of_a_newer_link(self) -> None:
        """Guard: `arrivals._replaced_link` (a code typed on this device)."""
        client, code = await self.dead("rotate")
        csrf = {"device": client.device.jwk, "proof": client.device.prove(code)}
        answer = (await client.post(f"/m/{code}/new-link", csrf)).json
        self.assertEqual((answer["outcome"], answer["reason"]), ("refuse", "closed"))

    async def test_a_listed_person_is_told_of_the_newer_meeting_link_and_a_colleague_is_not(self) -> None:
        """Guard: `arrivals._look_by_retired_code`."""
        for invited, reason in ((True, "link_replaced"), (False, "closed")):
            meeting = await self.portal.schedule(HOST)
            if invited:
                await self.portal.invite(HOST, meeting, COLLEAGUE)
            await self.portal.api(HOST, "POST", f"/meetings/{meeting['id']}/rotate-link")
            colleague = self.client()
            await colleague.sign_in(COLLEAGUE, PASSWORD)
            answer = (await colleague.arrive(meeting["code"])).json
            self.assertEqual((answer["outcome"], answer["reason"]), ("refuse", reason))
            self.assertNotIn("ticket", answer)


class T1SecondDevice(IntruderCase):
    async def test_whoever_holds_a_used_link_gets_nowhere_without_a_yes(self) -> None:
        """Guards: `door._with_anothers_link`, `moves.answer`, `mailed_codes.type_in`."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        owner, link = await self.guest_with_link(meeting)
        guest = await self.join(owner, meeting["code"], "Peter")
        await self.let_in(host, guest)
        thief = self.client()
        await thief.open_link(link)
        for wish in ({}, {"move": "code"}, {"email_code": "000000"}):
            answer = (await thief.arrive(meeting["code"], "Peter", **wish)).json
            self.assertEqual(answer["outcome"], "refuse", wish)
            self.assertNotIn("ticket", answer)
        wrong = await thief.arrive(meeting["code"], "Peter", move="code", email_code="000000")
        self.assertEqual((wrong.status, wrong.json["field"]), (400, "email_code"))
        asked = (await thief.arrive(meeting["code"], "Peter", move="ask")).json
        self.assertEqual((asked["outcome"], asked["reason"]), ("wait", "moving"))
        outside = await self.join(thief, meeting["code"], "Peter")
        wish = (await guest.message("link.asked"))["wish"]
        for socket in (outside, host):
            refused = await self.error(socket, wish)
            self.assertEqual(refused["code"], "wrong_state")
        await guest.ask("link.answer", wish=wish, allow=False)
        self.assertEqual((await outside.message("refused"))["reason"], "move_refused")
        self.assertEqual(outside.count("room"), 0)
        self.assertEqual((await guest.ask("ping"))["type"], "ok")

    async def error(self, socket: Any, wish: str) -> Json:
        await socket.send("link.answer", id="x", wish=wish, allow=True)
        found: Json = await socket.until(lambda message: message.get("id") == "x")
        return found
