"""Intruders at the door of a really running server, over HTTP and WebSocket only. Each test names the guard it holds.

Everything here is done with the scripted participant of `tests/support/client.py`, which knows docs/protocol.md and
nothing of the server's code.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from typing import Any

from websockets.exceptions import InvalidStatus

from tests.intruder.case import COLLEAGUE, HOST, TITLE, IntruderCase
from tests.support.client import Client, Closed, Json, Refused, Socket
from tests.support.portal import PASSWORD

HOST_MESSAGES: dict[str, Json] = {
    "door.admit": {},
    "door.refuse": {"note": "no", "block": True},
    "door.message": {"text": "hello"},
    "door.lock": {"locked": True},
    "host.mute": {"source": "microphone"},
    "host.mute_all": {},
    "host.remove": {"block": True},
    "host.to_door": {},
    "host.lower_hand": {},
    "host.end": {},
}
WITHOUT_TARGET = {"door.lock", "host.mute_all", "host.end"}


class LinkTests(IntruderCase):
    async def test_a_forged_link_leads_to_the_page_that_an_unknown_code_has(self) -> None:
        """Guard: `invitations.open_link` (only the digest of a stored secret opens)."""
        meeting = await self.portal.schedule(HOST)
        invitation = await self.portal.invite(HOST, meeting, "peter@medreg.example")
        secret = invitation["join_url"].rsplit("/", 1)[1]
        for forged in (secrets.token_urlsafe(24), secret[:-1] + ("A" if secret[-1] != "A" else "B"), secret.swapcase()):
            client = self.client()
            code = await client.open_link(f"/i/{forged}")
            self.assertNotEqual(code, meeting["code"])
            self.assertEqual((await client.arrive(code, "Peter")).json["reason"], "closed")
            self.assertEqual((await client.arrive(meeting["code"], "Peter")).json["reason"], "closed")

    async def test_a_forged_cookie_is_no_link(self) -> None:
        """Guard: the signature in `arrivals.link_of`."""
        meeting = await self.portal.schedule(HOST)
        good, _ = await self.guest_with_link(meeting)
        value = good.cookie("lintel-link")
        for forged in ("1", value[:-2] + "xx", value.replace(":", "."), "MQ:1x:" + "A" * 43):
            client = self.client()
            client.cookies[f"lintel-link|/m/{meeting['code']}"] = (forged, f"/m/{meeting['code']}")
            self.assertEqual((await client.arrive(meeting["code"], "Peter")).json["reason"], "closed")

    async def test_a_revoked_link_opens_nothing_and_puts_out_who_is_inside(self) -> None:
        """Guard: `Facts.revoked` in `door.decide`, asked again by `Live.reconcile` on the change."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        invitation = await self.portal.invite(HOST, meeting, "peter@medreg.example")
        client, late = self.client(), self.client()
        await client.open_link(invitation["join_url"])
        guest = await self.join(client, meeting["code"], "Peter")
        await self.let_in(host, guest)
        await self.portal.api(HOST, "POST", f"/meetings/{meeting['id']}/invitations/{invitation['id']}/revoke")
        self.assertEqual((await guest.message("refused"))["reason"], "closed")
        self.assertEqual(await guest.closed(), 4403)
        self.assertEqual((await client.arrive(meeting["code"], "Peter")).json["reason"], "closed")
        self.assertNotEqual(await late.open_link(invitation["join_url"]), meeting["code"])

    async def test_a_link_of_another_meeting_opens_nothing_here(self) -> None:
        """Guard: `arrivals._invitation` (the invitation is for this occurrence)."""
        mine, other = await self.portal.schedule(HOST), await self.portal.schedule(HOST)
        client, _ = await self.guest_with_link(mine)
        value = client.cookie("lintel-link")
        client.cookies[f"lintel-link|/m/{other['code']}"] = (value, f"/m/{other['code']}")
        self.assertEqual((await client.arrive(other["code"], "Peter")).json["reason"], "closed")
        self.assertEqual((await client.get(f"/m/{other['code']}")).status, 404)

    async def test_a_second_device_on_one_personal_link_is_refused_and_the_hosts_are_warned(self) -> None:
        """Guard: `invitations.claim` (the first device key) and `Facts.link_in_use`."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, link = await self.guest_with_link(meeting)
        guest = await self.join(client, meeting["code"], "Peter")
        await guest.message("door")
        thief = self.client()
        self.assertEqual(await thief.open_link(link), meeting["code"])
        answer = (await thief.arrive(meeting["code"], "Peter")).json
        self.assertEqual((answer["outcome"], answer["reason"]), ("refuse", "link_in_use"))
        self.assertNotIn("ticket", answer)
        warned = await host.until(
            lambda m: m["type"] == "waiting" and any("link_in_use" in one["cautions"] for one in m["waiting"])
        )
        self.assertEqual([one["name"] for one in warned["waiting"]], ["Peter"])

    async def test_of_two_devices_that_claim_at_once_one_gets_in(self) -> None:
        """Guard: the single UPDATE in `invitations.claim`."""
        meeting = await self.portal.schedule(HOST)
        invitation = await self.portal.invite(HOST, meeting, "peter@medreg.example")
        clients = [self.client() for _ in range(4)]
        for client in clients:
            await client.open_link(invitation["join_url"])
        answers = await asyncio.gather(*(client.arrive(meeting["code"], "Peter") for client in clients))
        outcomes = sorted(answer.json["outcome"] for answer in answers)
        self.assertEqual(outcomes, ["refuse", "refuse", "refuse", "wait"])

    async def test_fetching_a_link_like_a_scanner_uses_nothing_up(self) -> None:
        """Guard: `views.door.personal_link` claims nothing."""
        meeting = await self.portal.schedule(HOST)
        invitation = await self.portal.invite(HOST, meeting, "peter@medreg.example")
        path = "/i/" + invitation["join_url"].rsplit("/", 1)[1]
        for method in ("HEAD", "GET", "GET"):
            self.assertEqual((await self.client().request(method, path)).status, 302)
        client = self.client()
        await client.open_link(invitation["join_url"])
        self.assertEqual((await client.arrive(meeting["code"], "Peter")).json["outcome"], "wait")

    async def test_secrets_of_links_are_in_no_log(self) -> None:
        """Guard: redaction in the server's access log."""
        meeting = await self.portal.schedule(HOST)
        before = len(self.portal.server.log)
        client, link = await self.guest_with_link(meeting)
        await client.get(f"/m/{meeting['code']}")  # when this is answered, the request before is in the log
        written = self.portal.server.log[before:]
        self.assertIn("/i/[secret]", written)
        self.assertNotIn(link.rsplit("/", 1)[1], written)


