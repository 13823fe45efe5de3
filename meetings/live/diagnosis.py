"""Answers an operator's question about a live meeting: what has happened in its media, and what passes just now.

`./run manage meeting trace` asks through a Unix socket in the data directory, which only this server's user may enter.
One line of JSON in, one out. What it tells are ids, counters and packet headers: no payload, no name, no address, no
secret. Knows no database.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from media_engine import Engine
from meetings.live.room import Room

log = logging.getLogger("lintel.live")

MAX_LINE_BYTES = 1024
MAX_PACKET_SECONDS = 60.0
ANSWER_WITHIN_SECONDS = 5.0


def socket_path() -> Path:
    """Where this data directory's server listens for questions."""
    return Path(settings.LINTEL.data_dir) / "diagnosis.sock"


class Diagnosis:
    """Listens until `close`. `rooms` are the live ones by occurrence id."""

    def __init__(self, engine: Engine, rooms: Callable[[], dict[str, Room]]) -> None:
        self._engine = engine
        self._rooms = rooms
        self._server: asyncio.Server | None = None

    async def begin(self) -> None:
        """From now on questions are answered. Where that can't be, a line in the log says so, and all else goes on."""
        path = socket_path()
        try:
            # Left over from a process that was killed: a data directory has one server (portal.files), and that is us.
            path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._on_question, str(path), limit=MAX_LINE_BYTES)
            os.chmod(path, 0o600)
        except OSError as error:
            log.warning("./run manage meeting trace can't reach this process: %s", error)

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
            socket_path().unlink(missing_ok=True)

    async def _on_question(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, TimeoutError):
            async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
                question = json.loads(await reader.readline())
            if isinstance(question, dict):
                answer = await self.answer(str(question.get("occurrence")), question.get("packets_seconds"))
                writer.write(json.dumps(answer, allow_nan=False).encode() + b"\n")
                async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
                    await writer.drain()
        writer.close()

    async def answer(self, occurrence_id: str, packets_seconds: Any = None) -> dict[str, Any]:
        """Events, statistics of those inside, and, when `packets_seconds` says so, the headers of that time."""
        engine = self._engine
        packets = None
        if isinstance(packets_seconds, int | float) and 0 < packets_seconds <= MAX_PACKET_SECONDS:
            packets = []
            if engine.trace_packets(occurrence_id, packets_seconds):
                await asyncio.sleep(packets_seconds)
                packets = engine.traced_packets()
        room = self._rooms().get(occurrence_id)
        return {
            "live": room is not None,
            "now": engine.clock(),
            "unix": time.time(),
            "events": engine.trace(occurrence_id),
            "statistics": {seat.id: engine.report(occurrence_id, seat.id) for seat in (room.inside() if room else ())},
            "packets": packets,
        }
