"""T30: floods, large frames and silence over the socket."""

from __future__ import annotations

from typing import Any

from tests.intruder.case import HOST, IntruderCase
from tests.support.client import Closed


class T30SignallingFloods(IntruderCase):
    async def test_no_hello_in_time_ends_the_socket(self) -> None:
        """Guard: `RoomConsumer._expect_hello`."""
        socket = await self.open(self.client())
        self.assertEqual(await socket.closed(seconds=8), 4408)

    async def test_floods_and_large_frames_end_one_socket_and_nobody_elses(self) -> None:
        """Guards: `RoomConsumer._count`, the strikes, and the frame limit."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        ends: dict[int, Any] = {4429: ['{"type":"ping"}'] * 400, 4400: ["{"] * 20, 4413: ["x" * 70_000]}
        for code, frames in ends.items():
            client, _ = await self.guest_with_link(meeting, f"guest{code}@medreg.example")
            guest = await self.join(client, meeting["code"], "Peter")
            try:
                for frame in frames:
                    await guest.send_raw(frame)
            except Closed as closed:
                self.assertEqual(closed.code, code)
            self.assertEqual(await guest.closed(), code)
            self.assertEqual((await host.ask("ping"))["type"], "ok")
        self.assertNotIn("Traceback", self.portal.server.log)
