"""A program for tests: the real server around an application that sends, and one that never reads.

`/flood` sends 200 MB as fast as it may; `/sleep` accepts and takes no message; anything else answers 200.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"

from portal.loop import use_uvloop

use_uvloop()

import django

django.setup()

from django.conf import settings

from portal.server import LintelServer


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/flood":
        for _ in range(3200):
            await send({"type": "websocket.send", "text": "x" * 65536})
            await asyncio.sleep(0)
    await asyncio.sleep(60)


if __name__ == "__main__":
    server = LintelServer(settings.LINTEL, application, None, lambda: ["Lintel is ready at nothing"])
    os._exit(server.run())
