"""T10: under another's name."""

from __future__ import annotations

from tests.intruder.case import HOST, IntruderCase
from tests.support.client import Json, Socket


class T10Names(IntruderCase):
    async def queue_of(self, host: Socket, name: str) -> Json:
        """How a host sees the one who waits under this name."""
        message = await host.until(
            lambda m: m["type"] == "waiting" and any(one["name"] == name for one in m["waiting"])
        )
        return next(one for one in message["waiting"] if one["name"] == name)

    async def test_a_member_cannot_take_another_name_by_arriving_again(self) -> None:
        """Guard: `services.door.arrive` keeps the name by which a host let somebody in."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        who = await self.let_in(host, await self.join(client, meeting["code"], "Peter"))
        back = await self.join(client, meeting["code"], "Ingrid Sæther")
        people = (await back.message("room"))["people"]
        self.assertEqual([one["name"] for one in people if one["participant"] == who], ["Peter"])

    async def test_a_name_that_looks_like_the_hosts_is_shown_with_a_warning(self) -> None:
        """Guard: `cautions.is_confusable` in the hosts' queue."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        names = (
            "Ingrid Sæther",
            "INGRID SÆTHER",
            "Ingrid  Saether",
            "Іngrіd Sæther",
            "lngrid Sæther",
            "Ingrid\N{HANGUL FILLER}Sæther",
        )
        for number, name in enumerate(names):
            client, _ = await self.guest_with_link(meeting, f"guest{number}@medreg.example")
            await self.join(client, meeting["code"], name)
            seen = await self.queue_of(host, " ".join(name.replace("\N{HANGUL FILLER}", "").split()))
            self.assertIn("name_in_use", seen["cautions"], name)
            self.assertEqual(seen["kind"], "guest")

    async def test_whoever_walks_in_under_the_name_of_somebody_else_is_shown_with_a_warning(self) -> None:
        """Guard: `cautions.name_cautions`: who walks in has stood at no door, so that nobody has looked at them."""
        meeting = await self.portal.schedule(HOST, door="anyone_with_link")
        host = await self.host_inside(meeting)
        first = await self.join(self.client(), meeting["code"], "Peter")
        of_host = await self.join(self.client(), meeting["code"], "Іngrid S\N{COMBINING GRAPHEME JOINER}æther")
        of_peter = await self.join(self.client(), meeting["code"], "Ρeter")
        other = await self.join(self.client(), meeting["code"], "Leila")
        people = {one: (await one.message("room"))["you"] for one in (first, of_host, of_peter, other)}

        async def cautions(one: Socket) -> list[str]:
            found = await host.until(
                lambda m: (
                    m["type"] == "person" and m["person"]["participant"] == people[one] and m["person"]["cautions"]
                )
            )
            told: list[str] = found["person"]["cautions"]
            return told

        for one in (of_host, of_peter, first):
            self.assertEqual(await cautions(one), ["name_in_use"])
        told = [m["person"] for m in (*host.messages, *other.messages) if m["type"] == "person"]
        self.assertEqual({str(m["cautions"]) for m in told if m["participant"] == people[other]}, {"[]"})
        self.assertEqual({m["cautions"] for m in other.messages[0]["people"]}, {None})

    async def test_a_name_has_no_invisible_parts(self) -> None:
        """Guard: `protocol.clean_name`: nothing that turns, hides or breaks the line."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        typed = "Pe\N{RIGHT-TO-LEFT OVERRIDE}ter\N{ZERO WIDTH SPACE}\n Lind\x07qvist"
        await self.join(client, meeting["code"], typed)
        self.assertEqual((await self.queue_of(host, "Peter Lindqvist"))["name"], "Peter Lindqvist")

    async def test_a_name_of_nothing_visible_is_none(self) -> None:
        """Guard: the name that is left after cleaning must have something to read."""
        meeting = await self.portal.schedule(HOST)
        client, _ = await self.guest_with_link(meeting)
        for typed in (
            "\N{ZERO WIDTH SPACE}\N{RIGHT-TO-LEFT OVERRIDE} ",
            "\N{HANGUL FILLER}\N{HALFWIDTH HANGUL FILLER}",
            "\N{BRAILLE PATTERN BLANK}",
            "\N{ZERO WIDTH JOINER}\N{COMBINING GRAPHEME JOINER}\N{VARIATION SELECTOR-16}",
        ):
            answer = await client.arrive(meeting["code"], typed)
            self.assertEqual((answer.status, answer.json.get("field")), (400, "name"), ascii(typed))
