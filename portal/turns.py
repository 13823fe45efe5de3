"""Takes requests to the entrance by turns: one of each address at a time, so that a flood of them is only a queue.

Strangers may ask there, and an answer costs the database and the interpreter that media need too. Whoever asks faster
than they are answered waits behind themselves. Knows ASGI alone; `portal.pace` comes before it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from meetings import budgets
from meetings.network import source_of

ENTRANCE: Final = ("/m/", "/i/", "/whip/", "/whep/")
AT_A_TIME: Final = 1
"""Two would be done no sooner: both use the one interpreter, and media wait for each."""
TOO_MANY: Final = json.dumps(
    {
        "type": "about:blank",
        "title": "too_many",
        "status": 429,
        "code": "too_many",
        "detail": "Too many requests at once. Wait a moment, then try again.",
    }
).encode()
HEADERS: Final = [
    (b"content-type", b"application/problem+json"),
    (b"content-length", str(len(TOO_MANY)).encode()),
    (b"retry-after", b"1"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
]

Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class _Line:
    """Those of one address: `people` are answered or wait for their turn."""

    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_A_TIME))
    people: int = 0


class Turns:
    """Wraps the application that answers HTTP."""

    def __init__(self, application: Callable[..., Awaitable[None]]) -> None:
        self._application = application
        self._lines: dict[str, _Line] = {}

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        if not scope["path"].startswith(ENTRANCE):
            await self._application(scope, receive, send)
            return
        address = source_of(str((scope.get("client") or ("",))[0]))
        line = self._lines.setdefault(address, _Line())
        if line.people >= budgets.IN_LINE.most:
            await send({"type": "http.response.start", "status": 429, "headers": HEADERS})
            await send({"type": "http.response.body", "body": TOO_MANY})
            return
        line.people += 1
        try:
            async with line.turn:
                await self._application(scope, receive, send)
        finally:
            line.people -= 1
            if not line.people:
                del self._lines[address]
