"""T1: somebody who was invited forwards the link."""

from __future__ import annotations

import asyncio

from tests.intruder.case import HOST, IntruderCase


class T1ForwardedLink(IntruderCase):
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

    async def test_a_link_of_another_meeting_opens_nothing_here(self) -> None:
        """Guard: `arrivals._invitation` (the invitation is for this occurrence)."""
        mine, other = await self.portal.schedule(HOST), await self.portal.schedule(HOST)
        client, _ = await self.guest_with_link(mine)
        value = client.cookie("lintel-link")
        client.cookies[f"lintel-link|/m/{other['code']}"] = (value, f"/m/{other['code']}")
        self.assertEqual((await client.arrive(other["code"], "Peter")).json["reason"], "closed")
        self.assertEqual((await client.get(f"/m/{other['code']}")).status, 404)

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

    async def test_one_link_is_one_seat_also_on_its_own_device(self) -> None:
        """Guard: `Seat.attach`: the newer socket takes the seat, there is never a second person by the same link."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        first = await self.join(client, meeting["code"], "Peter")
        who = await self.let_in(host, first)
        second = await self.join(client, meeting["code"], "Peter")
        self.assertEqual((await second.message("room"))["you"], who)
        self.assertEqual(await first.closed(), 4409)
        people = (await self.portal.api(HOST, "GET", f"/meetings/{meeting['id']}/participants"))["items"]
        self.assertEqual(len(people), 2)
