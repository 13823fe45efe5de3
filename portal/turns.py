"""Takes requests to the entrance by turns: one of each address at a time, so that a flood of them is only a queue.

Strangers may ask there, and an answer costs the database and the interpreter that media need too. Whoever asks faster
than they are answered waits behind themselves. Knows ASGI alone; `portal.pace` comes before it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any, Final

from meetings import budgets
from meetings.network import site_of, source_of
from meetings.signaling.rates import AddressCounts

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


class Turns:
    """Wraps the application that answers HTTP. A /48 of IPv6 is ten addresses at most, however many it has."""

    def __init__(self, application: Callable[..., Awaitable[None]]) -> None:
        self._application = application
        self._people = AddressCounts()
        """Who is answered or waits for their turn."""
        self._lines: dict[str, asyncio.Semaphore] = {}

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        if not scope["path"].startswith(ENTRANCE):
            await self._application(scope, receive, send)
            return
        address = source_of(str((scope.get("client") or ("",))[0]))
        site = site_of(address)
        if not self._people.has_room(address, budgets.IN_LINE.most):
            await send({"type": "http.response.start", "status": 429, "headers": HEADERS})
            await send({"type": "http.response.body", "body": TOO_MANY})
            return
        self._people.come(address)
        line = self._line(address, AT_A_TIME)
        # After their own line: whoever still stands in that one takes up no turn of their neighbours.
        line_of_site = self._line(site, AT_A_TIME * budgets.OF_A_SITE) if site else nullcontext()
        try:
            async with line, line_of_site:
                await self._application(scope, receive, send)
        finally:
            self._people.go(address)
            for key in (address, site):
                if not self._people[key]:
                    self._lines.pop(key, None)

    def _line(self, key: str, at_a_time: int) -> asyncio.Semaphore:
        return self._lines.setdefault(key, asyncio.Semaphore(at_a_time))
