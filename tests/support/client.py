"""A participant without a browser, written from docs/protocol.md alone: arrives over HTTP, then speaks over the socket.

Uses the standard library and `websockets`. Knows nothing of the server's code, so what works here works for anybody.
Every wait has a deadline; nothing sleeps.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import secrets
import socket
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

Json = dict[str, Any]
SECONDS = 20.0
_TELLING = ("type", "reason", "code", "state", "status")
"""Of a message: what it is, without what it holds."""


class DeviceKey:
    """An ECDSA P-256 key as every client keeps one."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def jwk(self) -> Json:
        numbers = self._key.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": _b64(numbers.x.to_bytes(32)), "y": _b64(numbers.y.to_bytes(32))}

    def prove(self, code: str, *, at: int | None = None, nonce: str | None = None) -> Json:
        at = int(time.time()) if at is None else at
        nonce = secrets.token_urlsafe(16) if nonce is None else nonce
        signed = f"lintel-arrive-1\n{code}\n{at}\n{nonce}".encode()
        r, s = decode_dss_signature(self._key.sign(signed, ec.ECDSA(hashes.SHA256())))
        return {"at": at, "nonce": nonce, "signature": _b64(r.to_bytes(32) + s.to_bytes(32))}


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.body)
        return found


class Refused(Exception):
    """The server answered a message with `error`."""

    def __init__(self, error: Json) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.error = error
        self.code: str = error["code"]


