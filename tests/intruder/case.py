"""What intruder tests of the running server share: one server for all, a meeting and a network for each."""

from __future__ import annotations

import secrets
import unittest
from typing import ClassVar

import pytest

from tests.support.client import Client, Json, Socket
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
