"""T35: a forged or repeated word of the authorization service."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

from tests.intruder.case import AskingCase
from tests.support.client import Answer, Json


class T35Callbacks(AskingCase):
    async def take_back(self, body: Json, *, secret: str, at: float | None = None) -> Answer:
        """Sends what a service would send, signed as docs/round-trip.md says."""
        data, timestamp = json.dumps(body).encode(), str(int(time.time() if at is None else at))
        made = hmac.new(secret.encode(), f"{timestamp}.".encode() + data, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-RTA-Timestamp": timestamp, "X-RTA-Signature": f"v1={made}"}
        return await self.portal.client(f"{self.network}.9").request("POST", "/rta/revoke", data, headers)

    async def test_whoever_cannot_sign_now_puts_nobody_out(self) -> None:
        """Guards: `callback._signed_by`; `protocol.is_signed`, the signature and its time."""
        guest = await self.guest(authorization="ticket-7")
        await guest.message("room")
        body = {"token": "ticket-7", "reason": "Out."}
        for forged in (
            await self.take_back(body, secret="guessed" * 6),
            await self.take_back(body, secret=self.secret[:-1]),
            await self.take_back(body, secret=self.secret, at=time.time() - 600),
            await self.take_back(body, secret=self.secret, at=time.time() + 600),
        ):
            self.assertEqual((forged.status, forged.json["result"]), (403, False))
        self.assertEqual((await guest.ask("ping"))["type"], "ok")
        self.assertEqual(guest.count("refused"), 0)

    async def test_what_was_overheard_puts_nobody_out_a_second_time(self) -> None:
        """Guard: `services.take_back`, the digest of the request."""
        guest = await self.guest(authorization="ticket-8")
        await guest.message("room")
        body, now = {"token": "ticket-8", "reason": "Your ticket was returned."}, time.time()
        first = await self.take_back(body, secret=self.secret, at=now)
        self.assertEqual((first.status, first.json["repeated"]), (200, False))
        refused = await guest.message("refused")
        self.assertEqual((refused["reason"], refused["note"]), ("not_authorized", "Your ticket was returned."))
        again = await self.take_back(body, secret=self.secret, at=now)
        self.assertEqual((again.status, again.json["repeated"]), (200, True))
