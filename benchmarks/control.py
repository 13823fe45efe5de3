"""Drives `benchmarks.server` from the generator's process, and participants through it.

`Server` is the subprocess and its command channel; `Room` brings clients into one of its sessions
and carries descriptions between them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sys
from pathlib import Path
from typing import IO, Any, Self

from benchmarks import process
from tests.support.rtc_client import Client

ROOT = Path(__file__).resolve().parent.parent
CALL_SECONDS = 20.0


class Server:
    """The engine in a process of its own. Use as an async context manager."""

    address = "127.0.0.1"

    def __init__(self, *command: str, log: IO[bytes] | None = None, **environment: str) -> None:
        self.command = command
        self._environment = os.environ | process.AS_RUN_STARTS_IT | {"MEDIA_ENGINE_COMPILED": "no"} | environment
        self.log = log  # where the server's standard error goes; None: where ours goes
        self.on_event: dict[str, Any] = {}
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *process.pinned([sys.executable, "-m", *self.command]),
            cwd=ROOT,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self.log,
            limit=1 << 22,
        )
        self.pid = self._process.pid
        self._reading = asyncio.create_task(self._read())
        async with asyncio.timeout(CALL_SECONDS):
            await self._ready
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading

    async def call(self, do: str, **arguments: Any) -> Any:
        """One command and its result. Raises RuntimeError with the server's error code."""
        assert self._process.stdin is not None
        number = next(self._numbers)
        waiter = self._waiting[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"id": number, "do": do, "with": arguments}) + "\n"
        self._process.stdin.write(line.encode())
        async with asyncio.timeout(CALL_SECONDS):
            return await waiter

    def room(self, name: str) -> Room:
        """A session of the engine; see `benchmarks.load.MediaServer`."""
        return Room(self, name)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            if "id" in message:
                waiter = self._waiting.pop(message["id"])
                if waiter.done():
                    continue
                if "error" in message:
                    waiter.set_exception(RuntimeError(f"{message['error']}: {message['message']}"))
                else:
                    waiter.set_result(message["result"])
            elif message["event"] == "Ready":
                self._ready.set_result(None)
            elif message.get("session_id") in self.on_event:
                self.on_event[message["session_id"]](message)
        gone = ConnectionError("the server under test ended")
        for waiter in [*self._waiting.values(), self._ready]:
            if not waiter.done():
                waiter.set_exception(gone)


class Room:
    """One session of the server and the clients in it. Every offer of the server is answered."""

    def __init__(self, server: Server, session: str) -> None:
        self.server = server
        self.session = session
        self.clients: dict[str, Client] = {}
        self._answering: set[asyncio.Task[None]] = set()
        server.on_event[session] = self._take_event

    async def enter(self, client: Client, *sources: str, subscribe: bool = True) -> Client:
        """Brings the client in; its publish transport is connected when this returns."""
        self.clients[client.peer] = client
        here = {"session": self.session, "peer": client.peer}
        await self.server.call("grant", **here, publish=list(sources), subscribe=subscribe)
        if sources:
            await self._publish(client, *sources)
        if subscribe:
            await self.server.call("open_subscribe", **here)
        return client

    async def seal(self) -> None:
        await self.server.call("seal", session=self.session)

    async def settle(self) -> None:
        """Nothing to do: the engine offers what there is by itself."""

    async def _publish(self, client: Client, *sources: str) -> None:
        sdp, mids = client.offer_publish(*sources)
        answer = await self.server.call("answer_publish", session=self.session, peer=client.peer, sdp=sdp, sources=mids)
        client.accept_publish_answer(answer)
        assert client.publish is not None
        await client.publish.connected()

    async def close(self) -> None:
        for client in self.clients.values():
            client.close(politely=False)
        await self.server.call("close_session", session=self.session)
        self.server.on_event.pop(self.session, None)

    def _take_event(self, message: dict[str, Any]) -> None:
        if message["event"] == "SubscribeOffer" and message["peer_id"] in self.clients:
            task = asyncio.create_task(self._answer(message))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, message: dict[str, Any]) -> None:
        answer = self.clients[message["peer_id"]].answer_subscribe(message["sdp"])
        await self.server.call(
            "accept_answer",
            session=self.session,
            peer=message["peer_id"],
            offer_id=message["offer_id"],
            sdp=answer,
        )
