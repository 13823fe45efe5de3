"""T5: title, time, hosts and people, learnt before admission."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tests.intruder.case import HOST, TITLE, IntruderCase

ANYONE_KNOCKS = {"listed": "walks_in", "colleagues": "walks_in", "guests": "knocks", "anyone": "knocks"}


class T5Metadata(IntruderCase):
    async def test_whoever_knows_only_the_link_is_told_neither_title_nor_time_nor_people(self) -> None:
        """Guards: `Seen.may_know` for the pages, `Person.may_know` for the socket."""
        starts_at = (datetime.now(UTC) + timedelta(minutes=7)).replace(microsecond=0)
        meeting = await self.portal.schedule(HOST, door=ANYONE_KNOCKS, starts_at=starts_at.isoformat())
        await self.host_inside(meeting)
        client = self.client()
        code = meeting["code"]
        told = [(await client.get(path)).body.decode() for path in (f"/m/{code}", f"/m/{code}/calendar.ics")]
        told += [(await client.look(code)).body.decode()]
        stranger = await self.join(client, code, "Eve")
        await stranger.message("door", reason="knock")
        told += [json.dumps(stranger.messages, ensure_ascii=False)]
        secrets = (TITLE, "Ingrid", "Sæther", HOST, meeting["starts_at"][:16], meeting["id"])
        for text in told:
            self.assertEqual([secret for secret in secrets if secret in text], [])

    async def test_a_stranger_who_is_turned_away_is_not_told_by_whom(self) -> None:
        """Guard: `Person.may_know_hosts`, and `views.door._words`."""
        meeting = await self.portal.schedule(HOST, door=ANYONE_KNOCKS)
        host = await self.host_inside(meeting)
        client = self.client()
        stranger = await self.join(client, meeting["code"], "Eve")
        who = (await stranger.message("door"))["participant"]
        await host.ask("door.refuse", participant=who, note="Not today.", block=False)
        refused = await stranger.message("refused")
        self.assertEqual((refused["note"], refused["by"]), ("Not today.", None))
        again = (await client.arrive(meeting["code"], "Eve")).json
        self.assertEqual((again["reason"], again["note"], again["by"]), ("not_let_in", "Not today.", None))

    async def test_a_guest_who_waits_is_not_told_who_else_waits_or_is_inside(self) -> None:
        """Guard: `views.door` names nobody but hosts."""
        meeting = await self.portal.schedule(HOST)
        await self.host_inside(meeting)
        for name in ("Peter", "Leila"):
            client, _ = await self.guest_with_link(meeting, f"{name.lower()}@medreg.example")
            guest = await self.join(client, meeting["code"], name)
            await guest.message("door", reason="knock")
        told = json.dumps(guest.messages)
        self.assertNotIn("Peter", told)
        self.assertNotIn("medreg.example", told)

    async def test_the_addresses_of_those_inside_are_for_hosts(self) -> None:
        """Guard: `views.person`, by whether a host is told."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        inside = []
        for name in ("Peter", "Leila"):
            client, _ = await self.guest_with_link(meeting, f"{name.lower()}@medreg.example")
            guest = await self.join(client, meeting["code"], name)
            await self.let_in(host, guest)
            inside.append(guest)
        for guest in inside:
            await guest.ask("ping")
            told = json.dumps(guest.messages)
            self.assertIn("Leila", told)
            self.assertNotIn("medreg.example", told)
            self.assertNotIn(HOST, told)
        self.assertIn("leila@medreg.example", json.dumps(host.messages))
