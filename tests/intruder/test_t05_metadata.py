"""T5: title, time, hosts and people, learnt before admission."""

from __future__ import annotations

from tests.intruder.case import HOST, IntruderCase


class T5Metadata(IntruderCase):
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
