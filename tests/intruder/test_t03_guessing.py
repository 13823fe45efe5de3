"""T3: codes and links that are guessed."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable

from meetings.budgets import TRIES
from tests.intruder.case import HOST, TITLE, IntruderCase
from tests.support.client import Answer, Client


class T3Guessing(IntruderCase):
    async def test_a_forged_link_leads_to_the_page_that_an_unknown_code_has(self) -> None:
        """Guard: `invitations.open_link` (only the digest of a stored secret opens)."""
        meeting = await self.portal.schedule(HOST)
        invitation = await self.portal.invite(HOST, meeting, "peter@medreg.example")
        secret = invitation["join_url"].rsplit("/", 1)[1]
        for forged in (secrets.token_urlsafe(24), secret[:-1] + ("A" if secret[-1] != "A" else "B"), secret.swapcase()):
            client = self.client()
            code = await client.open_link(f"/i/{forged}")
            self.assertNotEqual(code, meeting["code"])
            self.assertEqual((await client.arrive(code, "Peter")).json["reason"], "closed")
            self.assertEqual((await client.arrive(meeting["code"], "Peter")).json["reason"], "closed")

    async def test_a_forged_cookie_is_no_link(self) -> None:
        """Guard: the signature in `visitors.link_of`."""
        meeting = await self.portal.schedule(HOST)
        good, _ = await self.guest_with_link(meeting)
        value = good.cookie("lintel-link")
        for forged in ("1", value[:-2] + "xx", value.replace(":", "."), "MQ:1x:" + "A" * 43):
            client = self.client()
            client.cookies[f"lintel-link|/m/{meeting['code']}"] = (forged, f"/m/{meeting['code']}")
            self.assertEqual((await client.arrive(meeting["code"], "Peter")).json["reason"], "closed")

    async def test_unknown_and_forbidden_codes_give_identical_pages_and_answers(self) -> None:
        """Guard: `arrivals.NOTHING_HERE`, one answer for both."""
        meeting = await self.portal.schedule(HOST)
        pages, answers = [], []
        for code in (meeting["code"], "2222-3333-4444"):
            client = self.client()
            page = await client.get(f"/m/{code}")
            text = page.body.decode().replace(code, "CODE")
            pages.append((page.status, re.sub(r'"csrf": "\w+"|value="\w{64}"', "", text)))
            answers.append((await client.arrive(code, "Peter")).json)
        self.assertEqual(pages[0], pages[1])
        self.assertEqual(pages[0][0], 404)
        self.assertEqual(answers[0], answers[1])
        self.assertNotIn(TITLE, pages[0][1])

    @staticmethod
    async def spent(client: Client, asks: Callable[[], Awaitable[Answer]]) -> Answer:
        """What is answered right after the last try was used up: on a slow machine one is back soon."""
        for _ in range(20):
            while (await client.get("/m/2222-3333-4444")).status != 429:
                pass
            answer = await asks()
            if answer.status == 429:
                break
        return answer

    async def test_guessing_codes_runs_out(self) -> None:
        """Guard: `live.tries.Tries`, asked before the code is looked at."""
        meeting = await self.portal.schedule(HOST)
        client = self.client()
        began = time.monotonic()
        statuses = [(await client.get(f"/m/{number:04d}-2222-3333")).status for number in range(2222, 2260)]
        self.assertEqual(set(statuses), {404, 429})
        regained = (time.monotonic() - began) * TRIES.rate.per_second
        self.assertLessEqual(statuses.count(404), TRIES.rate.burst + regained + 1)
        self.assertEqual((await self.spent(client, lambda: client.get(f"/m/{meeting['code']}"))).status, 429)
        answer = await self.spent(client, lambda: client.arrive(meeting["code"], "Peter"))
        self.assertEqual((answer.status, answer.json.get("code")), (429, "too_many"))
        self.assertGreater(int(answer.headers["Retry-After"]), 0)
