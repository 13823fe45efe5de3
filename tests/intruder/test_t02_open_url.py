"""T2: an address that anybody may open, and that opens a room."""

from __future__ import annotations

import secrets

from tests.intruder.case import COLLEAGUE, HOST, IntruderCase
from tests.support.portal import PASSWORD


class T2OpenUrl(IntruderCase):
    async def test_the_meetings_link_alone_opens_nothing_unless_its_host_chose_that(self) -> None:
        """Guards: the default of `Rules.anyone`; `door._as_stranger`."""
        meeting = await self.portal.schedule(HOST)
        await self.host_inside(meeting)
        client = self.client()
        self.assertEqual((await client.get(f"/m/{meeting['code']}")).status, 404)
        answer = (await client.arrive(meeting["code"], "Eve")).json
        self.assertEqual((answer["outcome"], answer["reason"]), ("refuse", "closed"))
        self.assertEqual(answer.keys() & {"ticket", "participant", "socket"}, set())

    async def test_an_account_that_was_not_asked_is_held_to_the_same_table(self) -> None:
        """Guard: `Rules.way` for colleagues. "Named people only" means only they."""
        meeting = await self.portal.schedule(HOST, door="named_people")
        await self.host_inside(meeting)
        client = self.client()
        await client.sign_in(COLLEAGUE, PASSWORD)
        answer = (await client.arrive(meeting["code"])).json
        self.assertEqual((answer["outcome"], answer["reason"], "ticket" in answer), ("refuse", "closed", False))

    async def test_no_room_comes_into_being_because_somebody_opens_its_address(self) -> None:
        """Guard: `selectors.occurrence_for_code`. A room exists because a host scheduled it."""
        letters = "abcdefghjkmnpqrstuvwxyz"
        code = "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(3))
        before = (await self.portal.api(HOST, "GET", "/meetings"))["items"]
        client = self.client()
        self.assertEqual((await client.get(f"/m/{code}")).status, 404)
        self.assertEqual((await client.arrive(code, "Eve")).json["reason"], "closed")
        colleague = self.client()
        await colleague.sign_in(COLLEAGUE, PASSWORD)
        self.assertEqual((await colleague.arrive(code)).json["reason"], "closed")
        after = (await self.portal.api(HOST, "GET", "/meetings"))["items"]
        self.assertEqual({one["id"] for one in after}, {one["id"] for one in before})
