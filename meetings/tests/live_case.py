"""Builders for tests of live meetings: people, a meeting, a running `Live` with a real engine, and sockets into it."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.testing import WebsocketCommunicator
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from django.contrib.auth import get_user_model
from django.test import AsyncClient, TestCase
from django.utils import timezone

from media_engine import EngineConfig
from meetings import codes
from meetings.consumers import RoomConsumer
from meetings.live import Live
from meetings.models import Invitation, InvitationToken, Meeting, Occurrence

Json = dict[str, Any]


def make_user(name: str, **fields: Any) -> Any:
    email = f"{name.split(maxsplit=1)[0].lower()}@nordhavn.example"
    return get_user_model().objects.create_user(email, name, "correct horse battery", **fields)


def make_meeting(host: Any, **rules: Any) -> Occurrence:
    """A meeting that starts now, with the preset "Guests knock" unless told otherwise."""
    now = timezone.now()
    meeting = Meeting.objects.create(
        code=codes.new_meeting_code(),
        title="Trial safety board",
        created_by=host,
        time_zone="Europe/Oslo",
        duration_minutes=60,
        **rules,
    )
    meeting.hosts.add(host)
    return Occurrence.objects.create(meeting=meeting, starts_at=now, ends_at=now + timedelta(hours=1))


def make_link(occurrence: Occurrence, email: str, **fields: Any) -> tuple[Invitation, str]:
    """An invitation and the secret of one personal link of it."""
    invitation = Invitation.objects.create(occurrence=occurrence, email=email, **fields)
    secret = codes.new_secret()
    InvitationToken.objects.create(invitation=invitation, digest=codes.digest(secret))
    return invitation, secret


@asynccontextmanager
async def running_live() -> AsyncIterator[Live]:
    live = Live(EngineConfig(port=0), database_threads=0)
    await live.start()
    try:
        yield live
    finally:
        await live.aclose()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk_of(key: ec.EllipticCurvePrivateKey) -> Json:
    numbers = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": _b64(numbers.x.to_bytes(32)), "y": _b64(numbers.y.to_bytes(32))}


class _Http(AsyncClient):
    """Django's client, coming from an address of its own and held to CSRF."""

    def __init__(self, address: str) -> None:
        super().__init__(enforce_csrf_checks=True)
        self.address = address

    def _base_scope(self, **request: Any) -> Json:
        scope: Json = super()._base_scope(**request)
        return {**scope, "client": [self.address, 50000]}


class Browser:
    """One browser profile: cookies, a device key, and a network of its own."""

    def __init__(self, live: Live, *, network: str = "127.0.0.1") -> None:
        self.live = live
        self.http = _Http(network)
        self.address = network
        self.key = ec.generate_private_key(ec.SECP256R1())

    async def sign_in(self, user: Any) -> Browser:
        await self.http.aforce_login(user)
        return self

    @property
    def jwk(self) -> Json:
        return jwk_of(self.key)

    def prove(self, code: str, *, at: int | None = None, nonce: str | None = None) -> Json:
        at = int(time.time()) if at is None else at
        nonce = nonce or secrets.token_urlsafe(16)
        signed = f"lintel-arrive-1\n{code}\n{at}\n{nonce}".encode()
        r, s = decode_dss_signature(self.key.sign(signed, ec.ECDSA(hashes.SHA256())))
        return {"at": at, "nonce": nonce, "signature": _b64(r.to_bytes(32) + s.to_bytes(32))}

    async def page(self, code: str) -> Any:
        return await self.http.get(f"/m/{code}")

    async def open_link(self, secret: str) -> Any:
        return await self.http.get(f"/i/{secret}")

    async def post(self, path: str, body: Any, **headers: Any) -> Any:
        csrf = self.http.cookies.get("lintel-csrf")
        sent = {"Origin": "http://testserver", "X-CSRFToken": csrf.value if csrf else ""} | headers
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        return await self.http.post(
            path,
            data,
            content_type="application/json",
            headers={name: value for name, value in sent.items() if value is not None},
        )

    async def arrive(self, code: str, name: str = "", **more: Any) -> Json:
        """The answer to Join or Knock, or the problem document."""
        if "lintel-csrf" not in self.http.cookies:
            await self.page(code)
        body = {"name": name, "device": self.jwk, "proof": self.prove(code)} | more
        answer: Json = (await self.post(f"/m/{code}/arrive", body)).json()
        return answer

    async def look(self, code: str) -> Json:
        """What the door would say, as the page asks when it opens."""
        if "lintel-csrf" not in self.http.cookies:
            await self.page(code)
        answer: Json = (await self.post(f"/m/{code}/look", {"device": self.jwk, "proof": self.prove(code)})).json()
        return answer

    async def socket(self) -> Talk:
        """Opens the socket and says nothing yet."""
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in self.http.cookies.items())
        application = AuthMiddlewareStack(RoomConsumer.as_asgi(live=self.live))
        communicator = WebsocketCommunicator(application, "/ws/room", headers=[(b"cookie", cookies.encode())])
        communicator.scope["client"] = [self.address, 50000]
        connected, _ = await communicator.connect(timeout=20)
        assert connected
        return Talk(communicator)

    async def join(self, code: str, name: str = "") -> Talk:
        """Arrives and says hello; what the server says to that is still to be read."""
        answer = await self.arrive(code, name)
        assert "ticket" in answer, answer
        talk = await self.socket()
        await talk.send("hello", protocol=1, ticket=answer["ticket"])
        return talk


