"""T34: the server as a way to places that only it can reach."""

from __future__ import annotations

from meetings.tests.answering_service import answer, raw
from tests.intruder.case import AskingCase

INSIDE = (
    "https://127.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://10.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://127.1/",
    "http://192.0.2.7/",
    "http://127.0.0.1:1/",
    "file:///etc/passwd",
    "gopher://192.0.2.7/",
    "https://user:password@example.org/",
)


class T34Outgoing(AskingCase):
    async def test_nobody_names_an_inside_address_not_even_an_administrator(self) -> None:
        """Guards: `destinations.parse`; `Allowances.why_not`."""
        for address in INSIDE:
            self.assertEqual((address, (await self.set_service(address)).status), (address, 422))
        self.assertIn(self.service.url, self.portal.manage("authorization", "show"))

    async def test_a_name_that_leads_inside_is_judged_when_it_is_asked(self) -> None:
        """Guard: `Allowances.why_not_address` on every address that a name leads to."""
        self.assertEqual((await self.set_service(f"https://localhost:{self.service.port}/")).status, 302)
        before = self.service.connections
        guest = await self.guest()
        await guest.message("door")
        tried = await self.send_form("/organisation/authorization/test/", {"trial-type": "subscriber"})
        self.assertIn("which is not a public address", tried.body.decode())
        self.assertEqual((guest.count("room"), self.service.connections), (0, before))

    async def test_an_answer_that_leads_elsewhere_leads_nowhere(self) -> None:
        """Guard: no redirect is followed: it is an answer that is no yes."""
        asked = len(self.service.requests)
        self.service.reply = answer(302, headers=f"Location: {self.service.url}/inside\r\n")
        guest = await self.guest()
        await guest.message("door", reason="authorization")
        await self.host.until(lambda message: message["type"] == "authorization")
        self.assertEqual(guest.count("room"), 0)
        self.assertNotIn("/inside", [request.path for request in self.service.requests[asked:]])

    async def test_an_answer_without_end_is_not_kept_and_holds_up_nobody(self) -> None:
        """Guard: `Outgoing._exchange`, the bound on what is read."""
        self.service.reply = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 2_000_000)
        guest = await self.guest()
        await guest.message("door", reason="authorization")
        await self.host.until(lambda message: message["type"] == "authorization")
        self.assertEqual(guest.count("room"), 0)
        self.assertEqual((await self.host.ask("ping"))["type"], "ok")
