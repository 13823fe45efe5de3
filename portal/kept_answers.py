"""Answers for static files, each made once: while the process runs they don't change, and a page is a hundred of them.

What Django does for one (its handler, its signals in a thread, its middlewares) is most of what the answer costs, and
media wait for the same interpreter. Knows ASGI alone: an answer is kept as it was first given, with its headers, if it
says of itself that it never changes.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Name = tuple[object, ...]

_ENCODINGS: Final = (b"zstd", b"br", b"gzip")
_PLAIN_LIST: Final = re.compile(rb"[a-z0-9, -]*")
"""Encodings that somebody takes, as browsers name them: what can be read in one way only. All else Django weighs."""
_FOR_THEM_ALONE: Final = (b"range", b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since")
"""Requests with one of these are about something else than the whole file."""


class KeptAnswers:
    """Wraps the application that answers HTTP. Keeps what it says to plain GET requests below `prefix`."""

    def __init__(self, application: Callable[..., Awaitable[None]], prefix: str) -> None:
        self._application = application
        self._prefix = prefix
        self._kept: dict[Name, tuple[Message, Message]] = {}

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        name = self._name(scope)
        if name is None:
            await self._application(scope, receive, send)
            return
        kept = self._kept.get(name)
        if kept is None:
            given: list[Message] = []

            async def note(message: Message) -> None:
                given.append(message)
                await send(message)

            await self._application(scope, receive, note)
            self._keep(name, given)
            return
        for message in kept:
            await send(message)

    def _name(self, scope: dict[str, Any]) -> Name | None:
        """What two requests have in common that get the same answer; None where that is no answer to keep."""
        if scope["method"] != "GET" or scope["query_string"] or not scope["path"].startswith(self._prefix):
            return None
        headers = scope["headers"]
        listed = b",".join(value for header, value in headers if header == b"accept-encoding")
        if not _PLAIN_LIST.fullmatch(listed) or any(header in _FOR_THEM_ALONE for header, _ in headers):
            return None
        accepted = {encoding.strip() for encoding in listed.split(b",")}
        return scope["path"], scope.get("scheme"), *(encoding in accepted for encoding in _ENCODINGS)

    def _keep(self, name: Name, given: list[Message]) -> None:
        start, *parts = given or [{}]
        headers = {header.lower(): value for header, value in start.get("headers", ())}
        body = b"".join(part.get("body", b"") for part in parts)
        # A file may be written anew while it is read: by another process that starts and collects them.
        is_whole = bool(parts) and headers.get(b"content-length") == str(len(body)).encode()
        is_for_all = b"immutable" in headers.get(b"cache-control", b"")
        if start.get("status") == 200 and is_whole and is_for_all:
            self._kept[name] = (start, {"type": "http.response.body", "body": body})
