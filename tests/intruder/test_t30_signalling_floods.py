"""T30: floods, large frames and silence over the socket."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.asyncio.client import connect
from websockets.typing import Origin

from tests.intruder.case import HOST, IntruderCase
from tests.support.client import Closed


class T30SignallingFloods(IntruderCase):
    async def test_no_hello_in_time_ends_the_socket(self) -> None:
        """Guard: `RoomConsumer._expect_hello`."""
        socket = await self.open(self.client())
        self.assertEqual(await socket.closed(), 4408)

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

    async def test_a_network_has_fifty_sockets_and_the_next_is_told_to_come_later(self) -> None:
        """Guard: `Sockets.count_in`."""
        host = await self.host_inside(await self.portal.schedule(HOST))
        others = self.portal.client(f"{self.network[:-1]}9.7" if self.network[-1] != "9" else f"{self.network[:-1]}8.7")
        await asyncio.gather(*(self.open(others) for _ in range(50)))
        self.assertEqual(await (await self.open(others)).closed(), 4429)
        self.assertEqual((await host.ask("ping"))["type"], "ok")

    async def test_nothing_that_is_sent_small_grows_large_here(self) -> None:
        """Guard: no compression is agreed to: a kilobyte cannot become a gigabyte."""
        client = self.client()
        async with connect(
            client.base.replace("http", "ws", 1) + "/ws/room",
            local_addr=(client.address, 0),
            origin=Origin(client.origin),
            compression="deflate",
        ) as connection:
            assert connection.response is not None
            self.assertNotIn("Sec-WebSocket-Extensions", connection.response.headers)

    async def test_messages_without_end_depth_or_sense_are_answered_and_cost_their_sender_the_socket(self) -> None:
        """Guard: `protocol.parse_object`, and the strikes behind it."""
        meeting = await self.portal.schedule(HOST)
        host = await self.host_inside(meeting)
        client, _ = await self.guest_with_link(meeting)
        guest = await self.join(client, meeting["code"], "Peter")
        for frame in (
            "[" * 30_000,
            '{"a":' * 10_000,
            '{"type":"ping","id":' + "9" * 10_000 + "}",
            '{"type":"ping","id":1e999}',
            '{"type":"ping","id":NaN}',
            '{"type":"ping","type":"ping"}',
            "null",
            '"ping"',
            '{"type":"ping","id":"\\ud800"}',
            "\N{BYTE ORDER MARK}{}",
        ):
            await guest.send_raw(frame)
        await guest.until(lambda message: sum(m["type"] == "error" for m in guest.messages) >= 10)
        self.assertLessEqual({m["code"] for m in guest.messages if m["type"] == "error"}, {"bad_json", "bad_field"})
        await guest.send_raw("{")
        self.assertEqual(await guest.closed(), 4400)
        self.assertEqual((await host.ask("ping"))["type"], "ok")