class Closed(Exception):
    """The socket is closed; `code` says why."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


@dataclass
class Client:
    """One browser profile: cookies and a device key. `base` is like "http://127.0.0.1:8000".

    `address` is where it comes from: any of 127.0.0.0/8, so that a test can have networks of its own.
    """

    base: str
    address: str = "127.0.0.1"
    device: DeviceKey = field(default_factory=DeviceKey)
    cookies: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return self.base

    def cookie_header(self, path: str) -> str:
        sent = {key: value for key, (value, scope) in self.cookies.items() if path.startswith(scope)}
        return "; ".join(f"{key.split('|')[0]}={value}" for key, value in sent.items())

    def cookie(self, name: str) -> str:
        return next((value for key, (value, _) in self.cookies.items() if key.split("|")[0] == name), "")

    async def request(self, method: str, path: str, body: bytes | None = None, headers: Json | None = None) -> Answer:
        """One HTTP request, redirects not followed."""
        return await asyncio.to_thread(self._request, method, path, body, dict(headers or {}))

    def _request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        where = urllib.parse.urlsplit(self.base)
        connection = http.client.HTTPConnection(
            where.hostname or "", where.port, timeout=SECONDS, source_address=(self.address, 0)
        )
        cookies = self.cookie_header(path)
        if cookies:
            headers.setdefault("Cookie", cookies)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            for line in response.headers.get_all("Set-Cookie") or []:
                self._keep(line)
            return Answer(response.status, dict(response.headers.items()), response.read())
        finally:
            connection.close()

    def _keep(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            scope = morsel["path"] or "/"
            self.cookies[f"{name}|{scope}"] = (morsel.value, scope)

    async def get(self, path: str) -> Answer:
        return await self.request("GET", path)

    async def post(self, path: str, body: Json | bytes, **headers: str) -> Answer:
        """A JSON request with Origin and CSRF token; give a header to replace it, or as "" to leave it out."""
        csrf = self.cookie("lintel-csrf") or self.cookie("__Host-lintel-csrf")
        sent = {"Content-Type": "application/json", "Origin": self.origin, "X-CSRFToken": csrf}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.request("POST", path, data, {name: value for name, value in sent.items() if value})

    async def sign_in(self, email: str, password: str) -> None:
        await self.get("/sign-in/")
        form = {"login": email, "password": password, "csrfmiddlewaretoken": self.cookie("lintel-csrf")}
        answer = await self.request(
            "POST",
            "/sign-in/",
            urllib.parse.urlencode(form).encode(),
            {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.origin},
        )
        if answer.status != 302:
            raise AssertionError(f"sign-in answered {answer.status}")

    async def open_link(self, link: str) -> str:
        """Fetches a personal link and the page behind it; returns the code of the meeting it leads to."""
        answer = await self.get(urllib.parse.urlsplit(link).path)
        target = answer.headers["Location"]
        await self.get(target)
        return target.removeprefix("/m/")

    async def arrive(self, code: str, name: str = "", **more: Any) -> Answer:
        """Join or Knock. `more` replaces fields of the request."""
        if not self.cookie("lintel-csrf"):
            await self.get(f"/m/{code}")
        body: Json = {"name": name, "device": self.device.jwk, "proof": self.device.prove(code)} | more
        return await self.post(f"/m/{code}/arrive", {key: value for key, value in body.items() if value is not None})

    async def look(self, code: str) -> Answer:
        if not self.cookie("lintel-csrf"):
            await self.get(f"/m/{code}")
        return await self.post(f"/m/{code}/look", {"device": self.device.jwk, "proof": self.device.prove(code)})

    async def open_socket(
        self, url: str | None = None, *, origin: str | None = "", cookies: str | None = None
    ) -> Socket:
        """Opens the socket and says nothing yet."""
        where = url or self.base.replace("http", "ws", 1) + "/ws/room"
        headers = {"Cookie": self.cookie_header("/ws/room") if cookies is None else cookies}
        sent_origin = Origin(self.origin) if origin == "" else Origin(origin) if origin is not None else None
        connection = await connect(
            where, local_addr=(self.address, 0), additional_headers=headers, origin=sent_origin, max_size=2**20
        )
        return Socket(connection)

    async def join(self, code: str, name: str = "") -> Socket:
        """Arrives and says hello; the first message is there when this returns: `room`, `door` or `refused`."""
        answer = (await self.arrive(code, name)).json
        if "ticket" not in answer:
            raise AssertionError(f"the door said {answer}")
        socket = await self.open_socket(answer["socket"])
        await socket.send("hello", protocol=1, ticket=answer["ticket"])
        await socket.until(lambda message: message["type"] in {"room", "door", "refused"})
        return socket


class Socket:
    """The socket of one participant: keeps every message, so that a test can ask for what came and what did not."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())
        self._number = 0
        self.messages: list[Json] = []
        self.close_code: int | None = None

    async def _read(self) -> None:
        try:
            async for frame in self._connection:
                async with self._news:
                    self.messages.append(json.loads(frame))
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        async with self._news:
            self.close_code = self._connection.close_code or 1006
            self._news.notify_all()

    async def send(self, kind: str, **fields: Any) -> None:
        await self.send_raw(json.dumps({"type": kind, **fields}))

    async def send_raw(self, frame: str | bytes) -> None:
        try:
            await self._connection.send(frame)
        except ConnectionClosed:
            raise Closed(await self.closed()) from None

    async def ask(self, kind: str, **fields: Any) -> Json:
        """Sends a message with an id and returns its `ok`; raises `Refused` or `Closed`."""
        self._number += 1
        message_id = str(self._number)
        await self.send(kind, id=message_id, **fields)
        answer = await self.until(lambda message: message.get("id") == message_id)
        if answer["type"] == "error":
            raise Refused(answer)
        return answer

    async def until(self, fits: Callable[[Json], bool], seconds: float = SECONDS) -> Json:
        """Returns the first message, also of those that came before, that fits."""
        seen = 0

        def found() -> bool:
            nonlocal seen
            while seen < len(self.messages):
                if fits(self.messages[seen]):
                    return True
                seen += 1
            return self.close_code is not None

        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(found)
        except TimeoutError:
            came = [{key: message[key] for key in _TELLING if key in message} for message in self.messages[-8:]]
            raise TimeoutError(f"nothing that fits within {seconds:.0f} s; what came last: {came}") from None
        if seen >= len(self.messages):
            raise Closed(self.close_code or 1006)
        return self.messages[seen]

    async def message(self, kind: str, **fields: Any) -> Json:
        """Returns the first message of this type that has these fields."""
        return await self.until(lambda m: m["type"] == kind and all(m.get(k) == v for k, v in fields.items()))

    def count(self, kind: str) -> int:
        return sum(message["type"] == kind for message in self.messages)

    async def closed(self, seconds: float = SECONDS) -> int:
        """Waits until the socket is closed and returns the code."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: self.close_code is not None)
        return self.close_code or 1006

    def stop_reading(self) -> None:
        """Takes nothing more from the network, as a stalled or hostile client does; the connection stays."""
        transport = self._connection.transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        transport.pause_reading()

    async def cut(self) -> None:
        """Drops the connection without a word, as a lost network does."""
        self._connection.transport.abort()
        await self.closed()

    async def close(self) -> None:
        await self._connection.close()
        await self._reader
