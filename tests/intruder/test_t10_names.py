"""T10: under another's name."""

from __future__ import annotations

from tests.intruder.case import HOST, IntruderCase


class T10Names(IntruderCase):
    async def test_a_member_cannot_take_another_name_by_arriving_again(self) -> None:
        """Guard: `services.door.arrive` keeps the name by which a host let somebody in."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        who = await self.let_in(host, await self.join(client, meeting["code"], "Peter"))
        back = await self.join(client, meeting["code"], "Ingrid Sæther")
        people = (await back.message("room"))["people"]
        self.assertEqual([one["name"] for one in people if one["participant"] == who], ["Peter"])
