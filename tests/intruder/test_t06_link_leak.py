"""T6: a link that leaks: in the address bar, by Referer, to a scanner, in a history."""

from __future__ import annotations

from tests.intruder.case import HOST, IntruderCase


class T6LinkLeak(IntruderCase):
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
