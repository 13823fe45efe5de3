"""T6: a link that leaks: in the address bar, by Referer, to a scanner, in a history."""

from __future__ import annotations

from tests.intruder.case import HOST, IntruderCase


class T6LinkLeak(IntruderCase):
    async def test_fetching_a_link_like_a_scanner_uses_nothing_up(self) -> None:
        """Guard: `views.personal_links.personal_link` claims nothing."""
        meeting = await self.portal.schedule(HOST)
        invitation = await self.portal.invite(HOST, meeting, "peter@medreg.example")
        path = "/i/" + invitation["join_url"].rsplit("/", 1)[1]
        for method in ("HEAD", "GET", "GET"):
            self.assertEqual((await self.client().request(method, path)).status, 302)
        client = self.client()
        await client.open_link(invitation["join_url"])
        self.assertEqual((await client.arrive(meeting["code"], "Peter")).json["outcome"], "wait")

    async def test_the_secret_leaves_the_address_bar_and_is_on_no_page(self) -> None:
        """Guard: `views.door.personal_link` exchanges it for a cookie that no script can read."""
        meeting = await self.portal.schedule(HOST)
        invitation = await self.portal.invite(HOST, meeting, "peter@medreg.example")
        secret = invitation["join_url"].rsplit("/", 1)[1]
        client = self.client()
        answer = await client.get(f"/i/{secret}")
        self.assertEqual(answer.headers["Location"], f"/m/{meeting['code']}")
        cookie = answer.headers["Set-Cookie"]
        self.assertNotIn(secret, cookie)
        for attribute in ("HttpOnly", "SameSite=Lax", f"Path=/m/{meeting['code']}"):
            self.assertIn(attribute, cookie)
        page = await client.get(f"/m/{meeting['code']}")
        self.assertNotIn(secret, page.body.decode())

    async def test_no_page_on_the_way_tells_another_site_where_it_was(self) -> None:
        """Guard: `SECURE_REFERRER_POLICY`; nothing foreign is loaded either (the Content-Security-Policy)."""
        meeting = await self.portal.schedule(HOST)
        client, link = await self.guest_with_link(meeting)
        for path in ("/i/" + link.rsplit("/", 1)[1], f"/m/{meeting['code']}"):
            answer = await client.get(path)
            self.assertIn(answer.headers["Referrer-Policy"], {"no-referrer", "same-origin"})
            self.assertNotIn("http", answer.headers["Content-Security-Policy"])

    async def test_a_link_that_leaked_before_it_was_used_is_worth_nothing_after(self) -> None:
        """Guard: `invitations.claim`: the first device has it, and the host sees the second come."""
        meeting = await self.portal.schedule(HOST)
        await self.host_inside(meeting)
        client, link = await self.guest_with_link(meeting)
        await self.join(client, meeting["code"], "Peter")
        finder = self.client()
        await finder.open_link(link)
        self.assertEqual((await finder.arrive(meeting["code"], "Peter")).json["reason"], "link_in_use")