class CodeTests(IntruderCase):
    async def test_unknown_and_forbidden_codes_give_identical_pages_and_answers(self) -> None:
        """Guard: `arrivals.NOTHING_HERE`, one answer for both."""
        meeting = await self.portal.schedule(HOST)
        pages, answers = [], []
        for code in (meeting["code"], "2222-3333-4444"):
            client = self.client()
            page = await client.get(f"/m/{code}")
            text = page.body.decode().replace(code, "CODE")
            pages.append((page.status, re.sub(r'"csrf": "\w+"|value="\w{64}"', "", text)))
            answers.append((await client.arrive(code, "Peter")).json)
        self.assertEqual(pages[0], pages[1])
        self.assertEqual(pages[0][0], 404)
        self.assertEqual(answers[0], answers[1])
        self.assertNotIn(TITLE, pages[0][1])

    async def test_guessing_codes_runs_out(self) -> None:
        """Guard: `Live.refused_tries`, asked before the code is looked at."""
        meeting = await self.portal.schedule(HOST)
        client = self.client()
        statuses = [(await client.get(f"/m/{number:04d}-2222-3333")).status for number in range(2222, 2250)]
        self.assertEqual(set(statuses), {404, 429})
        self.assertLessEqual(statuses.count(404), 22)
        self.assertEqual((await client.get(f"/m/{meeting['code']}")).status, 429)
        answer = await client.arrive(meeting["code"], "Peter")
        self.assertEqual((answer.status, answer.json["code"]), (429, "too_many"))
        self.assertGreater(int(answer.headers["Retry-After"]), 0)

    async def test_arriving_needs_this_origin_and_a_csrf_token(self) -> None:
        """Guard: `_check_origin` and `_check_csrf` in `views.door`."""
        meeting = await self.portal.schedule(HOST)
        client, _ = await self.guest_with_link(meeting)
        path = f"/m/{meeting['code']}/arrive"
        body = {"name": "Peter", "device": client.device.jwk, "proof": client.device.prove(meeting["code"])}
        for headers, code in (
            ({"Origin": ""}, "origin"),
            ({"Origin": "http://evil.example"}, "origin"),
            ({"Origin": "null"}, "origin"),
            ({"X_CSRFToken": ""}, "csrf"),
            ({"X_CSRFToken": "x" * 64}, "csrf"),
        ):
            answer = await client.post(path, body, **headers)
            self.assertEqual((answer.status, answer.json["code"]), (403, code))

    async def test_a_proof_of_another_key_meeting_or_time_is_none(self) -> None:
        """Guard: `arrivals.prove` and `Nonces`."""
        mine, other = await self.portal.schedule(HOST), await self.portal.schedule(HOST)
        client, _ = await self.guest_with_link(mine)
        code = mine["code"]
        used = client.device.prove(code)
        self.assertEqual((await client.arrive(code, "Peter", proof=used)).json["outcome"], "wait")
        thief = self.client()
        for proof in (
            used,
            thief.device.prove(code),
            client.device.prove(other["code"]),
            client.device.prove(code, at=used["at"] - 300),
        ):
            answer = await client.arrive(code, "Peter", proof=proof)
            self.assertEqual((answer.status, answer.json["code"]), (403, "proof"))


