"""T42: a decider that fails must not let anybody in, or stay.

What happens to leases in each failure is tried by the clock in `meetings/tests/test_live_leases.py`; here the database
of a running server is taken away for real.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from meetings.tests.answering_service import answer, raw, stall
from tests.intruder.case import HOST, AskingCase
from tests.intruder.engine_case import CAMERA, MICROPHONE, EngineCase
from tests.intruder.media_case import BUSY_SECONDS, MediaCase
from tests.support.engine_room import talk_once

LEASE_SECONDS = 10.0


class T42WithoutADecider(MediaCase):
    @contextmanager
    def no_seats_can_be_read(self) -> Iterator[None]:
        """The table on which every decision depends is gone."""
        with self.database() as database:
            database.execute("ALTER TABLE meetings_participant RENAME TO away")
        try:
            yield
        finally:
            with self.database() as database:
                database.execute("ALTER TABLE away RENAME TO meetings_participant")

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.portal.data_dir / "lintel.sqlite3", timeout=20)
        try:
            connection.execute("PRAGMA legacy_alter_table=ON")
            with connection:
                yield connection
        finally:
            connection.close()

    async def test_media_stop_when_the_lease_ends_nobody_new_comes_in_and_all_go_on_afterwards(self) -> None:
        """Guards: nothing is renewed without an answer (`Upkeep.tick_leases`), and `Grants.expires_at`."""
        knocker, _ = await self.guest_with_link(self.meeting, "leila@medreg.example")
        waiting = await self.join(knocker, self.meeting["code"], "Leila")
        who = (await waiting.message("door"))["participant"]
        late, _ = await self.guest_with_link(self.meeting, "omar@medreg.example")
        with self.no_seats_can_be_read():
            gone = time.time()
            self.assertLess(await self.last_packet() - gone, LEASE_SECONDS + BUSY_SECONDS)
            answer = await late.arrive(self.meeting["code"], "Omar")
            self.assertEqual((answer.status, "ticket" in answer.body.decode()), (503, False))
            await self.ingrid.socket.send("door.admit", id="x", participant=who)
            self.assertEqual((await self.ingrid.socket.message("error", id="x"))["code"], "try_again")
            self.assertEqual(waiting.count("room"), 0)
            self.assertEqual((await self.ingrid.socket.ask("ping"))["type"], "ok")
        before = self.peter.heard(self.ingrid)
        await self.until(lambda: self.peter.heard(self.ingrid) > before + 10)
        await self.portal.api(HOST, "GET", f"/meetings/{self.meeting['id']}/participants")


class T42LeaseAtTheEngine(EngineCase):
    async def test_an_expired_lease_forwards_nothing(self) -> None:
        """Guard: `expires_at` in `Grants.may_publish`, checked against the clock on every wake-up."""
        await self.all_has_come()
        self.room.grant("alice", MICROPHONE, CAMERA, subscribe=False, lease_seconds=0.0)
        for _ in range(5):
            talk_once([self.alice])
        await self.assert_hears_nothing_from(self.bob, "alice")


class T42AuthorizationService(AskingCase):
    async def test_a_service_that_fails_in_any_way_lets_nobody_in_and_puts_nobody_out(self) -> None:
        """Guards: `protocol.read_answer`; an entry is stored after the yes (`facts.judge`), a lease runs to its end."""
        peter = await self.guest("Peter")
        await peter.message("room")
        for number, reply in enumerate(
            (
                answer(500, {"result": True}),
                answer(200, b"true"),
                answer(200, {"result": "yes"}),
                answer(200, {"result": 1}),
                answer(200, {}),
                raw(b""),
                raw(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n"),
                stall,
            )
        ):
            self.service.reply = reply
            late = await self.guest(f"Late {number}")
            await late.message("door", reason="authorization")
            self.assertEqual((await late.ask("ping"))["type"], "ok")
            self.assertEqual(late.count("room"), 0)
            await late.send("leave")
        await self.host.message("authorization", outcome="unanswered")
        self.assertEqual((await peter.ask("ping"))["type"], "ok")
        self.assertEqual(peter.count("refused"), 0)

    async def test_a_no_is_a_no_for_hosts_too(self) -> None:
        """Guard: nobody's role stands above the service that the organisation set."""
        self.service.reply = answer(200, {"result": False, "reason": "The seat is sold."})
        guest = await self.guest()
        refused = await guest.message("refused")
        self.assertEqual((refused["reason"], refused["note"]), ("not_authorized", "The seat is sold."))
        self.assertEqual(await guest.closed(), 4403)
