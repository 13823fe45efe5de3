"""GStreamer as a device: the example of the guide, run by the interpreter of the system, which has its bindings."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from tests.support.client import Json

PROGRAM = Path(__file__).parents[2] / "docs" / "gstreamer_device.py"
PYTHON = "/usr/bin/python3"
MISSING = (
    "no GStreamer: apt-get install -y --no-install-recommends python3-gst-1.0 gir1.2-gst-plugins-bad-1.0"
    " gstreamer1.0-nice gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav"
)
_NEEDED = (
    "python3/dist-packages/gi/overrides/Gst.py",
    "*/girepository-1.0/GstWebRTC-1.0.typelib",
    *(f"*/gstreamer-1.0/libgst{name}.so" for name in ("webrtc", "nice", "vpx", "opus", "x264", "libav")),
)
SECONDS = 30.0


def is_installed() -> bool:
    """Looked for where Debian has it; nothing is started for that."""
    return all(any(Path("/usr/lib").glob(pattern)) for pattern in _NEEDED)


class GStreamer:
    """One device. `lines` are what it has said; `pictures` and `sounds` how many have gone through its codecs."""

    def __init__(self, what: str, address: str, token: str, *more: str) -> None:
        self.command = [PYTHON, str(PROGRAM), what, address, "--address", "127.0.0.1", *more]
        self.token = token
        self.lines: list[Json] = []
        self.pictures = self.sounds = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()

    async def start(self) -> None:
        # Virtual environments of ours have no bindings of GStreamer's.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            env=environment | {"TOKEN": self.token},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._reading = asyncio.create_task(self._read(self._process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for text in process.stdout:
            line: Json = json.loads(text)
            async with self._changed:
                self.lines.append(line)
                self.pictures, self.sounds = line.get("video", self.pictures), line.get("audio", self.sounds)
                self._changed.notify_all()

    async def until(self, holds: Callable[[], object]) -> None:
        """Waits for its next line, and the next, until the condition holds."""
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(holds)

    def said(self, name: str) -> object:
        """What the first line of this name holds."""
        return next((line[name] for line in self.lines if name in line), None)

    async def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        assert self._process is not None and self._reading is not None
        async with asyncio.timeout(SECONDS):
            await self._reading
            return await self._process.wait()

    async def stop(self) -> int:
        """As Ctrl-C does. Nothing to do where it has ended."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        return await self.ended()
