"""The script in the README is a conference server. Two clients meet on it, from a process of their own."""

import asyncio
import contextlib
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import IsolatedAsyncioTestCase

from media_engine import Source, SubscribeOffer
from media_engine.tests.client import ClientTransport, answer_to, eventually, outline, publish_offer, vp8

README = Path(__file__).parents[1] / "README.md"
START_SECONDS = 20.0


def free_port(kind: int) -> int:
    """Below those that Linux gives to whoever connects: until it is bound, nobody is given it."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Caller:
    """A client that speaks the script's four messages."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, media_port: int) -> None:
        self.reader, self.writer = reader, writer
        self.publishing, self.subscribing = ClientTransport(media_port), ClientTransport(media_port)
        self.answer = ""
        self.offers = 0
        writer.write(name.encode() + b"\n")
        self.task = asyncio.get_running_loop().create_task(self._listen())

    def say(self, **message: Any) -> None:
        self.writer.write(json.dumps(message).encode() + b"\n")

    async def _listen(self) -> None:
        async for line in self.reader:
            message = json.loads(line)
            if "answer" in message:
                self.answer = message["answer"]
                continue
            offer = SubscribeOffer("room", "", message["offer"], message["sdp"], ())
            first = not self.subscribing.remote_ufrag
            self.subscribing.follow(offer.sdp)
            self.say(offer=offer.offer_id, sdp=answer_to(offer.sdp, self.subscribing))
            self.offers += 1
            if first:
                await self.subscribing.connect()

    async def publish(self) -> None:
        sources = {"0": Source.MICROPHONE, "1": Source.CAMERA}
        self.say(sdp=publish_offer(self.publishing, sources), sources=sources)
        await eventually(lambda: self.answer, "no answer to an offer")
        self.publishing.follow(self.answer)
        await self.publishing.connect()

    async def close(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task
        await self.publishing.close()
        await self.subscribing.close()


class ReadmeTests(IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        code = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
        assert code is not None
        self.port, self.media_port = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
        folder = self.enterContext(tempfile.TemporaryDirectory())
        script = Path(folder) / "conference.py"
        script.write_text(code[1].replace("asyncio.run(main())", f"asyncio.run(main({self.port}, {self.media_port}))"))
        self.process = subprocess.Popen(
            [sys.executable, str(script)], env={"PYTHONPATH": str(README.parents[1])}, stderr=subprocess.PIPE
        )
        self.callers: list[Caller] = []
        self.addCleanup(self.end)

    def end(self) -> None:
        self.process.kill()
        _, told = self.process.communicate()
        # Not before: what one who goes has not read yet would be a connection that was reset, to the other end.
        for caller in self.callers:
            caller.writer.close()
        self.assertNotIn(b"Traceback", told or b"")

    async def call(self, name: str) -> Caller:
        async with asyncio.timeout(START_SECONDS):
            while True:
                with contextlib.suppress(ConnectionRefusedError):
                    ends = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 17)
                    break
                await asyncio.sleep(0.05)
        caller = Caller(name, *ends, self.media_port)
        self.callers.append(caller)
        self.addAsyncCleanup(caller.close)
        return caller

    async def test_two_who_come_see_each_other(self) -> None:
        anna, ben = await self.call("anna"), await self.call("ben")
        await anna.publish()
        await ben.publish()
        head = bytes.fromhex("8060") + bytes(6)

        def show(who: Caller, number: int) -> None:
            picture = vp8(b"%d" % number, number, key=True)
            who.publishing.send(head[:2] + number.to_bytes(2, "big") + bytes(4) + (2001).to_bytes(4, "big") + picture)

        def seen(by: Caller) -> list[bytes]:
            return [payload for header, payload in map(outline, by.subscribing.received) if header.payload_type == 96]

        number = 1
        while not (seen(anna) and seen(ben)):
            self.assertLess(number, 1000, "nobody sees anybody")
            show(anna, number)
            show(ben, number)
            number += 1
            await asyncio.sleep(0.01)
