"""The outermost ASGI layer of sockets: who may open one at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


async def nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuses the handshake; the client sees 403."""
    await receive()
    await send({"type": "websocket.close", "code": 4404})


class OriginRequired:
    """Lets a socket through only with exactly one Origin header that is one of ours.

    A browser always sends the page's origin, so another site's page can't use a visitor's cookies here
    (cross-site WebSocket hijacking). Programs must send it too: an absent header proves nothing.
    """

    def __init__(self, application: Application, origins: Iterable[str]) -> None:
        self.application = application
        self.origins = frozenset(origin.encode("ascii") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = [value for name, value in scope["headers"] if name == b"origin"]
        if len(given) != 1 or given[0].lower() not in self.origins:
            await nothing_here(scope, receive, send)
            return
        await self.application(scope, receive, send)
