"""Telling never waits: not for a reader who takes nothing, and not for one who is being closed."""

from __future__ import annotations

import asyncio
import contextlib
from unittest import IsolatedAsyncioTestCase

from meetings import wire
from meetings.signaling.protocol import Close
from meetings.wire import Wire


class WireTests(IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        self.sent: list[str] = []
        self.codes: list[int] = []
        self.may_send = asyncio.Event()
        self.wire = Wire(self.send, self.hang_up)

    async def send(self, frame: str) -> None:
        await self.may_send.wait()
        self.sent.append(frame)

    async def hang_up(self, code: int) -> None:
        self.codes.append(code)

    def running(self) -> asyncio.Task[None]:
        task = asyncio.create_task(self.wire.run())
        self.addAsyncCleanup(self.stop, task)
        return task

    async def stop(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def test_a_reader_who_takes_nothing_is_closed_when_too_much_waits(self) -> None:
        task = self.running()
        await asyncio.sleep(0)
        for _ in range(40):
            self.wire.tell({"type": "chat", "text": "x" * (wire.MOST_QUEUED_BYTES // 20)})
        self.assertEqual(self.wire.close_code, Close.SLOW)
        self.may_send.set()
        await task
        self.assertLessEqual(len(self.sent), 1)
        self.assertEqual(self.codes, [Close.SLOW])

    async def test_what_was_said_before_the_close_is_sent_and_nothing_after(self) -> None:
        self.wire.tell({"type": "refused"})
        self.wire.close(Close.REFUSED)
        self.wire.tell({"type": "chat"})
        self.wire.close(Close.LEFT)
        self.may_send.set()
        await self.running()
        self.assertEqual((self.sent, self.codes), (['{"type":"refused"}'], [Close.REFUSED]))

    async def test_what_was_read_makes_room_again(self) -> None:
        self.may_send.set()
        self.running()
        for _ in range(60):
            self.wire.tell({"type": "chat", "text": "x" * (wire.MOST_QUEUED_BYTES // 4)})
            await asyncio.sleep(0)
        self.assertEqual((len(self.sent), self.wire.close_code), (60, None))
