"""One network that knocks without end: so many requests a second to the door, each with a key and a proof of its own.

Run with the server's address, the code, requests a second, seconds, the address to come from. Prints how many answers
of which kind there were, as JSON. It goes on sending when answers are late: that is what a flood does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from urllib.parse import urlsplit

from tests.support.client import Client, DeviceKey

CONNECTIONS = 200
KEYS = 50


class Knocker:
    """Sends knocks over kept connections, as many at once as there are connections."""

    def __init__(self, browser: Client, code: str) -> None:
        self.browser = browser
        self.code = code
        self.keys = [DeviceKey() for _ in range(KEYS)]
        self.answers: Counter[str] = Counter()
        self.due: asyncio.Queue[int] = asyncio.Queue(CONNECTIONS)

    def request(self, number: int) -> bytes:
        key = self.keys[number % KEYS]
        body = json.dumps({"name": f"Knocker {number}", "device": key.jwk, "proof": key.prove(self.code)}).encode()
        path = f"/m/{self.code}/arrive"
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {urlsplit(self.browser.base).netloc}\r\nOrigin: {self.browser.origin}\r\n"
            f"Cookie: {self.browser.cookie_header(path)}\r\nX-CSRFToken: {self.browser.cookie('lintel-csrf')}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def connection(self) -> None:
        """Knocks whenever it is due; a connection that the server closes is opened again."""
        where = urlsplit(self.browser.base)
        while True:
            try:
                reader, writer = await asyncio.open_connection(
                    where.hostname, where.port, local_addr=(self.browser.address, 0)
                )
                while True:
                    writer.write(self.request(await self.due.get()))
                    self.answers[await read_answer(reader)] += 1
            except (OSError, asyncio.IncompleteReadError):
                self.answers["closed"] += 1

    async def knock(self, per_second: float, seconds: float) -> None:
        connections = [asyncio.create_task(self.connection()) for _ in range(CONNECTIONS)]
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number in range(int(per_second * seconds)):
            await asyncio.sleep(max(0.0, begun + number / per_second - loop.time()))
            try:
                self.due.put_nowait(number)
            except asyncio.QueueFull:
                self.answers["not sent: all connections wait for an answer"] += 1
        for connection in connections:
            connection.cancel()


async def read_answer(reader: asyncio.StreamReader) -> str:
    """Reads one HTTP answer whole; its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    await reader.readexactly(next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0))
    return head.split(b" ", 2)[1].decode()


async def main() -> None:
    base, code, per_second, seconds, address = sys.argv[1:]
    browser = Client(base, address)
    await browser.get(f"/m/{code}")
    knocker = Knocker(browser, code)
    await knocker.knock(float(per_second), float(seconds))
    sys.stdout.write(json.dumps(knocker.answers) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
