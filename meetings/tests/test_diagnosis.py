"""An operator asks a running server what happens in a meeting's media; nobody else can."""

from __future__ import annotations

import asyncio
import json
import stat
from io import StringIO
from typing import Any

from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.core.management.base import CommandError

from meetings.live import diagnosis
from meetings.tests.live_case import LiveCase, running_live


class TraceTests(LiveCase):
    @sync_to_async
    def trace(self, *arguments: str) -> str:
        """The command blocks the thread that the database belongs to; the server goes on in the loop's."""
        out = StringIO()
        call_command("meeting", "trace", *arguments, stdout=out)
        return out.getvalue()

    async def test_an_operator_learns_what_happened_by_any_name_of_the_meeting(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            await host.ask("media.start", fresh=True)
            for name in (self.id, str(self.occurrence.meeting_id), self.code, self.code.upper().replace("-", " ")):
                with self.subTest(name=name):
                    told = await self.trace(name)
                    self.assertIn("granted", told)
                    self.assertIn("subscribe_opened", told)
                    self.assertTrue(told.endswith("The meeting is running.\n"))
            everything: dict[str, Any] = json.loads(await self.trace(self.id, "--json"))
            self.assertEqual(len(everything["statistics"]), 1)
            self.assertIn("transport", {entry["type"] for entry in next(iter(everything["statistics"].values()))})
            self.assertNotIn("Ingrid", json.dumps(everything))

    async def test_what_happened_is_known_after_the_end(self) -> None:
        async with running_live() as live:
            host = await self.host_inside(live)
            await host.send("host.end")
            await host.closed()
            told = await self.trace(self.code)
            self.assertIn("closed", told)
            self.assertTrue(told.endswith("The meeting is not running.\n"))

    async def test_packet_headers_are_noted_only_when_asked_for(self) -> None:
        async with running_live() as live:
            await self.host_inside(live)
            self.assertIsNone(json.loads(await self.trace(self.id, "--json"))["packets"])
            self.assertEqual(json.loads(await self.trace(self.id, "--json", "--packets", "0.01"))["packets"], [])
            self.assertIn("No packet passed in that time.", await self.trace(self.id, "--packets", "0.01"))

    async def test_mistakes_are_told_in_a_sentence(self) -> None:
        for arguments, sentence in (
            ((self.id,), "No server is running"),
            (("nonsense",), "There is no such meeting"),
            (("7kqx-mwtz-p4xa",), "There is no such meeting"),
            ((self.id, "--packets", "0"), "--packets: more than 0"),
            ((self.id, "--packets", "61"), "at most 60"),
        ):
            with self.subTest(arguments=arguments), self.assertRaises(CommandError) as told:
                await self.trace(*arguments)
            self.assertIn(sentence, str(told.exception))

    async def test_only_the_servers_user_may_ask(self) -> None:
        async with running_live():
            self.assertEqual(stat.S_IMODE(diagnosis.socket_path().stat().st_mode), 0o600)
        self.assertFalse(diagnosis.socket_path().exists())

    async def test_nonsense_on_the_line_is_answered_by_its_end(self) -> None:
        async with running_live() as live:
            for question in (
                b"\n",
                b"[]\n",
                b"{\n",
                b"x" * 5000 + b"\n",
                b'{"occurrence": 7, "packets_seconds": "x"}\n',
            ):
                reader, writer = await asyncio.open_unix_connection(str(diagnosis.socket_path()))
                writer.write(question)
                answer = await reader.read()
                writer.close()
                self.assertTrue(not answer or json.loads(answer)["events"] == [], answer)
            self.assertIsNone(live.engine._wiring.fan_out.trace)
