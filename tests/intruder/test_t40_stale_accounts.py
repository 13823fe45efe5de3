"""T40: accounts and sessions that have ended, while somebody still sits in a meeting by them."""

from __future__ import annotations

import asyncio
import re
import secrets

from tests.intruder.case import COLLEAGUE, HOST, IntruderCase
from tests.intruder.media_case import MediaCase, Member
from tests.support.client import Socket
from tests.support.portal import PASSWORD


class T40StaleSession(IntruderCase):
    async def test_signing_out_ends_the_seat(self) -> None:
        """Guard: `accounts.signals.session_ended` wakes `Live`; `facts._closed`."""
        meeting = await self.portal.schedule(HOST)
        await self.host_inside(meeting)
        client = self.client()
        await client.sign_in(COLLEAGUE, PASSWORD)
        colleague = await self.join(client, meeting["code"])
        await colleague.message("room")
        form = f"csrfmiddlewaretoken={client.cookie('lintel-csrf')}".encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": client.base}
        self.assertEqual((await client.request("POST", "/sign-out/", form, headers)).status, 302)
        self.assertEqual((await colleague.message("refused"))["reason"], "sign_in")
        self.assertEqual(await colleague.closed(), 4403)


class T40StaleAccount(MediaCase):
    async def leila_inside(self, email: str) -> tuple[Member, Socket]:
        """A colleague with an account of this test's own, who speaks and is heard."""
        await asyncio.to_thread(self.portal.create_person, email, "Leila Haddad")
        browser = self.client()
        await browser.sign_in(email, PASSWORD)
        socket = await self.join(browser, self.meeting["code"])
        leila = self.member(socket, (await socket.message("room"))["you"])
        await leila.speak()
        await self.until(lambda: leila.heard(self.ingrid) > 5 and self.ingrid.heard(leila) > 5)
        return leila, socket

    async def test_a_deactivated_account_inside_loses_media(self) -> None:
        """Guards: `accounts.signals` wakes `Live`; `facts._closed`. Its API token ends with it.

        That no tick has to come before is tried where ticks stand still: `portal/tests/test_revocation.py`.
        """
        email = f"leila.{secrets.token_hex(4)}@nordhavn.example"
        leila, socket = await self.leila_inside(email)
        await asyncio.to_thread(self.portal.make_token, email)
        admin = await self.portal.signed_in(HOST)
        page = (await admin.get(f"/people/?q={email}")).body.decode()
        path = re.findall(r"/people/[0-9a-f-]{36}/deactivate/", page)[0]
        form = f"csrfmiddlewaretoken={admin.cookie('lintel-csrf')}".encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": admin.base}
        self.assertEqual((await admin.request("POST", path, form, headers)).status, 302)
        self.assertEqual((await socket.message("refused"))["reason"], "inactive")
        await self.assert_silence(leila, self.ingrid)
        self.assertEqual((await self.portal.try_api(email, "GET", "/meetings")).status, 401)

    async def test_an_account_that_a_command_of_another_process_deactivated_loses_media_too(self) -> None:
        """Guards: `bell.ring`, and the tick behind it (`Upkeep.tick_changes`); see `meetings/tests/test_bell.py`."""
        email = f"leila.{secrets.token_hex(4)}@nordhavn.example"
        leila, socket = await self.leila_inside(email)
        await asyncio.to_thread(self.portal.manage, "deactivateperson", email)
        self.assertEqual((await socket.message("refused"))["reason"], "inactive")
        await self.assert_silence(leila, self.ingrid)
