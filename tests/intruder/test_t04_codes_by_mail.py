"""T4: short secrets that are tried one after the other: the code that was mailed, a password."""

from __future__ import annotations

import asyncio
import email
import re
from urllib.parse import urlencode

from tests.intruder.case import HOST, IntruderCase
from tests.support.client import Client


class T4ShortSecrets(IntruderCase):
    async def mailed_code(self, address: str) -> str:
        """The digits in the mail to this address, which the background worker writes into the outbox."""
        outbox = self.portal.data_dir / "outbox"
        for _ in range(400):
            for path in outbox.glob("[!.]*.eml") if outbox.exists() else ():
                message = email.message_from_bytes(await asyncio.to_thread(path.read_bytes))
                # Invitations have several parts; a code comes as plain text alone.
                theirs = address in message["To"] and not message.is_multipart()
                found = re.search(r"\b\d{6}\b", message.get_payload() if theirs else "")
                if found:
                    return found[0]
            await asyncio.sleep(0.05)
        raise AssertionError("no mail")

    async def test_a_mailed_code_dies_after_five_tries_and_the_right_one_with_it(self) -> None:
        """Guards: `invitations.check_email_code`, tries; `live.tries.Tries` behind it."""
        meeting = await self.portal.schedule(HOST, door="named_people")
        await self.host_inside(meeting)
        address = "peter@medreg.example"
        client, _ = await self.guest_with_link(meeting, address)
        self.assertEqual((await client.arrive(meeting["code"], "Peter")).json["reason"], "verify_email")
        right = await self.mailed_code(address)
        wrong = [f"{(int(right) + number) % 1_000_000:06d}" for number in range(1, 6)]
        for code in wrong:
            answer = await client.arrive(meeting["code"], "Peter", email_code=code)
            self.assertEqual((answer.status, answer.json.get("field")), (400, "email_code"))
        answer = await client.arrive(meeting["code"], "Peter", email_code=right)
        self.assertEqual((answer.status, answer.json.get("field")), (400, "email_code"))

    async def test_parallel_tries_do_not_outrun_the_limit(self) -> None:
        """Guard: the try is counted before it is judged."""
        meeting = await self.portal.schedule(HOST, door="named_people")
        await self.host_inside(meeting)
        address = "leila@medreg.example"
        client, _ = await self.guest_with_link(meeting, address)
        await client.arrive(meeting["code"], "Leila")
        right = await self.mailed_code(address)
        wrong = [f"{(int(right) + number) % 1_000_000:06d}" for number in range(1, 13)]
        answers = await asyncio.gather(*(client.arrive(meeting["code"], "Leila", email_code=code) for code in wrong))
        self.assertEqual({answer.status for answer in answers}, {400})
        self.assertEqual((await client.arrive(meeting["code"], "Leila", email_code=right)).status, 400)

    async def test_a_code_on_another_device_is_worth_nothing(self) -> None:
        """Guard: a code is for the device that asked: it can't be carried to a thief's."""
        meeting = await self.portal.schedule(HOST, door="named_people")
        await self.host_inside(meeting)
        address = "omar@medreg.example"
        client, link = await self.guest_with_link(meeting, address)
        await client.arrive(meeting["code"], "Omar")
        right = await self.mailed_code(address)
        thief = self.client()
        await thief.open_link(link)
        answer = await thief.arrive(meeting["code"], "Omar", email_code=right)
        self.assertEqual((answer.status, "ticket" in answer.json), (400, False))
        self.assertEqual((await client.arrive(meeting["code"], "Omar", email_code=right)).json["outcome"], "admit")

    async def test_guessing_a_password_ends_after_five_tries(self) -> None:
        """Guard: allauth's `login_failed` budget per address, the same for accounts that do not exist."""
        client = self.client()
        await client.get("/sign-in/")
        answers = [await self.try_password(client, f"guess number {number}") for number in range(7)]
        self.assertTrue(all("csrf" in body and status in {200, 429} for status, body in answers))
        self.assertIn("Too many", answers[-1][1])

    async def try_password(self, client: Client, password: str) -> tuple[int, str]:
        form = {"login": "nobody@nordhavn.example", "password": password}
        body = urlencode(form | {"csrfmiddlewaretoken": client.cookie("lintel-csrf")}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": client.base}
        answer = await client.request("POST", "/sign-in/", body, headers)
        return answer.status, answer.body.decode()

    async def test_a_guess_without_the_forms_token_is_not_even_tried(self) -> None:
        """Guard: CSRF on sign-in."""
        client = self.client()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": client.base}
        form = urlencode({"login": HOST, "password": "x"}).encode()
        self.assertEqual((await client.request("POST", "/sign-in/", form, headers)).status, 403)
