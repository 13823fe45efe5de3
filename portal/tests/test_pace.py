"""Whoever sends faster than they are listened to waits behind themselves, and nobody else does."""

from __future__ import annotations

import asyncio
import math
from types import SimpleNamespace
from typing import Any

from twisted.internet.testing import StringTransport

from meetings import budgets
from meetings.budgets import Rate
from portal.guards import GuardedHTTPFactory, Limits
from portal.pace import MOST_SECONDS, REFUSED_COUNTS, Pace
from portal.turns import AT_A_TIME, Turns

SERVER = SimpleNamespace(protocol_connected=lambda _: None, protocol_disconnected=lambda _: None)
FLOODER, NEIGHBOUR = "203.0.113.5", "198.51.100.7"


def test_beyond_the_pace_each_waits_longer_and_nobody_elsewhere_waits() -> None:
    pace = Pace(Rate(10, 3))
    waits = [pace.seconds_to_wait(FLOODER, 100.0) for _ in range(6)]
    assert [round(wait, 6) for wait in waits] == [0, 0, 0, 0.1, 0.2, 0.3]
    assert pace.seconds_to_wait(NEIGHBOUR, 100.0) == 0
    assert pace.seconds_to_wait(FLOODER, 101.0) == 0


def test_all_addresses_of_a_site_are_read_as_ten_are() -> None:
    pace = Pace(Rate(10, 3))
    waits = [pace.seconds_to_wait(f"2001:db8:1:{number:x}::/64", 100.0) for number in range(35)]
    assert [round(wait, 6) for wait in waits] == [0] * 30 + [0.01, 0.02, 0.03, 0.04, 0.05]
    assert pace.seconds_to_wait("2001:db8:2::/64", 100.0) == 0


def test_who_was_refused_is_listened_to_ten_times_as_seldom() -> None:
    pace = Pace(Rate(10, 1))
    assert pace.seconds_to_wait(FLOODER, 100.0) == 0
    pace.was_refused(FLOODER, 100.0)
    assert round(pace.seconds_to_wait(FLOODER, 100.0), 6) == REFUSED_COUNTS / 10


def test_nobody_makes_others_of_the_address_wait_without_end() -> None:
    pace = Pace(Rate(10, 1))
    waits = [pace.seconds_to_wait(FLOODER, 100.0) for _ in range(10_000)]
    assert waits[-1] == math.inf
    assert max(wait for wait in waits if wait != math.inf) <= MOST_SECONDS
    assert pace.seconds_to_wait(FLOODER, 102.0) < MOST_SECONDS


def channel_of(factory: GuardedHTTPFactory, host: str) -> tuple[Any, StringTransport]:
    transport = StringTransport(peerAddress=SimpleNamespace(host=host))
    channel = factory.buildProtocol(transport.getPeer())
    channel.makeConnection(transport)
    return channel, transport


def test_what_comes_too_fast_is_left_in_the_network_until_its_time() -> None:
    factory = GuardedHTTPFactory(SERVER, Limits(requests=Rate(0.1, 1)), lambda host: host == NEIGHBOUR)
    first, transport = channel_of(factory, FLOODER)
    first.dataReceived(b"GET / HTTP/1.1\r\n")
    assert transport.producerState == "producing"
    second, transport = channel_of(factory, FLOODER)
    second.dataReceived(b"GET /m/ HT")
    second.dataReceived(b"TP/1.1\r\n")
    assert (transport.producerState, hasattr(second, "_path")) == ("paused", False)
    second._next.cancel()
    second._go_on()
    assert (transport.producerState, second._path) == ("producing", b"/m/")
    proxied, transport = channel_of(factory, NEIGHBOUR)
    proxied.dataReceived(b"GET / HTTP/1.1\r\n")
    proxied_too, transport = channel_of(factory, NEIGHBOUR)
    proxied_too.dataReceived(b"GET / HTTP/1.1\r\n")
    assert transport.producerState == "producing"
    for channel in (first, second, proxied, proxied_too):
        channel.connectionLost(None)


class Entrance:
    """An application that answers when it is told to, behind turns."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let_go = asyncio.Event()
        self.statuses: list[int] = []
        self.turns = Turns(self.answer)

    async def answer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.asked.append(scope["name"])
        await self.let_go.wait()
        await send({"type": "http.response.start", "status": 200})

    async def send(self, message: dict[str, Any]) -> None:
        if "status" in message:
            self.statuses.append(message["status"])

    def ask(self, name: str, address: str = FLOODER, path: str = "/m/a747-m759-925r") -> asyncio.Task[None]:
        async def receive() -> None: ...

        scope = {"path": path, "client": [address, 1], "name": name}
        return asyncio.ensure_future(self.turns(scope, receive, self.send))


async def _come(entrance: Entrance) -> None:
    line = [entrance.ask(str(number)) for number in range(budgets.IN_LINE.most)]
    await asyncio.sleep(0)
    assert entrance.asked == [str(number) for number in range(AT_A_TIME)]
    await entrance.ask("one too many")
    assert entrance.statuses == [429]
    others = [entrance.ask("neighbour", NEIGHBOUR), entrance.ask("page", path="/static/app.js")]
    await asyncio.sleep(0)
    assert entrance.asked[AT_A_TIME:] == ["neighbour", "page"]
    line.pop().cancel()  # somebody who closes the page
    await asyncio.sleep(0)
    line.append(entrance.ask("next"))
    entrance.let_go.set()
    await asyncio.gather(*line, *others)
    assert entrance.asked[-1] == "next"
    assert entrance.statuses == [429, *[200] * (len(line) + len(others))]
    assert not entrance.turns._lines


async def _come_from_a_site(entrance: Entrance) -> None:
    line = [entrance.ask(str(number), f"2001:db8:1:{number:x}::1") for number in range(40)]
    await asyncio.sleep(0)
    assert len(entrance.asked) == AT_A_TIME * budgets.OF_A_SITE
    elsewhere = entrance.ask("neighbour", "2001:db8:2::1")
    await asyncio.sleep(0)
    assert entrance.asked[-1] == "neighbour"
    entrance.let_go.set()
    await asyncio.gather(*line, elsewhere)
    assert len(entrance.asked) == 41
    assert not entrance.turns._lines
    assert not entrance.turns._people


def test_a_site_of_ipv6_is_answered_as_ten_addresses_are() -> None:
    async def run() -> None:
        await _come_from_a_site(Entrance())

    asyncio.run(run())


def test_an_address_is_answered_by_turns_and_nobody_waits_for_another_one() -> None:
    async def run() -> None:
        await _come(Entrance())

    asyncio.run(run())
