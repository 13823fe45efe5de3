"""What intruder tests of the running server share: one server for all, a meeting and a network for each."""

from __future__ import annotations

import secrets
import unittest
import urllib.parse
from typing import ClassVar

import pytest

from meetings.tests.answering_service import Service
from tests.support.client import Answer, Client, Json, Socket
from tests.support.portal import PASSWORD, Portal

HOST = "ingrid@nordhavn.example"
COLLEAGUE = "marcus@nordhavn.example"
TITLE = "Trial safety board"


@pytest.mark.usefixtures("portal_of_class")
class IntruderCase(unittest.IsolatedAsyncioTestCase):
    """Every test has a meeting and a network of its own; the server is shared."""

    portal: ClassVar[Portal]

    async def asyncSetUp(self) -> None:
        self.sockets: list[Socket] = []
        self.addAsyncCleanup(self.close_sockets)
        # A network of its own for each test: the server's budgets are per network.
        self.network = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}"

    async def close_sockets(self) -> None:
        for socket in self.sockets:
            await socket.close()

    def client(self) -> Client:
        return self.portal.client(f"{self.network}.7")

    async def join(self, client: Client, code: str, name: str = "") -> Socket:
        socket = await client.join(code, name)
        self.sockets.append(socket)
        return socket

    async def open(self, client: Client, cookies: str | None = None) -> Socket:
        """A socket over which nothing has been said yet."""
        socket = await client.open_socket(cookies=cookies)
        self.sockets.append(socket)
        return socket

    async def host_inside(self, meeting: Json) -> Socket:
        client = self.client()
        await client.sign_in(HOST, PASSWORD)
        return await self.join(client, meeting["code"])

    async def guest_with_link(self, meeting: Json, email: str = "peter@medreg.example") -> tuple[Client, str]:
        invitation = await self.portal.invite(HOST, meeting, email)
        client = self.client()
        await client.open_link(invitation["join_url"])
        return client, invitation["join_url"]

    async def let_in(self, host: Socket, guest: Socket) -> str:
        """The host lets in who waits on this socket; returns their id."""
        who: str = (await guest.message("door"))["participant"]
        await host.ask("door.admit", participant=who)
        await guest.message("room")
        return who


@pytest.mark.usefixtures("asking_portal_of_class")
class AskingCase(unittest.IsolatedAsyncioTestCase):
    """The server of an organisation that asks an authorization service, which says yes unless a test says otherwise.
    `secret` is what both sign with.
    """

    portal: ClassVar[Portal]
    services: ClassVar[list[Service]]
    secret: ClassVar[str]

    async def asyncSetUp(self) -> None:
        self.sockets: list[Socket] = []
        self.addAsyncCleanup(self.close_sockets)
        self.network = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}"
        self.service = self.services.pop()
        self.admin = self.portal.client(f"{self.network}.7")
        await self.admin.sign_in(HOST, PASSWORD)
        self.assertEqual((await self.set_service(self.service.url)).status, 302)
        self.meeting = await self.portal.schedule(HOST, door="anyone_with_link")
        self.host = await self.join(self.admin)
        await self.host.message("room")

    async def set_service(self, url: str) -> Answer:
        """What the administrator's form answers to this address."""
        form = {"is_on": "on", "url": url, "profile": "signed", "names": "opaque", "lease_seconds": "120"}
        if not self.admin.cookie("lintel-csrf"):
            await self.admin.get("/organisation/authorization/")
        return await self.send_form("/organisation/authorization/", form)

    async def send_form(self, path: str, form: dict[str, str]) -> Answer:
        """A form of the administrator's pages, as their browser sends it."""
        body = urllib.parse.urlencode(form | {"csrfmiddlewaretoken": self.admin.cookie("lintel-csrf")}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.admin.base}
        return await self.admin.request("POST", path, body, headers)

    async def close_sockets(self) -> None:
        for socket in self.sockets:
            await socket.close()

    async def join(self, client: Client, name: str = "", **more: str) -> Socket:
        answer = (await client.arrive(self.meeting["code"], name, **more)).json
        socket = await client.open_socket(answer["socket"])
        self.sockets.append(socket)
        await socket.send("hello", protocol=1, ticket=answer["ticket"])
        return socket

    async def guest(self, name: str = "Peter", **more: str) -> Socket:
        """Somebody who walks in with the meeting's link, as far as the service agrees."""
        return await self.join(self.portal.client(f"{self.network}.8"), name, **more)
