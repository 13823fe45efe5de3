"""T37: tickets and proofs that are stolen, replayed or made up."""

from __future__ import annotations

import secrets

from tests.intruder.case import COLLEAGUE, HOST, IntruderCase
from tests.support.portal import PASSWORD


class T37Tickets(IntruderCase):
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

    async def test_a_proof_of_another_key_meeting_or_time_is_none(self) -> None:
        """Guard: `visitors.prove` and `Nonces`."""
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
