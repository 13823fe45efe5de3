"""T36: secrets in logs and in what pages are told."""

from __future__ import annotations

from tests.intruder.case import HOST, IntruderCase


class T36Logs(IntruderCase):
    async def test_secrets_of_links_are_in_no_log(self) -> None:
        """Guard: redaction in the server's access log."""
        meeting = await self.portal.schedule(HOST)
        before = len(self.portal.server.log)
        client, link = await self.guest_with_link(meeting)
        await client.get(f"/m/{meeting['code']}")  # when this is answered, the request before is in the log
        written = self.portal.server.log[before:]
        self.assertIn("/i/[secret]", written)
        self.assertNotIn(link.rsplit("/", 1)[1], written)
