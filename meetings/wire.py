"""The sending half of a socket: a bounded queue and the task that empties it.

Telling somebody something never waits for their network. Whoever reads too slowly is closed; the others do not notice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from meetings.signaling import protocol
from meetings.signaling.protocol import Close

MOST_QUEUED_BYTES = 1024 * 1024


class Wire:
    """`send` writes one text frame, `hang_up` closes with a code; both are awaited by one task, in order."""

    def __init__(self, send: Callable[[str], Awaitable[None]], hang_up: Callable[[int], Awaitable[None]]) -> None:
        self._send = send
        self._hang_up = hang_up
        self._queue: deque[str] = deque()
        self._queued_bytes = 0
        self._something_to_do = asyncio.Event()
        self.close_code: int | None = None

    def __repr__(self) -> str:
        return f"<Wire queued={len(self._queue)} close={self.close_code}>"

    def tell(self, message: Mapping[str, Any]) -> None:
        """Queues a message. Nothing is queued after `close`."""
        if self.close_code is not None:
            return
        frame = protocol.encode(message)
        self._queued_bytes += len(frame)
        if self._queued_bytes > MOST_QUEUED_BYTES:
            self._queue.clear()
            self.close(Close.SLOW)
            return
        self._queue.append(frame)
        self._something_to_do.set()

    def close(self, code: int) -> None:
        """Closes once what is queued has been written. The first code stands."""
        if self.close_code is None:
            self.close_code = code
            self._something_to_do.set()

    async def run(self) -> None:
        """Writes until the socket is closed from our side. Cancel it when the other side goes."""
        while True:
            await self._something_to_do.wait()
            self._something_to_do.clear()
            while self._queue:
                frame = self._queue.popleft()
                await self._send(frame)
                self._queued_bytes -= len(frame)
            if self.close_code is not None:
                await self._hang_up(self.close_code)
                return