class SocketTests(IntruderCase):
    async def test_a_socket_needs_this_origin(self) -> None:
        """Guard: `OriginRequired` in the portal's socket stack."""
        meeting = await self.portal.schedule(HOST)
        client, _ = await self.guest_with_link(meeting)
        ticket = (await client.arrive(meeting["code"], "Peter")).json["ticket"]
        for origin in (None, "http://evil.example", "null", client.base + ".evil.example", client.base + "0"):
            with self.assertRaises(InvalidStatus):
                await client.open_socket(origin=origin)
        socket = await client.open_socket()
        self.sockets.append(socket)
        await socket.send("hello", protocol=1, ticket=ticket)
        await socket.message("door")

    async def test_without_a_ticket_nothing_is_said(self) -> None:
        """Guard: `RoomConsumer._hello`."""
        for kind, fields in (("ping", {}), ("media.start", {"fresh": True}), ("host.end", {})):
            socket = await self.open(self.client())
            await socket.send(kind, **fields)
            self.assertEqual(await socket.closed(), 4400)
            self.assertEqual({message["type"] for message in socket.messages} - {"error"}, set())
        socket = await self.open(self.client())
        await socket.send("hello", protocol=1, ticket=secrets.token_urlsafe(24))
        self.assertEqual((await socket.closed(), socket.messages), (4401, []))

    async def open(self, client: Client, cookies: str | None = None) -> Socket:
        socket = await client.open_socket(cookies=cookies)
        self.sockets.append(socket)
        return socket

    async def test_no_hello_in_time_ends_the_socket(self) -> None:
        """Guard: `RoomConsumer._expect_hello`."""
        socket = await self.open(self.client())
        self.assertEqual(await socket.closed(seconds=8), 4408)

    async def test_anothers_a_used_and_a_cookieless_ticket_open_nothing(self) -> None:
        """Guard: `Tickets.redeem` (person, browser, once)."""
        meeting = await self.portal.schedule(HOST)
        client, _ = await self.guest_with_link(meeting)
        thief, _ = await self.guest_with_link(meeting, "eve@evil.example")
        await thief.arrive(meeting["code"], "Eve")
        for cookies, who in ((None, thief), ("", client)):
            ticket = (await client.arrive(meeting["code"], "Peter")).json["ticket"]
            for_thief = await self.open(who, cookies)
            await for_thief.send("hello", protocol=1, ticket=ticket)
            self.assertEqual((await for_thief.closed(), for_thief.messages), (4401, []))
            again = await self.open(client)
            await again.send("hello", protocol=1, ticket=ticket)
            self.assertEqual((await again.closed(), again.messages), (4401, []))
        colleague = self.client()
        await colleague.sign_in(COLLEAGUE, PASSWORD)
        ticket = (await colleague.arrive(meeting["code"])).json["ticket"]
        signed_out = await self.open(colleague, f"lintel-browser={colleague.cookie('lintel-browser')}")
        await signed_out.send("hello", protocol=1, ticket=ticket)
        self.assertEqual((await signed_out.closed(), signed_out.messages), (4401, []))

    async def test_floods_and_large_frames_end_one_socket_and_nobody_elses(self) -> None:
        """Guards: `RoomConsumer._count`, the strikes, and the frame limit."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        ends: dict[int, Any] = {4429: ['{"type":"ping"}'] * 400, 4400: ["{"] * 20, 4413: ["x" * 70_000]}
        for code, frames in ends.items():
            client, _ = await self.guest_with_link(meeting, f"guest{code}@medreg.example")
            guest = await self.join(client, meeting["code"], "Peter")
            try:
                for frame in frames:
                    await guest.send_raw(frame)
            except Closed as closed:
                self.assertEqual(closed.code, code)
            self.assertEqual(await guest.closed(), code)
            self.assertEqual((await host.ask("ping"))["type"], "ok")
        self.assertNotIn("Traceback", self.portal.server.log)


class RoomTests(IntruderCase):
    async def test_no_host_message_works_from_a_guests_socket(self) -> None:
        """Guard: `commands.act` and, behind it, `roles.require_host` in every service."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        guest = await self.join(client, meeting["code"], "Peter")
        who = await self.let_in(host, guest)
        waiting, _ = await self.guest_with_link(meeting, "leila@medreg.example")
        knocker = await self.join(waiting, meeting["code"], "Leila")
        leila = (await knocker.message("door"))["participant"]
        me = (await host.message("room"))["you"]
        for kind, fields in HOST_MESSAGES.items():
            for target in (me, who, leila):
                more = {} if kind in WITHOUT_TARGET else {"participant": target}
                with self.assertRaises(Refused) as refused:
                    await guest.ask(kind, **fields, **more)
                self.assertEqual(refused.exception.code, "not_a_host")
        now = await self.portal.api(HOST, "GET", f"/meetings/{meeting['id']}/participants")
        self.assertEqual(
            {one["id"]: one["state"] for one in now["items"]}, {me: "inside", who: "inside", leila: "waiting"}
        )
        self.assertFalse((await self.portal.api(HOST, "GET", f"/meetings/{meeting['id']}"))["locked"])

    async def test_somebody_at_the_door_learns_nothing_and_can_do_nothing(self) -> None:
        """Guard: `commands.act` (inside only), and `views.door` (what a stranger is told)."""
        door = {"listed": "walks_in", "colleagues": "walks_in", "guests": "knocks", "anyone": "knocks"}
        meeting = await self.portal.schedule(HOST, door=door)
        host = await self.host_inside(meeting)
        stranger = await self.join(self.client(), meeting["code"], "Eve")
        await stranger.message("door", reason="knock")
        await host.ask("chat", text="a secret")
        for kind, fields in (
            ("media.start", {"fresh": True}),
            ("media.publish", {"sdp": "v=0", "sources": {}}),
            ("media.answer", {"offer": 0, "sdp": "v=0"}),
            ("media.state", {"microphone": True, "camera": True}),
            ("chat", {"text": "hello"}),
            ("hand", {"raised": True}),
            ("reaction", {"emoji": "👏"}),
        ):
            with self.assertRaises(Refused) as refused:
                await stranger.ask(kind, **fields)
            self.assertEqual(refused.exception.code, "not_inside")
        told = json.dumps(stranger.messages, ensure_ascii=False)
        for secret in (TITLE, "Ingrid", "Sæther", "a secret", "sdp"):
            self.assertNotIn(secret, told)
        self.assertEqual({message["type"] for message in stranger.messages}, {"door", "error"})

    async def test_a_stranger_who_is_turned_away_is_not_told_by_whom(self) -> None:
        """Guard: `Person.may_know_hosts`, and `views.door._words`."""
        door = {"listed": "walks_in", "colleagues": "walks_in", "guests": "knocks", "anyone": "knocks"}
        meeting = await self.portal.schedule(HOST, door=door)
        host = await self.host_inside(meeting)
        client = self.client()
        stranger = await self.join(client, meeting["code"], "Eve")
        who = (await stranger.message("door"))["participant"]
        await host.ask("door.refuse", participant=who, note="Not today.", block=False)
        refused = await stranger.message("refused")
        self.assertEqual((refused["note"], refused["by"]), ("Not today.", None))
        again = (await client.arrive(meeting["code"], "Eve")).json
        self.assertEqual((again["reason"], again["note"], again["by"]), ("not_let_in", "Not today.", None))

    async def test_a_member_cannot_take_another_name_by_arriving_again(self) -> None:
        """Guard: `services.door.arrive` keeps the name by which a host let somebody in."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        who = await self.let_in(host, await self.join(client, meeting["code"], "Peter"))
        back = await self.join(client, meeting["code"], "Ingrid Sæther")
        people = (await back.message("room"))["people"]
        self.assertEqual([one["name"] for one in people if one["participant"] == who], ["Peter"])

    async def test_a_removed_persons_tickets_link_and_device_are_dead(self) -> None:
        """Guards: `Tickets.forget`, the block, `Room.expel`."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, link = await self.guest_with_link(meeting)
        guest = await self.join(client, meeting["code"], "Peter")
        who = await self.let_in(host, guest)
        spare = (await client.arrive(meeting["code"], "Peter")).json["ticket"]
        await host.ask("host.remove", participant=who, note="Wrong meeting")
        self.assertEqual((await guest.message("refused"))["reason"], "removed")
        self.assertEqual(await guest.closed(), 4403)
        socket = await client.open_socket()
        self.sockets.append(socket)
        await socket.send("hello", protocol=1, ticket=spare)
        self.assertEqual(await socket.closed(), 4401)
        self.assertEqual((await client.arrive(meeting["code"], "Peter")).json["reason"], "removed")
        other = self.client()
        await other.open_link(link)
        self.assertEqual((await other.arrive(meeting["code"], "Peter")).json["outcome"], "refuse")

    async def test_a_lock_keeps_everybody_out_but_those_who_have_a_seat(self) -> None:
        """Guard: `Facts.locked_at` in `door.decide`."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        guest = await self.join(client, meeting["code"], "Peter")
        who = await self.let_in(host, guest)
        await host.ask("door.lock", locked=True)
        late, _ = await self.guest_with_link(meeting, "leila@medreg.example")
        self.assertEqual((await late.arrive(meeting["code"], "Leila")).json["reason"], "locked")
        await guest.cut()
        back = await self.join(client, meeting["code"], "Peter")
        self.assertEqual((await back.message("room"))["you"], who)

    async def test_signing_out_ends_the_seat(self) -> None:
        """Guard: `facts.session_lives`, asked on every tick."""
        meeting = await self.portal.schedule(HOST)
        await self.host_inside(meeting)
        client = self.client()
        await client.sign_in(COLLEAGUE, PASSWORD)
        colleague = await self.join(client, meeting["code"])
        await colleague.message("room")
        form = f"csrfmiddlewaretoken={client.cookie('lintel-csrf')}".encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": client.base}
        self.assertEqual((await client.request("POST", "/sign-out/", form, headers)).status, 302)
        self.assertEqual((await colleague.message("refused"))["reason"], "sign_in")
        self.assertEqual(await colleague.closed(), 4403)


class RestartTests(IntruderCase):
    async def test_after_kill_9_members_come_back_by_themselves_and_the_removed_do_not(self) -> None:
        """Guards: `facts.seats_of_interrupted_meetings`; what is acknowledged is stored."""
        meeting = await self.portal.schedule(HOST)
        clients: dict[str, Client] = {}
        client = self.client()
        await client.sign_in(HOST, PASSWORD)
        host = await self.join(client, meeting["code"])
        ids: dict[str, str] = {}
        for name in ("Peter", "Leila"):
            clients[name], _ = await self.guest_with_link(meeting, f"{name.lower()}@medreg.example")
            guest = await self.join(clients[name], meeting["code"], name)
            ids[name] = await self.let_in(host, guest)
        await host.ask("host.remove", participant=ids["Leila"])
        await asyncio.to_thread(self.portal.kill_and_restart)
        answer = (await clients["Peter"].arrive(meeting["code"], "Peter")).json
        self.assertEqual((answer["outcome"], answer["participant"]), ("admit", ids["Peter"]))
        self.assertEqual((await clients["Leila"].arrive(meeting["code"], "Leila")).json["reason"], "removed")
        back = await self.join(clients["Peter"], meeting["code"], "Peter")
        self.assertEqual((await back.message("room"))["you"], ids["Peter"])
        again = await self.join(client, meeting["code"])
        self.assertTrue((await again.message("room"))["capabilities"]["host"])
        self.assertIn("audit chain intact", await asyncio.to_thread(self.portal.manage, "audit", "verify"))