class Talk:
    """A socket's two directions. Messages that a test does not ask for are kept in `heard`."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self.communicator = communicator
        self.heard: list[Json] = []
        self.code: int | None = None
        self._number = 0

    async def send(self, kind: str, **fields: Any) -> None:
        await self.communicator.send_to(text_data=json.dumps({"type": kind, **fields}))

    async def hear(self) -> Json | None:
        """The next message, whatever it is; None when the socket is closed, and then `code` says why."""
        event = await self.communicator.receive_output(timeout=20)
        if event["type"] == "websocket.close":
            self.code = event["code"]
            return None
        message: Json = json.loads(event["text"])
        self.heard.append(message)
        return message

    async def message(self, kind: str, **fields: Any) -> Json:
        """The next message of this type with these fields."""
        while (found := await self.hear()) is not None:
            if found["type"] == kind and all(found.get(name) == value for name, value in fields.items()):
                return found
        raise AssertionError(f"closed with {self.code} before {kind}; heard {[m['type'] for m in self.heard]}")

    def last(self, kind: str) -> Json:
        """The newest message of this type among those that were read already."""
        return next(message for message in reversed(self.heard) if message["type"] == kind)

    async def ask(self, kind: str, **fields: Any) -> Json:
        """The `ok` or `error` to a message."""
        self._number += 1
        number = str(self._number)
        await self.send(kind, id=number, **fields)
        while (found := await self.hear()) is not None:
            if found.get("id") == number:
                return found
        raise AssertionError(f"closed with {self.code} before the answer to {kind}")

    async def closed(self) -> int:
        while self.code is None:
            await self.hear()
        return self.code

    async def cut(self) -> None:
        await self.communicator.disconnect()


class LiveCase(TestCase):
    """A host and a meeting. Tests open `running_live` themselves: it belongs to their loop."""

    def setUp(self) -> None:
        self.host = make_user("Ingrid Sæther")
        self.occurrence = make_meeting(self.host, **self.rules())
        self.code = self.occurrence.meeting.code
        self.id = str(self.occurrence.pk)

    def rules(self) -> Json:
        return {"door_anyone": "knocks"}

    async def host_inside(self, live: Live) -> Talk:
        browser = await Browser(live).sign_in(self.host)
        talk = await browser.join(self.code)
        await talk.message("room")
        return talk

    async def refresh(self) -> Occurrence:
        await sync_to_async(self.occurrence.refresh_from_db)()
        return self.occurrence
